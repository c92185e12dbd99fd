"""Everything that changes who may do what: sign-up, sign-in, passwords, suspension."""

import secrets
from datetime import UTC, datetime, timedelta

from django.contrib.auth.hashers import make_password
from django.db import IntegrityError, transaction

from accounts.access.credentials import (
    is_closed,
    is_right,
    require_active,
    require_password,
    wrong_credentials,
)
from accounts.access.refusals import refusals
from accounts.access.sessions import Origin, Tokens, end_sessions_of, open_session
from accounts.access.unlocking import note_failure
from accounts.access.usernames import check_username, find_user, username_taken
from accounts.factors.challenges import OpenChallenge, ask_for_factor, challenge_void, user_asked
from accounts.factors.proofs import Proof, show_factor
from accounts.factors.selectors import has_factor
from accounts.law.terms import accept_terms, require_known
from accounts.models import Departure, Door, EndReason, Freeze, SignInStep, User
from accounts.notices.kinds import NoticeKind
from accounts.notices.telling import tell
from accounts.passwords import check_new_password
from accounts.referrals.services import find_code, refer
from accounts.staff.powers import take_powers
from accounts.staff.sessions import end_staff_sessions
from common.errors import DomainError, ErrorCode, invalid
from common.reasons import reason_of

FREEZE_MAX = timedelta(days=366)


def sign_up(
    username: str,
    password: str,
    origin: Origin,
    *,
    terms_version: int | None = None,
    referral_code: str | None = None,
) -> Tokens:
    """Make a trader with an empty wallet, who accepts the terms in force, if there are any, brought
    by whoever made the code. Raises DomainError."""
    require_known(terms_version)
    user = User(username=username)
    check_username(user)
    check_new_password(password, user)
    code = None if referral_code is None else find_code(referral_code)
    if find_user(username) is not None:
        raise username_taken()
    user.password = make_password(password)  # before the transaction: it takes a while
    try:
        with transaction.atomic():
            user.save(force_insert=True)
            if terms_version is not None:
                accept_terms(user.pk, terms_version, origin.address)
            if code is not None:
                refer(user, code)
            return open_session(user, origin)
    except IntegrityError as error:
        if find_user(username) is None:
            raise
        raise username_taken() from error


def sign_in(username: str, password: str, origin: Origin) -> Tokens | OpenChallenge:
    """Asks for a second factor where the user has one. Raises DomainError, after the same work for
    a wrong password and for an unknown name."""
    user = find_user(username)
    if not is_right(password, user) or user is None:
        note_failure(Door.API, username, origin.address)
        raise wrong_credentials()
    with transaction.atomic():
        now = _unchanged(user)
        if has_factor(now.pk):
            return ask_for_factor(now)
        return open_session(now, origin)


def sign_in_with_factor(challenge: str, proof: Proof, origin: Origin) -> Tokens:
    """The second step. Raises DomainError."""
    user = user_asked(challenge)
    require_active(user)
    try:
        show_factor(user.pk, proof)
    except DomainError as error:
        if error.code == ErrorCode.WRONG_SECOND_FACTOR:
            note_failure(Door.API, user.username, origin.address, SignInStep.SECOND_FACTOR)
        raise
    with transaction.atomic():
        now = _unchanged(user)
        if not has_factor(now.pk):  # reset just now, which ended all sessions
            raise challenge_void()
        return open_session(now, origin, datetime.now(UTC))


def _unchanged(user: User) -> User:
    """Locked, in a transaction. The password was looked at a while ago: one that was replaced
    since, or a suspension, has ended all sessions and must not be survived by this one. Whoever
    changes either waits for the row, or we for them."""
    now = User.objects.select_for_update(no_key=True).filter(pk=user.pk).first()
    if now is None or now.password != user.password:
        raise wrong_credentials()
    require_active(now)
    return now


def change_password(
    user_id: int, password: str, new_password: str, origin: Origin, factor_at: datetime | None
) -> Tokens:
    """Ends every session of the user, and opens one for whoever knew the old password and showed a
    second factor then, if at all. Keys stay: they are not made of it. Raises DomainError."""
    user = require_password(user_id, password)
    if new_password == password:
        raise invalid("new_password", "new_password must differ from the password you have.")
    check_new_password(new_password, user, "new_password")
    encoded = make_password(new_password)  # before the transaction: it takes a while
    with transaction.atomic():
        changed = User.objects.filter(pk=user_id, password=user.password, is_active=True)
        if not changed.update(password=encoded):
            message = "The password was changed meanwhile. Sign in with the new one."
            raise DomainError(ErrorCode.PASSWORD_CHANGED, message)
        end_sessions_of(user_id, EndReason.PASSWORD_CHANGED)
        key, address = secrets.token_hex(8), origin.address or "an unknown address"
        tell(user_id, NoticeKind.PASSWORD_CHANGED, key, address=address)
        return open_session(user, origin, factor_at)


