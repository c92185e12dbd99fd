"""Each measure on rows whose figure was worked out by hand."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
import redis
from django.conf import LazySettings
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import SignInFailure, User
from common.postgres.partitions import partitions_of
from console.alerts.measures import READERS
from console.alerts.measures.look import Look, Reading
from console.alerts.vocabulary import ABOUT, Measure
from console.health.report import ENGINE_FORGOTTEN_MS
from console.health.seals import seals_finding
from ledger.models import Deposit, DepositStatus, EntryKind, JournalEntry
from ledger.services import deposit
from markets.models import Market, MarketStatus
from matching.messages.vocabulary import CancelReason, MarketState, OrderStatus, StateReason
from persistence.downloads.models import DailyFile
from persistence.models import DeadLetter, FaultKind, PersistenceFault, ReconcileRun
from persistence.sealing.models import JournalSeal
from persistence.tasks import make_partitions
from tests.admin.factories import make_market, make_order, make_trade, make_user
from tests.admin.running_market import beat_engine, now_ms, run_market
from tests.alerts.watching import NOW, at, read, value
from tests.builders.partitions import ENTRIES, POSTINGS, cut_behind, next_id
from tests.trading.client import set_ticker
from trading.models import Fill, Order, TraderDay
from trading.statements.models import FaultyStatement

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)


def test_every_measure_is_described_and_read() -> None:
    assert set(READERS) == set(ABOUT) == set(Measure)


@pytest.mark.parametrize("measure", Measure)
def test_a_new_exchange_can_be_measured(measure: Measure) -> None:
    make_partitions()  # ids of other tests may have come far
    found = read(measure)
    assert not any(one.value for one in found.values())


def test_engines_and_lags(market: Market, redis_db: redis.Redis) -> None:
    run_market(market, redis_db)
    look = Look(timezone.now())
    for measure in (Measure.ENGINE_LAG, Measure.PERSISTENCE_LAG, Measure.UNANSWERED):
        assert READERS[measure](look)[market.pk].value == 0
    assert (READERS[Measure.ENGINE_SILENCE](look)[market.pk].value or 0) < 60_000
    beat_engine(redis_db, seq=7, beat_ms=now_ms() - 90_000)
    silence = read(Measure.ENGINE_SILENCE)[market.pk].value
    assert silence is not None
    assert silence >= 90_000
    beat_engine(redis_db, seq=7, halted="a broken invariant")
    reading = read(Measure.ENGINE_SILENCE)[market.pk]
    assert reading.value == ENGINE_FORGOTTEN_MS
    assert "a broken invariant" in reading.words


def test_an_order_that_nobody_answers(market: Market) -> None:
    make_order(make_user(), market, status=OrderStatus.PENDING, created_at=timezone.now() - HOUR)
    found = value(Measure.UNANSWERED)
    assert found is not None
    assert found >= 3_600_000


def test_persistence_that_stopped(market: Market) -> None:
    assert value(Measure.PERSISTENCE_STOPPED) == 0
    PersistenceFault.objects.create(
        market=market, seq=8, kind=FaultKind.POISON_ENTRY, reason="no such user", payload=b"",
        first_seen=NOW, last_seen=NOW,
    )  # fmt: skip
    assert value(Measure.PERSISTENCE_STOPPED) == 1
    assert "no such user" in read(Measure.PERSISTENCE_STOPPED)[market.pk].words


def test_the_age_of_an_index(market: Market) -> None:
    assert value(Measure.INDEX_AGE, now=at(15)) == 15_000
    assert value(Measure.INDEX_AGE, now=at(14.999)) == 14_999
    for state in (MarketState.HALTED, MarketState.PRE_OPEN, MarketState.SETTLED):
        MarketStatus.objects.update(state=state)
        assert value(Measure.INDEX_AGE, now=at(15)) == -1


@pytest.mark.parametrize(
    ("mark", "index", "ppm"),
    [(10_200, 10_000, 20_000), (10_199, 10_000, 19_900), (9_800, 10_000, 20_000), (3, 7, 571_428)],
)
def test_how_far_a_mark_is_from_the_index(market: Market, mark: int, index: int, ppm: int) -> None:
    MarketStatus.objects.update(mark_price_ticks=mark, index_price_ticks=index)
    assert value(Measure.MARK_OFF_INDEX) == ppm


def test_a_halt_by_the_engine(market: Market) -> None:
    MarketStatus.objects.update(state=MarketState.HALTED, state_reason=StateReason.OPERATOR)
    assert value(Measure.MARKET_HALTED) == -1
    MarketStatus.objects.update(state_reason=StateReason.CIRCUIT_BREAKER)
    assert value(Measure.MARKET_HALTED) == 1


def test_dead_letters_of_an_hour(market: Market) -> None:
    for seq in (1, 2, 3):
        DeadLetter.objects.create(
            market=market, seq=seq, input_id=f"{seq}-0", reason="x", payload=b""
        )
    DeadLetter.objects.filter(seq=1).update(recorded_at=NOW - HOUR)
    DeadLetter.objects.filter(seq=2).update(recorded_at=NOW - HOUR + timedelta(seconds=1))
    DeadLetter.objects.filter(seq=3).update(recorded_at=NOW)
    assert value(Measure.DEAD_LETTERS) == 2


def test_insurance(market: Market, redis_db: redis.Redis) -> None:
    """12.50 USD; 1,000 lots at 25,100 ticks of 100 units are 2,510 USD."""
    assert value(Measure.INSURANCE_FUND) == 12_500_000
    assert value(Measure.INSURANCE_COVER) is None  # nobody has said what is open
    set_ticker(redis_db, open_interest_lots=0)
    assert value(Measure.INSURANCE_COVER) == -1
    set_ticker(redis_db, open_interest_lots=1_000)
    assert value(Measure.INSURANCE_COVER) == 12_500_000 * 1_000_000 // 2_510_000_000
    MarketStatus.objects.update(state=MarketState.DELISTED)
    assert value(Measure.INSURANCE_COVER) == value(Measure.INSURANCE_FUND) == -1


def test_the_deposit_that_waits_longest() -> None:
    user = make_user()
    for hours, status in ((5, "refused"), (3, "requested"), (2, "requested")):
        made = Deposit.objects.create(user=user, amount_units=1, status=DepositStatus(status))
        Deposit.objects.filter(pk=made.pk).update(requested_at=NOW - hours * HOUR)
    assert value(Measure.DEPOSIT_WAIT, "") == 3 * 3_600_000


def test_reconciliation() -> None:
    assert value(Measure.RECONCILE_DIFFERENCES, "") is None
    assert value(Measure.RECONCILE_AGE, "") == -1
    Market.objects.filter(pk=make_market().pk).update(created_at=NOW)
    assert value(Measure.RECONCILE_AGE, "", at(7)) == 7_000
    run = {"started_at": NOW, "finished_at": at(1)}
    ReconcileRun.objects.create(**run, difference_count=2, differences=[["wallet", "", "", "", ""]])
    ReconcileRun.objects.create(**run, difference_count=9, market_id="BTC-PERP")
    assert value(Measure.RECONCILE_DIFFERENCES, "") == 2
    assert read(Measure.RECONCILE_DIFFERENCES)[""].words == "wallet"
    assert value(Measure.RECONCILE_AGE, "", at(901)) == 900_000


def test_the_seal_that_is_not_made(settings: LazySettings) -> None:
    """Due since the last of its entries, and since the seal before it."""
    assert read(Measure.SEAL_LATE)[""] == Reading(0, "none is due")
    entries = JournalEntry.objects.bulk_create(
        JournalEntry(kind=EntryKind.DEPOSIT, created_at=NOW + number * HOUR) for number in range(7)
    )
    last = entries[3].pk
    settings.SEAL_ENTRIES = last
    words = f"seal 1, up to journal entry {last:,}"
    assert read(Measure.SEAL_LATE, NOW + 5 * HOUR)[""] == Reading(2 * 3_600_000, words)
    seal = make_seal(last_entry_id=last, sealed_at=NOW + 6 * HOUR)
    assert read(Measure.SEAL_LATE, NOW + 9 * HOUR)[""].value == 0
    settings.SEAL_ENTRIES = 2
    words = f"seal 2, up to journal entry {last + 2:,}"
    assert read(Measure.SEAL_LATE, NOW + 9 * HOUR)[""] == Reading(3 * 3_600_000, words)
    with CaptureQueriesContext(connection) as asked:
        read(Measure.SEAL_LATE)
    assert not any("blocks" in query["sql"] for query in asked.captured_queries)
    assert seals_finding(seal.sealed_at + timedelta(minutes=14)) == (
        True,
        "seal 2 is due for 14 min",
    )
    is_well, words = seals_finding(seal.sealed_at + timedelta(minutes=15))
    assert not is_well
    assert words.startswith("seal 2 is due for 15 min, and is not made")


def make_seal(**fields: Any) -> JournalSeal:
    names = ("order_id", "life_id", "mark_id")
    counts = ("entry_count", "posting_count", "fill_count", "order_count", "fee_units")
    values = {f"last_{name}": 0 for name in names} | dict.fromkeys(counts, 0)
    return JournalSeal.objects.create(id=1, blocks={}, sha256="", **values, **fields)


def test_failed_sign_ins_of_ten_minutes() -> None:
    for seconds in (0, 1, 599, 600, 900):
        SignInFailure.objects.create(username="ann", failed_at=NOW - timedelta(seconds=seconds))
    assert value(Measure.FAILED_SIGN_INS, "") == 3
    assert read(Measure.FAILED_SIGN_INS)[""].words == "3 as ann"


# ------------------------------------------------------------------------------ conduct of traders


def order(user: User, market: Market, **fields: object) -> Order:
    """Large, and ended within the hour unless told otherwise: 10,000 lots are 25,000 USD."""
    values: dict[str, object] = {
        "size_lots": 10_000, "held_units": 0, "created_at": NOW, "status": OrderStatus.CANCELLED,
        "reason": CancelReason.USER, "cancelled_lots": 10_000,
    }  # fmt: skip
    return make_order(user, market, **(values | fields))


FILLED = {
    "status": OrderStatus.FILLED,
    "reason": "",
    "filled_lots": 10_000,
    "cancelled_lots": 0,
}


def test_large_orders_that_go_without_a_fill(market: Market) -> None:
    spoofer, honest, small = make_user(), make_user(), make_user()
    order(spoofer, market, created_at=NOW - HOUR)  # too long ago
    for _ in range(19):
        order(spoofer, market)
    assert read(Measure.CANCEL_RATIO) == {}  # of 19 a share says nothing
    order(spoofer, market, **FILLED)
    for _ in range(20):
        order(honest, market, **FILLED)
        order(small, market, size_lots=100, cancelled_lots=100)
    order(spoofer, market, status=OrderStatus.OPEN, reason="", cancelled_lots=0)  # may yet fill
    assert {key: one.value for key, one in read(Measure.CANCEL_RATIO).items()} == {
        f"BTC-PERP/{spoofer.pk}": 950_000,
        f"BTC-PERP/{honest.pk}": 0,
    }


def test_self_trades(market: Market) -> None:
    one, other = make_user(), make_user()
    order(one, market, reason=CancelReason.SELF_TRADE, created_at=NOW - HOUR)
    for _ in range(3):
        order(one, market, reason=CancelReason.SELF_TRADE)
    order(other, market)
    assert {key: found.value for key, found in read(Measure.SELF_TRADES).items()} == {
        f"BTC-PERP/{one.pk}": 3
    }


def test_two_who_trade_with_each_other(market: Market) -> None:
    ann, bob, cid = make_user(), make_user(), make_user()
    orders = {user: make_order(user, market, size_lots=800) for user in (ann, bob, cid)}
    for number in range(20):  # either takes
        pair = (ann, bob) if number % 2 else (bob, ann)
        make_trade(orders[pair[0]], orders[pair[1]], size_lots=30)
    make_trade(orders[cid], orders[bob], size_lots=200)
    found = read(Measure.PAIR_TRADES)
    # 600 lots with each other, of 800 that bob traded; ann and cid are too few trades
    assert {key: one.value for key, one in found.items()} == {
        f"BTC-PERP/{ann.pk}+{bob.pk}": 750_000
    }
    Fill.objects.update(executed_at=NOW - HOUR)
    assert read(Measure.PAIR_TRADES) == {}


def test_a_family_that_trades_with_itself(market: Market) -> None:
    """Whichever of its accounts takes; others' trades with it count against it."""
    ann, bob = make_user(), make_user()
    hedge, scalp = (make_user(f"{ann.pk}/{name}", parent=ann) for name in ("hedge", "scalp"))
    orders = {user: make_order(user, market) for user in (ann, hedge, scalp, bob)}
    pairs = [(ann, hedge), (hedge, scalp), (scalp, ann)]
    for number in range(19):
        taker, maker = pairs[number % 3]
        make_trade(orders[taker], orders[maker], size_lots=10)
    assert read(Measure.FAMILY_TRADES) == {}  # of 19 a share says nothing
    make_trade(orders[ann], orders[scalp], size_lots=10)
    make_trade(orders[bob], orders[hedge], size_lots=100)
    found = read(Measure.FAMILY_TRADES)
    # 200 lots on either side inside, 100 with bob
    assert {key: one.value for key, one in found.items()} == {f"BTC-PERP/{ann.pk}": 800_000}
    Fill.objects.update(executed_at=NOW - HOUR)
    assert read(Measure.FAMILY_TRADES) == {}


