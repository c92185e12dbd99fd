"""Client order ids on the account channel: from the first event on, and with Postgres away."""

import asyncio
from collections.abc import Callable

import pytest
import redis
from django.db import connection

from accounts.models import User
from feeds import labels
from feeds.labels import ClientOrderIds, OrderLabel
from tests.feeds.conftest import MARKET, Feeds, leg, trade
from tests.feeds.test_feeds import NewUser, accepted, subscribed_account
from tests.trading.client import Trader, make_market, make_trader, set_ticker
from tests.trading.servers import SilentServer
from trading.models import Order

pytestmark = pytest.mark.django_db(transaction=True)

Place = Callable[[User, str | None], int]


@pytest.fixture
def place(transactional_db: None) -> Place:
    def row(user: User, client_order_id: str | None) -> int:
        order = Order.objects.create(
            user=user,
            market_id=MARKET,
            client_order_id=client_order_id,
            side="LONG",
            order_type="limit",
            time_in_force="GTC",
            price_ticks=1,
            size_lots=20,
            margin_units=0,
            leverage=1,
            reduce_only=True,
            self_trade_prevention="EXPIRE_MAKER",
            hold_units=0,
            held_units=0,
            created_at="2026-01-01T00:00:00Z",
            updated_at="2026-01-01T00:00:00Z",
        )
        return order.pk

    return row


def test_the_first_event_and_every_later_one_say_whose_they_are(
    feeds: Feeds, new_user: NewUser, place: Place
) -> None:
    alice, bob = new_user("alice"), new_user("bob")
    (ear_a, _), (ear_b, _) = subscribed_account(feeds, alice), subscribed_account(feeds, bob)
    mine, plain, theirs = place(alice, "mine"), place(alice, None), place(bob, "mine")
    fill = trade(1, leg(alice.pk, mine), leg(bob.pk, theirs))
    feeds.write_entry(1, accepted(mine, alice.pk), fill)
    feeds.write_entry(2, accepted(plain, alice.pk), accepted(theirs, alice.pk))
    feeds.write_entry(3, trade(2, leg(bob.pk, theirs), leg(alice.pk, mine)))
    told = [[event["clientOrderId"] for event in ear_a.hear()["events"]] for _ in range(3)]
    assert told == [["mine", "mine"], [None, None], ["mine"]]  # nothing of another's order
    assert ear_b.hear()["events"][0]["clientOrderId"] == "mine"
    again, _ = subscribed_account(feeds, alice, lastSeq={MARKET: 0})
    assert [[e["clientOrderId"] for e in again.hear()["events"]] for _ in range(3)] == told


@pytest.fixture
def trader(db: None, redis_db: redis.Redis) -> Trader:
    make_market()
    set_ticker(redis_db)
    return make_trader()


@pytest.mark.parametrize("silent", [False, True])
def test_while_postgres_is_away_what_is_known_is_told(
    trader: Trader, place: Place, monkeypatch: pytest.MonkeyPatch, silent: bool
) -> None:
    monkeypatch.setattr(labels, "WITHIN_S", 0.2)
    monkeypatch.setattr(labels, "PAUSE_S", 0.0)
    user = trader.user
    live, seen, unseen = ((user.pk, place(user, name)) for name in ("live", "seen", "unseen"))
    Order.objects.filter(pk=unseen[1]).update(status="cancelled")
    server = SilentServer()

    async def scenario() -> None:
        known = ClientOrderIds()
        await known.learn_live(user.pk)
        assert await known.of([seen]) == {seen: OrderLabel("seen")}
        await asyncio.to_thread(end_other_connections)
        with monkeypatch.context() as away:
            away.setitem(connection.settings_dict, "HOST", "127.0.0.1")
            away.setitem(connection.settings_dict, "PORT", server.port if silent else 1)
            assert await known.of([live, seen, unseen]) == {
                live: OrderLabel("live"),
                seen: OrderLabel("seen"),
            }
            assert await known.of([unseen]) == {}
        while await known.of([unseen]) == {}:  # the thread may still be waiting for the silent one
            await asyncio.sleep(0.05)
        assert await known.of([unseen, (user.pk, 987_654)]) == {
            unseen: OrderLabel("unseen"),
            (user.pk, 987_654): OrderLabel(),
        }
        known.stop()

    try:
        asyncio.run(scenario())
    finally:
        server.close()
        connection.close()  # it was ended with the others


def end_other_connections() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    connection.close()


def test_only_the_newest_are_kept(
    trader: Trader, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(labels, "KEPT_MAX", 2)
    own = [(trader.user.pk, place(trader.user, f"o{number}")) for number in range(4)]

    async def scenario() -> None:
        known = ClientOrderIds()
        for _ in range(2):
            for number, order in enumerate(own):
                assert await known.of([order]) == {order: OrderLabel(f"o{number}")}
        known.stop()

    asyncio.run(scenario())
