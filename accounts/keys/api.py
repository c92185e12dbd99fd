"""① A trader's keys. They are managed in a session: no key takes any of these calls."""

from typing import Annotated

import msgspec
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import BaseThrottle
from rest_framework.views import APIView

from accounts.access.authentication import session_id_of, user_id_of
from accounts.factors.fresh import demand_fresh_factor
from accounts.keys import services
from accounts.keys.networks import NETWORKS_MAX
from accounts.models import ApiKey
from accounts.throttles import PasswordThrottle
from common.http.bodies import parse_body
from common.http.schema import documented
from common.limits.askers import address_of
from common.scopes import Scope
from common.times import unix_ms

Addresses = Annotated[list[str], msgspec.Meta(max_length=NETWORKS_MAX)]


class NewKeyBody(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """`permissions`: some of `read`, `trade`, `withdraw`; the last needs `addresses`.

    `publicKey` of Ed25519, as hex or PEM; without one the answer has a `secret` for HMAC-SHA256.
    `account`: a sub-account, by id or name, for which alone it acts; else it is the main one's.
    """

    name: str
    password: str
    permissions: list[Scope]
    addresses: Addresses = []
    expires_ms: int | None = None
    public_key: str | None = None
    account: str | None = None


class KeyChanges(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """What is not given stays. An empty list of addresses allows any."""

    name: str | None = None
    addresses: Addresses | None = None


class Key(msgspec.Struct, frozen=True, rename="camel"):
    """`key` goes into the header X-API-Key. `useCount` and what was last are some seconds old.
    `accountId`: the account it acts for."""

    key_id: int
    account_id: int
    key: str
    kind: str
    name: str
    permissions: list[Scope]
    addresses: list[str]
    made_ms: int
    expires_ms: int | None
    last_used_ms: int | None
    last_address: str | None
    use_count: int


class NewKeyAnswer(msgspec.Struct, frozen=True, rename="camel"):
    """`secret` is shown here and never again; null with a `publicKey` of yours."""

    key: Key
    secret: str | None


class KeysAnswer(msgspec.Struct, frozen=True):
    keys: list[Key]


class KeyDeleted(msgspec.Struct, frozen=True):
    message: str


KEY_EXAMPLE = {
    "keyId": 5,
    "accountId": 42,
    "key": "hm7d1c0f5b2a9e4c3d8f6a1b0e9d8c7b6a",
    "kind": "HMAC-SHA256",
    "name": "market maker",
    "permissions": ["read", "trade"],
    "addresses": ["203.0.113.0/24"],
    "madeMs": 1764000000000,
    "expiresMs": None,
    "lastUsedMs": 1764000900000,
    "lastAddress": "203.0.113.7",
    "useCount": 12345,
}


class KeysView(APIView):
    def get_throttles(self) -> list[BaseThrottle]:
        """A key is made with the password, which is no easier to guess here."""
        return [PasswordThrottle()] if self.request.method == "POST" else super().get_throttles()

    @documented(
        "Make a key",
        body=NewKeyBody,
        body_example={
            "name": "market maker",
            "password": "correct horse battery",
            "permissions": ["read", "trade"],
            "addresses": ["203.0.113.0/24"],
        },
        status=201,
        answer=NewKeyAnswer,
        example={"key": KEY_EXAMPLE, "secret": "u5Zk3q…"},
        errors=(400, 401, 403, 409, 429, 503),
    )
    def post(self, request: Request) -> Response:
        """For a program that signs its requests instead of keeping the password. At most 30 an
        account. Asks whoever has a second factor for a fresh one, where the key may `trade` or
        `withdraw`."""
        body = parse_body(request, NewKeyBody)
        new = services.NewKey(
            body.name,
            body.permissions,
            body.addresses,
            body.expires_ms,
            body.public_key,
            body.account,
        )
        if {Scope.TRADE, Scope.WITHDRAW} & set(body.permissions):
            demand_fresh_factor(user_id_of(request), session_id_of(request))
        made = services.make_key(user_id_of(request), body.password, new, address_of(request))
        PasswordThrottle().start_over(request)
        return Response(NewKeyAnswer(_key(made.key), made.secret), status=201)

    @documented(
        "List your keys",
        answer=KeysAnswer,
        example={"keys": [KEY_EXAMPLE]},
        errors=(401, 403, 503),
    )
    def get(self, request: Request) -> Response:
        """Those of sub-accounts, too. Newest first, with when, from where and how often each was
        used."""
        rows = services.keys_of_family(user_id_of(request)).order_by("-pk")
        return Response(KeysAnswer([_key(row) for row in rows]))


class KeyView(APIView):
    @documented(
        "Change a key",
        body=KeyChanges,
        body_example={"addresses": ["203.0.113.7", "2001:db8::/48"]},
        answer=Key,
        example=KEY_EXAMPLE,
        errors=(400, 401, 403, 404, 409, 503),
    )
    def patch(self, request: Request, key_id: int) -> Response:
        """Its name, the addresses it may be used from, or both; everywhere within seconds. Whoever
        has a second factor shows a fresh one for other addresses."""
        body = parse_body(request, KeyChanges)
        if body.addresses is not None:
            demand_fresh_factor(user_id_of(request), session_id_of(request))
        return Response(
            _key(services.change_key(user_id_of(request), key_id, body.name, body.addresses))
        )

    @documented(
        "Delete a key",
        answer=KeyDeleted,
        example={"message": "Key 5 is deleted."},
        errors=(401, 403, 404, 503),
    )
    def delete(self, request: Request, key_id: int) -> Response:
        """It is refused everywhere within seconds, and feeds it opened close."""
        services.delete_key(user_id_of(request), key_id)
        return Response(KeyDeleted(f"Key {key_id} is deleted."))


def _key(row: ApiKey) -> Key:
    return Key(
        key_id=row.pk,
        account_id=row.user_id,
        key=row.public_id,
        kind=row.kind,
        name=row.name,
        permissions=[scope for scope in Scope if scope in row.scopes],
        addresses=row.addresses,
        made_ms=unix_ms(row.made_at),
        expires_ms=unix_ms(row.expires_at) if row.expires_at else None,
        last_used_ms=unix_ms(row.last_used_at) if row.last_used_at else None,
        last_address=row.last_address,
        use_count=row.use_count,
    )