def test_statements_that_do_not_add_up() -> None:
    user = make_user()
    for age in (timedelta(hours=25), timedelta(hours=23), timedelta(0)):
        row = FaultyStatement.objects.create(user=user, start=NOW - HOUR, difference={"held": 1})
        FaultyStatement.objects.filter(pk=row.pk).update(found_at=NOW - age)
    found = read(Measure.FAULTY_STATEMENTS)[""]
    assert found.value == 2
    assert found.words == f"the newest is {row.pk}"


def test_daily_files_that_could_not_be_written(market: Market) -> None:
    assert read(Measure.FAILED_FILES)[""].value == 0
    for day, fault in ((3, ""), (4, "[Errno 28] No space left on device"), (5, "")):
        DailyFile.objects.create(market=market, kind="trades", day=date(2026, 1, day), fault=fault)
    found = read(Measure.FAILED_FILES)[""]
    assert found.value == 1
    assert found.words == "BTC-PERP trades of 2026-01-04: [Errno 28] No space left on device"
    DailyFile.objects.update(fault="")
    assert read(Measure.FAILED_FILES)[""].value == 0


def test_what_is_missing_before_the_partition_without_an_end(settings: LazySettings) -> None:
    """Of entries or of postings, whichever lack more."""
    settings.PARTITION_POSTINGS = settings.PARTITION_ENTRIES = 10_000
    with cut_behind(POSTINGS, 2_500), cut_behind(ENTRIES, 4_000):
        assert read(Measure.PARTITIONS_LATE)[""].value == 750_000
        next_id(ENTRIES, partitions_of(ENTRIES)[-1].first + 500)
        found = read(Measure.PARTITIONS_LATE)[""]
        assert found.value == 1_050_000
        name = partitions_of(ENTRIES)[-1].name
        assert found.words == f"{name} begins -500 ids on"
        make_partitions()
        assert read(Measure.PARTITIONS_LATE)[""].value == 0


