"""The venue's streams, through ccxt.pro and bare: nothing lost, nothing twice."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from decimal import Decimal as D
from typing import Any

import ccxt.pro
import pytest
import websockets

from common.redis_client import redis_client
from matching.messages.codec import encode_command
from matching.messages.commands import UpdateIndexPrice
from matching.messages.streams import COMMAND_FIELD, input_stream
from tests.flow.committed import committed
from tests.flow.exchange import MARK_TICKS, Exchange, Trader, wait_for
from tests.flow.venue import (
    SYMBOL,
    Account,
    ccxt_options,
    configure,
    make_account,
    rest_an_ask,
)
from tests.patience import PATIENCE_S

NewTrader = Callable[..., Trader]
pytestmark = pytest.mark.django_db


@pytest.fixture
def account(new_trader: NewTrader) -> Account:
    return make_account(new_trader("100000"))


def watch(account: Account, script: Callable[[Any], Awaitable[None]]) -> None:
    """With a client of ccxt.pro, closed whatever happens."""

    async def run() -> None:
        client = ccxt.pro.binanceusdm(ccxt_options(account))
        configure(client, account.trader.exchange)
        try:
            async with asyncio.timeout(PATIENCE_S):
                await client.load_markets()
                await script(client)
        finally:
            await client.close()

    asyncio.run(run())


def test_market_data(account: Account, new_trader: NewTrader) -> None:
    maker = new_trader("100000")
    maker.wait_until(maker.place("SHORT", "2", "50010"), "open")
    maker.wait_until(maker.place("LONG", "0.5", "49990"), "open")

    async def script(client: Any) -> None:
        book = await client.watch_order_book(SYMBOL)
        while not book["asks"]:
            book = await client.watch_order_book(SYMBOL)

        async def candle_of_the_trade() -> Any:
            while (await client.watch_ohlcv(SYMBOL))[-1][4] != 50_010:
                pass  # at first the one of trades before

        async def best_bid() -> Any:
            while (bid := (await client.watch_bids_asks([SYMBOL]))[SYMBOL]["bid"]) is None:
                pass  # at first a book of the maker's first order alone
            return bid

        watched = asyncio.gather(
            client.watch_trades(SYMBOL),
            candle_of_the_trade(),
            best_bid(),
            client.watch_ticker(SYMBOL),
            client.watch_tickers([SYMBOL]),
            client.watch_mark_price(SYMBOL),
        )
        bought = 0
        while not watched.done():  # nobody is told of a trade before they are subscribed
            order = await client.create_order(SYMBOL, "market", "buy", 0.01)
            assert order["status"] == "closed"
            bought += 1
            await asyncio.wait([watched], timeout=1)
        trades, _, bid, ticker, tickers, mark = await watched
        assert (trades[-1]["price"], trades[-1]["amount"]) == (50_010, 0.01)
        assert bid == 49_990
        assert ticker["symbol"] in tickers
        assert mark["markPrice"] == 50_000
        while book["asks"][0] != [50_010, (200 - bought) / 100]:
            book = await client.watch_order_book(SYMBOL)

    watch(account, script)


def test_what_happens_to_an_account(account: Account, new_trader: NewTrader) -> None:
    rest_an_ask(new_trader)

    async def script(client: Any) -> None:
        async def until(watched: Callable[[], Awaitable[Any]], is_it: Callable[[Any], bool]) -> Any:
            while True:
                for one in await watched():
                    if is_it(one):
                        return one

        held = until(lambda: client.watch_positions([SYMBOL]), lambda one: one["contracts"] > 0)
        closed = until(lambda: client.watch_orders(SYMBOL), lambda one: one["status"] == "closed")
        filled = until(lambda: client.watch_my_trades(SYMBOL), lambda _: True)
        watched = asyncio.gather(closed, held, filled)
        sent = []
        while not watched.done():  # it is told of no order that was before the stream
            order = await client.create_order(SYMBOL, "limit", "buy", 0.01, 50_000)
            sent.append(order["id"])
            await asyncio.wait([watched], timeout=1)
        last, position, fill = await watched
        assert (last["filled"], last["average"], position["side"]) == (0.01, 50_000, "long")
        assert (fill["amount"], fill["fee"]["currency"]) == (0.01, "USDT")
        assert {last["id"], fill["order"]} <= set(sent)

    watch(account, script)


# --- bare -----------------------------------------------------------------------------------------


@asynccontextmanager
async def connected(account: Account, path: str) -> AsyncIterator[Callable[[], Awaitable[Any]]]:
    async with websockets.connect(account.streams_url + path) as socket:

        async def hear() -> Any:
            async with asyncio.timeout(PATIENCE_S):
                return json.loads(await socket.recv())

        hear.send = lambda body: socket.send(json.dumps(body))  # type: ignore[attr-defined]
        yield hear


@pytest.mark.parametrize("speed", ["", "@100ms", "@500ms"])
def test_a_book_that_follows_the_chain_is_the_book(
    account: Account, new_trader: NewTrader, speed: str
) -> None:
    maker = new_trader("100000")

    async def script() -> None:
        async with connected(account, f"/ws/btcusdt@depth{speed}") as hear:
            snapshot = account.send("GET", "/fapi/v1/depth?symbol=BTCUSDT").json()
            book = {side: dict(snapshot[side]) for side in ("bids", "asks")}
            last = None
            ids = [await asyncio.to_thread(maker.place, "SHORT", "0.1", "50010")]
            ids.append(await asyncio.to_thread(maker.place, "LONG", "0.1", "49990"))
            while len(book["bids"]) + len(book["asks"]) < 2:
                event = await hear()
                if event["u"] < snapshot["lastUpdateId"]:
                    continue
                assert event["U"] == event["pu"] <= (last or snapshot["lastUpdateId"])
                assert last in (None, event["pu"])
                last = event["u"]
                for side, changes in (("bids", event["b"]), ("asks", event["a"])):
                    for price, size in changes:
                        if size == "0.000":
                            book[side].pop(price, None)
                        else:
                            book[side][price] = size
            assert book == {"bids": {"49990.0": "0.100"}, "asks": {"50010.0": "0.100"}}

    asyncio.run(script())


def test_every_fill_is_told_once(account: Account, new_trader: NewTrader) -> None:
    maker = new_trader("100000")
    for at in range(5):
        maker.wait_until(maker.place("SHORT", "0.1", str(50_000 + at)), "open")
    key = account.send("POST", "/fapi/v1/listenKey").json()["listenKey"]

    async def script() -> None:
        async with connected(account, f"/private/stream?streams={key}") as hear:
            order = account.signed(
                "POST",
                "/fapi/v1/order",
                symbol="BTCUSDT",
                side="BUY",
                type="MARKET",
                quantity="0.5",
                newOrderRespType="RESULT",
            ).json()
            assert (order["status"], order["executedQty"]) == ("FILLED", "0.500")
            heard: list[Any] = []
            balances: list[Any] = []
            while not balances or len(heard) < 6:
                message = await hear()
                assert message["stream"] == key
                event = message["data"]
                if event["e"] == "ORDER_TRADE_UPDATE":
                    heard.append(event["o"])
                else:
                    assert event["e"] == "ACCOUNT_UPDATE"  # its first order sets no leverage anew
                    balances.append(event)
            assert [one["x"] for one in heard] == ["NEW"] + ["TRADE"] * 5
            assert [one["z"] for one in heard[1:]] == ["0.100", "0.200", "0.300", "0.400", "0.500"]
            assert len({one["t"] for one in heard[1:]}) == 5
            assert (heard[-1]["X"], heard[-1]["ap"]) == ("FILLED", order["avgPrice"])
            (held,) = balances[-1]["a"]["P"]
            assert (held["s"], held["pa"]) == ("BTCUSDT", "0.500")
            # A deposit is found, too.
            deposit = {"amount": "5"}
            account.trader.send("POST", "/user/onramp", json=deposit)
            account.send("DELETE", "/fapi/v1/listenKey")
            while (event := (await hear())["data"])["e"] != "listenKeyExpired":
                pass
            assert event["listenKey"] == key
            with pytest.raises(websockets.ConnectionClosed):
                await hear()

    asyncio.run(script())


def test_an_order_s_event_names_the_algo_that_sent_it(account: Account) -> None:
    key = account.send("POST", "/fapi/v1/listenKey").json()["listenKey"]
    trader = account.trader

    async def script() -> None:
        async with connected(account, f"/private/ws?listenKey={key}") as hear:
            scaled: dict[str, Any] = {
                "kind": "SCALED",
                "marketId": "BTC-PERP",
                "side": "LONG",
                "qty": "0.02",
            }
            scaled |= {"fromPrice": "48000", "toPrice": "48100", "count": 2, "leverage": 10}
            answer = await asyncio.to_thread(trader.send, "POST", "/algos", json=scaled)
            assert answer.status_code == 202, answer.text
            algo_id = answer.json()["id"]
            plain = await asyncio.to_thread(trader.place, "LONG", "0.01", "47900")
            named: dict[int, set[int]] = {}
            while plain not in named or len(named) < 3:
                event = await hear()
                if event["e"] == "ORDER_TRADE_UPDATE":
                    named.setdefault(event["o"]["i"], set()).add(event["o"]["si"])
            sent = {order_id for order_id, said in named.items() if said == {algo_id}}
            slices = trader.get(f"/algos/{algo_id}")["slices"]
            assert sent == {one["orderId"] for one in slices}
            assert named[plain] == {0}
            await asyncio.to_thread(trader.send, "DELETE", f"/algos/{algo_id}")

    asyncio.run(script())


def test_what_an_account_is_told_until_it_is_liquidated(
    account: Account, new_trader: NewTrader, exchange: Exchange
) -> None:
    committed(exchange.open_market, "CALL-PERP")
    maker, owner = new_trader("100000"), account.trader
    maker.market_id = owner.market_id = "CALL-PERP"
    key = account.send("POST", "/fapi/v1/listenKey").json()["listenKey"]

    async def script() -> None:
        async with (
            connected(account, f"/private/ws?listenKey={key}") as hear,
            connected(account, "/ws/callusdt@forceOrder") as hear_public,
        ):

            async def until(kind: str, **named: Any) -> Any:
                while True:
                    event = await hear()
                    said = event.get("a", event)
                    if event["e"] == kind and all(said[name] == named[name] for name in named):
                        return event

            def mark(ticks: int) -> Awaitable[None]:
                return asyncio.to_thread(exchange.set_mark, "CALL-PERP", ticks, f"{ticks / 10:g}")

            await asyncio.to_thread(owner.send, "POST", "/user/onramp", json={"amount": "5"})
            event = await until("ACCOUNT_UPDATE", m="DEPOSIT")
            assert (event["a"]["B"][0]["bc"], event["a"]["P"]) == ("5", [])
            await asyncio.to_thread(
                account.signed, "POST", "/fapi/v1/leverage", symbol="CALLUSDT", leverage=10
            )
            assert (await until("ACCOUNT_CONFIG_UPDATE"))["ac"] == {"s": "CALLUSDT", "l": 10}

            await asyncio.to_thread(maker.place, "SHORT", "0.1", "50000")
            bought = await asyncio.to_thread(owner.place, "LONG", "0.1", None)
            await asyncio.to_thread(owner.wait_until, bought, "filled")
            position = owner.get("/user/positions")["positions"][0]
            liquidation_ticks = int(float(position["liquidationPrice"]) * 10)
            await mark(liquidation_ticks + 200)
            (called,) = (await until("MARGIN_CALL"))["p"]
            assert (called["s"], called["pa"], called["mt"]) == ("CALLUSDT", "0.100", "ISOLATED")
            assert float(called["up"]) < 0 < float(called["mm"])

            price = f"{(liquidation_ticks - 50) / 10:.1f}"
            bid = await asyncio.to_thread(maker.place, "LONG", "0.1", price)
            await asyncio.to_thread(maker.wait_until, bid, "open")
            await mark(liquidation_ticks - 100)
            event = await until("ORDER_TRADE_UPDATE")
            while not event["o"]["c"].startswith("autoclose-"):
                event = await until("ORDER_TRADE_UPDATE")
            assert (event["o"]["S"], event["o"]["X"]) == ("SELL", "FILLED")
            forced = (await hear_public())["o"]
            assert (forced["s"], forced["S"], forced["q"]) == ("CALLUSDT", "SELL", "0.100")
            assert owner.get("/user/positions")["positions"] == []

    asyncio.run(script())


def test_funding_is_told_with_its_reason(
    account: Account, new_trader: NewTrader, exchange: Exchange
) -> None:
    """Of a market of its own, whose clock is moved on; funding may be due by itself before."""
    committed(exchange.open_market, "FUND-PERP", funding_interval_ms=60_000)
    maker, owner = new_trader("100000"), account.trader
    maker.market_id = owner.market_id = "FUND-PERP"
    key = account.send("POST", "/fapi/v1/listenKey").json()["listenKey"]
    maker.wait_until(maker.place("SHORT", "0.1", "50000"), "open")
    owner.wait_until(owner.place("LONG", "0.1", None), "filled")
    (before,) = account.signed("GET", "/fapi/v3/balance").json()

    async def script() -> None:
        async with connected(account, f"/private/ws?listenKey={key}") as hear:
            index = account.send("GET", "/fapi/v1/premiumIndex?symbol=FUNDUSDT").json()
            await asyncio.to_thread(_tell_at, "FUND-PERP", index["nextFundingTime"] + 1)
            while (event := await hear())["e"] != "ACCOUNT_UPDATE" or (
                event["a"]["m"] != "FUNDING_FEE"
            ):
                pass
        (balance,) = event["a"]["B"]
        paid_in_all = D(balance["wb"]) - D(before["balance"])

        def amounts_of_it() -> list[D] | None:
            """Once all of them are written down."""
            payments = owner.get("/user/funding")["payments"]
            amounts = sorted(D(payment["amount"]) for payment in payments)
            return amounts if amounts and sum(amounts) == paid_in_all else None

        amounts = wait_for(amounts_of_it, "the payments")
        assert amounts[-1] < 0
        (held,) = event["a"]["P"]
        assert (held["s"], held["pa"]) == ("FUNDUSDT", "0.100")
        incomes = account.signed("GET", "/fapi/v1/income", incomeType="FUNDING_FEE").json()
        assert {income["symbol"] for income in incomes} == {"FUNDUSDT"}
        assert sorted(D(income["income"]) for income in incomes) == amounts

    asyncio.run(script())


def _tell_at(market_id: str, time_ms: int) -> None:
    """The index, as if it were so late: an engine's time is that of its commands."""
    command = encode_command(UpdateIndexPrice(index_price_ticks=MARK_TICKS))
    redis_client().xadd(input_stream(market_id), {COMMAND_FIELD: command}, id=f"{time_ms}-0")


