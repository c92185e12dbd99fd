"""Whether the exchange serves, in the words of its own GET /health."""

import os

import httpx


def monitor_headers() -> dict[str, str]:
    return {"Authorization": f"Bearer {os.environ['MONITOR_TOKEN']}"}


def problem(port: int) -> str | None:
    """What is missing, in one line; None when the API answers and everything behind it works."""
    try:
        answer = httpx.get(f"http://127.0.0.1:{port}/health", headers=monitor_headers(), timeout=5)
        if answer.status_code == 200:
            return None
        problems = answer.json().get("problems", [])
    except (httpx.HTTPError, ValueError) as error:
        return f"the API doesn't answer ({type(error).__name__})"
    return "; ".join(problems) or f"GET /health answers {answer.status_code}"