def gained(user: User, market: Market, units: int, days_ago: int = 0) -> None:
    """Less a fee of 1 USD."""
    TraderDay.objects.create(
        market=market,
        user=user,
        day=NOW.date() - timedelta(days=days_ago),
        volume_units=Decimal(1),
        fee_units=Decimal(1_000_000),
        realized_pnl_units=Decimal(units),
    )


def test_profit_of_two_days_in_all_markets(market: Market) -> None:
    eth = make_market("ETH-PERP")
    ann, bob, cid = make_user(), make_user(), make_user()
    gained(ann, market, 900_000_000, days_ago=2)  # too long ago
    gained(ann, market, 100_000_000, days_ago=1)
    gained(ann, eth, 50_000_000)
    gained(bob, market, -7_000_000)
    gained(bob, eth, 20_000_000)
    gained(cid, market, 1_000_000)  # what it paid for it
    assert {key: one.value for key, one in read(Measure.PROFIT).items()} == {
        str(ann.pk): 148_000_000,
        str(bob.pk): 11_000_000,
    }
    assert value(Measure.PROFIT, str(ann.pk), NOW + timedelta(days=1)) == 49_000_000
    assert read(Measure.PROFIT, NOW + timedelta(days=2)) == {}


def test_profit_for_its_deposits(market: Market) -> None:
    rich, poor, none = make_user(), make_user(), make_user()
    for user, units in ((rich, 10_000_000_000), (poor, 200_000_000)):
        deposit(user.pk, units, approved=True)
    Deposit.objects.create(user=none, amount_units=10**12)  # nobody has approved it
    for user in (rich, poor, none):
        gained(user, market, 1_001_000_000)
    assert {key: one.value for key, one in read(Measure.PROFIT_OF_DEPOSITS).items()} == {
        str(rich.pk): 100_000,  # 1,000 USD on 10,000
        str(poor.pk): 5_000_000,  # on 200
        str(none.pk): 10_000_000,  # on 100, the least that counts
    }
