"""Rules of funding that change within an interval: who is charged what, when, and what the mark
price makes of it. Worked out by hand, and compared with a definition in fractions."""

import random
from fractions import Fraction
from typing import Any

import msgspec
import pytest

from matching.core.engine import Engine
from matching.core.market import snapshot
from matching.core.market.prices import PPB
from matching.messages.commands import MarketConfig
from matching.messages.events import (
    Event,
    FundingSettled,
    MarketConfigured,
    MarkPriceChanged,
    PositionLiquidated,
)
from matching.messages.snapshot import EngineSnapshot
from matching.messages.vocabulary import MarketState
from tests.matching.actors import HOUR_MS, START_MS, Exchange, every, only, opens
from tests.matching.naive_funding import FundingRules, NaiveFunding

MINUTE_MS = 60_000
EIGHT_HOURS_MS = 8 * HOUR_MS
# Without a premium the rate of 8 hours is the interest: 100 ppm.
INTEREST: dict[str, Any] = {"funding_interest_ppm": 100}


def prices_until(exchange: Exchange, end_ms: int, step_ms: int = 10_000) -> list[Event]:
    """A price at every step and at the end, at 1,000."""
    events: list[Event] = []
    while exchange.now_ms < end_ms:
        exchange.now_ms = min(end_ms, exchange.now_ms + step_ms)
        events += exchange.mark(1_000)
    return events


def settlements(events: list[Event]) -> list[FundingSettled]:
    return every(FundingSettled, tuple(events))


@pytest.mark.parametrize("restarts", [False, True])
@pytest.mark.parametrize(
    ("before_ms", "after_ms", "changed_ms", "settled_ms", "rate_ppb"),
    [
        # Half a minute of a minute's rate, and the rest of eight hours to 1,008 h.
        (MINUTE_MS, EIGHT_HOURS_MS, 30_000, 6 * HOUR_MS, 75_000),
        # Three minutes settled; then the eight hours begin 2 h 3 min into theirs.
        (MINUTE_MS, EIGHT_HOURS_MS, 3 * MINUTE_MS, 6 * HOUR_MS, 74_375 - 1),
        # An hour and a half of eight, then twenty seconds of a minute.
        (EIGHT_HOURS_MS, MINUTE_MS, 90 * MINUTE_MS + 40_000, 91 * MINUTE_MS, 18_957),
        (EIGHT_HOURS_MS, HOUR_MS, 30 * MINUTE_MS, HOUR_MS, 12_500),
        (HOUR_MS, EIGHT_HOURS_MS, 30 * MINUTE_MS, 6 * HOUR_MS, 75_000),
    ],
)
def test_time_is_charged_by_the_rules_it_ran_under(
    before_ms: int,
    after_ms: int,
    changed_ms: int,
    settled_ms: int,
    rate_ppb: int,
    restarts: bool,
) -> None:
    exchange = Exchange(funding_interval_ms=before_ms, **INTEREST)
    alice, bob = exchange.traders("alice", "bob")
    opens(exchange, alice, bob, 10)
    prices_until(exchange, START_MS + changed_ms)
    told = only(MarketConfigured, exchange.configures(funding_interval_ms=after_ms))
    assert told.funding_change is not None
    assert told.funding_change.next_funding_ms == START_MS + settled_ms
    if restarts:
        exchange.restarts()
    exchange.passes(1_000)
    assert only(MarkPriceChanged, exchange.mark(1_000)).next_funding_ms == START_MS + settled_ms
    (settled,) = settlements(prices_until(exchange, START_MS + settled_ms, 20 * MINUTE_MS))
    assert settled.funding_time_ms == START_MS + settled_ms
    assert abs(settled.rate_ppb - rate_ppb) <= 1  # each part is rounded down
    assert settled.next_funding_ms - settled.funding_time_ms == after_ms


def test_a_change_at_the_due_time_comes_after_its_settlement() -> None:
    exchange = Exchange(funding_interval_ms=HOUR_MS, **INTEREST)
    exchange.passes(HOUR_MS)
    events = exchange.configures(funding_interval_ms=MINUTE_MS)
    assert only(FundingSettled, events).rate_ppb == 12_500
    change = only(MarketConfigured, events).funding_change
    assert change is not None
    assert (change.accrued_ppb, change.next_funding_ms) == (0, exchange.now_ms + MINUTE_MS)
    exchange.mark(1_000)
    exchange.passes(MINUTE_MS)
    assert only(FundingSettled, exchange.mark(1_000)).rate_ppb == 208  # of one minute


