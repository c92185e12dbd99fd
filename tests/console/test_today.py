"""Today's figures: equal to what a naive sum over the journal and the fills gives."""

from collections import Counter
from collections.abc import Callable
from datetime import date

import pytest
from django.test import Client

from accounts.models import User
from console.today.figures import figures_of
from console.today.ranges import RANGES, range_named
from ledger import services
from ledger.models import FLOW_INTERVALS_MS, AccountFlow, Posting
from matching.messages.vocabulary import Role
from persistence.reading import persist_market
from tests.ledger.world import World, make_user
from trading.models import FeeTier, Fill, TierDay, TraderDay, UserFeeTier

pytestmark = pytest.mark.django_db(transaction=True)

DEPOSIT_UNITS = 1_234_567_890


def naive_flows() -> Counter[tuple[int, int, str | None, str, str]]:
    sums: Counter[tuple[int, int, str | None, str, str]] = Counter()
    rows = Posting.objects.filter(account__user__isnull=True).exclude(account__kind="clearing")
    for row in rows.select_related("account", "entry"):
        moment_ms = int(row.entry.created_at.timestamp() * 1_000)
        for interval_ms in FLOW_INTERVALS_MS:
            start_ms = moment_ms // interval_ms * interval_ms
            market, kinds = row.entry.market_id, (row.account.kind, row.entry.kind)
            sums[(interval_ms, start_ms, market, *kinds)] += row.amount_units
    return sums


def kept_flows() -> Counter[tuple[int, int, str | None, str, str]]:
    return Counter(
        {
            (f.interval_ms, f.start_ms, f.market_id, f.account_kind, f.entry_kind): int(
                f.amount_units
            )
            for f in AccountFlow.objects.all()
        }
    )


def traded(session: World) -> int:
    """The session that was computed by hand, with its fees; the moment of its last fill."""
    session.publish()
    persist_market(session.market_id)
    services.deposit(session.alice.pk, DEPOSIT_UNITS, approved=True)
    last = Fill.objects.latest("executed_at").executed_at
    return int(last.timestamp() * 1_000)


def test_flows_are_sums_of_the_journal(session: World) -> None:
    traded(session)
    assert kept_flows() == naive_flows()
    assert sum(kept_flows().values()) != 0


def test_a_deposit_that_is_rolled_back_flows_nowhere(session: World) -> None:
    before = kept_flows()
    with pytest.raises(RuntimeError):
        _deposit_and_fail(make_user("dora", deposit_units=0))
    assert kept_flows() == before


def _deposit_and_fail(user: User) -> None:
    from django.db import transaction

    with transaction.atomic():
        services.deposit(user.pk, DEPOSIT_UNITS, approved=True)
        raise RuntimeError("the connection is lost")


@pytest.mark.parametrize("name", list(RANGES))
def test_figures_are_those_of_fills_and_postings(session: World, name: str) -> None:
    now_ms = traded(session)
    figures = figures_of(RANGES[name], now_ms)
    takers = Fill.objects.filter(role=Role.TAKER)
    per_lot = session.market.units_per_tick_lot
    assert figures.trades == takers.count() > 0
    assert figures.volume_units == sum(f.price_ticks * f.size_lots * per_lot for f in takers)
    assert figures.volume_units == sum(figures.volume_series)
    assert figures.fees_units == sum(f.fee_units for f in Fill.objects.all())
    assert figures.active_traders == Fill.objects.values("user").distinct().count()


def test_rows_of_a_clock_that_is_ahead_wait_for_their_time(session: World) -> None:
    """Another machine's clock wrote them: the page goes on without."""
    now_ms = traded(session) - 3 * RANGES["30d"].point_ms
    for found in RANGES.values():
        assert figures_of(found, now_ms).volume_units == 0


def naive_days(per_lot: int) -> dict[tuple[str, date, int], list[int]]:
    days: dict[tuple[str, date, int], list[int]] = {}
    for fill in Fill.objects.all():
        key = fill.market_id, fill.executed_at.date(), fill.user_id
        sums = days.setdefault(key, [0, 0, 0])
        sums[0] += fill.price_ticks * fill.size_lots * per_lot
        sums[1] += fill.fee_units
        sums[2] += fill.realized_pnl_units
    return days


def kept_days() -> dict[tuple[str, date, int], list[int]]:
    return {
        (row.market_id, row.day, row.user_id): [
            int(row.volume_units),
            int(row.fee_units),
            int(row.realized_pnl_units),
        ]
        for row in TraderDay.objects.all()
    }


def test_days_are_sums_of_fills(session: World) -> None:
    traded(session)
    kept = kept_days()
    assert kept == naive_days(session.market.units_per_tick_lot)
    assert persist_market(session.market_id) is not None  # and once
    assert kept_days() == kept


def test_tiers_earn_what_their_traders_pay(session: World) -> None:
    """Alice is in a tier before her fills are persisted; whoever isn't, is in none."""
    tier = FeeTier.objects.create(name="gold", maker_fee_ppm=0, taker_fee_ppm=100)
    UserFeeTier.objects.create(user=session.alice, tier=tier)
    traded(session)
    UserFeeTier.objects.all().delete()  # what was paid before stays where it was paid
    for tier_id, fills in (
        (tier.pk, Fill.objects.filter(user=session.alice)),
        (0, Fill.objects.exclude(user=session.alice)),
    ):
        rows = TierDay.objects.filter(tier_id=tier_id)
        assert sum(row.fee_units for row in rows) == sum(fill.fee_units for fill in fills) != 0


def test_a_batch_that_comes_twice_is_counted_once(session: World) -> None:
    traded(session)
    before = kept_flows()
    assert persist_market(session.market_id) is not None
    assert kept_flows() == before


def test_points_cover_the_range_and_end_with_now() -> None:
    now_ms = 1_767_326_399_999
    for found in RANGES.values():
        points = found.points(now_ms)
        assert points[-1] <= now_ms < points[-1] + found.point_ms
        assert len(points) * found.point_ms == found.length_ms
    assert range_named("'; --") is RANGES["1d"]


@pytest.mark.parametrize("group", ["viewer", "support", "risk", "treasury", "superuser"])
def test_every_group_sees_today(
    client_of: Callable[[str], Client], session: World, group: str
) -> None:
    traded(session)
    client = client_of(group)
    page = client.get("/admin/?range=7d").content.decode()
    assert 'aria-current="true">7d' in page
    assert "Open interest" in page
    answer = client.get("/admin/today/series/?range=7d").json()
    assert len(answer["at"]) == len(answer["series"]["Volume"]) == len(answer["series"]["Fees"])
    assert client.get("/admin/?range=%27%3B--").status_code == 200


def test_strangers_and_traders_see_no_figures(session: World) -> None:
    stranger, trader = Client(), Client()
    trader.force_login(session.alice)
    for client in (stranger, trader):
        for path in ("/admin/", "/admin/today/series/"):
            assert client.get(path).status_code == 302
