"""ccxt, unmodified: every unified method, and what it answers beside our own API's answer."""

import asyncio
from collections.abc import Callable
from typing import Any

import ccxt
import ccxt.async_support
import pytest

from tests.flow.committed import committed
from tests.flow.exchange import Trader, wait_for
from tests.flow.venue import (
    SYMBOL,
    Account,
    ccxt_client,
    ccxt_options,
    configure,
    make_account,
    rest_an_ask,
)
from trading.price_history import take_standings

NewTrader = Callable[..., Trader]
pytestmark = pytest.mark.django_db


@pytest.fixture
def account(new_trader: NewTrader) -> Account:
    return make_account(new_trader("100000"))


@pytest.fixture
def client(account: Account) -> Any:
    client = ccxt_client(account)
    client.load_markets()
    return client


def test_markets_and_prices(client: Any, account: Account, new_trader: NewTrader) -> None:
    maker = new_trader()
    maker.place("SHORT", "0.5", "50010")
    maker.wait_until(maker.place("LONG", "0.4", "49990"), "open")
    client.create_order(SYMBOL, "market", "buy", 0.1)
    get = account.trader.get
    market = client.market(SYMBOL)
    assert (market["linear"], market["contractSize"], market["active"]) == (True, 1, True)
    assert (market["precision"]["price"], market["precision"]["amount"]) == (0.1, 0.001)
    ours = next(one for one in get("/markets")["markets"] if one["id"] == "BTC-PERP")
    assert market["limits"]["amount"]["min"] == float(ours["minQty"])
    assert market["limits"]["cost"]["min"] == float(ours["minNotional"])

    wait_for(lambda: client.fetch_order_book(SYMBOL)["asks"] == [[50010, 0.4]], "the book")
    book, depth = client.fetch_order_book(SYMBOL, 5), get("/markets/BTC-PERP/depth")
    assert book["nonce"] == depth["seq"]
    assert book["bids"] == [[float(price), float(qty)] for price, qty in depth["bids"]]
    best = client.fetch_bids_asks([SYMBOL])[SYMBOL]
    assert (best["bid"], best["bidVolume"], best["ask"]) == (49990, 0.4, 50010)

    wait_for(lambda: client.fetch_trades(SYMBOL), "the trade")
    trade, ours = client.fetch_trades(SYMBOL)[-1], get("/markets/BTC-PERP/trades")["trades"][0]
    assert (trade["id"], trade["side"]) == (str(ours["id"]), "buy")
    assert (trade["price"], trade["amount"]) == (float(ours["price"]), float(ours["qty"]))
    candle, ours = client.fetch_ohlcv(SYMBOL)[-1], get("/markets/BTC-PERP/candles")["candles"][0]
    assert candle[1:5] == [float(ours[name]) for name in ("open", "high", "low", "close")]
    assert candle[5] == float(ours["volume"])

    def tell_the_same_day() -> bool:
        """Each process of the API remembers the day's figures for seconds."""
        ticker, day = client.fetch_ticker(SYMBOL), get("/tickers?marketId=BTC-PERP")["tickers"][0]
        known = (50010, float(day["day"]["volume"]), float(day["day"]["high"]))
        return (ticker["last"], ticker["baseVolume"], ticker["high"]) == known

    wait_for(tell_the_same_day, "the day's figures")
    assert client.fetch_tickers([SYMBOL])[SYMBOL]["last"] == 50010
    assert client.fetch_last_prices([SYMBOL])[SYMBOL]["price"] == 50010
    assert client.fetch_open_interest(SYMBOL)["openInterestAmount"] > 0


def test_mark_prices_and_funding(client: Any, account: Account) -> None:
    def rates_are_told_alike() -> bool:
        """A sample of the premium may come between two looks."""
        rate = client.fetch_funding_rate(SYMBOL)
        ours = account.trader.get("/tickers?marketId=BTC-PERP")["tickers"][0]
        names = ("fundingRate", "indexPrice", "markPrice")
        return [rate[name] for name in names] == [float(ours[name]) for name in names]

    wait_for(rates_are_told_alike, "one rate")
    ours = account.trader.get("/tickers?marketId=BTC-PERP")["tickers"][0]
    assert client.fetch_mark_price(SYMBOL)["markPrice"] == float(ours["markPrice"])
    assert set(client.fetch_funding_rates()) >= {SYMBOL, "ETH/USDT:USDT"}
    assert client.fetch_funding_intervals()[SYMBOL]["interval"] == "8h"

    def mark_is_written_down() -> bool:
        candles = client.fetch_mark_ohlcv(SYMBOL)
        return bool(candles) and candles[-1][4] == float(ours["markPrice"])

    wait_for(mark_is_written_down, "a candle of the mark")
    assert client.fetch_index_ohlcv(SYMBOL)[-1][4] == float(ours["indexPrice"])
    assert client.fetch_premium_index_ohlcv(SYMBOL)
    assert client.fetch_mark_prices()[SYMBOL]
    for method in (
        client.fetch_funding_rate_history,
        client.fetch_open_interest_history,
        client.fetch_long_short_ratio_history,
    ):
        assert isinstance(method(SYMBOL), list)
    assert abs(client.fetch_time() - client.milliseconds()) < 60_000
    assert client.fetch_status()["status"] == "ok"


