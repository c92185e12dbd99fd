"""No number leaves 64 bits: each bound of `matching.messages.limits` from both sides, and traders
who send nothing but extreme values."""

from collections import Counter

import msgspec
import pytest

from matching.messages.commands import (
    AdjustMargin,
    AmendOrder,
    FundInsurance,
    SettleMarket,
)
from matching.messages.events import (
    AmendRejected,
    CommandRejected,
    FundingSettled,
    InsuranceFunded,
    MarginAdjusted,
    MarginAdjustmentRejected,
    MarketConfigured,
    MarkPriceChanged,
    OrderAccepted,
    OrderAmended,
    OrderRejected,
    PositionSettled,
)
from matching.messages.limits import (
    MAX_MARKET_MONEY_UNITS,
    MAX_MONEY_UNITS,
    MAX_NOTIONAL_UNITS,
    MAX_OPEN_INTEREST_UNITS,
    MAX_OPEN_VALUE_UNITS,
    MAX_PREMIUM_PPB,
    MAX_PRICE_TICKS,
    MAX_SIZE_LOTS,
)
from matching.messages.vocabulary import (
    RejectCode,
    Side,
)
from tests.matching.extreme_traders import Bounded, Extreme


@pytest.fixture
def market() -> Bounded:
    return Bounded()


def test_a_premium_is_at_most_the_index(market: Bounded) -> None:
    """A bid of 2·10¹⁰ ticks with an index of 1 was a premium of 2·10¹⁹ ppb."""
    market.index(2 * 10**10)
    market.says(market.order(1, Side.LONG, 1, 2 * 10**10))
    sums = []
    for _ in range(3):
        (told,) = market.index(1)
        assert isinstance(told, MarkPriceChanged)
        assert told.premium_ppb == MAX_PREMIUM_PPB
        sums.append(told.premium_sum_ppb)
    assert sums == [MAX_PREMIUM_PPB, 2 * MAX_PREMIUM_PPB, 3 * MAX_PREMIUM_PPB]
    market.now_ms += 60_000
    market.index(1)
    market.look_at_snapshot()


def test_a_premium_below_its_bound_is_as_it_was(market: Bounded) -> None:
    market.index(1_000)
    market.says(market.order(1, Side.LONG, 1, 1_999))
    (told,) = market.index(1_000)
    assert isinstance(told, MarkPriceChanged)
    assert told.premium_ppb == 999_000_000


