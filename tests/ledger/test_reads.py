import json

import pytest

from ledger.models import Posting
from markets.models import LeverageTier
from markets.rules import forget_markets
from persistence.reading import persist_market
from tests.ledger.session import write_session
from tests.ledger.test_deposits import client_of
from tests.ledger.world import DEPOSIT_UNITS, make_user
from tests.trading.client import set_ticker
from trading.positions.equity import equity_of_user, holdings_of_user


def get(user, path):
    answer = client_of(user).get(path)
    assert answer.status_code == 200, answer.content
    return json.loads(answer.content)


def test_equity_counts_positions_at_the_mark_price(world):
    write_session(world)
    world.publish()
    # Until the engine's word is persisted, all of alice's money is available or held.
    before = equity_of_user(world.alice.pk)
    assert (before.held_units, before.equity_units) == (502_507 + 421_100, DEPOSIT_UNITS)
    persist_market(world.market_id)
    # bob: 2 lots that cost 1,000,000 are worth 500 × 1,000 × 2; alice: −6 lots likewise.
    world.market.status.refresh_from_db()
    assert get(world.bob, "/user/equity") == {
        "available": "10.0974",
        "locked": "0",
        "margin": "0.1",
        "unrealizedPnl": "0",
        "equity": "10.1974",
    }
    type(world.market.status).objects.update(mark_price_ticks=1_100)
    assert recorded_pnl_units(world.bob) == 100_000
    assert recorded_pnl_units(world.alice) == -300_000
    assert recorded_pnl_units(world.carol) == 200_000
    type(world.market.status).objects.update(mark_price_ticks=0)
    assert recorded_pnl_units(world.carol) == 0


def recorded_pnl_units(user):
    return holdings_of_user(user.pk).equity().unrealized_pnl_units


def test_equity_is_at_the_marks_that_positions_are_shown_at(world):
    """The engine shows a mark before the ledger has recorded it."""
    write_session(world)
    world.publish()
    persist_market(world.market_id)
    LeverageTier.objects.create(
        market=world.market, floor_units=0, max_leverage=20, maintenance_ppm=10_000
    )
    set_ticker(world.redis_db, world.market_id, mark_price_ticks=1_100)
    forget_markets()
    for user, profit in ((world.bob, "0.1"), (world.alice, "-0.3"), (world.carol, "0.2")):
        snapshot = get(user, "/user/snapshot")
        for positions, equity in (
            (get(user, "/user/positions")["positions"], get(user, "/user/equity")),
            (snapshot["positions"], snapshot["equity"]),
        ):
            assert [one["unrealizedPnl"] for one in positions] == [profit]
            assert equity["unrealizedPnl"] == profit
    assert recorded_pnl_units(world.bob) == 0


def test_equity_of_all_is_deposits_minus_fees(world):
    write_session(world)
    world.publish()
    persist_market(world.market_id)
    users = [world.alice, world.bob, world.carol]
    equity = sum(equity_of_user(user.pk).equity_units for user in users)
    assert equity == 3 * DEPOSIT_UNITS - (1_500 + 600 + 1_000 + 400 + 1_100 + 440)


def test_ledger_is_paged_newest_first_and_private(world):
    write_session(world)
    world.publish()
    persist_market(world.market_id)
    seen, cursor = [], ""
    while cursor is not None:
        page = get(world.alice, f"/user/ledger?limit=4{cursor and f'&cursor={cursor}'}")
        assert 1 <= len(page["ledger"]) <= 4
        seen += page["ledger"]
        cursor = page["nextCursor"]
    own = Posting.objects.filter(account__user=world.alice).order_by("-id")
    assert [line["id"] for line in seen] == list(own.values_list("pk", flat=True))
    newest = seen[0]
    names = ("kind", "cause", "account", "amount")
    # What of the hold and of the closed margin came back, and what it brought and cost.
    assert [tuple(line[name] for name in names) for line in seen[:5]] == [
        ("realized_pnl", "fill", "available", "-0.2"),
        ("fee", "fill", "held", "-0.00044"),
        ("fill", "fill", "available", "0.62066"),
        ("fill", "fill", "margin", "-0.2"),
        ("fill", "fill", "held", "-0.42066"),
    ]
    assert (newest["marketId"], newest["orderId"], newest["tradeId"]) == (
        world.market_id,
        world.orders["cover"],
        3,
    )
    assert seen[-1] | {"id": 0, "entryId": 0, "createdAt": ""} == {
        "id": 0,
        "entryId": 0,
        "kind": "deposit",
        "cause": "deposit",
        "account": "available",
        "amount": "10",
        "marketId": None,
        "orderId": None,
        "tradeId": None,
        "createdAt": "",
    }


@pytest.mark.usefixtures("still")
def test_ledger_takes_as_many_queries_for_many_rows_as_for_few(
    world, django_assert_max_num_queries
):
    write_session(world)
    world.publish()
    persist_market(world.market_id)
    get(world.alice, "/user/ledger")
    with django_assert_max_num_queries(4):  # the last: whether files have what the page lacks
        get(world.alice, "/user/ledger")


def test_a_new_user_owns_nothing(db):
    dave = make_user("dave", 0)
    assert equity_of_user(dave.pk).equity_units == 0
    assert get(dave, "/user/ledger") == {"ledger": [], "nextCursor": None}
