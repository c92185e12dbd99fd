"""POST /order: what is taken, what it holds to the last unit, and what is refused with which words.

Holds by hand, for 0.5 at 25,000 (size 500 lots of 0.001, price 250,000 ticks of 0.1, so 100 units
per tick and lot; mark 25,000; taker fee 0.05 %): fee 6.25; margin as named, or 12,500 / leverage.
"""

from typing import Any

import pytest
import redis

from ledger.models import JournalEntry, Posting, Wallet
from markets.models import Market
from matching.messages.commands import PlaceOrder
from matching.messages.vocabulary import MarketState, OrderType, Side, TimeInForce
from tests.builders.away import redis_away
from tests.trading.client import (
    Trader,
    make_trader,
    order_body,
    sent_commands,
    set_ticker,
    token_of,
)
from trading.commands import publisher
from trading.models import Order

pytestmark = pytest.mark.django_db(transaction=True)

MARKET: dict[str, Any] = {"orderType": "market", "price": None}


@pytest.fixture(params=["django", "intake"])
def server(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def sent(client: redis.Redis) -> list[PlaceOrder]:
    return [command for command in sent_commands(client) if isinstance(command, PlaceOrder)]


def test_an_order_is_held_written_journalled_and_sent(
    trader: Trader, redis_db: redis.Redis
) -> None:
    answer = trader.place(clientOrderId="mine")
    assert answer.status == 202
    order = Order.objects.get()
    assert answer.body == {
        "message": "Order received.",
        "orderId": order.pk,
        "status": "pending",
    }
    assert order.hold_units == order.held_units == 2_506_250_000
    assert (order.price_ticks, order.size_lots, order.margin_units) == (250_000, 500, 2_500_000_000)
    wallet = Wallet.objects.get(user=trader.user)
    assert (wallet.available_units, wallet.held_units) == (7_493_750_000, 2_506_250_000)
    entry = JournalEntry.objects.get(kind="order_hold")
    assert (entry.order_id, entry.market_id) == (order.pk, "BTC-PERP")
    postings = Posting.objects.filter(entry=entry).values_list("account__kind", "amount_units")
    assert sorted(postings) == [("available", -2_506_250_000), ("held", 2_506_250_000)]
    (command,) = sent(redis_db)
    assert command == PlaceOrder(
        order_id=order.pk,
        account_id=trader.user.pk,
        side=Side.LONG,
        order_type=OrderType.LIMIT,
        time_in_force=TimeInForce.GTC,
        price_ticks=250_000,
        size_lots=500,
        margin_units=2_500_000_000,
        leverage=1,
        hold_units=2_506_250_000,
        maker_fee_ppm=200,
        taker_fee_ppm=500,
        reduce_only=False,
        self_trade_prevention=command.self_trade_prevention,
    )


@pytest.mark.parametrize(
    ("fields", "hold_units"),
    [
        ({"qty": 0.5, "price": 25000.0, "margin": 2500}, 2_506_250_000),  # numbers, not text
        ({"margin": None, "leverage": 10}, 1_256_250_000),
        ({"margin": None, "leverage": "10"}, 1_256_250_000),
        # 2,500.0005 is 5,000,001 per lot and one unit of a lot is dropped: margin // size
        ({"margin": "2500.0007"}, 2_506_250_500),
        # above the mark: open loss of 500 ticks = 25
        ({"price": "25050"}, 2_500_000_000 + 25_000_000 + 6_262_500),
        # a short below the mark loses as much
        ({"side": "SHORT", "price": "24950"}, 2_500_000_000 + 25_000_000 + 6_237_500),
        ({"side": "SHORT"}, 2_506_250_000),
        # market: worst price is 1 % from the mark, 25,250: loss of 2,500 ticks = 125, fee 6.3125
        (MARKET, 2_500_000_000 + 125_000_000 + 6_312_500),
        # a short loses as much at 24,750; its fee is that of bids half a percent above the mark
        (MARKET | {"side": "SHORT"}, 2_500_000_000 + 125_000_000 + 6_281_500),
        (MARKET | {"maxSlippage": "0.0005"}, 2_500_000_000 + 6_250_000 + 6_253_500),
        # reduce-only brings and holds nothing, and needs neither margin nor leverage
        ({"margin": None, "reduceOnly": True}, 0),
    ],
)
def test_what_an_order_holds(trader: Trader, fields: dict[str, Any], hold_units: int) -> None:
    assert trader.place(**fields).status == 202
    order = Order.objects.get()
    assert order.hold_units == hold_units
    wallet = Wallet.objects.get(user=trader.user)
    assert (wallet.available_units, wallet.held_units) == (10_000_000_000 - hold_units, hold_units)
    assert JournalEntry.objects.filter(kind="order_hold").count() == (1 if hold_units else 0)


def test_a_short_that_may_take_holds_for_what_bids_could_pay(
    trader: Trader, redis_db: redis.Redis
) -> None:
    set_ticker(redis_db, best_bid_ticks=260_000)
    trader.place(side="SHORT", margin=None, leverage=10)
    # worst price 260,000 × 1.005 = 261,300: margin 2,613,000 per lot, fee 13,065, no open loss
    assert Order.objects.get().hold_units == (2_613_000 + 13_065) * 500


@pytest.mark.parametrize(
    ("fields", "time_in_force", "price_ticks"),
    [
        ({}, "GTC", 250_000),
        ({"timeInForce": "IOC"}, "IOC", 250_000),
        ({"timeInForce": "FOK"}, "FOK", 250_000),
        ({"timeInForce": "GTX"}, "GTX", 250_000),
        ({"postOnly": True}, "GTX", 250_000),
        ({"postOnly": True, "timeInForce": "GTC"}, "GTX", 250_000),
        (MARKET, "IOC", 252_500),
        (MARKET | {"side": "SHORT"}, "IOC", 247_500),
        (MARKET | {"timeInForce": "FOK"}, "FOK", 252_500),
        (MARKET | {"maxSlippage": 0.1}, "IOC", 275_000),
        (MARKET | {"maxSlippage": "0.1", "side": "SHORT"}, "IOC", 225_000),
        (MARKET | {"maxSlippage": "0.000001"}, "IOC", 250_000),  # a quarter of a tick
        (MARKET | {"reduceOnly": True, "side": "SHORT", "margin": None}, "IOC", 247_500),
    ],
)
def test_how_long_it_lives_and_at_which_price(
    trader: Trader, fields: dict[str, Any], time_in_force: str, price_ticks: int
) -> None:
    assert trader.place(**fields).status == 202
    order = Order.objects.get()
    assert (order.time_in_force, order.price_ticks) == (time_in_force, price_ticks)


REFUSED: list[tuple[dict[str, Any], str, str, str]] = [
    ({"price": "25000.05"}, "INVALID_PRICE", "price", "tick 0.1"),
    ({"qty": "0.5005"}, "INVALID_SIZE", "qty", "lot 0.001"),
    ({"qty": "0.001"}, "INVALID_SIZE", "qty", "at least 0.002"),
    ({"qty": "100.001"}, "INVALID_SIZE", "qty", "at most 100"),
    ({"qty": "-1"}, "INVALID_SIZE", "qty", "above zero"),
    ({"qty": 0}, "INVALID_SIZE", "qty", "above zero"),
    ({"qty": "NaN"}, "INVALID_NUMBER", "qty", "number"),
    ({"qty": True}, "INVALID_NUMBER", "qty", "number"),
    ({"qty": "1e400"}, "NUMBER_OUT_OF_RANGE", "qty", "range"),
    ({"qty": "0.002", "margin": 60}, "MIN_NOTIONAL", "qty", "at least 60"),
    ({"price": None}, "MISSING_FIELD", "price", "price"),
    ({"price": "27500.1"}, "PRICE_OUTSIDE_BAND", "price", "at most 27500"),
    ({"price": "22499.9", "side": "SHORT"}, "PRICE_OUTSIDE_BAND", "price", "at least 22500"),
    ({"orderType": "market"}, "INVALID_PRICE", "price", "leave it out"),
    ({"margin": None}, "MISSING_FIELD", "margin", "margin or leverage"),
    ({"leverage": 5}, "MARGIN_OR_LEVERAGE", "leverage", "not both"),
    ({"margin": "249.999999"}, "INSUFFICIENT_MARGIN", "margin", "minimum margin 250.00"),
    ({"margin": "0.000001"}, "INSUFFICIENT_MARGIN", "margin", "minimum margin 250.00"),
    ({"margin": -1}, "INVALID_AMOUNT", "margin", "above zero"),
    ({"margin": None, "leverage": 51}, "INVALID_LEVERAGE", "leverage", "from 1 to 50"),
    ({"margin": None, "leverage": 0}, "INVALID_LEVERAGE", "leverage", "from 1 to 50"),
    ({"margin": None, "leverage": 1.5}, "INVALID_NUMBER", "leverage", "whole"),
    # 10 % above the mark the open loss is 1,250; at leverage 50 the margin is 275
    ({"price": 27500, "margin": 1249}, "INSUFFICIENT_MARGIN", "margin", "minimum margin 1250.00"),
    (
        {"price": 27500, "margin": None, "leverage": 12},
        "INSUFFICIENT_MARGIN",
        "leverage",
        "most 11",
    ),
    ({"postOnly": True, "timeInForce": "IOC"}, "INVALID_TIME_IN_FORCE", "timeInForce", "IOC"),
    (
        {"postOnly": True, "orderType": "market", "price": None},
        "INVALID_TIME_IN_FORCE",
        "postOnly",
        "post-only",
    ),
    (
        {"orderType": "market", "price": None, "timeInForce": "GTC"},
        "INVALID_TIME_IN_FORCE",
        "timeInForce",
        "IOC or FOK",
    ),
    ({"maxSlippage": "0.01"}, "INVALID_SLIPPAGE", "maxSlippage", "leave maxSlippage out"),
    (MARKET | {"maxSlippage": 0}, "INVALID_SLIPPAGE", "maxSlippage", "above zero"),
    (MARKET | {"maxSlippage": "-0.01"}, "INVALID_SLIPPAGE", "maxSlippage", "above zero"),
    (MARKET | {"maxSlippage": "0.100001"}, "INVALID_SLIPPAGE", "maxSlippage", "at most 0.1."),
    (MARKET | {"maxSlippage": "0.0000015"}, "INVALID_SLIPPAGE", "maxSlippage", "0.000001"),
    (MARKET | {"maxSlippage": "1 %"}, "INVALID_NUMBER", "maxSlippage", "number"),
    ({"side": "BUY"}, "INVALID_FIELD", "side", "LONG, SHORT"),
    ({"side": 1}, "INVALID_FIELD", "side", "side"),
    ({"orderType": "stop"}, "INVALID_FIELD", "orderType", "limit, market"),
    ({"timeInForce": "GTD"}, "INVALID_FIELD", "timeInForce", "GTC, IOC, FOK, GTX"),
    ({"reduceOnly": "yes"}, "INVALID_FIELD", "reduceOnly", "true or false"),
    ({"clientOrderId": ""}, "INVALID_FIELD", "clientOrderId", "1 to 64"),
    ({"clientOrderId": "x" * 65}, "INVALID_FIELD", "clientOrderId", "1 to 64"),
    ({"clientOrderId": 5}, "INVALID_FIELD", "clientOrderId", "text"),
    ({"reduceonly": True}, "UNKNOWN_FIELD", "reduceonly", "reduceOnly"),
    ({"margin": 9_994}, "INSUFFICIENT_BALANCE", "", "needs 10000.25; 10000 is available"),
    *(({name: None}, "MISSING_FIELD", name, name) for name in ("marketId", "side", "qty")),
    ({"orderType": None}, "MISSING_FIELD", "orderType", "orderType"),
]


@pytest.mark.parametrize(("fields", "code", "field", "words"), REFUSED)
def test_what_is_refused_and_why(
    trader: Trader,
    redis_db: redis.Redis,
    fields: dict[str, Any],
    code: str,
    field: str,
    words: str,
) -> None:
    answer = trader.place(**fields)
    assert (answer.status, answer.code, answer.body.get("field", "")) == (400, code, field), answer
    assert words in answer.body["message"]
    assert not Order.objects.exists()
    assert Wallet.objects.get(user=trader.user).available_units == 10_000_000_000
    assert sent(redis_db) == []


def test_an_unknown_market_is_not_found(trader: Trader) -> None:
    for market_id in ("DOGE-PERP", "btc-perp", "", "x" * 5_000):
        answer = trader.place(marketId=market_id)
        assert (answer.status, answer.code) == (404, "MARKET_NOT_FOUND")


@pytest.mark.parametrize(
    ("state", "taken"),
    [
        (MarketState.PRE_OPEN, {}),
        (MarketState.CANCEL_ONLY, {}),
        (MarketState.HALTED, {}),
        (MarketState.SETTLED, {}),
        (MarketState.POST_ONLY, {"postOnly": True}),
        (MarketState.REDUCE_ONLY, {"reduceOnly": True, "margin": None}),
    ],
)
def test_a_market_takes_what_its_state_allows(
    trader: Trader, redis_db: redis.Redis, state: MarketState, taken: dict[str, Any]
) -> None:
    set_ticker(redis_db, state=state)
    answer = trader.place()
    assert (answer.status, answer.code) == (400, "MARKET_NOT_OPEN")
    assert "BTC-PERP" in answer.body["message"]
    if taken:
        assert trader.place(**taken).status == 202


def test_a_market_without_a_mark_price_takes_none(trader: Trader, redis_db: redis.Redis) -> None:
    set_ticker(redis_db, mark_price_ticks=0)
    assert trader.place().code == "NO_MARK_PRICE"


def test_without_a_published_ticker_the_recorded_one_counts(
    trader: Trader, market: Market, redis_db: redis.Redis
) -> None:
    redis_db.delete("market:ticker:{BTC-PERP}")
    set_ticker(redis_db, "OTHER")  # forgets what the process knew
    assert trader.place().code == "MARKET_NOT_OPEN"  # PRE_OPEN is what the ledger knows


def test_a_client_order_id_is_good_for_one_order(trader: Trader, redis_db: redis.Redis) -> None:
    first = trader.place(clientOrderId="once")
    again = trader.place(clientOrderId="once")
    assert (first.status, again.status) == (202, 200)
    assert first.body["orderId"] == again.body["orderId"]
    assert set(first.body) == set(again.body)
    assert Order.objects.count() == 1
    assert len(sent(redis_db)) == 1
    assert Wallet.objects.get(user=trader.user).held_units == 2_506_250_000
    differs = trader.place(clientOrderId="once", qty="0.4")
    assert (differs.status, differs.code) == (409, "CLIENT_ORDER_ID_REUSED")
    assert make_trader().place(clientOrderId="once").status == 202  # another trader's own


def test_a_repeat_is_answered_when_the_market_would_refuse_it_now(
    trader: Trader, redis_db: redis.Redis
) -> None:
    first = trader.place(clientOrderId="once")
    set_ticker(redis_db, state=MarketState.HALTED)
    assert trader.place(clientOrderId="once").body["orderId"] == first.body["orderId"]
    assert trader.place(clientOrderId="other").code == "MARKET_NOT_OPEN"


def test_a_repeat_is_answered_when_the_order_has_expired_since(trader: Trader) -> None:
    first = trader.place(clientOrderId="once", expiresAt="2126-01-01T00:00:00Z")
    # As if it had been placed in time for an expiry that is past by now.
    asked = {**(Order.objects.get().terms_asked or {}), "expires_at": 1_767_225_600_000}
    Order.objects.update(terms_asked=asked, status="expired", held_units=0)
    again = trader.place(clientOrderId="once", expiresAt="2026-01-01T00:00:00Z")
    assert (again.status, again.body["orderId"]) == (200, first.body["orderId"])
    other = trader.place(clientOrderId="other", expiresAt="2026-01-01T00:00:00Z")
    assert (other.status, other.code) == (400, "INVALID_EXPIRY")


def test_an_order_is_safe_while_redis_is_away(
    trader: Trader, redis_db: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    nobody = redis_away()
    monkeypatch.setattr(publisher, "request_redis_client", lambda: nobody)
    answer = trader.place()
    assert answer.status == 202
    assert Order.objects.get(pk=answer.body["orderId"]).status == "pending"
    assert sent(redis_db) == []


def test_the_account_of_a_deleted_user_is_refused(trader: Trader) -> None:
    body = order_body(reduceOnly=True, margin=None)
    trader.api.token = token_of(987654321)
    answer = trader.api.post("/order", body)
    assert (answer.status, answer.code) == (403, "ACCOUNT_NOT_FOUND")