def test_controls(account: Account) -> None:
    async def script() -> None:
        async with connected(account, "/public/ws/0") as hear:
            say = hear.send  # type: ignore[attr-defined]
            await say(
                {"method": "SUBSCRIBE", "params": ["btcusdt@depth", "!bookTicker"], "id": "a"}
            )
            assert await hear() == {"result": None, "id": "a"}
            await say({"method": "LIST_SUBSCRIPTIONS", "id": 2})
            while "id" not in (answer := await hear()):
                pass
            assert answer == {"result": ["btcusdt@depth", "!bookTicker"], "id": 2}
            await say(
                {"method": "UNSUBSCRIBE", "params": ["btcusdt@depth", "!bookTicker"], "id": 3}
            )
            while "id" not in (answer := await hear()):
                pass
            assert answer == {"result": None, "id": 3}
            for wrong in (
                {"method": "SUBSCRIBE", "params": ["nope@depth"], "id": 4},
                {"method": "SUBSCRIBE", "params": [], "id": 4},
                {"method": "SUBSCRIBE", "params": [7], "id": 4},
                {"method": "SUBSCRIBE", "params": "btcusdt@depth", "id": 4},
                {"method": "DANCE", "id": 4},
                {"method": "SUBSCRIBE", "params": ["a" * 64], "id": 4},
            ):
                await say(wrong)
                answer = await hear()
                assert (answer["id"], answer["error"]["code"]) == (4, 2), answer
            await say([1, 2])
            assert "error" in await hear()

    asyncio.run(script())


def test_whose_stream_it_is(account: Account) -> None:
    async def refused(path: str) -> bool:
        try:
            async with connected(account, path):
                return False
        except websockets.InvalidStatus:
            return True

    assert asyncio.run(refused(f"/private/ws?listenKey={'0' * 64}"))
    assert asyncio.run(refused("/elsewhere"))
    wait_for(lambda: account.send("PUT", "/fapi/v1/listenKey").json()["code"] == -1125, "no key")
