"""Failed sign-ins, as others see them, and the way back in for whose name it is.

A failure is a row for operators. When it locks the name, and the name is somebody's who has a mail,
they are written a token: it lifts the lock, once, within `UNLOCK_WITHIN`. Others' guesses may lock
the name again at once, so whoever is under attack signs in with it right away; sessions that are
open and API keys never notice. Of one lock a mail is written at most every `MAILED_EVERY`. A name
that is nobody's is locked and answered the same, and nobody is written to.
"""

from datetime import UTC, datetime, timedelta

import structlog
from django.conf import settings
from django.db import transaction

from accounts.access.guesses import sign_in_secret
from accounts.access.single_use import TOKEN_LENGTH, hash_of, new_token
from accounts.access.usernames import find_user, storable
from accounts.models import Door, GuessKind, GuessLock, SignInFailure, SignInStep, User
from accounts.notices.kinds import NoticeKind
from accounts.notices.telling import listener, tell, tell_person
from common.errors import DomainError, ErrorCode
from common.limits.budgets import Ask, Rate, spend
from mails.secrets import SECRET

UNLOCK_WITHIN = timedelta(hours=24)
MAILED_EVERY = timedelta(hours=1)
KEPT = Rate(600, 60, burst=3_000)  # rows of failures, of all addresses: nobody fills the table
UNLOCK_PATH = "/admin/unlock/{}/"

log = structlog.get_logger(__name__)


def note_failure(
    door: Door, name: str, address: str | None, step: SignInStep = SignInStep.PASSWORD
) -> SignInFailure | None:
    """The row, where there is still room for one."""
    name = storable(name)
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
    if user is not None:
        tell(user.pk, NoticeKind.WRONG_FACTOR, f"{datetime.now(UTC):%Y%m%d%H}")


@transaction.atomic
def _mail_if_locked(name: str) -> None:
    now = datetime.now(UTC)
    rows = GuessLock.objects.select_for_update().filter(
        kind=GuessKind.SIGN_IN, whose=sign_in_secret(name, 0).whose, locked_until__gt=now
    )
    lock = rows.first()
    user = find_user(name)
    if lock is None or lock.locked_until is None or user is None or not user.is_active:
        return
    person = listener(user.pk, NoticeKind.SIGN_IN_LOCKED)
    if person is None or (lock.mailed_at is not None and lock.mailed_at > now - MAILED_EVERY):
        return
    token = new_token()
    lock.unlock_hash, lock.mailed_at = hash_of(token), now
    lock.save(update_fields=["unlock_hash", "mailed_at"])
    tell_person(
        person,
        NoticeKind.SIGN_IN_LOCKED,
        f"{lock.pk}-{int(now.timestamp())}",
        secret=token,
        attempts=str(lock.attempts),
        until=f"{lock.locked_until:%Y-%m-%d %H:%M:%S}",
        way=_way(user),
    )


def _way(user: User) -> str:
    if user.is_staff and settings.CONSOLE_URL:
        return f"Open {settings.CONSOLE_URL}{UNLOCK_PATH.format(SECRET)}"
    return f'Send {{"token": "{SECRET}"}} to POST /auth/unlock'


def unlock(token: str) -> None:
    """Whoever has the token gets the name's mails. Raises DomainError."""
    since = datetime.now(UTC) - UNLOCK_WITHIN
    lifted = 0
    if len(token) == TOKEN_LENGTH:
        rows = GuessLock.objects.filter(unlock_hash=hash_of(token), mailed_at__gt=since)
        lifted, _ = rows.delete()
    if not lifted:
        message = "This link is used, too old, or not one of ours. The newest mail has the one."
        raise DomainError(ErrorCode.TOKEN_INVALID, message, "token")


def lift(lock: GuessLock, by: User) -> None:
    """By an operator. Raises DomainError for one that is gone, for guesses at one's own password,
    and at any second factor: who holds a cookie of somebody who may lift locks would guess on
    until one of a million codes is right."""
    if lock.kind == GuessKind.SECOND_FACTOR:
        message = "Guesses at a second factor wait until they may go on; a passkey needn't wait."
        raise DomainError(ErrorCode.FORBIDDEN, message)
    if lock.kind == GuessKind.PASSWORD and lock.whose.split(" ")[0] == str(by.pk):
        message = "These are guesses at your own password: another operator lifts that."
        raise DomainError(ErrorCode.OWN_REQUEST, message)
    lifted, _ = GuessLock.objects.filter(pk=lock.pk).delete()
    if not lifted:
        raise DomainError(ErrorCode.INVALID_TRANSITION, "This lock is gone already.")
