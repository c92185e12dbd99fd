"""Setting up factors, and taking them away. Whoever calls has made sure that it is the owner.

What is begun is finished soon, and before anything else is: with each factor that comes to count,
whatever else was begun is void. Or somebody who knew the password before there was a factor could
begin one, wait until the owner has set up theirs, and finish it then.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from accounts.factors import passkeys
from accounts.factors.proofs import (
    SEALED_AS,
    count_guess,
    forget_guesses,
    use_app_code,
    wrong_factor,
)
from accounts.factors.recovery import codes_left, make_codes
from accounts.factors.selectors import factors_of
from accounts.factors.totp import new_secret, qr_of, uri_of
from accounts.models import Factor, FactorKind, PasskeyChallenge, Purpose, RecoveryCode, User
from accounts.models.factors import FACTOR_NAME_LENGTH_MAX
from accounts.notices.kinds import NoticeKind
from accounts.notices.telling import tell
from accounts.sealing import Unopened, can_seal, is_sealed_with_first, seal, unseal
from common.errors import DomainError, ErrorCode, invalid

FACTORS_MAX = 10
APP_NAME, PASSKEY_NAME = "authenticator app", "passkey"
APP_WITHIN = timedelta(minutes=10)  # it was begun; a passkey is to be made even sooner


@dataclass(frozen=True)
class BegunApp:
    """What goes into the app, here and now and never again."""

    factor: Factor
    secret: str
    uri: str
    qr: str


@dataclass(frozen=True)
class Enrolled:
    """``recovery_codes``: with the first factor; none where there are some."""

    factor: Factor
    recovery_codes: list[str]


Told = Callable[[Factor], object]  # in the transaction from which on it counts


def _told_nobody(_: Factor) -> None: ...


@transaction.atomic
def begin_app(user_id: int, name: str) -> BegunApp:
    """It counts once it has shown a code, and then in place of the one there was. Raises
    DomainError."""
    if not can_seal():
        message = "Authenticator apps are not offered here: set up a passkey."
        raise DomainError(ErrorCode.INVALID_FIELD, message)
    user = _lock(user_id)
    _check_room(user_id, replaces=FactorKind.TOTP)
    Factor.objects.filter(user_id=user_id, kind=FactorKind.TOTP, confirmed_at=None).delete()
    secret = new_secret()
    factor = Factor.objects.create(
        user_id=user_id,
        kind=FactorKind.TOTP,
        name=_read_name(name),
        sealed_secret=seal(secret, SEALED_AS, user_id),
    )
    uri = uri_of(secret, user.username)
    return BegunApp(factor, secret, uri, qr_of(uri))


def begun_app(user_id: int) -> BegunApp | None:
    """The one that waits for its code, to be shown again to who typed a wrong one."""
    factor = _begun(user_id).select_related("user").first()
    if factor is None:
        return None
    try:
        secret = unseal(bytes(factor.sealed_secret or b""), SEALED_AS, user_id)
    except Unopened:
        return None
    uri = uri_of(secret, factor.user.username)
    return BegunApp(factor, secret, uri, qr_of(uri))


def confirm_app(user_id: int, code: str, told: Told = _told_nobody) -> Enrolled:
    """By a code of the app that was begun; guesses at it count as at those of one that counts, so
    not within a transaction. Raises DomainError; it can be tried again then."""
    if not _begun(user_id).exists():
        raise _nothing_begun()
    count_guess(user_id)
    with transaction.atomic():
        user = _lock(user_id)
        begun = _begun(user_id).first()
        if begun is None:
            raise _nothing_begun()
        if not use_app_code(user_id, code, begun=True):
            raise wrong_factor()
        factors_of(user_id).filter(kind=FactorKind.TOTP).delete()
        begun.refresh_from_db()
        begun.confirmed_at = datetime.now(UTC)
        begun.save(update_fields=["confirmed_at"])
        return _enrolled(user, begun, told)


def _begun(user_id: int) -> QuerySet[Factor]:
    since = datetime.now(UTC) - APP_WITHIN
    own = Factor.objects.filter(user_id=user_id, kind=FactorKind.TOTP)
    return own.filter(confirmed_at=None, made_at__gt=since)


def _nothing_begun() -> DomainError:
    message = "No app is being set up, or not any more: begin with POST /user/factors/totp."
    return DomainError(ErrorCode.FACTOR_NOT_FOUND, message)


def begin_passkey(user_id: int) -> passkeys.Said:
    """What the browser is to make one of. Raises DomainError."""
    _check_room(user_id)
    return passkeys.creation_options(User.objects.get(pk=user_id))


def finish_passkey(
    user_id: int, name: str, said: passkeys.Said, told: Told = _told_nobody
) -> Enrolled:
    """Raises DomainError."""
    name = _read_name(name)
    try:
        with transaction.atomic():
            user = _lock(user_id)  # before its challenge, which another factor may make void
            new = passkeys.new_passkey(user_id, said)
            _check_room(user_id)
            factor = Factor.objects.create(
                user_id=user_id,
                kind=FactorKind.PASSKEY,
                name=name,
                confirmed_at=datetime.now(UTC),
                credential_id=new.credential_id,
                public_key=new.public_key,
                sign_count=new.sign_count,
            )
            return _enrolled(user, factor, told)
    except IntegrityError as error:
        message = "passkey is set up already."
        raise invalid("passkey", message) from error


@transaction.atomic
def remove_factor(user_id: int, factor_id: int) -> Factor:
    """With the last the recovery codes go. Raises DomainError, also for an operator's last."""
    user = _lock(user_id)
    own = factors_of(user_id)
    factor = own.filter(pk=factor_id).first()
    if factor is None:
        raise DomainError(ErrorCode.FACTOR_NOT_FOUND, "You have no second factor of this id.")
    is_last = not own.exclude(pk=factor_id).exists()
    if is_last and must_have_factor(user):
        message = "An operator keeps one second factor: set up another first."
        raise DomainError(ErrorCode.INVALID_TRANSITION, message)
    words = str(factor)
    factor.delete()
    if is_last:
        RecoveryCode.objects.filter(user_id=user_id).delete()
    _tell_owner(user, f"removed-{factor_id}", f"{words} was removed")
    return factor


