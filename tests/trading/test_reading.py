"""What traders and anyone may read, in shape and to the digit."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
import redis

from markets.models import Market
from matching.messages.streams import Depth, depth_key
from tests.trading.client import Api, Trader, make_market, make_trader, set_ticker
from trading.http import examples
from trading.http.markets import examples as market_examples
from trading.models import Fill, Order, Position

pytestmark = pytest.mark.django_db

THEN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def add_fill(trader: Trader, order_id: int, trade_id: int, role: str = "TAKER") -> Fill:
    return Fill.objects.create(
        market_id="BTC-PERP",
        trade_id=trade_id,
        role=role,
        order_id=order_id,
        user=trader.user,
        side="LONG",
        price_ticks=249_995,
        size_lots=200,
        fee_units=2_499_950,
        realized_pnl_units=-1_500_000,
        seq=5,
        executed_at=THEN,
    )


def add_position(
    trader: Trader, lots: int, cost_units: int, margin_units: int, leverage: int = 0
) -> Position:
    return Position.objects.create(
        user=trader.user,
        market_id="BTC-PERP",
        position_lots=lots,
        entry_cost_units=cost_units,
        margin_units=margin_units,
        leverage=leverage,
        seq=5,
        updated_at=THEN,
    )


def same_shape(answer: Any, example: Any) -> bool:
    """The keys of the documented example, at every depth."""
    if isinstance(example, dict):
        return set(answer) == set(example) and all(
            same_shape(answer[key], example[key]) for key in example
        )
    if isinstance(example, list) and example and answer:
        return same_shape(answer[0], example[0])
    return True


def test_an_order_from_placing_to_part_filled(trader: Trader) -> None:
    order_id = trader.place(clientOrderId="mine").body["orderId"]
    order = trader.api.get(f"/order/{order_id}").body
    assert same_shape(order, examples.ORDER)
    created = order.pop("createdAt")
    assert order.pop("updatedAt") == created
    assert order == {
        "id": order_id,
        "algoId": None,
        "userId": trader.user.pk,
        "marketId": "BTC-PERP",
        "clientOrderId": "mine",
        "type": "LONG",
        "orderType": "limit",
        "timeInForce": "GTC",
        "qty": "0.5",
        "filledQty": "0",
        "remainingQty": "0.5",
        "price": "25000",
        "priceMatch": None,
        "visibleQty": None,
        "maxSlippage": None,
        "averagePrice": None,
        "margin": "2500",
        "leverage": None,
        "held": "2506.25",
        "reduceOnly": False,
        "postOnly": False,
        "closePosition": False,
        "expiresAt": None,
        "trigger": None,
        "makerFee": "0.0002",
        "takerFee": "0.0005",
        "selfTradePrevention": "EXPIRE_MAKER",
        "parentId": None,
        "otherId": None,
        "status": "pending",
        "reason": None,
    }
    Order.objects.filter(pk=order_id).update(
        status="open", filled_lots=200, filled_cost_units=249_995 * 200 * 100, held_units=1
    )
    order = trader.api.get(f"/order/{order_id}").body
    assert (order["status"], order["filledQty"], order["remainingQty"]) == ("open", "0.2", "0.3")
    assert (order["averagePrice"], order["held"]) == ("24999.5", "0.000001")


def test_orders_by_status_and_market_newest_first_in_pages(
    trader: Trader, redis_db: redis.Redis
) -> None:
    make_market("ETH-PERP")
    set_ticker(redis_db, "ETH-PERP")
    ids = [trader.place(margin="500", qty="0.1").body["orderId"] for _ in range(5)]
    ids.append(trader.place(margin="500", qty="0.1", marketId="ETH-PERP").body["orderId"])
    make_trader().place()
    Order.objects.filter(pk=ids[0]).update(status="cancelled", held_units=0, reason="USER")

    def listed(query: str = "") -> list[int]:
        answer = trader.api.get(f"/user/orders{query}")
        assert answer.status == 200
        return [order["id"] for order in answer.body["orders"]]

    assert listed() == ids[::-1]
    assert listed("?status=cancelled") == ids[:1]
    assert listed("?marketId=ETH-PERP") == ids[5:]
    assert listed("?status=pending&marketId=BTC-PERP") == ids[1:5][::-1]
    first = trader.api.get("/user/orders?limit=4").body
    second = trader.api.get(f"/user/orders?limit=4&cursor={first['nextCursor']}").body
    assert [o["id"] for o in first["orders"] + second["orders"]] == ids[::-1]
    assert second["nextCursor"] is None
    assert trader.api.get("/user/orders?limit=6").body["nextCursor"] is None
    assert trader.api.get("/user/orders?status=cancelled").body["orders"][0]["reason"] == "USER"


@pytest.mark.parametrize(
    "query",
    [
        *("limit=0", "limit=501", "limit=x", "limit=-1", "limit=1.5", "limit=", "limit=١"),
        *("cursor=x", "cursor=0", "cursor=", f"cursor={10**19}", "status=bogus", "status=%00"),
    ],
)
def test_lists_refuse_what_they_can_not_read(trader: Trader, query: str) -> None:
    answer = trader.api.get(f"/user/orders?{query}")
    assert (answer.status, answer.code) == (400, "INVALID_FIELD")
    assert answer.body["field"] == query.split("=", maxsplit=1)[0]


def test_positions_long_short_and_flat(trader: Trader) -> None:
    position = add_position(trader, 200, 249_995 * 200 * 100, 1_000_000_000)
    answer = trader.api.get("/user/positions").body
    assert same_shape(answer, examples.POSITIONS)
    (shown,) = answer["positions"]
    shown.pop("updatedAt")
    assert shown == {
        "id": position.pk,
        "userId": trader.user.pk,
        "marketId": "BTC-PERP",
        "type": "LONG",
        "qty": "0.2",
        "margin": "1000",
        "averagePrice": "24999.5",
        "markPrice": "25000",
        "unrealizedPnl": "0.1",
        "realizedPnl": "0",
        # (4,999.9 − 1,000) / (0.2 × 0.989) = 20,221.94
        "liquidationPrice": "20221.9",
        "leverage": "5",
        "marginRatio": "0.054994",  # (50 + 5) / 1,000.1
        "initialMargin": "100",
        "removableMargin": "900",
    }
    position.delete()
    add_position(trader, -200, -249_995 * 200 * 100, 1_000_000_000)
    (shown,) = trader.api.get("/user/positions?marketId=BTC-PERP").body["positions"]
    assert (shown["type"], shown["qty"], shown["averagePrice"]) == ("SHORT", "0.2", "24999.5")
    assert shown["unrealizedPnl"] == "-0.1"
    Position.objects.update(position_lots=0, entry_cost_units=0, margin_units=0)
    assert trader.api.get("/user/positions").body["positions"] == []
    (shown,) = trader.api.get("/user/positions?status=all").body["positions"]
    assert (shown["type"], shown["qty"], shown["averagePrice"]) == (None, "0", None)
    assert trader.api.get("/user/positions?status=closed").status == 400
    assert make_trader().api.get("/user/positions?status=all").body["positions"] == []


def test_fills_show_a_traders_own_side(trader: Trader) -> None:
    other = make_trader()
    mine, theirs = (t.place(clientOrderId="mine").body["orderId"] for t in (trader, other))
    fill = add_fill(trader, mine, 1)
    add_fill(other, theirs, 1, role="MAKER")
    answer = trader.api.get("/user/fills").body
    assert same_shape(answer, examples.FILLS)
    assert answer["fills"] == [
        {
            "id": fill.pk,
            "tradeId": 1,
            "marketId": "BTC-PERP",
            "orderId": mine,
            "clientOrderId": "mine",
            "execution": "TRADE",
            "side": "LONG",
            "role": "TAKER",
            "qty": "0.2",
            "price": "24999.5",
            "fee": "2.49995",
            "liquidationFee": "0",
            "insuranceCover": "0",
            "lossShare": "0",
            "realizedPnl": "-1.5",
            "executedAt": "2026-01-02T03:04:05Z",
        }
    ]


def test_trades_are_public_and_nameless(trader: Trader) -> None:
    order_id = trader.place().body["orderId"]
    for trade_id in range(1, 6):
        add_fill(trader, order_id, trade_id)
        add_fill(trader, order_id, trade_id, role="MAKER")
    answer = Api().get("/markets/BTC-PERP/trades?limit=3").body
    assert same_shape(answer, market_examples.TRADES)
    assert [trade["id"] for trade in answer["trades"]] == [5, 4, 3]
    rest = Api().get(f"/markets/BTC-PERP/trades?cursor={answer['nextCursor']}").body
    assert [trade["id"] for trade in rest["trades"]] == [2, 1]


def test_depth_is_what_the_engine_published(market: Market, redis_db: redis.Redis) -> None:
    empty = Api().get("/markets/BTC-PERP/depth").body
    assert (empty["bids"], empty["asks"]) == ([], [])
    depth = Depth(seq=9, time_ms=1, bids=[(249_999, 750), (249_990, 1)], asks=[(250_001, 1_200)])
    redis_db.set(depth_key("BTC-PERP"), msgspec.json.encode(depth))
    answer = Api().get("/markets/BTC-PERP/depth?limit=1").body
    assert same_shape(answer, market_examples.DEPTH)
    assert answer == {
        "marketId": "BTC-PERP",
        "seq": 9,
        "bids": [["24999.9", "0.75"]],
        "asks": [["25000.1", "1.2"]],
    }
    assert Api().get("/markets/BTC-PERP/depth?limit=201").status == 400


def test_markets_and_their_prices(market: Market, redis_db: redis.Redis) -> None:
    set_ticker(redis_db, last_price_ticks=249_995, best_ask_ticks=250_001, open_interest_lots=1_500)
    markets = Api().get("/markets").body
    assert same_shape(markets, market_examples.MARKETS)
    assert markets["markets"] == [Api().get("/markets/BTC-PERP").body]
    assert markets["markets"][0] == {
        "id": "BTC-PERP",
        "baseAsset": "BTC",
        "quoteAsset": "USD",
        "state": "ACTIVE",
        "tickSize": "0.1",
        "lotSize": "0.001",
        "minQty": "0.002",
        "maxQty": "100",
        "minNotional": "60",
        "priceBand": "0.1",
        "maxSlippage": "0.01",
        "makerFee": "0.0002",
        "takerFee": "0.0005",
        "maxLeverage": 50,
        "leverageTiers": [
            {"floor": "0", "maxLeverage": 50, "maintenanceMargin": "0.01"},
            {"floor": "1000000", "maxLeverage": 10, "maintenanceMargin": "0.05"},
        ],
        "liquidationFee": "0.001",
        "fundingIntervalMs": 28_800_000,
        "markPrice": "25000",
    }
    ticker = Api().get("/markets/BTC-PERP/ticker").body
    assert same_shape(ticker, market_examples.TICKER)
    assert ticker == {
        "marketId": "BTC-PERP",
        "seq": 7,
        "state": "ACTIVE",
        "markPrice": "25000",
        "indexPrice": "25001",
        "lastPrice": "24999.5",
        "bestBid": None,
        "bestAsk": "25000.1",
        "openInterest": "1.5",
    }


@pytest.mark.parametrize("path", ["", "/depth", "/trades", "/candles", "/ticker"])
def test_an_unknown_market_is_not_found(market: Market, path: str) -> None:
    for market_id in ("NONE", "btc-perp", "%00", "%FF", "x" * 3_000):
        answer = Api().get(f"/markets/{market_id}{path}")
        assert (answer.status, answer.code) == (404, "MARKET_NOT_FOUND")
