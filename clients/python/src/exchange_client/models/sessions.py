"""Sessions and keys."""

from typing import Literal

from exchange_client.codec import Answer

Permission = Literal["read", "trade", "withdraw"]


class Session(Answer, frozen=True):
    token: str
    refresh: str
    user_id: int
    username: str


class KeyRow(Answer, frozen=True):
    key_id: int
    account_id: int
    key: str
    kind: str
    name: str
    permissions: list[str]
    addresses: list[str]
    made_ms: int
    expires_ms: int | None
    last_used_ms: int | None
    last_address: str | None
    use_count: int


class Keys(Answer, frozen=True):
    keys: list[KeyRow]


class NewKey(Answer, frozen=True):
    """`secret` is shown this once; None of a key of Ed25519."""

    key: KeyRow
    secret: str | None


class Said(Answer, frozen=True):
    message: str