def test_an_orders_life(client: Any, account: Account) -> None:
    order = client.create_order(SYMBOL, "limit", "buy", 0.1, 48_000, {"postOnly": True})
    assert (order["status"], order["postOnly"], order["remaining"]) == ("open", True, 0.1)
    ours = account.trader.order(int(order["id"]))
    assert (ours["clientOrderId"], ours["timeInForce"]) == (order["clientOrderId"], "GTX")
    assert ours["leverage"] == 20
    fetched = client.fetch_order(order["id"], SYMBOL)
    assert (fetched["price"], fetched["amount"], fetched["side"]) == (48_000, 0.1, "buy")
    assert [one["id"] for one in client.fetch_open_orders(SYMBOL)] == [order["id"]]
    assert client.fetch_open_order(order["id"], SYMBOL)["id"] == order["id"]
    edited = client.edit_order(order["id"], SYMBOL, "limit", "buy", 0.2, 47_000)
    assert (edited["id"], edited["price"], edited["amount"]) == (order["id"], 47_000, 0.2)
    cancelled = client.cancel_order(order["id"], SYMBOL)
    assert cancelled["status"] == "canceled"
    assert account.trader.order(int(order["id"]))["status"] == "cancelled"
    with pytest.raises(ccxt.OrderNotFound):
        client.cancel_order(order["id"], SYMBOL)
    assert client.fetch_open_orders(SYMBOL) == []
    assert [one["id"] for one in client.fetch_canceled_orders(SYMBOL)] == [order["id"]]
    assert client.fetch_orders(SYMBOL)[-1]["id"] == order["id"]


def test_many_orders(client: Any) -> None:
    asked = [
        {"symbol": SYMBOL, "type": "limit", "side": "buy", "amount": 0.01, "price": 48_000 - at}
        for at in range(3)
    ]
    orders = client.create_orders(asked)
    assert [order["status"] for order in orders] == ["open"] * 3
    ids = sorted(order["id"] for order in orders)
    (edited,) = client.edit_orders([{"id": ids[0], **asked[0], "price": 47_500}])
    assert edited["price"] == 47_500
    assert {one["status"] for one in client.cancel_orders(ids[:2], SYMBOL)} == {"canceled"}
    client.cancel_all_orders(SYMBOL)
    assert client.fetch_open_orders(SYMBOL) == []


