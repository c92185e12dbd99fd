"""What a program sends by mistake, or to see what happens, to calls that move money or say who may:
each field and parameter in turn is something else than it should be. Nothing is a fault of ours,
and the money is what the journal says."""

import json
import random
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
import redis

from accounts.models import User
from ledger.models import Wallet
from persistence.reconciliation import reconcile
from tests.builders.keys import make_key
from tests.families.family import acting, open_account
from tests.proofs import share
from tests.trading.client import (
    PASSWORD,
    Answer,
    Trader,
    forget_caches,
    forget_limits_used,
    make_trader,
)
from tests.withdrawals.world import ADDRESS, NETWORK, put_in_book

pytestmark = pytest.mark.django_db(transaction=True)

CODE = "123456"
# Each call as it should be, one field apart from that at a time.
CALLS: list[tuple[str, str, dict[str, Any]]] = [
    (
        "POST",
        "/user/withdrawals",
        {
            "amount": "100",
            "network": NETWORK,
            "address": ADDRESS,
            "idempotencyKey": "k",
        },
    ),
    (
        "POST",
        "/user/withdrawal-addresses",
        {
            "network": NETWORK,
            "address": ADDRESS + "1",
            "label": "mine",
        },
    ),
    (
        "POST",
        "/user/transfers",
        {
            "amount": "1",
            "toAccount": "hedge",
            "fromAccount": "main",
            "idempotencyKey": "k",
        },
    ),
    ("POST", "/user/transfers", {"amount": "1", "toUsername": "nobody", "idempotencyKey": "u"}),
    ("POST", "/user/onramp", {"amount": "1", "idempotencyKey": "k"}),
    ("POST", "/user/accounts", {"name": "other"}),
    ("PATCH", "/user/accounts/{hedge}", {"name": "hedge"}),
    ("PATCH", "/user/keys/{key}", {"name": "bot", "addresses": []}),
    (
        "POST",
        "/user/keys",
        {
            "name": "bot",
            "password": PASSWORD,
            "permissions": ["read", "withdraw"],
            "addresses": ["203.0.113.7"],
            "expiresMs": 4_000_000_000_000,
            "publicKey": "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
            "account": "hedge",
        },
    ),
    ("POST", "/user/factors/totp", {"password": PASSWORD, "name": "phone"}),
    ("POST", "/user/factors/totp/confirm", {"code": CODE}),
    ("POST", "/user/factors/passkeys", {"password": PASSWORD}),
    (
        "POST",
        "/user/factors/passkeys/finish",
        {
            "passkey": {"id": "a", "response": {}},
            "name": "k",
        },
    ),
    ("POST", "/user/factors/recovery-codes", {}),
    ("POST", "/auth/confirm", {"code": CODE, "recoveryCode": "a-b", "passkey": {"id": "a"}}),
    ("POST", "/auth/signin/factor", {"challenge": "x", "code": CODE}),
    ("POST", "/user/referrals", {}),
    (
        "PATCH",
        "/user/profile",
        {
            "name": "Anna",
            "country": "PT",
            "muted": [],
            "marginCallPercent": 80,
        },
    ),
    ("POST", "/user/mail", {"mail": "a@example.com", "password": PASSWORD}),
    ("POST", "/user/close", {"password": "wrong"}),
]
LISTS = {
    "/user/withdrawals": ("cursor", "limit"),
    "/user/transfers": ("cursor", "limit"),
    "/user/statement": ("from", "to", "format"),
    "/user/deposits": ("cursor", "limit"),
    "/user/ledger": ("cursor", "limit", "from", "to", "kind", "marketId", "orderId"),
    "/user/deposit-addresses": ("network",),
    "/user/referrals": ("nothing",),
}
ITEMS = (
    "/user/withdrawals/{}",
    "/user/withdrawal-addresses/{}",
    "/user/accounts/{}",
    "/user/keys/{}",
    "/user/factors/{}",
    "/auth/sessions/{}",
)
ODD: list[Any] = [
    None, True, False, 0, -1, 1.5, 2**31, 2**63, 2**64, 10**30, [], {}, [[]], [None], ["x"],
    {"a": 1}, "", " ", "\t\n", "x", "x" * 300, "x" * 100_000, "null", "true", "NaN", "-Infinity",
    "1e3", "1E-3", "1e99999", "-0", "+1", "0x10", "1_000", "1,000", " 1 ", "1.", ".5", "0.0000001",
    "9" * 40, "\u0661\u0662\u0663", "\uff11\uff10\uff10", "\u00b2", "\u2460", "\u0967",
    "1\u066b5", "\u22121", "\u202e1", "a\u0301", "\U0001f4b0", "\ufeff", "\u200b", "'; --", "%00",
    "../..", "<b>", "{}", "2026-02-30", "0000-01-01T00:00:00Z",
    "9999-12-31T23:59:59.999999+14:00", "-5000000000000000", "99999999999999999999",
    "1767605400125",
]  # fmt: skip
LONG = 10_000  # more than a line of a request may have
QUERIES = [text for one in ODD if len(text := one if isinstance(one, str) else f"{one}") < LONG]


