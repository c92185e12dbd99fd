"""Fee tiers by volume, and what a trader is told of their fees."""

import threading
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from accounts.families.services import members
from accounts.models import User
from common.errors import DomainError
from markets.models import Market
from persistence.tasks import settle_days
from tests.admin.factories import make_user as make_operator
from tests.families.family import open_account
from tests.ledger.world import in_threads
from tests.trading.client import Trader, forget_caches, make_market, make_trader
from trading.fee_tiers import assign_fee_tier, take_out_of_tier
from trading.fees.days import sums_by_family, sums_of
from trading.fees.models import DailyRun, RunKind, TierMove
from trading.fees.moving import DAYS, move_if_due, move_tiers
from trading.models import FeeTier, Order, TraderDay, UserFeeTier

NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)
TODAY = NOON.date()
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.time_machine(NOON)]

USD = 1_000_000


@pytest.fixture
def anna(market: Market) -> Trader:
    return make_trader()


@pytest.fixture
def tiers(db: None) -> dict[str, FeeTier]:
    said = {"Silver": (1_000, 100), "Gold": (5_000, 50), "VIP": (None, 0)}
    return {
        name: FeeTier.objects.create(
            name=name,
            maker_fee_ppm=maker_ppm,
            taker_fee_ppm=400,
            from_volume_units=None if volume is None else volume * USD,
        )
        for name, (volume, maker_ppm) in said.items()
    }


