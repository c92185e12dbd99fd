"""What is sent again and what isn't, tokens and keys; by both clients."""

import asyncio
import hashlib
import hmac
from decimal import Decimal
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from exchange_client import (
    AsyncClient,
    Client,
    Ed25519Key,
    HmacKey,
    InsufficientBalance,
    NewOrder,
    NotReached,
    NotSignedIn,
    OrderNotOpen,
    OutcomeUnknown,
    Password,
    RateLimited,
    SecondFactorRequired,
    SessionOver,
    Tokens,
    Unavailable,
    UnexpectedAnswer,
    calls,
)
from exchange_client.clock import ExchangeClock
from exchange_double import QUICK, URL, Double, Send, refusal, reply, send_async, send_sync

ORDER = NewOrder.limit("BTC-PERP", "LONG", Decimal("0.5"), Decimal(25000), leverage=5)
PLACED = {"message": "Order received.", "orderId": 7, "status": "pending"}
KEY = HmacKey("public", "secret")
SESSION = {"token": "t2", "refresh": "r2", "userId": 1, "username": "ada"}

both = pytest.mark.parametrize("send", [send_sync, send_async])


@both
@pytest.mark.parametrize(
    "first",
    [
        httpx.ReadTimeout("late"),
        httpx.RemoteProtocolError("cut"),
        httpx.ConnectError("away"),
        refusal(503, "INTAKE_TIMEOUT"),
        refusal(408, "REQUEST_TIMEOUT"),
        reply(502),
    ],
)
def test_an_order_is_sent_again_under_the_same_id(send: Send, first: Any) -> None:
    double = Double(first, reply(200, PLACED))
    assert send(double, KEY, calls.orders.place_order(ORDER)).order_id == 7
    first_body, second_body = double.bodies()
    assert first_body == second_body
    assert first_body["clientOrderId"] == ORDER.client_order_id
    signatures = {request.headers["X-API-Signature"] for request in double.asked}
    assert len(signatures) == 2  # each try is signed anew: one that comes twice is refused


@both
def test_what_may_not_be_repeated_is_not(send: Send) -> None:
    call = calls.account.make_account("hedge")
    double = Double(httpx.ReadTimeout("late"))
    with pytest.raises(OutcomeUnknown):
        send(double, Tokens("t"), call)
    double = Double(refusal(503, "DATABASE_UNAVAILABLE"))
    with pytest.raises(Unavailable):
        send(double, Tokens("t"), call)
    made = {"accountId": 2, "name": "hedge", "main": False, "archived": False, "openedMs": 1}
    double = Double(httpx.ConnectError("away"), reply(201, made))
    assert send(double, Tokens("t"), call).name == "hedge"


@both
def test_it_gives_up(send: Send) -> None:
    with pytest.raises(NotReached):
        send(Double(*[httpx.ConnectError("away")] * 4), None, calls.markets.markets())
    with pytest.raises(OutcomeUnknown):
        send(Double(*[httpx.ReadError("cut")] * 4), KEY, calls.orders.place_order(ORDER))


@pytest.mark.parametrize("may_repeat", [True, False])
def test_retry_after_is_obeyed(may_repeat: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    monkeypatch.setattr("time.sleep", pauses.append)
    call = calls.orders.place_order(ORDER) if may_repeat else calls.account.make_account("x")
    answer = (
        PLACED
        if may_repeat
        else {"accountId": 2, "name": "x", "main": False, "archived": False, "openedMs": 1}
    )
    asked_to_wait = [
        httpx.Response(429, json={"code": "TOO_MANY_REQUESTS"}, headers={"Retry-After": after})
        for after in ("7", "3")
    ]
    send_sync(Double(*asked_to_wait, reply(202, answer)), Tokens("t"), call)
    assert pauses == [7.0, 3.0]


def test_nobody_waits_for_an_hour() -> None:
    long = httpx.Response(429, json={"code": "TOO_MANY_REQUESTS"}, headers={"Retry-After": "3600"})
    with pytest.raises(RateLimited) as caught:
        send_sync(Double(long), KEY, calls.account.equity())
    assert caught.value.retry_after_s == 3600


@both
def test_errors_are_of_their_kind(send: Send) -> None:
    required = {"margin": "80.8", "openLoss": "40", "fee": "2.02", "total": "122.82"}
    poor = refusal(400, "INSUFFICIENT_BALANCE", required=required, available="100")
    with pytest.raises(InsufficientBalance) as caught:
        send(Double(poor), KEY, calls.orders.place_order(ORDER))
    assert (caught.value.required, caught.value.available) == (Decimal("122.82"), Decimal(100))
    with pytest.raises(OrderNotOpen):
        send(Double(refusal(409, "ORDER_NOT_OPEN")), KEY, calls.orders.cancel_order(1))
    with pytest.raises(UnexpectedAnswer):
        send(Double(httpx.Response(200, text="<html>")), None, calls.markets.markets())
    with pytest.raises(NotSignedIn, match="no credentials"):
        send(Double(), None, calls.account.equity())


@both
def test_a_signature_is_of_what_is_sent(send: Send) -> None:
    double = Double(reply(200, {"fills": [], "nextCursor": None}))
    send(double, KEY, calls.account.fills(client_order_id="a b/ü", limit=5))
    (request,) = double.asked
    path, _, query = request.url.raw_path.decode().partition("?")
    lines = ("public", request.headers["X-API-Timestamp"], "", "GET", path, query, "")
    expected = hmac.new(b"secret", "\n".join(lines).encode(), hashlib.sha256).hexdigest()
    assert request.headers["X-API-Signature"] == expected
    assert "Authorization" not in request.headers


@pytest.mark.parametrize("is_pem", [True, False])
def test_ed25519(is_pem: bool) -> None:
    private = Ed25519PrivateKey.generate()
    if is_pem:
        text = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    else:
        raw = private.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())
        text = raw.hex()
    signature = bytes.fromhex(Ed25519Key("public", text).sign(b"message"))
    private.public_key().verify(signature, b"message")
    assert text not in repr(Ed25519Key("public", text))


