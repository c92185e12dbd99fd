"""Orders placed together: each fares as it would alone, and groups never wait in a circle.

An order of the usual kind holds 2,506.25; three fit into 10,000.
"""

import random
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import redis
from django.db import IntegrityError, OperationalError, connection
from django.db.models import Sum

from common.errors import DomainError
from common.http.bodies import to_struct
from ledger.models import JournalEntry, Posting, Wallet
from ledger.services import deposit
from matching.messages.commands import PlaceOrder
from matching.messages.streams import input_stream
from tests.trading.client import (
    Trader,
    make_market,
    make_trader,
    order_body,
    sent_commands,
    set_ticker,
)
from trading.models import Order
from trading.orders import place
from trading.orders.draft import OrderDraft, draft_order
from trading.orders.place import PlacedOrder, place_together
from trading.orders.request import NewOrder

pytestmark = pytest.mark.django_db(transaction=True)


def new_order(**fields: Any) -> NewOrder:
    return to_struct(order_body(**fields), NewOrder)


def words(results: list[Any]) -> list[str]:
    return [
        ("again" if result.repeated else "placed")
        if isinstance(result, PlacedOrder)
        else result.code
        if isinstance(result, DomainError)
        else type(result).__name__
        for result in results
    ]


def sent(client: redis.Redis) -> list[int]:
    return [
        command.order_id for command in sent_commands(client) if isinstance(command, PlaceOrder)
    ]


def assert_money_agrees() -> None:
    for wallet in Wallet.objects.all():
        held = Order.objects.filter(user=wallet.user_id).aggregate(Sum("held_units"))
        assert (held["held_units__sum"] or 0) == wallet.held_units
        for kind in ("available", "held"):
            postings = Posting.objects.filter(account__user=wallet.user_id, account__kind=kind)
            total = postings.aggregate(Sum("amount_units"))["amount_units__sum"] or 0
            assert total == getattr(wallet, f"{kind}_units")


def test_each_has_its_own_result(trader: Trader, redis_db: redis.Redis) -> None:
    bob = make_trader()
    results = place_together(
        [
            (trader.user.pk, new_order(clientOrderId="a")),
            (bob.user.pk, new_order(price="25000.05")),
            (987_654_321, new_order(reduceOnly=True, margin=None)),
            (bob.user.pk, new_order(marketId="NONE")),
            (bob.user.pk, new_order(side="SHORT", price="25100")),
            (bob.user.pk, new_order(margin="9000")),
        ]
    )
    assert words(results) == [
        "placed",
        "INVALID_PRICE",
        "ACCOUNT_NOT_FOUND",
        "MARKET_NOT_FOUND",
        "placed",
        "INSUFFICIENT_BALANCE",
    ]
    orders = list(Order.objects.order_by("pk").values_list("pk", flat=True))
    assert orders == sent(redis_db) == [results[0].order_id, results[4].order_id]  # type: ignore[union-attr]
    assert JournalEntry.objects.filter(kind="order_hold").count() == 2
    assert_money_agrees()


def test_as_many_as_fit_in_their_order(trader: Trader) -> None:
    bob = make_trader()
    sizes = ["2500", "6000", "2500", "2500", "2500", "60"]
    alices = [(trader.user.pk, new_order(margin=margin, qty="0.05")) for margin in sizes]
    results = place_together([*alices[:3], (bob.user.pk, new_order()), *alices[3:]])
    # 0.05 at 25,000 adds a fee of 0.625: 2,500.625 and 6,000.625 leave 1,498.75
    assert words(results) == [
        *("placed", "placed", "INSUFFICIENT_BALANCE", "placed"),
        *("INSUFFICIENT_BALANCE", "INSUFFICIENT_BALANCE", "placed"),
    ]
    assert "1498.75 is available" in str(results[2])
    assert_money_agrees()


def test_one_client_order_id_several_times(trader: Trader, redis_db: redis.Redis) -> None:
    """The sum of all five would not fit; what is one order is counted once."""
    same = (trader.user.pk, new_order(clientOrderId="same"))
    other = (trader.user.pk, new_order(clientOrderId="same", qty="0.4"))
    results = place_together([same, same, other, same, same])
    assert words(results) == ["placed", "again", "CLIENT_ORDER_ID_REUSED", "again", "again"]
    assert words(place_together([same, (trader.user.pk, new_order())])) == ["again", "placed"]
    assert len(sent(redis_db)) == Order.objects.count() == 2
    assert_money_agrees()


