"""What an address may do before anybody has signed in: sign up, and guess at passwords.

Wrong names and right ones are counted alike, by what was sent. A guess counts before the password
is looked at; a right one gives back what it cost.
"""

import hashlib
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle
from rest_framework.views import APIView

from common.limits import waits
from common.limits.budgets import Ask, Rate, give_back, spend

SIGN_UPS = Rate(60, 3_600, burst=60)
GUESSES = Rate(30, 60, burst=30)  # of an address, at any names
FREE_GUESSES = 10  # of an address at one name, and of a session at its own password
FREE_STAFF_GUESSES = 5
IPV6_PREFIX = 64  # what one customer of a provider has at least


def address_of(request: Request | HttpRequest) -> str | None:
    """Of the client, as far as our own proxies say it; None for what is no address."""
    try:
        return str(ip_address(BaseThrottle().get_ident(request)))  # type: ignore[arg-type]
    except ValueError:
        return None


def origin_of(request: Request | HttpRequest) -> str:
    """Who is counted as one: an address, or a network of those that cost nothing to change."""
    address = ip_address(address_of(request) or "0.0.0.0")  # noqa: S104  nobody's
    if isinstance(address, IPv6Address):
        return str(ip_network((address, IPV6_PREFIX), strict=False))
    return str(address)


class Guesses:
    """At one secret from one address: waits that grow, and a budget of the address for all."""

    def __init__(self, kind: str, request: Request | HttpRequest, whose: str, free: int) -> None:
        origin = origin_of(request)
        digest = hashlib.sha256(f"{origin}\n{whose}".encode(errors="replace")).hexdigest()
        self._secret = f"{kind}:{digest}"
        self._address = f"{kind}:{origin}"
        self._free = free

    def wait_s(self) -> int:
        """Before the next one; 0 counts one."""
        (standing,) = spend([Ask(self._address, GUESSES)])
        if not standing.granted:
            return standing.retry_s
        return waits.attempt(self._secret, self._free)

    def was_right(self) -> None:
        waits.start_over(self._secret)
        give_back(self._address, GUESSES)


class _Throttle(BaseThrottle):
    def __init__(self) -> None:
        self._wait_s = 0

    def allow_request(self, request: Request, view: APIView) -> bool:
        self._wait_s = self._seconds(request, view)
        return self._wait_s == 0

    def wait(self) -> float:
        return self._wait_s - 1  # the answer says one more

    def _seconds(self, request: Request, view: APIView) -> int:
        raise NotImplementedError


class SignupThrottle(_Throttle):
    def _seconds(self, request: Request, view: APIView) -> int:
        if not settings.SIGN_UP_LIMITED:
            return 0
        (standing,) = spend([Ask(f"signup:{origin_of(request)}", SIGN_UPS)])
        view.headers |= standing.headers()
        return standing.retry_s


class _GuessThrottle(_Throttle):
    def guesses(self, request: Request) -> Guesses:
        raise NotImplementedError

    def _seconds(self, request: Request, view: APIView) -> int:  # noqa: ARG002
        return self.guesses(request).wait_s()

    def start_over(self, request: Request) -> None:
        self.guesses(request).was_right()


class SigninThrottle(_GuessThrottle):
    """Per address and name, so that nobody locks out another."""

    def guesses(self, request: Request) -> Guesses:
        body: Any = request.data
        name = str(body.get("username", "")).lower()
        return Guesses("signin", request, name, FREE_GUESSES)


class PasswordThrottle(_GuessThrottle):
    """Per address and user: a stolen access token is no way to guess the password."""

    def guesses(self, request: Request) -> Guesses:
        return Guesses("password", request, str(request.user.pk), FREE_GUESSES)