@pytest.mark.parametrize("price", [10_000, 20_000, 3 * 10**12 // 7, MAX_PRICE_TICKS])
def test_an_order_is_bounded_by_its_value(market: Bounded, price: int) -> None:
    """Price × size, placed and amended."""
    most = MAX_NOTIONAL_UNITS // price
    market.index(price)
    if most < MAX_SIZE_LOTS:
        refused = market.says(market.order(1, Side.LONG, most + 1, price))
        assert isinstance(refused, OrderRejected)
        assert refused.code is RejectCode.INVALID_SIZE
    largest = market.order(1, Side.LONG, most, price)
    assert isinstance(market.says(largest), OrderAccepted)
    higher = AmendOrder(
        command_id=market.id(),
        order_id=largest.order_id,
        account_id=1,
        price_ticks=min(MAX_PRICE_TICKS, price + price // most + 1),
        size_lots=most + (price == MAX_PRICE_TICKS),
        hold_units=0,
    )
    told = market.says(higher)
    assert isinstance(told, AmendRejected)
    assert told.code is RejectCode.INVALID_SIZE
    market.look_at_snapshot()


def test_open_interest_is_bounded_by_its_value(market: Bounded) -> None:
    """A thousand orders of the largest size were an entry cost of 10¹⁹."""
    market.index(10_000)
    half = MAX_OPEN_INTEREST_UNITS // 10_000 // 2
    market.trade(half, 10_000)
    one_more = market.order(1, Side.LONG, half + 1, 10_000)
    refused = market.says(one_more)
    assert isinstance(refused, OrderRejected)
    assert refused.code is RejectCode.MAX_OPEN_INTEREST
    market.trade(half, 10_000)
    refused = market.says(market.order(3, Side.LONG, 1, 10_000))
    assert isinstance(refused, OrderRejected)
    assert refused.code is RejectCode.MAX_OPEN_INTEREST
    # What closes is taken.
    assert isinstance(market.says(market.order(1, Side.SHORT, half, 10_000)), OrderAccepted)
    market.look_at_snapshot()


def test_an_index_price_that_lifts_the_open_interest_beyond_its_bound_is_stale(
    market: Bounded,
) -> None:
    market.index(10_000)
    market.trade(10**12 // 2, 10_000)
    highest = MAX_OPEN_VALUE_UNITS // (10**12 // 2)
    (told,) = market.index(highest + 1)
    assert isinstance(told, MarkPriceChanged)
    assert (told.index_stale, told.index_price_ticks) == (True, 10_000)
    (told, *_) = market.index(highest)
    assert isinstance(told, MarkPriceChanged)
    assert (told.index_stale, told.index_price_ticks) == (False, highest)
    market.look_at_snapshot()


@pytest.mark.parametrize("k", [1, 10**6, 10**12])
def test_an_index_price_of_which_a_single_lot_is_too_much_is_not_taken(k: int) -> None:
    market = Bounded(units_per_tick_lot=k)
    highest = min(MAX_PRICE_TICKS, MAX_OPEN_VALUE_UNITS // k)
    if highest < MAX_PRICE_TICKS:
        assert market.index(highest + 1) == ()
    assert market.index(highest)
    market.now_ms += 60_000  # funding at the cap: per lot the whole value
    funded = [event for event in market.index(highest) if isinstance(event, FundingSettled)]
    assert len(funded) == 1
    market.look_at_snapshot()


def test_rules_must_leave_the_price_within_bounds(market: Bounded) -> None:
    market.index(10**6)
    bad = market.configure(units_per_tick_lot=MAX_OPEN_VALUE_UNITS // 10**6 + 1)
    assert isinstance(bad, CommandRejected)
    assert bad.code is RejectCode.INVALID_CONFIG
    good = market.configure(units_per_tick_lot=MAX_OPEN_VALUE_UNITS // 10**6)
    assert isinstance(good, MarketConfigured)


def test_a_settlement_price_is_bounded_by_the_open_interest(market: Bounded) -> None:
    market.index(10_000)
    market.trade(10**9, 10_000)
    highest = MAX_OPEN_VALUE_UNITS // 10**9
    refused = market.says(SettleMarket(command_id=market.id(), price_ticks=highest + 1))
    assert isinstance(refused, CommandRejected)
    assert refused.code is RejectCode.PRICE_OUTSIDE_BAND
    events = market.does(SettleMarket(command_id=market.id(), price_ticks=10_000))
    assert sum(isinstance(event, PositionSettled) for event in events) == 2


def test_a_market_takes_no_more_money_than_its_bound(market: Bounded) -> None:
    """By each command that brings some: exactly what is left goes in, a unit more does not."""
    market.index(10_000)
    market.trade(1, 10_000)
    fund = FundInsurance(command_id=1, amount_units=MAX_MONEY_UNITS)
    while MAX_MARKET_MONEY_UNITS - market.engine.state.wallets_units > MAX_MONEY_UNITS:
        told = market.says(msgspec.structs.replace(fund, command_id=market.id()))
        assert isinstance(told, InsuranceFunded)
    resting = market.order(3, Side.LONG, 1, 9_000)
    assert isinstance(market.says(resting), OrderAccepted)
    left = MAX_MARKET_MONEY_UNITS - market.engine.state.wallets_units

    def amend(hold: int) -> AmendOrder:
        return AmendOrder(
            command_id=market.id(),
            order_id=resting.order_id,
            account_id=3,
            price_ticks=9_001,
            size_lots=1,
            hold_units=hold,
        )

    placed = market.says(market.order(4, Side.LONG, 1, 9_000, hold_units=left + 1))
    assert isinstance(placed, OrderRejected)
    assert placed.code is RejectCode.MARKET_FULL
    assert placed.released_units == left + 1
    amended = market.says(amend(left + 1))
    assert isinstance(amended, AmendRejected)
    assert (amended.code, amended.released_units) == (RejectCode.MARKET_FULL, left + 1)
    added = market.says(AdjustMargin(command_id=market.id(), account_id=1, amount_units=left + 1))
    assert isinstance(added, MarginAdjustmentRejected)
    assert (added.code, added.released_units) == (RejectCode.MARKET_FULL, left + 1)
    funded = market.says(FundInsurance(command_id=market.id(), amount_units=left + 1))
    assert isinstance(funded, CommandRejected)
    assert funded.code is RejectCode.MARKET_FULL
    assert isinstance(market.says(amend(left)), OrderAmended)
    left = MAX_MARKET_MONEY_UNITS - market.engine.state.wallets_units
    added = market.says(AdjustMargin(command_id=market.id(), account_id=1, amount_units=left))
    assert isinstance(added, MarginAdjusted)
    # What brings nothing is still taken.
    closing = market.order(1, Side.SHORT, 1, 10_000, reduce_only=True, hold_units=0)
    assert isinstance(market.says(closing), OrderAccepted)
    market.look_at_snapshot()


def test_no_number_leaves_64_bits_whatever_is_sent() -> None:
    seen: Counter[str] = Counter()
    for seed in range(50):
        seen += Extreme(seed).run(120)
    reached = {
        "Trade", "FundingSettled", "PositionLiquidated", "MarginAdjusted", "OrderAmended",
        "ConditionalAmended",
        "OrderRejected MAX_OPEN_INTEREST", "OrderRejected MARKET_FULL",
        "OrderRejected INVALID_SIZE", "CommandRejected MARKET_FULL",
    }  # fmt: skip
    assert reached <= seen.keys(), seen