def test_what_postgres_refuses_fails_alone(trader: Trader, monkeypatch: pytest.MonkeyPatch) -> None:
    """A row that breaks a constraint takes its statement with it, not the others' orders."""
    draft = draft_order

    def bad_draft(rules: Any, ticker: Any, standing: Any, terms: Any) -> OrderDraft:
        good = draft(rules, ticker, standing, terms)
        price_ticks = 0 if terms.client_order_id == "bad" else good.price_ticks
        return OrderDraft(terms, price_ticks, good.needed, 200, 500)

    monkeypatch.setattr(place, "draft_order", bad_draft)
    news = [new_order(clientOrderId=name) for name in ("a", "bad", "b")]
    results = place_together([(trader.user.pk, new) for new in news])
    assert words(results) == ["placed", "IntegrityError", "placed"]
    with pytest.raises(IntegrityError, match="order_positive"):
        place.place_order(trader.user.pk, news[1])
    assert_money_agrees()


def test_a_stream_that_redis_refuses_holds_up_its_own_orders_alone(
    trader: Trader, redis_db: redis.Redis
) -> None:
    make_market("ETH-PERP")
    set_ticker(redis_db, "ETH-PERP")
    redis_db.set(input_stream("ETH-PERP"), "no stream")
    bob = make_trader()
    results = place_together(
        [
            (bob.user.pk, new_order(marketId="ETH-PERP")),
            (trader.user.pk, new_order()),
            (bob.user.pk, new_order()),
        ]
    )
    assert words(results) == ["placed", "placed", "placed"]  # Bob's first is sent later
    mine = Order.objects.filter(market_id="BTC-PERP").order_by("pk")
    assert sent(redis_db) == [order.pk for order in mine]


@pytest.mark.parametrize("attached", [{}, {"stopLoss": {"price": "24000"}}])
def test_a_locked_wallet_holds_up_its_own_orders_alone(
    trader: Trader, attached: dict[str, Any]
) -> None:
    from tests.trading.test_resilience import _direct

    bob, carol = make_trader(), make_trader()
    with connection.cursor() as cursor:
        cursor.execute("SET lock_timeout = 100")
    try:
        with _direct() as blocker:
            blocker.execute(
                "SELECT 1 FROM ledger_wallet WHERE user_id = %s FOR UPDATE", [bob.user.pk]
            )
            users = [trader, bob, bob, carol]
            orders = [(user.user.pk, new_order(**attached)) for user in users]
            results = place_together(orders)
    finally:
        connection.close()
    assert words(results) == ["placed", "OperationalError", "OperationalError", "placed"]
    assert isinstance(results[1], OperationalError)
    assert results[1] is results[2]  # nobody waited twice
    assert_money_agrees()


def test_groups_deposits_and_workers_never_wait_in_a_circle(trader: Trader) -> None:
    """Groups of the same traders in random order, deposits to them, and what a worker does: holds
    moved for many wallets in the order of their ids."""
    traders = [trader, *(make_trader() for _ in range(5))]
    pks = [one.user.pk for one in traders]
    rng = random.Random(20_261_122)
    start = threading.Barrier(12)

    def groups(seed: int) -> list[str]:
        own = random.Random(seed)
        found = []
        for turn in range(15):
            users = own.choices(pks, k=8)
            names = [f"{own.randrange(4)}-{turn}" for _ in users]
            orders = [
                (pk, new_order(qty="0.01", margin="50", clientOrderId=name))
                for pk, name in zip(users, names, strict=True)
            ]
            found += words(place_together(orders))
        return found

    def deposits(seed: int) -> list[str]:
        own = random.Random(seed)
        for _ in range(25):
            deposit(own.choice(pks), 1_000_000, approved=True)
        return []

    def holds(seed: int) -> list[str]:
        for _ in range(25):
            with connection.cursor() as cursor:
                cursor.execute(
                    "WITH locked AS MATERIALIZED (SELECT user_id FROM ledger_wallet"
                    " WHERE user_id = ANY(%s) ORDER BY user_id FOR NO KEY UPDATE)"
                    " UPDATE ledger_wallet SET held_units = held_units FROM locked"
                    " WHERE ledger_wallet.user_id = locked.user_id",
                    [pks],
                )
        return []

    def job(number: int) -> list[str]:
        start.wait()
        try:
            return (groups, groups, deposits, holds)[number % 4](rng.randrange(10**6) + number)
        finally:
            connection.close()

    with ThreadPoolExecutor(12) as pool:
        found = [word for words_of in pool.map(job, range(12)) for word in words_of]
    assert set(found) == {"placed", "again"}
    assert found.count("placed") == Order.objects.count()
    assert_money_agrees()
