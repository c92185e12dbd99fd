"""A trader's keys are made, changed and revoked, by the trader or by an operator."""

import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from django.db import transaction
from django.db.models import QuerySet

from accounts.access.credentials import require_active, require_password
from accounts.families.services import members, named_account
from accounts.keys.headers import ED25519, HMAC
from accounts.keys.known import known_keys
from accounts.keys.networks import read_networks
from accounts.law.terms import require_accepted
from accounts.models import ApiKey, User
from accounts.models.access import KEY_NAME_LENGTH_MAX
from accounts.notices.kinds import NoticeKind
from accounts.notices.telling import tell
from accounts.sealing import can_seal, is_sealed_with_first, seal, unseal
from common.errors import DomainError, ErrorCode, invalid
from common.reasons import reason_of
from common.scopes import Scope

KEYS_MAX = 30  # of an account; those that have expired count until they are deleted
MADE_A_DAY_MAX = 100  # those that were deleted again, too: each is kept for a while
LIFETIME_MAX = timedelta(days=3_660)
PEM_LENGTH_MAX = 1_000
KEPT_FOR = timedelta(days=90)  # once revoked, for its owner and support to look at
REVOKED_BY_OWNER = "deleted by its owner"

# Points that anybody can sign for; the last bit, of the sign, aside.
_POINTS_OF_SMALL_ORDER = frozenset(
    {
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    }
)


@dataclass(frozen=True)
class NewKey:
    """``public_key``: of Ed25519, as 64 hex digits or PEM; None for a secret that we make.
    ``account``: the sub-account it is for, by id or name; None for the main one."""

    name: str
    scopes: Collection[Scope]
    addresses: Sequence[str] = ()
    expires_ms: int | None = None
    public_key: str | None = None
    account: str | None = None


@dataclass(frozen=True)
class MadeKey:
    """``secret`` is known here and now, and never again; None for a key of Ed25519."""

    key: ApiKey
    secret: str | None


def make_key(user_id: int, password: str, new: NewKey, address: str | None) -> MadeKey:
    """The password is asked for: a key outlives the session it was made in. Raises DomainError."""
    require_password(user_id, password)
    require_accepted(user_id)
    scopes = frozenset(new.scopes)
    addresses = read_networks(new.addresses)
    if not scopes:
        raise invalid("permissions", f"permissions must name some of {', '.join(Scope)}.")
    _check_withdraw(Scope.WITHDRAW in scopes, addresses)
    account_id = user_id if new.account is None else named_account(user_id, new.account).pk
    if account_id != user_id and Scope.WITHDRAW in scopes:
        message = "A sub-account's key has no withdraw: money leaves by the main account."
        raise invalid("permissions", message)
    public_key = None if new.public_key is None else _read_public_key(new.public_key)
    if public_key is None and not can_seal():
        message = "Keys with a shared secret are not offered here: give a public_key of Ed25519."
        raise invalid("public_key", message)
    public_id = (HMAC if public_key is None else ED25519) + secrets.token_hex(16)
    secret = secrets.token_urlsafe(32) if public_key is None else None
    key = ApiKey(
        user_id=account_id,
        name=_read_name(new.name),
        public_id=public_id,
        public_key=public_key,
        sealed_secret=None if secret is None else seal(secret, public_id, account_id),
        addresses=addresses,
        made_from=address,
        expires_at=_read_expiry(new.expires_ms),
        **{f"may_{scope}": scope in scopes for scope in Scope},
    )
    with transaction.atomic():
        user = User.objects.select_for_update(no_key=True).get(pk=user_id)
        require_active(user)
        if new.account is not None:
            named_account(user_id, new.account)  # which may have been archived meanwhile
        live = live_keys(account_id)
        if live.count() >= KEYS_MAX:
            message = f"This account has {KEYS_MAX} keys, which is the most. Delete one first."
            raise DomainError(ErrorCode.TOO_MANY_KEYS, message)
        _check_made_lately(user_id)
        _check_name_is_free(live, key.name)
        key.save(force_insert=True)
        tell(
            user_id,
            NoticeKind.KEY_MADE,
            str(key.pk),
            name=key.name,
            address=address or "an unknown address",
            permissions=", ".join(scope for scope in Scope if scope in scopes),
        )
        transaction.on_commit(lambda: known_keys.forget(public_id))
    key.refresh_from_db()
    return MadeKey(key, secret)


@transaction.atomic
def change_key(
    user_id: int, key_id: int, name: str | None, addresses: Sequence[str] | None
) -> ApiKey:
    """Its name, where it may be used from, or both. Raises DomainError."""
    if name is None and addresses is None:
        raise invalid("name", "Give name, addresses or both.", ErrorCode.MISSING_FIELD)
    User.objects.select_for_update(no_key=True).get(pk=user_id)
    key = _own(user_id, key_id)
    if name is not None:
        key.name = _read_name(name)
        _check_name_is_free(live_keys(key.user_id).exclude(pk=key.pk), key.name)
    if addresses is not None:
        key.addresses = read_networks(addresses)
        _check_withdraw(key.may_withdraw, key.addresses)
    key.save(update_fields=["name", "addresses"])
    transaction.on_commit(lambda: known_keys.forget(key.public_id))
    return key