def test_a_position(client: Any, account: Account, new_trader: NewTrader) -> None:
    maker = new_trader("100000")
    maker.place("SHORT", "0.5", "50000")
    maker.wait_until(maker.place("LONG", "0.5", "49900"), "open")
    assert client.set_leverage(10, SYMBOL)["leverage"] == 10
    bought = client.create_order(SYMBOL, "market", "buy", 0.2)
    assert (bought["status"], bought["filled"], bought["average"]) == ("closed", 0.2, 50_000)
    (position,) = client.fetch_positions([SYMBOL])
    (ours,) = account.trader.get("/user/positions")["positions"]
    assert (position["side"], position["contracts"]) == ("long", float(ours["qty"]))
    assert position["entryPrice"] == float(ours["averagePrice"])
    assert position["leverage"] == 10
    assert position["marginMode"] == "isolated"
    assert position["liquidationPrice"] == float(ours["liquidationPrice"])
    assert position["unrealizedPnl"] == float(ours["unrealizedPnl"])
    balance, equity = client.fetch_balance(), account.trader.equity()
    assert balance["USDT"]["free"] == float(equity["available"])
    assert balance["USDT"]["total"] == float(equity["equity"])
    (fill,) = client.fetch_my_trades(SYMBOL)
    (own,) = account.trader.get("/user/fills")["fills"]
    assert (fill["order"], fill["takerOrMaker"]) == (bought["id"], "taker")
    assert (fill["fee"]["cost"], fill["fee"]["currency"]) == (float(own["fee"]), "USDT")
    client.add_margin(SYMBOL, 100)
    (more,) = account.trader.get("/user/positions")["positions"]
    assert float(more["margin"]) == float(ours["margin"]) + 100
    client.reduce_margin(SYMBOL, 50)
    closed = client.create_order(SYMBOL, "market", "sell", 0.2, None, {"reduceOnly": True})
    assert (closed["status"], closed["average"]) == ("closed", 49_900)
    assert client.fetch_positions([SYMBOL]) == []
    kinds = {entry["info"]["incomeType"] for entry in client.fetch_ledger()}
    assert kinds >= {"TRANSFER", "COMMISSION", "REALIZED_PNL"}
    assert client.fetch_funding_history(SYMBOL) == []
    assert client.fetch_my_liquidations(SYMBOL) == []
    changes = client.fetch_margin_adjustment_history(SYMBOL)
    assert {one["type"]: one["amount"] for one in changes} == {"add": 100, "reduce": 50}
    (added,) = client.fetch_margin_adjustment_history(SYMBOL, "add")
    assert (added["amount"], added["code"]) == (100, "USDT")


def test_conditional_orders(client: Any, account: Account, new_trader: NewTrader) -> None:
    rest_an_ask(new_trader)
    client.create_order(SYMBOL, "market", "buy", 0.2)
    stop = {"stopLossPrice": 48_000, "reduceOnly": True}
    order = client.create_order(SYMBOL, "market", "sell", 0.2, None, stop)
    assert (order["status"], order["triggerPrice"], order["reduceOnly"]) == ("open", 48_000, True)
    ours = account.trader.wait_until(int(order["id"]), "waiting")
    assert (ours["trigger"]["type"], ours["trigger"]["price"]) == ("STOP", "48000")
    assert client.fetch_open_orders(SYMBOL) == []
    conditional = {"trigger": True}
    (listed,) = client.fetch_open_orders(SYMBOL, params=conditional)
    assert listed["id"] == order["id"]
    profit = {"takeProfitPrice": 52_000, "reduceOnly": True}
    client.create_order(SYMBOL, "limit", "sell", 0.2, 51_900, profit)
    trailing = {"trailingPercent": 1.5, "reduceOnly": True}
    followed = client.create_order(SYMBOL, "market", "sell", 0.2, None, trailing)
    assert account.trader.order(int(followed["id"]))["trigger"]["callback"] == "0.015"
    cancelled = client.cancel_order(order["id"], SYMBOL, conditional)
    assert cancelled["id"] == order["id"]
    assert client.fetch_order(order["id"], SYMBOL, conditional)["status"] == "canceled"
    client.cancel_all_orders(SYMBOL)
    assert len(client.fetch_open_orders(SYMBOL, params=conditional)) == 2
    client.cancel_all_orders(SYMBOL, conditional)
    assert client.fetch_open_orders(SYMBOL, params=conditional) == []


def test_how_an_account_is_set_up(client: Any) -> None:
    assert client.fetch_position_mode(SYMBOL)["hedged"] is False
    assert client.fetch_leverage(SYMBOL)["longLeverage"] == 20
    assert client.fetch_margin_mode(SYMBOL)["marginMode"] == "isolated"
    assert client.fetch_leverages([SYMBOL])[SYMBOL]
    assert client.fetch_margin_modes([SYMBOL])[SYMBOL]
    tiers = client.fetch_leverage_tiers([SYMBOL])[SYMBOL]
    assert (tiers[0]["maxLeverage"], tiers[0]["maintenanceMarginRate"]) == (50, 0.01)
    fee = client.fetch_trading_fee(SYMBOL)
    assert (fee["maker"], fee["taker"]) == (0.0002, 0.0005)
    assert client.fetch_trading_fees()[SYMBOL]
    with pytest.raises(ccxt.MarginModeAlreadySet):
        client.set_margin_mode("isolated", SYMBOL)
    with pytest.raises(ccxt.OperationRejected):
        client.set_margin_mode("cross", SYMBOL)
    for hedged in (False, True):
        with pytest.raises(ccxt.OperationRejected):
            client.set_position_mode(hedged)


