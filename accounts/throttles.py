"""How often what accounts offer may be asked for: by an address before anybody has signed in, as to
sign up and to guess at passwords, and by users and their sessions.

Wrong names and right ones are counted alike, by what was sent. A guess counts before the password
is looked at, for its address here and for what it guesses at in `accounts.access.guesses`; a right
one gives back what it cost, but for the hash.
"""

import hashlib
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle
from rest_framework.views import APIView

from accounts.access import guesses
from accounts.access.guesses import Secret, sign_in_secret
from accounts.access.tokens import read_refresh
from accounts.models import GuessKind
from accounts.models.access import USERNAME_LENGTH_MAX
from common.errors import DomainError
from common.limits.askers import origin_of
from common.limits.budgets import Ask, Rate, Standing, give_back, spend

SIGN_UPS = Rate(60, 3_600, burst=60)
GUESSES = Rate(30, 60, burst=30)  # of an address, at any names
ATTEMPTS = Rate(120, 60, burst=120)  # of an address, right ones too: each costs a hash
RESETS = Rate(30, 3_600, burst=30)  # asked for by an address
RESETS_OF_NAME = Rate(6, 3_600, burst=6)
MAILS = Rate(10, 3_600, burst=10)  # verifications asked for by a user, and sent to an address
EXPORTS = Rate(60, 3_600, burst=30)  # parts of a user
RENEWALS = Rate(30, 60, burst=30)  # of a session, which needs one in a quarter of an hour
FREE_GUESSES = 10  # at one name from wherever, and of an address at the password of its session
FREE_STAFF_GUESSES = 5


class Guesses:
    """At one secret from one address: waits that grow, and a budget of the address for all."""

    def __init__(self, request: Request | HttpRequest, secret: Secret) -> None:
        self._secret = secret
        self._address = f"{secret.kind}:{origin_of(request)}"

    def standing(self) -> Standing:
        """Counts one, where it is granted."""
        of_address, of_all = spend(
            [Ask(self._address, GUESSES), Ask(f"{self._address}:all", ATTEMPTS)]
        )
        for refused in (of_all, of_address):
            if not refused.granted:
                return refused
        wait_s = guesses.attempt(self._secret)
        return Standing(self._secret.free, 0, wait_s, wait_s) if wait_s else of_address

    def was_right(self) -> None:
        guesses.start_over(self._secret)
        give_back(self._address, GUESSES)


def sign_in_guesses(request: Request | HttpRequest, name: str, free: int) -> Guesses:
    """From wherever: the name is locked, at both doors."""
    return Guesses(request, sign_in_secret(name, free))


def own_password_guesses(request: Request | HttpRequest, user_id: int, free: int) -> Guesses:
    """Of whoever has a session, or stole it: per address, so that nobody keeps the owner from a
    new password."""
    whose = f"{user_id} {origin_of(request)}"[:USERNAME_LENGTH_MAX]
    return Guesses(request, Secret(GuessKind.PASSWORD, whose, free))


def _digest(text: str) -> str:
    return hashlib.sha256(text.strip().lower().encode(errors="replace")).hexdigest()


def _said(request: Request, name: str) -> str:
    body: Any = request.data
    said = body.get(name, "") if isinstance(body, dict) else ""
    return said if isinstance(said, str) else ""


class _Throttle(BaseThrottle):
    def __init__(self) -> None:
        self._wait_s = 0

    def allow_request(self, request: Request, view: APIView) -> bool:
        standing = self._standing(request)
        if standing is None:
            return True
        view.headers |= standing.headers()
        self._wait_s = standing.retry_s
        return standing.granted

    def wait(self) -> float:
        return self._wait_s - 1  # the answer says one more

    def _standing(self, request: Request) -> Standing | None:
        """None where nothing is limited."""
        raise NotImplementedError


class SignupThrottle(_Throttle):
    def _standing(self, request: Request) -> Standing | None:
        if not settings.SIGN_UP_LIMITED:
            return None
        (standing,) = spend([Ask(f"signup:{origin_of(request)}", SIGN_UPS)])
        return standing


def _worst(asks: list[Ask]) -> Standing:
    standings = spend(asks)
    return next((one for one in standings if not one.granted), standings[0])


class ResetThrottle(_Throttle):
    """By what was typed, whoever's it is; mails that were asked for by another work, too."""

    def _standing(self, request: Request) -> Standing:
        name = _digest(_said(request, "username"))
        return _worst(
            [Ask(f"resets:{origin_of(request)}", RESETS), Ask(f"resets-of:{name}", RESETS_OF_NAME)]
        )


class ExportThrottle(_Throttle):
    def _standing(self, request: Request) -> Standing:
        return _worst([Ask(f"exports:{request.user.pk}", EXPORTS)])


class RenewalThrottle(_Throttle):
    """Per session: whoever stole a token of one wears out no other of its owner's."""

    def _standing(self, request: Request) -> Standing | None:
        refresh = self.refresh_in(request)  # raises what is wrong with the body
        try:
            claims = read_refresh(refresh)
        except DomainError:  # no session's; the address's budget counts it
            return None
        (standing,) = spend([Ask(f"renewal:{claims.session_id}", RENEWALS)])
        return standing

    def refresh_in(self, request: Request) -> str:
        """The token that was sent; "" for none."""
        return _said(request, "refresh")


class _GuessThrottle(_Throttle):
    def guesses(self, request: Request) -> Guesses:
        raise NotImplementedError

    def _standing(self, request: Request) -> Standing:
        return self.guesses(request).standing()

    def start_over(self, request: Request) -> None:
        self.guesses(request).was_right()


class SigninThrottle(_GuessThrottle):
    """Per name, from wherever. Whoever is kept out by others' guesses gets a mail
    (`accounts.access.unlocking`)."""

    def guesses(self, request: Request) -> Guesses:
        body: Any = request.data
        return sign_in_guesses(request, str(body.get("username", "")), FREE_GUESSES)


class PasswordThrottle(_GuessThrottle):
    """Per address and user: a stolen access token is no way to guess the password."""

    def guesses(self, request: Request) -> Guesses:
        return own_password_guesses(request, request.user.pk or 0, FREE_GUESSES)


class MailThrottle(PasswordThrottle):
    """And nobody's mailbox is filled by us, however many accounts ask for it."""

    def _standing(self, request: Request) -> Standing:
        standing = super()._standing(request)
        if not standing.granted:
            return standing
        to = _digest(_said(request, "mail"))
        return _worst([Ask(f"mails:{request.user.pk}", MAILS), Ask(f"mails-to:{to}", MAILS)])
