"""The venue's calls over a socket: through the clients that make them, and bare."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import ccxt
import pytest
import websockets
from binance import AsyncClient
from binance.exceptions import BinanceAPIException
from binance.ws.websocket_api import WebsocketAPI
from binance_common.configuration import ConfigurationWebSocketAPI
from binance_sdk_derivatives_trading_usds_futures.derivatives_trading_usds_futures import (
    DerivativesTradingUsdsFutures,
)

from gateway.socket_calls.methods import METHODS
from tests.flow.exchange import Trader
from tests.flow.test_gateway_streams import watch
from tests.flow.venue import BUY, SYMBOL, Account, make_account, rest_an_ask
from tests.patience import PATIENCE_S

NewTrader = Callable[..., Trader]
pytestmark = pytest.mark.django_db


@pytest.fixture
def account(new_trader: NewTrader) -> Account:
    return make_account(new_trader("100000"))


def address(account: Account) -> str:
    return f"{account.url.replace('http', 'ws', 1)}/ws-fapi/v1"


def test_ccxt_pro(account: Account, new_trader: NewTrader) -> None:
    rest_an_ask(new_trader)

    async def script(client: Any) -> None:
        book = await client.fetch_order_book_ws(SYMBOL)
        assert book["asks"] == [[50_000, 0.5]]
        result = {"newOrderRespType": "RESULT"}
        order = await client.create_order_ws(SYMBOL, "limit", "buy", 0.1, 48_000, result)
        assert (order["status"], order["price"]) == ("open", 48_000)
        edited = await client.edit_order_ws(order["id"], SYMBOL, "limit", "buy", 0.1, 47_000)
        assert edited["id"] == order["id"]
        found = await client.fetch_order_ws(order["id"], SYMBOL)
        assert (found["price"], found["amount"]) == (47_000, 0.1)
        gone = await client.cancel_order_ws(order["id"], SYMBOL)
        assert gone["status"] == "canceled"
        stop = await client.create_order_ws(
            SYMBOL, "market", "sell", 0.1, None, {"stopLossPrice": 45_000}
        )
        assert stop["id"]
        bought = await client.create_order_ws(SYMBOL, "market", "buy", 0.2, None, result)
        assert (bought["status"], bought["filled"]) == ("closed", 0.2)
        await asyncio.to_thread(account.trader.wait_until, int(bought["id"]), "filled")
        (position,) = await client.fetch_positions_ws([SYMBOL])
        assert (position["side"], position["contracts"]) == ("long", 0.2)
        assert (await client.fetch_balance_ws())["USDT"]["total"] > 0
        assert [one["order"] for one in await client.fetch_my_trades_ws(SYMBOL)] == [bought["id"]]
        assert (await client.fetch_trades_ws(SYMBOL))[-1]["price"] == 50_000
        assert (await client.fetch_ohlcv_ws(SYMBOL, "1m"))[-1][4] == 50_000
        with pytest.raises(ccxt.OrderNotFound):
            await client.cancel_order_ws(order["id"], SYMBOL)
        with pytest.raises(ccxt.BadRequest):
            await client.create_order_ws(SYMBOL, "limit", "buy", 900, 48_000)

    watch(account, script)


def test_python_binance(account: Account) -> None:
    async def script() -> None:
        client = AsyncClient(account.key, account.secret)
        client.ws_future = WebsocketAPI(url=address(account))
        try:
            price = await client.ws_futures_get_order_book_ticker(symbol="BTCUSDT")
            assert price["symbol"] == "BTCUSDT"
            made = await client.ws_futures_create_order(**BUY | {"quantity": 0.01})
            order_id = made["orderId"]
            asked = {"symbol": "BTCUSDT", "orderId": order_id}
            assert (await client.ws_futures_get_order(**asked))["price"] == "48000.0"
            changed = await client.ws_futures_edit_order(
                **asked, side="BUY", quantity=0.01, price=47_000
            )
            assert changed["orderId"] == order_id
            gone = await client.ws_futures_cancel_order(**asked)
            assert gone["status"] == "CANCELED"
            with pytest.raises(BinanceAPIException) as refused:
                await client.ws_futures_cancel_order(**asked)
            assert "-2011" in str(refused.value)
            for ask in (client.ws_futures_account_balance, client.ws_futures_v2_account_balance):
                assert (await ask())[0]["asset"] == "USDT"
            assert await client.ws_futures_v2_account_position() == []
            every = await client.ws_futures_account_position()
            assert {float(one["positionAmt"]) for one in every} == {0}
            assert (await client.ws_futures_account_status())["canTrade"] is True
        finally:
            await client.close_connection()

    asyncio.run(script())


def test_the_venues_sdk(account: Account) -> None:
    settings = ConfigurationWebSocketAPI(
        api_key=account.key, api_secret=account.secret, stream_url=address(account)
    )

    async def script() -> None:
        client: Any = DerivativesTradingUsdsFutures(config_ws_api=settings)
        connection = await client.websocket_api.create_connection()
        try:
            made = (
                await connection.new_order(
                    symbol="BTCUSDT",
                    side="BUY",
                    type="LIMIT",
                    quantity=0.01,
                    price=48_000,
                    time_in_force="GTC",
                )
            ).data()
            order_id = made.result.order_id
            found = (await connection.query_order(symbol="BTCUSDT", order_id=order_id)).data()
            assert found.result.orig_qty == "0.010"
            gone = (await connection.cancel_order(symbol="BTCUSDT", order_id=order_id)).data()
            assert gone.result.status == "CANCELED"
            balance = (await connection.futures_account_balance_v2()).data()
            assert balance.result[0].asset == "USDT"
            key = (await connection.start_user_data_stream()).data().result.listen_key
            assert len(key) == 64
        finally:
            await connection.close_connection(close_session=True)

    asyncio.run(script())


# --- bare -----------------------------------------------------------------------------------------

Ask = Callable[..., Awaitable[Any]]


@asynccontextmanager
async def connected(account: Account) -> AsyncIterator[tuple[Any, Ask]]:
    async with websockets.connect(address(account), max_size=None) as socket:

        async def ask(message: Any) -> Any:
            await socket.send(message if isinstance(message, str) else json.dumps(message))
            async with asyncio.timeout(PATIENCE_S):
                return json.loads(await socket.recv())

        yield socket, ask


def signed(account: Account, **params: Any) -> dict[str, Any]:
    said = {"apiKey": account.key, "timestamp": time.time_ns() // 1_000_000} | params
    said = {"recvWindow": 60_000} | said
    message = "&".join(f"{name}={value}" for name, value in sorted(said.items()))
    return said | {"signature": account.sign(message)}


def orders_of(account: Account) -> list[Any]:
    orders: list[Any] = account.trader.get("/user/orders")["orders"]
    return orders


def test_what_is_refused_has_no_effect(account: Account) -> None:
    good = signed(account, **BUY)
    other = signed(account, **BUY | {"quantity": "0.02"})
    stale = signed(account, **BUY, timestamp=1_600_000_000_000)
    unsigned = {name: value for name, value in good.items() if name != "signature"}
    refused: list[tuple[Any, int]] = [
        ("{", -1130),
        ("[]", -1130),
        ('"order.place"', -1130),
        ("[" * 5_000, -1130),
        ({"id": 1, "method": 7}, -1130),
        ({"id": 1, "method": "order.place", "params": []}, -1130),
        ({"id": [1], "method": "order.place", "params": {}}, -1130),
        ({"id": 1, "method": "dance"}, -1130),
        ({"id": 1, "method": "session.logon", "params": good}, -1130),
        ({"id": 1, "method": "order.place"}, -2014),
        ({"id": 1, "method": "order.place", "params": unsigned}, -1102),
        ({"id": 1, "method": "order.place", "params": good | {"quantity": "0.02"}}, -1022),
        ({"id": 1, "method": "order.place", "params": good | {"newClientOrderId": "a"}}, -1022),
        ({"id": 1, "method": "order.place", "params": good | other | {"price": "1"}}, -1022),
        ({"id": 1, "method": "order.place", "params": good | {"x": "1&quantity=9"}}, -1100),
        ({"id": 1, "method": "order.place", "params": good | {"x\0": "1"}}, -1100),
        ({"id": 1, "method": "order.place", "params": good | {"ü": "1"}}, -1100),
        ({"id": 1, "method": "order.place", "params": stale}, -1021),
        ({"id": 1, "method": "order.place", "params": {str(n): n for n in range(101)}}, -1130),
        ({"id": 1, "method": "ping", "params": {"x": "y" * 40_000}}, -1130),
    ]

    async def script() -> None:
        async with connected(account) as (_, ask):
            for message, code in refused:
                answer = await ask(message)
                said = message.get("id") if isinstance(message, dict) else None
                assert answer["id"] == (said if isinstance(said, int) else None), answer
                assert 400 <= answer["status"] < 500, answer
                assert set(answer["error"]) == {"code", "msg"}, answer
                assert answer["error"]["code"] == code, (message, answer)

    asyncio.run(script())
    assert orders_of(account) == []


def test_a_message_that_is_sent_again_has_no_second_effect(account: Account) -> None:
    message = {"id": "once", "method": "order.place", "params": signed(account, **BUY)}

    async def script() -> None:
        async with connected(account) as (_, ask):
            first, second = await ask(message), await ask(message | {"id": "twice"})
        assert (first["id"], first["status"]) == ("once", 200)
        assert (second["id"], second["status"]) == ("twice", 400)

    asyncio.run(script())
    assert len(orders_of(account)) == 1


def test_many_on_their_way(account: Account) -> None:
    """Each is answered under its id, and who asked not to be told his budgets isn't."""

    async def script() -> None:
        async with connected(account) as (socket, _):
            for number in range(100):
                params = signed(account, **BUY, newClientOrderId=f"a-{number}")
                await socket.send(
                    json.dumps({"id": number, "method": "order.place", "params": params})
                )
            ping = {"id": None, "method": "ping", "params": {"returnRateLimits": False}}
            await socket.send(json.dumps(ping))
            async with asyncio.timeout(PATIENCE_S):
                answers = [json.loads(await socket.recv()) for _ in range(101)]
        by_id = {answer["id"]: answer for answer in answers}
        assert by_id.pop(None) == {"id": None, "status": 200, "result": {}}
        assert {id: one["result"]["clientOrderId"] for id, one in by_id.items()} == {
            number: f"a-{number}" for number in range(100)
        }

    asyncio.run(script())


