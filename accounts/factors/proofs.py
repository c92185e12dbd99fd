"""A second factor, shown now: whether it is right, once."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from accounts.access import guesses
from accounts.access.guesses import Secret
from accounts.factors.recovery import use_code
from accounts.factors.selectors import factors_of
from accounts.factors.totp import step_of
from accounts.models import Factor, FactorKind, GuessKind
from accounts.sealing import Unopened, unseal
from common.errors import DomainError, ErrorCode, invalid

FREE_GUESSES = 5
CODE_LENGTH_MAX = 40
SEALED_AS = "totp"


@dataclass(frozen=True)
class Proof:
    """One of them: six digits of an app, a recovery code, or what a passkey answered."""

    code: str | None = None
    recovery_code: str | None = None
    passkey: Mapping[str, Any] | None = None


def show_factor(user_id: int, proof: Proof) -> None:
    """Raises DomainError for a wrong one, and for codes where too many were wrong. Not within a
    transaction: what was counted and used must outlast whatever comes of it."""
    given = [one for one in (proof.code, proof.recovery_code, proof.passkey) if one is not None]
    if len(given) != 1:
        message = "Give one of code, recovery_code and passkey."
        raise invalid("code", message, ErrorCode.MISSING_FIELD).naming("code", "recovery_code")
    if not factors_of(user_id).exists():
        raise wrong_factor()
    if proof.passkey is not None:
        from accounts.factors import passkeys  # with its library, which only web processes load

        is_right = passkeys.is_shown(user_id, dict(proof.passkey))
    else:
        count_guess(user_id)
        is_right = (
            use_app_code(user_id, proof.code)
            if proof.code is not None
            else use_code(user_id, (proof.recovery_code or "")[:CODE_LENGTH_MAX])
        )
        if is_right:
            forget_guesses(user_id)
    if not is_right:
        raise wrong_factor()


def count_guess(user_id: int) -> None:
    """Before a code is looked at, and not within a transaction. Raises DomainError where too many
    were wrong."""
    if wait_s := guesses.attempt(_guessed(user_id)):
        raise too_many_codes(wait_s)


def use_app_code(user_id: int, code: str, *, begun: bool = False) -> bool:
    """Of the app that counts, or of the one that is being set up."""
    rows = Factor.objects.filter(user_id=user_id, kind=FactorKind.TOTP, confirmed_at__isnull=begun)
    factor = rows.first()
    if factor is None:
        return False
    try:
        secret = unseal(bytes(factor.sealed_secret or b""), SEALED_AS, user_id)
    except Unopened:  # sealed with a key that the operator took away
        return False
    step = step_of(secret, code[:CODE_LENGTH_MAX], factor.last_step)
    if step is None:
        return False
    newer = Factor.objects.filter(pk=factor.pk, last_step__lt=step)
    return bool(newer.update(last_step=step, last_used_at=datetime.now(UTC)))


def forget_guesses(user_id: int) -> None:
    guesses.start_over(_guessed(user_id))


def _guessed(user_id: int) -> Secret:
    return Secret(GuessKind.SECOND_FACTOR, str(user_id), FREE_GUESSES)


def wrong_factor() -> DomainError:
    message = "The second factor is wrong, was used already, or is too old."
    return DomainError(ErrorCode.WRONG_SECOND_FACTOR, message)


def too_many_codes(wait_s: int) -> DomainError:
    message = f"Too many wrong codes. Try again in {wait_s} seconds, or show a passkey."
    return DomainError(ErrorCode.TOO_MANY_REQUESTS, message, retry_after_s=wait_s)