def some(odd: list[Any], what: str) -> list[Any]:
    """Others for each of what they are tried on; all of them in `make proofs`."""
    return random.Random(what).sample(odd, min(len(odd), share(7)))


@pytest.fixture(autouse=True)
def _clean(redis_db: redis.Redis, settings: Any) -> Iterator[None]:
    settings.WITHDRAWALS_NEED_FACTOR = False
    settings.SELF_ONRAMP, settings.CUSTODY_NETWORKS = True, ["demo", "manual"]
    forget_caches()
    yield
    forget_caches()


@pytest.fixture
def anna(market: object) -> Trader:
    made = make_trader()
    put_in_book(made.user)
    return made


@pytest.fixture
def hedge(anna: Trader) -> User:
    return open_account(anna, "hedge")


def check(answer: Answer, what: Any) -> None:
    assert answer.status < 500, (what, answer.body)
    if answer.status >= 400:
        assert answer.body["message"], what
        assert answer.code, what
        assert len(json.dumps(answer.body)) < LONG, what


def check_money() -> None:
    assert [str(one) for one in reconcile().differences] == []
    assert not Wallet.objects.filter(available_units__lt=0).exists()


@pytest.mark.parametrize("number", range(len(CALLS)))
def test_one_field_is_odd(anna: Trader, hedge: User, number: int) -> None:
    method, path, body = CALLS[number]
    url = path.format(hedge=hedge.pk, key=make_key(anna).key_id)
    for api, account in ((anna.api, "main"), (acting(anna, "hedge").api, "hedge")):
        for name in body:
            for odd in some(ODD, f"{path} {name} {account}"):
                answer = api.send(method, url, json.dumps(body | {name: odd}).encode())
                check(answer, (method, path, name, odd))
                forget_limits_used()
    check_money()


@pytest.mark.parametrize("path", LISTS)
def test_one_parameter_is_odd_or_there_twice(anna: Trader, path: str) -> None:
    for name in LISTS[path]:
        for odd in some(QUERIES, f"{path} {name}"):
            for query in (f"{name}={quote(odd)}", f"{name}=1&{name}={quote(odd)}"):
                check(anna.api.get(f"{path}?{query}"), (path, query))
                forget_limits_used()


@pytest.mark.parametrize("path", ITEMS)
def test_one_id_is_odd(anna: Trader, path: str) -> None:
    for odd in some(QUERIES, path):
        for method in ("GET", "PATCH", "DELETE"):
            answer = anna.api.send(method, path.format(quote(odd, safe="")), b"{}")
            check(answer, (method, path, odd))
            forget_limits_used()
    check_money()


@pytest.mark.parametrize("name", ["HTTP_X_ACCOUNT", "HTTP_AUTHORIZATION"])
def test_one_header_is_odd(anna: Trader, name: str) -> None:
    for odd in some([one for one in QUERIES if "\n" not in one], name):
        value = odd.encode().decode("latin-1")  # as it comes from a socket
        for said in (value, f"Bearer {value}"):
            answer = anna.api.send("GET", "/user/withdrawals", b"", **{name: said})
            check(answer, (name, said))
            forget_limits_used()