@pytest.mark.parametrize("state", [MarketState.HALTED, MarketState.ACTIVE])
def test_an_overdue_settlement_is_charged_once(state: MarketState) -> None:
    """Stale or halted for three hours: the hour that was due, then what the new rules say."""
    exchange = Exchange(funding_interval_ms=HOUR_MS, index_stale_ms=1_000, **INTEREST)
    exchange.enter(state)
    exchange.passes(3 * HOUR_MS + MINUTE_MS)
    events = exchange.configures(funding_interval_ms=EIGHT_HOURS_MS)
    change = only(MarketConfigured, events).funding_change
    assert change is not None
    assert change.accrued_ppb == 12_500
    assert change.next_funding_ms == START_MS + 6 * HOUR_MS
    exchange.enter(MarketState.ACTIVE)
    exchange.now_ms = START_MS + 6 * HOUR_MS
    exchange.mark(1_000)
    settled = only(FundingSettled, exchange.mark(1_000))
    assert abs(settled.rate_ppb - 12_500 - 100_000 * 179 // 480) <= 1


def test_other_settings_leave_the_interval_as_it_is() -> None:
    exchange = Exchange(funding_interval_ms=HOUR_MS, **INTEREST)
    exchange.passes(HOUR_MS // 2)
    before = exchange.engine.state.next_funding_ms
    told = only(MarketConfigured, exchange.configures(liquidation_fee_ppm=7, max_open_orders=3))
    assert told.funding_change is None
    assert exchange.engine.state.next_funding_ms == before
    exchange.passes(HOUR_MS // 2)
    assert only(FundingSettled, exchange.mark(1_000)).rate_ppb == 12_500


def test_the_cap_is_scaled_to_the_time_covered() -> None:
    """A premium of 10 % all the time; half an hour under a cap of 0.1 % an hour, half under 0.3 %:
    0.05 % and 0.15 %."""
    exchange = Exchange(funding_interval_ms=HOUR_MS, funding_cap_ppm=1_000, impact_notional_units=1)
    (carol,) = exchange.traders("carol")
    carol.buys(1, at=1_100)
    prices_until(exchange, START_MS + HOUR_MS // 2)
    exchange.configures(funding_cap_ppm=3_000)
    (settled,) = settlements(prices_until(exchange, START_MS + HOUR_MS))
    assert settled.rate_ppb == 2_000_000
    assert settled.interval_rate_ppb == 3_000_000


@pytest.mark.parametrize("after_ms", [MINUTE_MS, HOUR_MS])
def test_the_mark_stays_near_the_index(after_ms: int) -> None:
    """A funding rate of 2 % in 8 hours, of which a minute is 0.004 %. With the old due time and the
    new interval P1 would be far above the index, and a short at 20× liquidated."""
    exchange = Exchange(impact_notional_units=1, mark_clamp_ppm=500_000)
    alice, bob, carol = exchange.traders("alice", "bob", "carol")
    carol.buys(1, at=1_050)
    prices_until(exchange, START_MS + 6 * HOUR_MS, 20 * MINUTE_MS)
    assert exchange.engine.state.funding_rate_ppb == 20_000_000
    carol.cancels_all()
    bob.sells(10, at=1_000, leverage=20)
    alice.buys(10, at=1_000)
    exchange.passes(HOUR_MS)
    exchange.mark(1_000)
    exchange.configures(funding_interval_ms=after_ms)
    rate = Fraction(20_000_000, PPB) * after_ms / EIGHT_HOURS_MS
    assert abs(Fraction(exchange.engine.state.funding_rate_ppb, PPB) - rate) < Fraction(1, PPB)
    exchange.passes(1_000)
    events = exchange.mark(1_000)
    assert every(PositionLiquidated, events) == []
    told = only(MarkPriceChanged, events)
    assert abs(told.mark_price_ticks - 1_000) <= 3
    assert told.next_funding_ms - exchange.now_ms <= after_ms


def test_changes_to_and_fro_charge_no_more_than_the_time() -> None:
    """At a premium that stays, all settlements together are the rate of 8 hours × the time, however
    the interval was changed meanwhile."""
    rng = random.Random(7)
    exchange = Exchange(funding_interval_ms=HOUR_MS, funding_cap_ppm=1_000_000, **INTEREST)
    charged = changes = 0
    for _ in range(200):
        exchange.passes(rng.randrange(1, 40 * MINUTE_MS))
        interval_ms = rng.choice((MINUTE_MS, HOUR_MS, 7 * MINUTE_MS, EIGHT_HOURS_MS))
        # A price before the change settles what is due; intervals that passed whole since the last
        # one are settled once, so that there is one a minute.
        end_ms = exchange.now_ms
        exchange.now_ms = exchange.engine.state.clock_ms
        charged += sum(e.rate_ppb for e in settlements(prices_until(exchange, end_ms, MINUTE_MS)))
        exchange.configures(funding_interval_ms=interval_ms)
        changes += 1
    end_ms = exchange.engine.state.next_funding_ms
    charged += sum(e.rate_ppb for e in settlements(prices_until(exchange, end_ms, MINUTE_MS)))
    expected = 100_000 * (end_ms - START_MS) // EIGHT_HOURS_MS
    rounding = changes + (end_ms - START_MS) // MINUTE_MS
    assert expected - rounding <= charged <= expected


@pytest.mark.parametrize("seed", range(40))
def test_against_the_definition_in_fractions(seed: int) -> None:
    rng = random.Random(seed)
    exchange = Exchange(mark=0, impact_notional_units=1, index_stale_ms=HOUR_MS)
    naive = NaiveFunding(_rules(exchange.config))
    (carol,) = exchange.traders("carol")
    settled = 0
    for _ in range(150):
        exchange.passes(rng.choice((0, 1_000, 20_000, MINUTE_MS, rng.randrange(3 * HOUR_MS))))
        parts = 1 + len(naive.stretches)
        placed: tuple[Event, ...] = ()
        if rng.random() < 0.2:
            placed = carol.cancels_all().events + carol.buys(1, at=rng.randrange(990, 1_090)).events
        is_change = rng.random() < 0.3
        changes = {
            "funding_interval_ms": rng.choice((MINUTE_MS, HOUR_MS, EIGHT_HOURS_MS)),
            "funding_interest_ppm": rng.choice((0, 100, 3_000)),
            "funding_cap_ppm": rng.choice((500, 20_000)),
        }
        events = exchange.configures(**changes) if is_change else exchange.mark(1_000)
        for event in every(FundingSettled, placed + events):
            rate, most = naive.settle(exchange.now_ms)
            assert abs(Fraction(event.rate_ppb, PPB) - rate) <= Fraction(parts, PPB)
            assert abs(event.rate_ppb) <= most * PPB + parts
            settled += 1
        if is_change:
            naive.change(exchange.now_ms, _rules(exchange.config))
        elif told := [e for e in every(MarkPriceChanged, events) if not e.index_stale]:
            naive.sample(exchange.now_ms, Fraction(told[-1].premium_ppb, PPB))
        assert exchange.engine.state.next_funding_ms == naive.due_ms
    assert settled > 5


def _rules(config: MarketConfig) -> FundingRules:
    return FundingRules(
        config.funding_interval_ms,
        Fraction(config.funding_interest_ppm, 10**6),
        Fraction(config.funding_cap_ppm, 10**6),
    )


def test_a_snapshot_of_an_engine_that_knew_no_split() -> None:
    """It lacks what came later, and its interval is one that isn't split."""
    exchange = Exchange(funding_interval_ms=HOUR_MS, **INTEREST)
    (alice,) = exchange.traders("alice")
    alice.buys(1, at=950)
    alice.counts_down(HOUR_MS)
    exchange.passes(HOUR_MS // 2)
    kept = msgspec.to_builtins(snapshot.take(exchange.engine.state, "1-1"))
    for name in ("funding_since_ms", "funding_is_split", "funding_accrued_ppb"):
        del kept[name]
    kept["orders"] = [row[:-1] for row in kept["orders"]]
    kept["positions"] = [row[:-1] for row in kept["positions"]]
    read = msgspec.convert(kept, EngineSnapshot)
    exchange.engine = Engine(snapshot.restore(read))
    exchange.passes(HOUR_MS // 2)
    assert only(FundingSettled, exchange.mark(1_000)).rate_ppb == 12_500
