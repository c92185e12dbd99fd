"""Programs that sign what they send with an API key."""

import hashlib
import hmac
import json
import time
from dataclasses import dataclass
from typing import Any, Protocol

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.trading.client import PASSWORD, Answer, Api, Trader, order_body
from tests.trading.intake_server import IntakeApi, IntakeServer


class Signs(Protocol):
    def __call__(self, message: bytes) -> str: ...


@dataclass(frozen=True)
class Key:
    """One that a trader made, with what only its holder has."""

    key_id: int
    public_id: str
    sign: Signs
    secret: str | None = None

    def headers(
        self, method: str, target: str, body: bytes = b"", *, window: str = "", **said: Any
    ) -> dict[str, str]:
        """In Django's names. ``target``: path and query as they are sent."""
        timestamp = str(said.get("timestamp", time.time_ns() // 1_000_000))
        path, _, query = target.partition("?")
        head = "\n".join([self.public_id, timestamp, window, method, path, query, ""])
        return {
            "HTTP_X_API_KEY": self.public_id,
            "HTTP_X_API_TIMESTAMP": timestamp,
            "HTTP_X_API_SIGNATURE": self.sign(head.encode() + body),
        } | ({"HTTP_X_API_WINDOW": window} if window else {})


class _Signing:
    key: Key

    def send(self, method: str, path: str, data: bytes = b"", **headers: str) -> Answer:
        signed = self.key.headers(method, path, data)
        answer: Answer = super().send(method, path, data, **(signed | headers))  # type: ignore[misc]
        return answer


class KeyApi(_Signing, Api):
    def __init__(self, key: Key) -> None:
        Api.__init__(self)
        self.key = key


class KeyIntakeApi(_Signing, IntakeApi):
    def __init__(self, key: Key, server: IntakeServer | None = None) -> None:
        IntakeApi.__init__(self, None, server)
        self.key = key


def hmac_signs(secret: str) -> Signs:
    return lambda message: hmac.new(secret.encode(), message, hashlib.sha256).hexdigest()


def ask_for_key(trader: Trader, **fields: Any) -> Answer:
    body = {"name": "bot", "password": PASSWORD, "permissions": ["read", "trade"]} | fields
    return trader.api.post("/user/keys", body)


def make_key(trader: Trader, **fields: Any) -> Key:
    answer = ask_for_key(trader, **fields)
    assert answer.status == 201, answer
    made, secret = answer.body["key"], answer.body["secret"]
    return Key(made["keyId"], made["key"], hmac_signs(secret), secret)


def make_ed25519_key(trader: Trader, **fields: Any) -> Key:
    private = Ed25519PrivateKey.generate()
    public = private.public_key().public_bytes_raw().hex()
    answer = ask_for_key(trader, publicKey=public, **fields)
    assert answer.status == 201, answer
    assert answer.body["secret"] is None
    made = answer.body["key"]
    return Key(made["keyId"], made["key"], lambda message: private.sign(message).hex())


# An order that is wrong: 400 says that whoever signed it was let in.
WRONG_ORDER = json.dumps(order_body(qty="0")).encode()
LET_IN = 400


def send_signed(api: Api, headers: dict[str, str], body: bytes = WRONG_ORDER) -> Answer:
    return api.send("POST", "/order", body, **headers)


def sent(path_to_api: type[Api], key: Key, **said: Any) -> Answer:
    """A wrong order, signed."""
    return send_signed(path_to_api(), key.headers("POST", "/order", WRONG_ORDER, **said))