@both
def test_a_clock_that_is_off_is_set(send: Send) -> None:
    off = refusal(401, "TIMESTAMP_OUTSIDE_WINDOW", serverTimeMs=1_000_000)
    double = Double(off, reply(202, PLACED))
    send(double, KEY, calls.orders.place_order(ORDER))
    assert 1_000_000 <= int(double.asked[1].headers["X-API-Timestamp"]) < 1_060_000
    with pytest.raises(NotSignedIn):
        send(Double(off, off), KEY, calls.orders.place_order(ORDER))


def test_no_time_is_given_twice() -> None:
    clock = ExchangeClock(lambda: 5)
    assert [clock.next_ms() for _ in range(3)] == [5, 6, 7]
    clock.set_by(2)
    assert clock.ahead_ms == -3
    assert clock.next_ms() == 3


@both
def test_a_password_signs_in_and_renews(send: Send) -> None:
    equity = dict.fromkeys(("available", "locked", "margin", "unrealizedPnl", "equity"), "1")
    first = SESSION | {"token": "t1", "refresh": "r1"}
    double = Double(
        reply(200, first), refusal(401, "TOKEN_EXPIRED"), reply(200, SESSION), reply(200, equity)
    )
    who = Password("ada", "secret words", account="hedge")
    assert send(double, who, calls.account.equity()).equity == 1
    assert double.paths == ["/auth/signin", "/user/equity", "/auth/refresh", "/user/equity"]
    assert double.bodies()[2] == {"refresh": "r1"}
    assert double.asked[3].headers["Authorization"] == "Bearer t2"
    assert double.asked[3].headers["X-Account"] == "hedge"


@both
def test_a_refresh_token_is_never_sent_twice(send: Send) -> None:
    """The exchange ends a session whose refresh token comes again."""
    double = Double(refusal(401, "TOKEN_EXPIRED"), httpx.ReadTimeout("late"))
    with pytest.raises(SessionOver, match="not known"):
        send(double, Tokens("t", "r"), calls.account.equity())
    equity = dict.fromkeys(("available", "locked", "margin", "unrealizedPnl", "equity"), "1")
    double = Double(
        reply(200, SESSION),
        refusal(401, "TOKEN_EXPIRED"),
        httpx.ReadTimeout("late"),
        reply(200, SESSION),
        reply(200, equity),
    )
    send(double, Password("ada", "secret words"), calls.account.equity())
    assert double.paths[2:4] == ["/auth/refresh", "/auth/signin"]


def test_tasks_renew_one_token_once() -> None:
    equity = dict.fromkeys(("available", "locked", "margin", "unrealizedPnl", "equity"), "1")

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path)
        if request.url.path == "/v1/auth/refresh":
            return reply(200, SESSION)
        is_new = request.headers["Authorization"] == "Bearer t2"
        return reply(200, equity) if is_new else refusal(401, "TOKEN_EXPIRED")

    async def scenario() -> None:
        http = httpx.AsyncClient(transport=httpx.MockTransport(answer))
        client = AsyncClient(URL, Tokens("t1", "r1"), retries=QUICK, http=http)
        await asyncio.gather(*(client.equity() for _ in range(20)))
        assert client.tokens.refresh == "r2"

    asked: list[str] = []
    asyncio.run(scenario())
    assert asked.count("/v1/auth/refresh") == 1


@both
def test_a_second_factor_is_asked_for(send: Send) -> None:
    asks = refusal(401, "SECOND_FACTOR_REQUIRED", challenge="c", kinds=["totp"])
    with pytest.raises(SecondFactorRequired) as caught:
        send(Double(asks), Password("ada", "secret words"), calls.account.equity())
    assert (caught.value.challenge, caught.value.kinds) == ("c", ["totp"])


@both
def test_public_calls_name_nobody(send: Send) -> None:
    double = Double(reply(200, {"markets": []}))
    send(double, Password("ada", "secret words"), calls.markets.markets())
    assert not {"authorization", "x-api-key"} & set(double.asked[0].headers)


def test_pages_go_on_to_the_last() -> None:
    pages = [{"orders": [], "nextCursor": "2"}, {"orders": [], "nextCursor": None}]
    double = Double(*(reply(200, page) for page in pages))
    http = httpx.Client(transport=httpx.MockTransport(double))
    client = Client(URL, KEY, http=http)
    assert len(list(client.pages(calls.orders.orders(status=["open", "pending"])))) == 2
    assert double.asked[1].url.params["cursor"] == "2"
    assert double.asked[1].url.params["status"] == "open,pending"


def test_both_clients_have_every_call() -> None:
    made = {
        name
        for module in (calls.account, calls.markets, calls.orders, calls.sessions)
        for name, one in vars(module).items()
        if callable(one) and getattr(one, "__module__", "") == module.__name__ and name[0] != "_"
    }
    hidden = {"refresh"}  # for one use; the client's own
    for client in (Client, AsyncClient):
        assert made - hidden == made & set(vars(client))