@transaction.atomic
def delete_key(user_id: int, key_id: int) -> None:
    """By its owner. Raises DomainError."""
    _revoke(_own(user_id, key_id), user_id, REVOKED_BY_OWNER)


@transaction.atomic
def revoke_key(key_id: int, by: User, reason: str) -> None:
    """By an operator. Raises DomainError."""
    key = ApiKey.objects.select_for_update(no_key=True, of=("self",)).get(pk=key_id)
    if key.revoked_at is not None:
        raise DomainError(ErrorCode.INVALID_TRANSITION, "This key was revoked already.")
    _revoke(key, by.pk, reason_of(reason))


def revoke_all_keys(user_id: int, reason: str) -> int:
    """By their owner, in the caller's transaction; how many there were."""
    keys = live_keys(user_id).select_for_update(no_key=True, of=("self",)).order_by("pk")
    for key in keys:
        _revoke(key, user_id, reason)
    return len(keys)


def _revoke(key: ApiKey, by_id: int, reason: str) -> None:
    key.revoked_at, key.revoked_by_id, key.revoke_reason = datetime.now(UTC), by_id, reason
    key.save(update_fields=["revoked_at", "revoked_by", "revoke_reason"])
    transaction.on_commit(lambda: known_keys.forget(key.public_id))


def live_keys(account_id: int) -> QuerySet[ApiKey]:
    return ApiKey.objects.filter(user_id=account_id, revoked_at=None)


def keys_of_family(main_id: int) -> QuerySet[ApiKey]:
    return ApiKey.objects.filter(user__in=members(main_id).order_by(), revoked_at=None)


def reseal_keys() -> int:
    """With the first of `API_KEY_SECRETS`, whatever was sealed with another; how many that were.
    Raises `sealing.Unopened` for one that none of them opens."""
    count = 0
    for key_id in ApiKey.objects.filter(public_key=None).values_list("pk", flat=True):
        with transaction.atomic():
            key = ApiKey.objects.select_for_update(no_key=True, of=("self",)).get(pk=key_id)
            sealed = bytes(key.sealed_secret or b"")
            if is_sealed_with_first(sealed, key.public_id, key.user_id):
                continue
            secret = unseal(sealed, key.public_id, key.user_id)
            key.sealed_secret = seal(secret, key.public_id, key.user_id)
            key.save(update_fields=["sealed_secret"])
            count += 1
    return count


def _own(user_id: int, key_id: int) -> ApiKey:
    own = keys_of_family(user_id).select_for_update(no_key=True, of=("self",))
    key = own.filter(pk=key_id).first()
    if key is None:
        raise DomainError(ErrorCode.KEY_NOT_FOUND, "You have no key of this id.")
    return key


def _check_made_lately(user_id: int) -> None:
    since = datetime.now(UTC) - timedelta(days=1)
    own = ApiKey.objects.filter(user__in=members(user_id).order_by(), made_at__gt=since)
    if own.count() >= MADE_A_DAY_MAX:
        message = f"You made {MADE_A_DAY_MAX} keys within a day. Make the next one later."
        raise DomainError(ErrorCode.TOO_MANY_KEYS, message)


def _check_withdraw(may_withdraw: bool, addresses: Sequence[str]) -> None:
    if may_withdraw and not addresses:
        message = "addresses must list where a key that may withdraw is used from."
        raise invalid("addresses", message)


def _check_name_is_free(keys: QuerySet[ApiKey], name: str) -> None:
    if keys.filter(name=name).exists():
        message = f"You have a key named {name}. Choose another name."
        raise DomainError(ErrorCode.KEY_NAME_TAKEN, message, "name")


def _read_name(name: str) -> str:
    name = name.strip()
    if not 1 <= len(name) <= KEY_NAME_LENGTH_MAX or not name.isprintable():
        message = f"name must be 1 to {KEY_NAME_LENGTH_MAX} printable characters."
        raise invalid("name", message)
    return name


def _read_expiry(expires_ms: int | None) -> datetime | None:
    if expires_ms is None:
        return None
    now = datetime.now(UTC)
    last = now + LIFETIME_MAX
    if not now.timestamp() * 1_000 < expires_ms <= last.timestamp() * 1_000:
        message = (
            "expires_ms must be a time ahead, in milliseconds since 1970, by at most "
            f"{LIFETIME_MAX.days} days; leave it out for a key that doesn't expire."
        )
        raise invalid("expires_ms", message)
    return datetime.fromtimestamp(expires_ms / 1_000, UTC)


def _read_public_key(text: str) -> bytes:
    message = "public_key must be a key of Ed25519, as 64 hex digits or as PEM of its public part."
    try:
        if "BEGIN" in text and len(text) <= PEM_LENGTH_MAX:
            key = load_pem_public_key(text.encode())
            raw = key.public_bytes_raw() if isinstance(key, Ed25519PublicKey) else b""
        else:
            raw = bytes.fromhex(text) if len(text) == 64 else b""
    except (ValueError, UnsupportedAlgorithm) as error:
        raise invalid("public_key", message) from error
    if len(raw) != 32 or _is_of_small_order(raw):
        raise invalid("public_key", message)
    return raw


def _is_of_small_order(raw: bytes) -> bool:
    return (raw[:31] + bytes([raw[31] & 0x7F])).hex() in _POINTS_OF_SMALL_ORDER