def trade(user: User, usd: int, days_ago: int = 1, market_id: str = "BTC-PERP") -> None:
    with connection.cursor() as cursor:  # as persistence adds
        cursor.execute(
            "INSERT INTO trading_traderday AS d (market_id, day, user_id, volume_units, fee_units,"
            " realized_pnl_units) VALUES (%s, %s, %s, %s, %s, 0) ON CONFLICT (market_id, day,"
            " user_id) DO UPDATE SET volume_units = d.volume_units + excluded.volume_units,"
            " fee_units = d.fee_units + excluded.fee_units",
            [market_id, TODAY - timedelta(days=days_ago), user.pk, usd * USD, usd * USD // 1000],
        )


def tiers_of(user: User) -> set[str | None]:
    """Of all accounts of the family."""
    names = dict(UserFeeTier.objects.values_list("user_id", "tier__name"))
    return {names.get(pk) for pk in members(user.pk).values_list("pk", flat=True)}


def next_day(number: int = 1) -> date:
    return TODAY + timedelta(days=number)


def test_a_family_moves_by_what_all_its_accounts_traded(
    anna: Trader, tiers: dict[str, FeeTier]
) -> None:
    hedge = open_account(anna, "hedge")
    make_market("ETH-PERP")
    trade(anna.user, 600)
    trade(hedge, 399, 30, "ETH-PERP")
    assert move_tiers(TODAY) == 0
    assert tiers_of(anna.user) == {None}
    trade(hedge, 1, 1, "ETH-PERP")
    assert move_tiers(TODAY) == 0, "once a day"
    assert move_tiers(next_day()) == 0, "a day of the 30 is gone"
    trade(hedge, 399, 2)
    assert move_tiers(next_day(2)) == 1
    assert tiers_of(anna.user) == {"Silver"}
    (move,) = TierMove.objects.all()
    assert (move.user, move.from_tier, move.to_tier) == (anna.user, "", "Silver")
    assert move.volume_units == 1_000 * USD
    assert move_tiers(next_day(DAYS + 2)) == 1
    assert tiers_of(anna.user) == {None}
    assert TierMove.objects.latest("pk").from_tier == "Silver"


def test_the_highest_that_is_reached(anna: Trader, tiers: dict[str, FeeTier]) -> None:
    trade(anna.user, 1_000_000)
    move_tiers(TODAY)
    assert tiers_of(anna.user) == {"Gold"}
    # What a tier takes was changed: the next day says so.
    FeeTier.objects.filter(name="Gold").update(from_volume_units=2_000_000 * USD)
    move_tiers(next_day())
    assert tiers_of(anna.user) == {"Silver"}


def test_who_stays_is_not_looked_at_one_by_one(anna: Trader, tiers: dict[str, FeeTier]) -> None:
    trade(anna.user, 1_000_000)
    assert move_tiers(TODAY) == 1
    for _ in range(3):
        trade(make_trader().user, 1)
    with CaptureQueriesContext(connection) as captured:
        assert move_tiers(next_day()) == 0
    asked = [query["sql"] for query in captured.captured_queries]
    assert [sql for sql in asked if "FOR NO KEY UPDATE" in sql] == []
    assert len(asked) < 10


def test_by_hand_wins_until_it_is_taken_back(anna: Trader, tiers: dict[str, FeeTier]) -> None:
    operator = make_operator("boss", is_staff=True)
    hedge = open_account(anna, "hedge")
    assign_fee_tier(UserFeeTier(user=hedge, tier=tiers["VIP"]), by=operator)
    assert tiers_of(anna.user) == {"VIP"}
    trade(anna.user, 9_000)
    assert move_tiers(TODAY) == 0
    assert tiers_of(anna.user) == {"VIP"}
    assert anna.api.get("/user/fees").body["setBy"] == "hand"
    take_out_of_tier(UserFeeTier.objects.get(user=hedge))
    assert tiers_of(anna.user) == {None}
    move_tiers(next_day())
    assert tiers_of(anna.user) == {"Gold"}
    # By hand over what volume said.
    assign_fee_tier(UserFeeTier.objects.get(user=anna.user), by=operator)
    move_tiers(next_day(DAYS + 5))
    assert tiers_of(anna.user) == {"Gold"}


def test_nobody_sets_the_tier_of_an_account_of_their_own(
    anna: Trader, tiers: dict[str, FeeTier]
) -> None:
    hedge = open_account(anna, "hedge")
    with pytest.raises(DomainError):
        assign_fee_tier(UserFeeTier(user=hedge, tier=tiers["VIP"]), by=anna.user)


def test_a_new_account_is_in_its_familys_tier_and_pays_by_it(
    anna: Trader, tiers: dict[str, FeeTier]
) -> None:
    trade(anna.user, 2_000)
    move_tiers(TODAY)
    hedge = open_account(anna, "hedge")
    assert tiers_of(anna.user) == {"Silver"}
    forget_caches()
    assert anna.place().status == 202
    assert Order.objects.get().maker_fee_ppm == 100
    assert UserFeeTier.objects.get(user=hedge).by_volume


def test_once_a_day_however_many_workers_come(anna: Trader, tiers: dict[str, FeeTier]) -> None:
    trade(anna.user, 2_000)
    assert sorted(in_threads(6, lambda: move_tiers(TODAY))) == [0, 0, 0, 0, 0, 1]
    assert TierMove.objects.count() == 1
    assert move_if_due(lambda _day: True) == 0
    run = DailyRun.objects.get(kind=RunKind.TIERS)
    assert (run.day, run.count) == (TODAY, 1)


def test_moves_wait_until_the_day_before_is_known(anna: Trader, tiers: dict[str, FeeTier]) -> None:
    trade(anna.user, 700)
    assert move_if_due(lambda day: day < TODAY - timedelta(days=1)) == 0
    assert not DailyRun.objects.exists()
    trade(anna.user, 700)  # persisted late
    assert move_if_due(lambda day: day < TODAY) == 1
    assert tiers_of(anna.user) == {"Silver"}


def test_a_run_that_fails_leaves_nothing_and_is_done_anew(
    anna: Trader, tiers: dict[str, FeeTier], monkeypatch: pytest.MonkeyPatch
) -> None:
    others = [make_trader() for _ in range(2)]
    for trader in (anna, *others):
        trade(trader.user, 2_000)
    from trading.fees import moving

    put = moving.put_family_into
    calls: list[int] = []

    def failing(main_id: int, *args: Any, **kwargs: Any) -> None:
        calls.append(main_id)
        if len(calls) == 2:
            raise RuntimeError("killed")
        put(main_id, *args, **kwargs)

    monkeypatch.setattr(moving, "put_family_into", failing)
    with pytest.raises(RuntimeError):
        move_tiers(TODAY)
    assert UserFeeTier.objects.count() == TierMove.objects.count() == 0
    monkeypatch.setattr(moving, "put_family_into", put)
    settle_days()
    assert TierMove.objects.count() == 3


def test_by_hand_while_the_run_is_at_it(anna: Trader, tiers: dict[str, FeeTier]) -> None:
    """Whoever comes second waits: by hand stays."""
    operator = make_operator("boss", is_staff=True)
    trade(anna.user, 2_000)
    go = threading.Barrier(2)

    def by_hand() -> None:
        go.wait()
        assign_fee_tier(UserFeeTier(user=anna.user, tier=tiers["VIP"]), by=operator)
        connection.close()

    thread = threading.Thread(target=by_hand)
    thread.start()
    go.wait()
    move_tiers(TODAY)
    thread.join()
    assert tiers_of(anna.user) == {"VIP"}
    row = UserFeeTier.objects.get(user=anna.user)
    assert (row.by_volume, row.assigned_by) == (False, operator)


def test_what_a_trader_is_told(anna: Trader, tiers: dict[str, FeeTier]) -> None:
    said = anna.api.get("/user/fees").body
    assert (said["tier"], said["setBy"], said["volume30d"]) == (None, "market", "0")
    assert said["markets"] == [{"marketId": "BTC-PERP", "makerFee": "0.0002", "takerFee": "0.0005"}]
    assert said["nextTier"]["missing"] == "1000"
    hedge = open_account(anna, "hedge")
    trade(hedge, 1_500)
    trade(anna.user, 250, 0)
    move_tiers(TODAY)
    said = anna.api.get("/user/fees").body
    assert (said["tier"], said["setBy"], said["volume30d"]) == ("Silver", "volume", "1750")
    assert said["markets"] == [{"marketId": "BTC-PERP", "makerFee": "0.0001", "takerFee": "0.0004"}]
    assert said["nextTier"] == {
        "name": "Gold",
        "fromVolume": "5000",
        "missing": "3250",
        "makerFee": "0.00005",
        "takerFee": "0.0004",
    }
    (move,) = said["moves"]
    assert move == {"day": TODAY.isoformat(), "from": None, "to": "Silver", "volume": "1500"}
    trade(anna.user, 9_000, 0)
    assert anna.api.get("/user/fees").body["nextTier"] is None


def test_sums_are_those_of_the_days(anna: Trader) -> None:
    hedge = open_account(anna, "hedge")
    other = make_trader()
    for days_ago in (0, 3, 29, 30):
        for number, user in enumerate((anna.user, hedge, other.user), start=1):
            trade(user, number * (days_ago + 1), days_ago)
    first = TODAY - timedelta(days=29)
    rows = TraderDay.objects.filter(day__gte=first, user__in=[anna.user.pk, hedge.pk])
    expected = sum(int(row.volume_units) for row in rows)
    assert sums_of([anna.user.pk, hedge.pk], first, TODAY).volume_units == expected
    assert sums_by_family(first, TODAY)[anna.user.pk].volume_units == expected
    assert sums_by_family(first, TODAY).keys() == {anna.user.pk, other.user.pk}


def test_rows_can_only_say_one_thing(anna: Trader, tiers: dict[str, FeeTier]) -> None:
    operator = make_operator("boss", is_staff=True)
    with pytest.raises(IntegrityError), transaction.atomic():
        UserFeeTier.objects.create(
            user=anna.user, tier=tiers["VIP"], by_volume=True, assigned_by=operator
        )
    with pytest.raises(IntegrityError), transaction.atomic():
        FeeTier.objects.create(
            name="x", maker_fee_ppm=0, taker_fee_ppm=0, from_volume_units=1_000 * USD
        )
    trade(anna.user, 2_000)
    move_tiers(TODAY)
    with pytest.raises(IntegrityError), transaction.atomic():
        TierMove.objects.update(to_tier="Gold")
