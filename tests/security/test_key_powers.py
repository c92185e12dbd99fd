"""Where a key may be used from, what for, and whose budget it spends; on both paths."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.urls import get_resolver

from accounts.keys.authentication import KeyScope
from accounts.keys.verifying import require_scope
from common.errors import DomainError
from common.limits.budgets import Rate
from common.scopes import Scope
from tests.builders.keys import (
    LET_IN,
    WRONG_ORDER,
    Key,
    KeyApi,
    KeyIntakeApi,
    make_key,
    send_signed,
    sent,
)
from tests.trading.client import (
    Api,
    Trader,
    forget_limits_used,
)
from tests.trading.intake_server import IntakeApi

pytestmark = pytest.mark.django_db(transaction=True)


# --- permissions ----------------------------------------------------------------------------------


def calls() -> Iterator[tuple[str, str, Scope | None]]:
    """Each method of each view that asks who sent it, with a path that leads there."""
    for pattern in _patterns():
        view = getattr(pattern.callback, "view_class", None)
        if view is None or KeyScope not in getattr(view, "permission_classes", ()):
            continue
        path = "/" + re.sub(r"<\w+:\w+>", "1", str(pattern.pattern))
        for method in ("get", "post", "put", "patch", "delete"):
            handler = getattr(view, method, None)
            if handler is not None:
                yield method.upper(), path, getattr(handler, "key_scope", None)


def _patterns() -> Iterator[Any]:
    for one in get_resolver().url_patterns:
        if str(one.pattern) != "admin/":
            yield from getattr(one, "url_patterns", [one])


def test_each_call_takes_keys_of_its_scope_and_no_other(trader: Trader) -> None:
    keys = {
        scope: make_key(trader, name=scope, permissions=[scope], addresses=["127.0.0.1"])
        for scope in Scope
    }
    walked = list(calls())
    assert len(walked) > 25
    for method, path, needed in walked:
        for scope, key in keys.items():
            answer = KeyApi(key).send(method, path)
            missing = answer.body.get("code") == "SCOPE_MISSING"
            assert missing == (scope != needed), (method, path, scope, answer)
        forget_limits_used()


def test_reading_is_reading_and_what_changes_is_not() -> None:
    own = (
        *("/auth/", "/user/keys", "/user/factors", "/user/profile", "/user/mail", "/user/close"),
        *("/user/data", "/user/terms", "/page/"),
    )
    in_a_session = {
        ("POST", "/user/accounts"),
        ("PATCH", "/user/accounts/1"),
        ("POST", "/user/referrals"),
        ("POST", "/user/withdrawal-addresses"),
        ("DELETE", "/user/withdrawal-addresses/1"),
    }
    for method, path, needed in calls():
        if path.startswith(own) or (method, path) in in_a_session:
            assert needed is None, (method, path)
        elif method == "GET" or path == "/order/preview":
            assert needed is Scope.READ, (method, path)
        else:
            assert needed in (Scope.TRADE, Scope.WITHDRAW), (method, path)


def test_intake_wants_to_trade_as_well(trader: Trader) -> None:
    key = make_key(trader, permissions=["read"])
    for path_to_api in (Api, IntakeApi):
        answer = sent(path_to_api, key)
        assert (answer.status, answer.code) == (403, "SCOPE_MISSING")
        assert answer.body["permission"] == "trade"


def test_a_call_that_says_nothing_takes_no_key() -> None:
    with pytest.raises(DomainError, match="Keys can't be used"):
        require_scope(frozenset(Scope), None)


# --- addresses ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "is_allowed"),
    [
        ("203.0.113.9", True),
        ("::ffff:203.0.113.9", True),
        ("203.0.114.9", False),
        ("2001:db8::5", True),
        ("2001:db9::5", False),
        ("rubbish", False),
    ],
)
def test_an_address_must_be_listed(
    trader: Trader, path_to_api: type[Api], settings: Any, address: str, is_allowed: bool
) -> None:
    settings.TRUSTED_PROXIES = 1
    key = make_key(trader, addresses=["203.0.113.0/24", "2001:db8::/48"])
    headers = key.headers("POST", "/order", WRONG_ORDER) | {
        "HTTP_X_FORWARDED_FOR": f"203.0.113.1, {address}"
    }
    answer = send_signed(path_to_api(), headers)
    if is_allowed:
        assert answer.status == LET_IN
    else:
        assert (answer.status, answer.code) == (403, "ADDRESS_NOT_ALLOWED")
    settings.TRUSTED_PROXIES = 0
    answer = send_signed(
        path_to_api(),
        headers | key.headers("POST", "/order", WRONG_ORDER + b" "),
        WRONG_ORDER + b" ",
    )
    assert answer.code == "ADDRESS_NOT_ALLOWED", "nobody of ours said so"


# --- limits ---------------------------------------------------------------------------------------


def test_wrong_signatures_cost_the_address_and_not_the_owner(
    key: Key, path_to_api: type[Api], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trading.http.limits.ADDRESS_RATE", Rate(1, 3_600, burst=3))
    wrong = Key(0, key.public_id, lambda message: key.sign(message + b"!"))
    codes = [sent(path_to_api, wrong).code for _ in range(4)]
    assert codes == ["INVALID_SIGNATURE"] * 3 + ["TOO_MANY_REQUESTS"]
    assert sent(path_to_api, key).status == LET_IN


def test_keys_and_tokens_spend_one_budget(trader: Trader, key: Key) -> None:
    by_token = IntakeApi(trader.api.token)
    by_key = KeyIntakeApi(key)
    by_token.send("POST", "/order", WRONG_ORDER)
    left = int(by_token.headers["x-ratelimit-remaining"])
    by_key.send("POST", "/order", WRONG_ORDER)
    assert int(by_key.headers["x-ratelimit-remaining"]) <= left
