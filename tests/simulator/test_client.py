"""The simulator's client against scripted answers: outages, throttling, expired tokens."""

import asyncio
from collections.abc import Callable, Coroutine
from decimal import Decimal
from typing import Any

import httpx
import pytest

from simulator import client as client_module
from simulator.actions import Place, PlaceMany
from simulator.client import Api, Pace, Session, SignInRefused
from simulator.identity import Identity, Kind
from simulator.stats import Stats

WHO = Identity("sim7-taker-02", "p" * 43, Kind.TAKER)
Reply = httpx.Response | type[Exception]


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "BACKOFF_FIRST_S", 0.001)


class Script:
    """Replies to each path in turn; the last reply of a path is repeated."""

    def __init__(self, **replies: list[Reply]) -> None:
        self.replies = {f"/{path.replace('_', '/')}": reply for path, reply in replies.items()}
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        replies = self.replies[request.url.path]
        reply = replies.pop(0) if len(replies) > 1 else replies[0]
        if isinstance(reply, type):
            raise reply("scripted")
        return reply

    def paths(self) -> list[str]:
        return [request.url.path for request in self.requests]


def run(script: Script, use: Callable[[Session], Coroutine[Any, Any, Any]]) -> tuple[Any, Stats]:
    stats = Stats()

    async def inside() -> Any:
        transport = httpx.MockTransport(script)
        async with httpx.AsyncClient(base_url="http://api", transport=transport) as http:
            return await use(Session(Api(http, Pace(10_000), lambda: stats), WHO))

    return asyncio.run(inside()), stats


def ok(**body: Any) -> httpx.Response:
    return httpx.Response(200, json=body)


def refusal(status: int, code: str, **headers: str) -> httpx.Response:
    return httpx.Response(status, json={"code": code, "message": "…"}, headers=headers)


TOKENS = {"token": "t1", "refresh": "r1"}


def test_a_new_trader_signs_up() -> None:
    script = Script(auth_signup=[ok(**TOKENS)])
    assert run(script, lambda s: s.sign_up_or_in(may_be_new=True))[0] is True


def test_a_known_trader_signs_in() -> None:
    script = Script(auth_signup=[refusal(409, "USERNAME_TAKEN")], auth_signin=[ok(**TOKENS)])
    assert run(script, lambda s: s.sign_up_or_in(may_be_new=True))[0] is False


def test_an_unknown_trader_in_a_known_installation_signs_up() -> None:
    script = Script(auth_signin=[refusal(401, "WRONG_CREDENTIALS")], auth_signup=[ok(**TOKENS)])
    assert run(script, lambda s: s.sign_up_or_in(may_be_new=False))[0] is True


def test_a_foreign_trader_of_the_same_name_is_told() -> None:
    script = Script(
        auth_signup=[refusal(409, "USERNAME_TAKEN")],
        auth_signin=[refusal(401, "WRONG_CREDENTIALS")],
    )
    with pytest.raises(SignInRefused, match="WRONG_CREDENTIALS"):
        run(script, lambda s: s.sign_up_or_in(may_be_new=True))


def test_an_outage_and_a_full_house_are_waited_out() -> None:
    script = Script(
        auth_signup=[
            httpx.ConnectError,
            httpx.ReadTimeout,
            refusal(503, "DATABASE_UNAVAILABLE"),
            refusal(429, "TOO_MANY_REQUESTS"),
            ok(**TOKENS),
        ]
    )
    is_new, stats = run(script, lambda s: s.sign_up_or_in(may_be_new=True))
    assert is_new is True
    assert stats.errors == {"ConnectError": 1, "ReadTimeout": 1, "DATABASE_UNAVAILABLE": 1}
    assert stats.rejected == {"TOO_MANY_REQUESTS": 1}
    assert (stats.requests, stats.accepted) == (5, 1)


def test_an_expired_token_is_refreshed_and_the_call_repeated() -> None:
    script = Script(
        user_orders=[refusal(401, "TOKEN_EXPIRED"), ok(orders=[])],
        auth_refresh=[ok(token="t2", refresh="r2")],
    )
    answer, _ = run(script, lambda s: s.call("GET", "/user/orders"))
    assert answer.ok
    assert script.paths() == ["/user/orders", "/auth/refresh", "/user/orders"]
    assert script.requests[-1].headers["Authorization"] == "Bearer t2"


def test_a_refused_refresh_ends_in_a_new_sign_in() -> None:
    script = Script(
        user_orders=[refusal(401, "TOKEN_EXPIRED"), ok(orders=[])],
        auth_refresh=[refusal(401, "TOKEN_INVALID")],
        auth_signin=[ok(token="t3", refresh="r3")],
    )
    answer, _ = run(script, lambda s: s.call("GET", "/user/orders"))
    assert answer.ok
    assert script.requests[-1].headers["Authorization"] == "Bearer t3"


def test_a_top_up_repeats_its_idempotency_key() -> None:
    script = Script(user_onramp=[httpx.ReadTimeout, refusal(502, "X"), ok(message="funded")])
    answer, _ = run(script, lambda s: s.top_up(Decimal(100)))
    assert answer.ok
    assert len({request.content for request in script.requests}) == 1
    run(script, lambda s: s.top_up(Decimal(100)))
    assert script.requests[-1].content != script.requests[0].content


def test_an_answer_that_is_no_json_is_an_error_with_its_status() -> None:
    script = Script(order=[httpx.Response(404, text="<html>")])
    answer, stats = run(script, lambda s: s.call("POST", "/order", {}))
    assert answer.code == "HTTP_404"
    assert stats.rejected == {"HTTP_404": 1}


def test_what_a_batch_refuses_is_counted() -> None:
    results = [{"ok": True, "orderId": 7}, {"ok": False, "code": "INSUFFICIENT_BALANCE"}]
    script = Script(orders_batch=[ok(results=results)])
    order = Place("BTC-PERP", "LONG", Decimal("0.01"), "market", "IOC", leverage=5)
    answer, stats = run(script, lambda s: s.perform(PlaceMany((order, order))))
    assert answer.refusals == ["INSUFFICIENT_BALANCE"]
    assert stats.rejected == {"INSUFFICIENT_BALANCE": 1}
    assert script.requests[0].content.count(b"clientOrderId") == 2
