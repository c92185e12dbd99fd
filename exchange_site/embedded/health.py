"""Whether the exchange serves, in the words of its own GET /health."""

import os

import httpx


def monitor_headers() -> dict[str, str]:
    return {"Authorization": f"Bearer {os.environ['MONITOR_TOKEN']}"}


def _asked_as() -> dict[str, str]:
    """A name that the API answers to; where none was named it answers to this machine's."""
    name = os.environ.get("ALLOWED_HOSTS", "").partition(",")[0].strip().lstrip(".")
    return {} if name in ("", "*") else {"Host": name}


def problem(port: int) -> str | None:
    """What is missing, in one line; None when the API answers and everything behind it works."""
    try:
        headers = monitor_headers() | _asked_as()
        answer = httpx.get(f"http://127.0.0.1:{port}/health", headers=headers, timeout=5)
        if answer.status_code == 200:
            return None
        problems = answer.json().get("problems", [])
    except (httpx.HTTPError, ValueError) as error:
        return f"the API doesn't answer ({type(error).__name__})"
    return "; ".join(problems) or f"GET /health answers {answer.status_code}"