REFUSED: list[tuple[type[Exception], tuple[Any, ...], dict[str, Any]]] = [
    (ccxt.OrderNotFillable, ("limit", "buy", 0.01, 50_500), {"postOnly": True}),
    (ccxt.OrderNotFillable, ("limit", "buy", 0.01, 48_000), {"timeInForce": "FOK"}),
    (ccxt.InvalidOrder, ("limit", "buy", 0.001, 4_000), {}),
    (ccxt.BadRequest, ("limit", "buy", 0.01, 90_000), {}),
    (ccxt.InvalidOrder, ("market", "sell", 0.01, None), {"reduceOnly": True}),
    (ccxt.InsufficientFunds, ("limit", "buy", 45, 50_000), {}),
    (ccxt.OrderImmediatelyFillable, ("market", "sell", 0.01, None), {"stopLossPrice": 55_000}),
]


@pytest.mark.parametrize(("error", "order", "params"), REFUSED, ids=range(len(REFUSED)))
def test_refusals_are_the_right_exceptions(
    client: Any,
    new_trader: NewTrader,
    error: type[Exception],
    order: tuple[Any, ...],
    params: dict[str, Any],
) -> None:
    maker = new_trader()
    maker.wait_until(maker.place("SHORT", "0.1", "50400"), "open")
    client.set_leverage(5, SYMBOL)
    kind, side, amount, price = order
    with pytest.raises(error):
        client.create_order(SYMBOL, kind, side, amount, price, params)
    assert client.fetch_open_orders(SYMBOL) == []


def test_strangers(account: Account) -> None:
    wrong = ccxt_client(account)
    wrong.secret = "guessed"
    with pytest.raises(ccxt.AuthenticationError):
        wrong.fetch_balance()
    with pytest.raises(ccxt.BadSymbol):
        wrong.fapiPublicGetDepth({"symbol": "NOPEUSDT"})


# --- asyncio --------------------------------------------------------------------------------------


def test_its_asyncio_client_trades_too(account: Account, new_trader: NewTrader) -> None:
    maker = new_trader()
    maker.wait_until(maker.place("SHORT", "0.2", "50010"), "open")

    async def trade() -> tuple[Any, Any, Any]:
        client = configure(
            ccxt.async_support.binanceusdm(ccxt_options(account)), account.trader.exchange
        )
        try:
            await client.load_markets()
            bought, resting = await asyncio.gather(
                client.create_order(SYMBOL, "market", "buy", 0.1),
                client.create_order(SYMBOL, "limit", "buy", 0.1, 49_000),
            )
            open_now = await client.fetch_open_orders(SYMBOL)
            await client.cancel_order(resting["id"], SYMBOL)
            return bought, resting, open_now
        finally:
            await client.close()

    bought, resting, open_now = asyncio.run(trade())
    assert (bought["status"], bought["average"]) == ("closed", 50_010)
    assert [one["id"] for one in open_now] == [resting["id"]]
    account.trader.wait_until(int(resting["id"]), "cancelled")


def test_who_took_and_who_holds_over_time(client: Any, new_trader: NewTrader) -> None:
    maker = new_trader()
    for price in ("49990", "50010"):
        side = "LONG" if price < "50000" else "SHORT"
        maker.wait_until(maker.place(side, "0.3", price), "open")
    client.create_order(SYMBOL, "market", "buy", 0.2)
    client.create_order(SYMBOL, "market", "sell", 0.1)

    asked = {"symbol": "BTCUSDT", "period": "5m"}
    # Both may fall into two periods, and other tests have traded before: what is new is theirs.
    taken = wait_for(lambda: client.fapiDataGetTakerlongshortRatio(asked), "a period")[-1]
    candle = client.fapiPublicGetKlines({"symbol": "BTCUSDT", "interval": "5m", "limit": 1})[-1]
    assert taken["timestamp"] == candle[0]
    assert float(taken["buyVol"]) == float(candle[9])
    assert float(taken["buyVol"]) + float(taken["sellVol"]) == pytest.approx(float(candle[5]))
    assert float(taken["sellVol"]) > 0

    committed(take_standings)
    (accounts,) = client.fapiDataGetTopLongShortAccountRatio({**asked, "limit": 1})
    (positions,) = client.fapiDataGetTopLongShortPositionRatio({**asked, "limit": 1})
    for told in (accounts, positions):
        assert float(told["longAccount"]) + float(told["shortAccount"]) == pytest.approx(1)
        assert accounts["timestamp"] == told["timestamp"]
