"""Sends a form in a process of its own: `python -m tests.console.sending`, told by its input."""

import json
import sys

import django


def main() -> None:
    django.setup()
    from django.conf import settings
    from django.test import Client

    settings.ALLOWED_HOSTS.append("testserver")
    asked = json.loads(sys.stdin.readline())
    client = Client()
    for name, value in asked["cookies"].items():
        client.cookies[name] = value
    client.get("/admin/")  # everything it takes is loaded
    _say("ready")
    sys.stdin.readline()
    answer = client.post(asked["url"], asked["said"])
    _say(f"{answer.status_code} {answer.get('Location', '')}")


def _say(words: str) -> None:
    sys.stdout.write(f"{words}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
