"""Cancels become commands; what can't be cancelled is told why."""

from typing import Any

import pytest
import redis

from common.errors import DomainError
from markets.models import Market, MarketStatus
from matching.messages.commands import CancelAllOrders, CancelOrder, Command, SetMarketState
from matching.messages.vocabulary import CancelReason, MarketState
from tests.trading.client import Api, Trader, make_market, make_trader, sent_commands, set_ticker
from trading import services
from trading.models import Order, OutboxCommand

pytestmark = pytest.mark.django_db(transaction=True)


def last_sent(client: redis.Redis, market_id: str = "BTC-PERP") -> Command:
    return sent_commands(client, market_id)[-1]


def test_a_cancel_is_promised_and_sent(trader: Trader, redis_db: redis.Redis) -> None:
    order_id = trader.place().body["orderId"]
    answer = trader.api.delete(f"/order/{order_id}")
    assert answer.status == 202
    assert answer.body["orderId"] == order_id
    row = OutboxCommand.objects.get(command_type="CancelOrder")
    assert row.created_by == trader.user
    assert last_sent(redis_db) == CancelOrder(
        command_id=row.pk,
        order_id=order_id,
        account_id=trader.user.pk,
        reason=CancelReason.USER,
    )


def test_an_operators_cancel_says_so(trader: Trader, redis_db: redis.Redis) -> None:
    order = Order.objects.get(pk=trader.place().body["orderId"])
    operator = make_trader(0).user
    services.cancel_order_as_operator(order, by=operator)
    command: Any = last_sent(redis_db)
    assert (command.reason, command.account_id) == (CancelReason.OPERATOR, trader.user.pk)


def test_an_order_of_another_and_one_that_is_not(trader: Trader) -> None:
    order_id = make_trader().place().body["orderId"]
    for method in ("GET", "DELETE"):
        for unknown in (order_id, 0, order_id + 1_000, 2**63 - 1, 2**63, 10**30):
            answer = trader.api.send(method, f"/order/{unknown}")
            assert (answer.status, answer.code) == (404, "ORDER_NOT_FOUND")
    assert not OutboxCommand.objects.filter(command_type="CancelOrder").exists()


@pytest.mark.parametrize("status", ["filled", "cancelled", "rejected", "expired"])
def test_an_order_that_has_ended_can_not_be_cancelled(trader: Trader, status: str) -> None:
    order_id = trader.place().body["orderId"]
    Order.objects.filter(pk=order_id).update(status=status, held_units=0)
    answer = trader.api.delete(f"/order/{order_id}")
    assert (answer.status, answer.code) == (409, "ORDER_NOT_OPEN")
    assert status in answer.body["message"]


def test_cancel_all_asks_the_markets_with_orders(trader: Trader, redis_db: redis.Redis) -> None:
    make_market("ETH-PERP")
    set_ticker(redis_db, "ETH-PERP")
    assert trader.api.delete("/orders").body["marketIds"] == []
    for market_id in ("BTC-PERP", "ETH-PERP"):
        trader.place(marketId=market_id, margin="500", qty="0.1")
    assert trader.api.delete("/orders").body["marketIds"] == ["BTC-PERP", "ETH-PERP"]
    for market_id in ("BTC-PERP", "ETH-PERP"):
        command = last_sent(redis_db, market_id)
        assert isinstance(command, CancelAllOrders)
        assert command.account_id == trader.user.pk
    assert trader.api.delete("/orders?marketId=ETH-PERP").body["marketIds"] == ["ETH-PERP"]
    assert trader.api.delete("/orders?marketId=NONE").status == 404


@pytest.mark.parametrize(
    ("query", "protective"), [("", False), ("?protective=false", False), ("?protective=true", True)]
)
def test_protective_orders_stay_unless_asked(
    trader: Trader, redis_db: redis.Redis, query: str, protective: bool
) -> None:
    trader.place(margin="500", qty="0.1")
    answer = trader.api.delete(f"/orders{query}")
    assert (answer.status, answer.body["protective"]) == (202, protective)
    assert ("stay" in answer.body["message"]) is not protective
    command = last_sent(redis_db, "BTC-PERP")
    assert isinstance(command, CancelAllOrders)
    assert command.protective is protective


@pytest.mark.parametrize("word", ["", "1", "True", "yes"])
def test_protective_is_true_or_false(trader: Trader, word: str) -> None:
    answer = trader.api.delete(f"/orders?protective={word}")
    assert (answer.status, answer.body["field"]) == (400, "protective")


def test_a_state_is_sent_and_settling_refused(market: Market, redis_db: redis.Redis) -> None:
    command_id = services.set_market_state(market, MarketState.HALTED, by=None)
    assert last_sent(redis_db) == SetMarketState(command_id=command_id, state=MarketState.HALTED)
    with pytest.raises(DomainError, match="settled for good"):
        services.set_market_state(market, MarketState.SETTLED, by=None)
    with pytest.raises(DomainError, match="settle it before it is delisted"):
        services.set_market_state(market, MarketState.DELISTED, by=None)


def test_a_settled_market_is_delisted_and_nothing_else(
    market: Market, redis_db: redis.Redis
) -> None:
    MarketStatus.objects.update(state=MarketState.SETTLED)
    with pytest.raises(DomainError, match="BTC-PERP is SETTLED, for good"):
        services.set_market_state(market, MarketState.ACTIVE, by=None)
    command_id = services.set_market_state(market, MarketState.DELISTED, by=None)
    assert last_sent(redis_db) == SetMarketState(command_id=command_id, state=MarketState.DELISTED)
    MarketStatus.objects.update(state=MarketState.DELISTED)
    with pytest.raises(DomainError, match="BTC-PERP is DELISTED, for good"):
        services.set_market_state(market, MarketState.ACTIVE, by=None)


def test_a_delisted_market_is_not_listed_but_its_history_is_read(
    trader: Trader, redis_db: redis.Redis
) -> None:
    set_ticker(redis_db, state=MarketState.DELISTED)
    assert Api().get("/markets").body == {"markets": []}
    assert Api().get("/markets/BTC-PERP").body["state"] == "DELISTED"
    assert Api().get("/markets/BTC-PERP/trades").status == 200
    refused = trader.place()
    assert (refused.status, refused.code) == (400, "MARKET_NOT_OPEN")
