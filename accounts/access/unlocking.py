"""Failed sign-ins, as others see them, and the way back in for whose name it is.

A failure is a row for operators. When it locks the name, and the name is somebody's who has a mail,
they are written a token: it lifts the lock, once, within `UNLOCK_WITHIN`. Others' guesses may lock
the name again at once, so whoever is under attack signs in with it right away; sessions that are
open and API keys never notice. Of one lock a mail is written at most every `MAILED_EVERY`. A name
that is nobody's is locked and answered the same, and nobody is written to.
"""

import hashlib
import secrets
from datetime import UTC, datetime, timedelta

import structlog
from django.conf import settings
from django.db import transaction

from accounts.access.guesses import sign_in_secret
from accounts.access.usernames import find_user
from accounts.models import Door, GuessKind, GuessLock, SignInFailure, SignInStep, User
from common.errors import DomainError, ErrorCode
from common.limits.budgets import Ask, Rate, spend
from mails.services import queue_mail

UNLOCK_WITHIN = timedelta(hours=24)
MAILED_EVERY = timedelta(hours=1)
TOKEN_LENGTH = 43  # of 32 bytes, in base64
KEPT = Rate(600, 60, burst=3_000)  # rows of failures, of all addresses: nobody fills the table
UNLOCK_PATH = "/admin/unlock/{}/"

log = structlog.get_logger(__name__)


def note_failure(
    door: Door, name: str, address: str | None, step: SignInStep = SignInStep.PASSWORD
) -> SignInFailure | None:
    """The row, where there is still room for one."""
    name = name.replace("\0", "").encode(errors="replace").decode()[:64]
    if door is Door.CONSOLE:
        log.warning("staff_sign_in_failed", step=step.value, name=name, address=address)
    failure = None
    if spend([Ask("sign-in-failures", KEPT)])[0].granted:
        failure = SignInFailure.objects.create(username=name, door=door, step=step, address=address)
    if step is SignInStep.PASSWORD:
        _mail_if_locked(name)
    else:
        _warn_owner(name)
    return failure


def _warn_owner(name: str) -> None:
    """Whoever comes to the second step knows the password. Once an hour."""
    user = find_user(name)
    if user is not None and user.email:
        queue_mail(
            f"wrong-factor-{user.pk}-{datetime.now(UTC):%Y%m%d%H}",
            user.email,
            "Somebody has your password",
            f"Somebody gave the right password of {user.username}, and a wrong second factor. If it"
            " wasn't you, change your password: the second factor has kept them out.\n",
        )


@transaction.atomic
def _mail_if_locked(name: str) -> None:
    now = datetime.now(UTC)
    rows = GuessLock.objects.select_for_update().filter(
        kind=GuessKind.SIGN_IN, whose=sign_in_secret(name, 0).whose, locked_until__gt=now
    )
    lock = rows.first()
    user = find_user(name)
    if lock is None or user is None or not user.email or not user.is_active:
        return
    if lock.mailed_at is not None and lock.mailed_at > now - MAILED_EVERY:
        return
    token = secrets.token_urlsafe(32)
    lock.unlock_hash, lock.mailed_at = _hash(token), now
    lock.save(update_fields=["unlock_hash", "mailed_at"])
    queue_mail(
        f"unlock-{lock.pk}-{int(now.timestamp())}",
        user.email,
        "Your sign-in is locked for a while",
        _letter(user, token, lock),
    )


def _letter(user: User, token: str, lock: GuessLock) -> str:
    if user.is_staff and settings.CONSOLE_URL:
        way = f"Open {settings.CONSOLE_URL}{UNLOCK_PATH.format(token)}"
    else:
        way = f'Send {{"token": "{token}"}} to POST /auth/unlock'
    return (
        f"Somebody gave {lock.attempts} wrong passwords for {user.username} in a row. Until"
        f" {lock.locked_until:%Y-%m-%d %H:%M:%S} UTC nobody can sign in by that name. Sessions that"
        " are open and API keys go on.\n\n"
        f"To sign in before: {way}, within 24 hours. It works once.\n\n"
        "If it wasn't you, nobody got in, and nothing needs doing; a second factor keeps out"
        " whoever guesses right.\n"
    )


def unlock(token: str) -> None:
    """Whoever has the token gets the name's mails. Raises DomainError."""
    since = datetime.now(UTC) - UNLOCK_WITHIN
    lifted = 0
    if len(token) == TOKEN_LENGTH:
        rows = GuessLock.objects.filter(unlock_hash=_hash(token), mailed_at__gt=since)
        lifted, _ = rows.delete()
    if not lifted:
        message = "This link is used, too old, or not one of ours. The newest mail has the one."
        raise DomainError(ErrorCode.TOKEN_INVALID, message, "token")


def lift(lock: GuessLock) -> None:
    """By an operator. Raises DomainError for one that is gone."""
    lifted, _ = GuessLock.objects.filter(pk=lock.pk).delete()
    if not lifted:
        raise DomainError(ErrorCode.INVALID_TRANSITION, "This lock is gone already.")


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode(errors="replace")).hexdigest()