def test_who_lacks_what_a_call_needs(account: Account, new_trader: NewTrader) -> None:
    reader = make_account(new_trader(), permissions=["read"])
    poor = make_account(new_trader("1"))
    order_id = account.trader.place("LONG", "0.01", "48000")
    account.trader.wait_until(order_id, "open")
    stranger = make_account(new_trader())

    async def script() -> None:
        async with connected(account) as (_, ask):
            for who, method, code in (
                (reader, "order.place", -2015),
                (poor, "order.place", -2019),
                (stranger, "order.status", -2013),
                (stranger, "order.cancel", -2011),
            ):
                asked = (
                    BUY if method == "order.place" else {"symbol": "BTCUSDT", "orderId": order_id}
                )
                answer = await ask({"id": 1, "method": method, "params": signed(who, **asked)})
                assert answer["error"]["code"] == code, (method, answer)

    asyncio.run(script())
    account.trader.wait_until(order_id, "open")


def test_every_method_leads_somewhere(account: Account) -> None:
    async def script() -> None:
        async with connected(account) as (_, ask):
            for name in METHODS:
                params = signed(account, symbol="BTCUSDT")
                answer = await ask({"id": name, "method": name, "params": params})
                assert answer["id"] == name
                assert answer["status"] < 500, answer
                assert answer.get("error", {}).get("code") != -5000, answer

    asyncio.run(script())
