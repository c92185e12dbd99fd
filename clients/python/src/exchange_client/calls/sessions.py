"""Signing up and in, and keys."""

from collections.abc import Sequence

from exchange_client.calls.call import Call, body_of, path_of
from exchange_client.models import sessions as models


def sign_up(
    username: str,
    password: str,
    *,
    terms_version: int | None = None,
    referral_code: str | None = None,
) -> Call[models.Session]:
    body = body_of(
        username=username,
        password=password,
        terms_version=terms_version,
        referral_code=referral_code,
    )
    return _signing("/auth/signup", body)


def sign_in(username: str, password: str) -> Call[models.Session]:
    return _signing("/auth/signin", body_of(username=username, password=password))


def sign_in_factor(
    challenge: str, *, code: str | None = None, recovery_code: str | None = None
) -> Call[models.Session]:
    """The second half, of whoever has a second factor."""
    body = body_of(challenge=challenge, code=code, recovery_code=recovery_code)
    return _signing("/auth/signin/factor", body)


def refresh(refresh_token: str) -> Call[models.Session]:
    """For one use: a token that comes twice ends its session, so this is never repeated."""
    return _signing("/auth/refresh", body_of(refresh=refresh_token))


def sign_out(refresh_token: str) -> Call[models.Said]:
    body = body_of(refresh=refresh_token)
    return Call("POST", "/auth/signout", models.Said, body=body, is_public=True)


def _signing(path: str, body: dict[str, str]) -> Call[models.Session]:
    return Call("POST", path, models.Session, body=body, may_repeat=False, is_public=True)


def keys() -> Call[models.Keys]:
    return Call("GET", "/user/keys", models.Keys, of_account=False)


def make_key(
    name: str,
    password: str,
    permissions: Sequence[models.Permission],
    *,
    addresses: Sequence[str] = (),
    expires_ms: int | None = None,
    public_key: str | None = None,
    account: str | None = None,
) -> Call[models.NewKey]:
    """With a `public_key` of Ed25519 there is no secret at the exchange."""
    body = body_of(
        name=name,
        password=password,
        permissions=list(permissions),
        addresses=list(addresses) or None,
        expires_ms=expires_ms,
        public_key=public_key,
        account=account,
    )
    return Call("POST", "/user/keys", models.NewKey, body=body, may_repeat=False, of_account=False)


def delete_key(key_id: int) -> Call[models.Said]:
    return Call("DELETE", path_of("/user/keys/{}", key_id), models.Said, of_account=False)