@transaction.atomic
def suspend_user(user: User, reason: EndReason = EndReason.SUSPENDED) -> None:
    """Refuse the user everywhere, within `HEARD_EVERYWHERE_S`, and end all sessions, those of an
    operator, too. Open orders stay."""
    _set_active(user, False)
    end_sessions_of(user.pk, reason)
    transaction.on_commit(refusals.look_again)


@transaction.atomic
def resume_user(user: User) -> None:
    """Sessions that ended stay ended. Raises DomainError for the frozen and the closed."""
    User.objects.select_for_update(no_key=True).get(pk=user.pk)
    if Freeze.objects.filter(user=user, lifted_at=None).exists():
        message = f"{user} is frozen: lift that on the page of the freeze."
        raise DomainError(ErrorCode.ACCOUNT_FROZEN, message)
    if is_closed(user.pk):
        message = f"{user} closed the account: reopen it in the list of closed accounts."
        raise DomainError(ErrorCode.ACCOUNT_CLOSED, message)
    _set_active(user, True)


def _set_active(user: User, is_active: bool) -> None:
    """Ends sessions of an operator either way: who was just signing in when they were suspended
    may have one since."""
    end_staff_sessions(user.pk)
    user.is_active = is_active
    user.save(update_fields=["is_active"])


@transaction.atomic
def freeze_user(
    user_id: int, reason: str, until: datetime | None, by: User, *, reduces: bool = False
) -> Freeze:
    """As `suspend_user`, with a reason, an end, and a way back to what was. Raises DomainError for
    oneself, superusers, operators unless a superuser asks, and the frozen."""
    user = User.objects.select_for_update(no_key=True).get(pk=user_id)
    reason = reason_of(reason)
    _check_end(until)
    _check_within_reach(user, by)
    if user.is_superuser:
        message = f"{user} is a superuser and can't be frozen; take those powers away first."
        raise DomainError(ErrorCode.FORBIDDEN, message)
    if Freeze.objects.filter(user=user, lifted_at=None).exists():
        raise DomainError(ErrorCode.ACCOUNT_FROZEN, f"{user} is frozen already.")
    freeze = Freeze.objects.create(
        user=user,
        reason=reason,
        was_active=user.is_active,
        frozen_by=by,
        until=until,
        reduces=reduces,
    )
    suspend_user(user)
    return freeze


def _check_end(until: datetime | None) -> None:
    now = datetime.now(UTC)
    if until is not None and not now < until <= now + FREEZE_MAX:
        message = f"The end must be ahead, by at most {FREEZE_MAX.days} days; leave it empty for a"
        raise invalid("until", f"{message} freeze that lasts until it is lifted.")


def _check_within_reach(user: User, by: User) -> None:
    """A sub-account is as far as its main one."""
    main = user if user.parent is None else user.parent
    if main.pk == by.pk:
        message = "Your own accounts can't be frozen by you, nor their freeze lifted."
        raise DomainError(ErrorCode.FORBIDDEN, message)
    if (main.is_staff or main.is_superuser) and not by.is_superuser:
        message = f"{user} is an operator and can't be frozen, nor that lifted, but by a superuser."
        raise DomainError(ErrorCode.FORBIDDEN, message)


@transaction.atomic
def retire_operator(user_id: int, reason: str, by: User) -> Departure:
    """An operator is one no more: no powers, not active, no session. Raises DomainError for
    oneself, for who is no operator, and for a superuser unless an active superuser asks: so one
    stays."""
    reason = reason_of(reason)
    # Of two superusers who retire each other one comes second: all are locked, in order.
    owners = User.objects.select_for_update(no_key=True).filter(is_superuser=True, is_active=True)
    others = [owner.pk for owner in owners.order_by("pk") if owner.pk != user_id]
    user = User.objects.select_for_update(no_key=True).get(pk=user_id)
    if user.pk == by.pk:
        raise DomainError(ErrorCode.FORBIDDEN, "Another operator takes your powers, not you.")
    if not (user.is_staff or user.is_superuser):
        raise DomainError(ErrorCode.INVALID_TRANSITION, f"{user} is no operator.")
    if user.is_superuser and by.pk not in others:
        message = f"{user} is a superuser: only a superuser takes those powers."
        raise DomainError(ErrorCode.FORBIDDEN, message)
    take_powers(user)
    suspend_user(user)
    return Departure.objects.create(user=user, by=by, reason=reason)


@transaction.atomic
def lift_freeze(freeze_id: int, by: User | None) -> Freeze:
    """The user is active again if they were; nothing else comes back. ``by`` None: its end came.
    Raises DomainError for one that was lifted, and for operators as `freeze_user`."""
    freeze = Freeze.objects.select_for_update(of=("self",)).get(pk=freeze_id)
    if freeze.lifted_at is not None:
        raise DomainError(ErrorCode.INVALID_TRANSITION, "This freeze was lifted already.")
    user = User.objects.select_for_update(no_key=True).get(pk=freeze.user_id)
    if by is not None:
        _check_within_reach(user, by)
    freeze.lifted_at, freeze.lifted_by = datetime.now(UTC), by
    freeze.save(update_fields=["lifted_at", "lifted_by"])
    _set_active(user, freeze.was_active)
    return freeze