@transaction.atomic
def new_recovery_codes(user_id: int) -> list[str]:
    """Those there were do nothing any more. Raises DomainError where there is no factor."""
    user = _lock(user_id)
    if not factors_of(user_id).exists():
        message = "You have no second factor: with the first come recovery codes."
        raise DomainError(ErrorCode.FACTOR_NOT_FOUND, message)
    codes = make_codes(user_id)
    stamp = int(datetime.now(UTC).timestamp())
    _tell_owner(user, f"recovery-{stamp}", "new recovery codes were made")
    return codes


def must_have_factor(user: User) -> bool:
    """Operators, but for the demo's."""
    return user.is_staff and not settings.DEMO


def reseal_apps() -> int:
    """With the first of `API_KEY_SECRETS`, whatever was sealed with another; how many that were.
    Raises `sealing.Unopened` for one that none of them opens."""
    count = 0
    for factor_id in Factor.objects.filter(kind=FactorKind.TOTP).values_list("pk", flat=True):
        with transaction.atomic():
            factor = Factor.objects.select_for_update(no_key=True).filter(pk=factor_id).first()
            sealed = bytes(factor.sealed_secret or b"") if factor else b""
            if factor is None or is_sealed_with_first(sealed, SEALED_AS, factor.user_id):
                continue
            secret = unseal(sealed, SEALED_AS, factor.user_id)
            factor.sealed_secret = seal(secret, SEALED_AS, factor.user_id)
            factor.save(update_fields=["sealed_secret"])
            count += 1
    return count


def _enrolled(user: User, factor: Factor, told: Told) -> Enrolled:
    """With the user locked, so of two that are finished at once the second finds nothing begun."""
    Factor.objects.filter(user_id=user.pk, confirmed_at=None).delete()
    PasskeyChallenge.objects.filter(user_id=user.pk, purpose=Purpose.ENROL).delete()
    codes = [] if codes_left(user.pk) else make_codes(user.pk)
    forget_guesses(user.pk)
    _tell_owner(user, f"added-{factor.pk}", f"{factor} was set up")
    told(factor)
    return Enrolled(factor, codes)


def _tell_owner(user: User, key: str, what: str) -> None:
    tell(user.pk, NoticeKind.FACTOR_CHANGED, key, change=what)


def _lock(user_id: int) -> User:
    return User.objects.select_for_update(no_key=True).get(pk=user_id)


def _check_room(user_id: int, replaces: FactorKind | None = None) -> None:
    others = factors_of(user_id)
    if replaces is not None:
        others = others.exclude(kind=replaces)
    if others.count() >= FACTORS_MAX:
        message = f"You have {FACTORS_MAX} second factors, which is the most. Remove one first."
        raise DomainError(ErrorCode.TOO_MANY_FACTORS, message)


def _read_name(name: str) -> str:
    name = name.strip()
    if not 1 <= len(name) <= FACTOR_NAME_LENGTH_MAX or not name.isprintable():
        message = f"name must be 1 to {FACTOR_NAME_LENGTH_MAX} printable characters."
        raise invalid("name", message)
    return name
