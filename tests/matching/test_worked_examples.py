"""Each formula on numbers worked out by hand, with the venue whose document it comes from.

Prices and money are in USD first, as the venues write them: a tick is 0.1 USD, a lot 0.001 BTC, so
one tick times one lot is 100 money units.
"""

from fractions import Fraction

import msgspec
import pytest

from matching.core.book.book import Order
from matching.core.market.prices import mark_price, premium
from matching.core.market.state import Account, State
from matching.messages.commands import LeverageTier, MarketConfig
from matching.messages.events import FundingSettled, MarkPriceChanged
from matching.messages.tiers import TierTable
from tests.matching.actors import HOUR_MS, RULES, Exchange, every, only, positioned
from tests.matching.adl_ranks import adl_score, ranked_counterparties

USD = 10**6  # money units

# Binance USDⓈ-M, BTCUSDT brackets: 0.40 %, 0.50 %, 1.00 %, 2.50 % from 0, 50,000, 250,000 and
# 1,000,000 USD; "maintenance amounts" 0, 50, 1,300 and 16,300 USD.
BRACKETS = (
    LeverageTier(floor_units=0, max_leverage=125, maintenance_ppm=4_000),
    LeverageTier(floor_units=50_000 * USD, max_leverage=100, maintenance_ppm=5_000),
    LeverageTier(floor_units=250_000 * USD, max_leverage=50, maintenance_ppm=10_000),
    LeverageTier(floor_units=1_000_000 * USD, max_leverage=20, maintenance_ppm=25_000),
)


def table(liquidation_fee_ppm: int = 0) -> TierTable:
    config = msgspec.structs.replace(
        RULES, units_per_tick_lot=100, tiers=BRACKETS, liquidation_fee_ppm=liquidation_fee_ppm
    )
    return TierTable(config)


@pytest.mark.parametrize(
    ("notional_usd", "maintenance_usd"),
    [(10_000, 40), (50_000, 200), (100_000, 450), (300_000, 1_700), (2_000_000, 33_700)],
)
def test_maintenance_margin(notional_usd: int, maintenance_usd: int) -> None:
    """Binance, "Leverage and Margin of USDⓈ-M Futures": notional × rate − maintenance amount.

    100,000 × 0.5 % − 50 = 450; 300,000 × 1 % − 1,300 = 1,700; at 50,000 both brackets give 200.
    """
    assert table().maintenance_units(notional_usd * USD) == maintenance_usd * USD


@pytest.mark.parametrize(
    ("lots", "margin_usd", "liquidation_ticks"),
    [
        # Long 1 BTC: (100,000 − 5,000 − 50)/(1 − 0.005) = 95,427.14
        (1_000, 5_000, 954_271),
        # Short 1 BTC: (100,000 + 5,000 + 50)/(1 + 0.005) = 104,527.36
        (-1_000, 5_000, 1_045_274),
        # Long 3 BTC, 300,000 USD, starts in the third bracket, where it would be 238,700/2.97 =
        # 80,370.37; there it is worth 241,111 and in the second: 239,950/2.985 = 80,385.26
        (3_000, 60_000, 803_852),
        # Short 2.4 BTC, 240,000 USD, starts in the second, 300,050/2.412 = 124,398.84; there it
        # is worth 298,557 and in the third: 301,300/2.424 = 124,298.68
        (-2_400, 60_000, 1_242_987),
        # Margin of the whole value: a long has no liquidation price above zero.
        (1_000, 100_000, 0),
    ],
)
def test_liquidation_price_across_tiers(lots: int, margin_usd: int, liquidation_ticks: int) -> None:
    """Binance, "How to calculate liquidation price of USDⓈ-M futures contracts", one isolated
    position: (margin + amount − side·size·entry)/(size·rate − side·size), entered at 100,000.

    The price is the first tick at which the position is liquidatable; one tick before, it is not.
    """
    tiers = table()
    cost, margin = 100 * lots * 1_000_000, margin_usd * USD
    assert tiers.liquidation_price_ticks(lots, cost, margin) == liquidation_ticks
    if liquidation_ticks:
        one_before = liquidation_ticks + (1 if lots > 0 else -1)
        assert tiers.is_liquidatable(lots, cost, margin, liquidation_ticks)
        assert not tiers.is_liquidatable(lots, cost, margin, one_before)


@pytest.mark.parametrize(
    ("lots", "fee_ppm", "bankruptcy_ticks"),
    [
        (1_000, 0, 950_000),
        (-1_000, 0, 1_050_000),
        (1_000, 5_000, 954_774),  # 95,000/0.995 = 95,477.387, up
        (-1_000, 5_000, 1_044_776),  # 105,000/1.005 = 104,477.612, down
    ],
)
def test_bankruptcy_price(lots: int, fee_ppm: int, bankruptcy_ticks: int) -> None:
    """Bybit, "Bankruptcy price": entry × (1 ∓ initial margin rate), where the margin is used up;
    here also by the fee of closing. 1 BTC at 100,000 with 5,000 of margin."""
    tiers = table(fee_ppm)
    found = tiers.bankruptcy_price_ticks(lots, 100 * lots * 1_000_000, 5_000 * USD)
    assert found == bankruptcy_ticks


def resting(order_id: int, is_long: bool, price: int, lots: int) -> Order:
    return Order(
        order_id=order_id,
        account_id=1,
        is_long=is_long,
        price_ticks=price,
        remaining_lots=lots,
        reserve_per_lot_units=0,
        named_margin_per_lot_units=0,
        leverage=1,
        maker_fee_ppm=0,
        taker_fee_ppm=0,
        reduce_only=False,
        post_only=False,
        expires_ms=0,
        arrival=order_id,
    )


def quoted(bid: int, ask: int, last: int) -> State:
    state = State()
    state.book.append(resting(1, True, bid, 1))
    state.book.append(resting(2, False, ask, 1))
    state.last_price_ticks = last
    return state


NOW_MS = 1_000 * HOUR_MS


@pytest.mark.parametrize(
    ("clamp_ppm", "bid", "ask", "last", "expected"),
    [
        # P3 = median(1,000,060, 1,000,080, 1,000,500) = 1,000,080, between P1 and P2.
        (50_000, 1_000_060, 1_000_080, 1_000_500, 1_000_080),
        # A wild book: P3 = 1,200,000, and P2 is the middle one.
        (50_000, 1_200_000, 1_300_000, 1_000_000, 1_000_100),
        # P3 = 900,000: P1 is the middle one.
        (50_000, 800_000, 900_000, 950_000, 1_000_050),
        # Never further from the index than the clamp.
        (20, 1_200_000, 1_300_000, 1_000_000, 1_000_020),
    ],
)
def test_mark_price(clamp_ppm: int, bid: int, ask: int, last: int, expected: int) -> None:
    """Binance, "Mark price in USDⓈ-M futures": median of P1, P2 and the contract's price.

    Index 1,000,000; last funding rate 0.01 % and half the interval to go: P1 = 1,000,050. Average
    of mid − index +120 and +80: P2 = 1,000,100.
    """
    config = msgspec.structs.replace(RULES, mark_clamp_ppm=clamp_ppm)
    state = quoted(bid, ask, last)
    state.funding_rate_ppb = 100_000
    state.next_funding_ms = NOW_MS + config.funding_interval_ms // 2
    state.basis.extend([(NOW_MS - 1_000, 240), (NOW_MS, 160)])
    assert mark_price(state, config, 1_000_000, NOW_MS) == expected


def test_mark_price_of_an_empty_market_is_the_index() -> None:
    """Binance, as above: what is missing counts as P1."""
    assert mark_price(State(), RULES, 1_000_000, NOW_MS) == 1_000_000


def config_with(k: int, impact_units: int) -> MarketConfig:
    return msgspec.structs.replace(RULES, units_per_tick_lot=k, impact_notional_units=impact_units)


def test_premium_index() -> None:
    """dYdX v4, "Funding": [max(0, impact bid − index) − max(0, index − impact ask)]/index.

    For 10,070 units one sells 5 lots at 1,010 and 5 more at 1,005, on average at 1,007.5: 0.75 %
    over an index of 1,000. Asks above the index count nothing.
    """
    state = State()
    for number, (is_long, price, lots) in enumerate(
        [(True, 1_010, 5), (True, 1_005, 10), (False, 1_020, 99)], 1
    ):
        state.book.append(resting(number, is_long, price, lots))
    assert premium(state, config_with(1, 10_070), 1_000) == 7_500_000
    # Under an index of 1,030 the asks at 1,020 are 10/1,030 too low: −0.970873786 %.
    assert premium(state, config_with(1, 10_070), 1_030) == -9_708_737
    # A book too thin for the notional says nothing.
    assert premium(state, config_with(1, 200_000), 1_000) == 0


def test_funding_payment() -> None:
    """Binance, "Introduction to Binance futures funding rates": F = P + clamp(I − P, ±0.05 %),
    payment = F × notional at the mark.

    Without a premium F is the interest of 0.01 %: on ten lots of 1,000,000 units 1,000 units.
    """
    exchange = Exchange(funding_interest_ppm=100)
    alice, bob = exchange.traders("alice", "bob")
    positioned(exchange, long=alice, short=bob, lots=10)
    settled = []
    for _ in range(8):
        exchange.passes(50 * 60_000)
        settled += every(FundingSettled, exchange.mark(1_000))
    (event,) = settled
    assert event.rate_ppb == 100_000
    assert [payment.amount_units for payment in event.payments] == [-1_000, 1_000]


def test_funding_payment_with_a_premium_every_hour() -> None:
    """Binance, as above, with Binance's scaling from 8 hours to the interval.

    A premium of 0.2 %: F = 0.2 % + clamp(0.01 % − 0.2 %, ±0.05 %) = 0.15 % in 8 hours, 0.01875 %
    in one: of 1,000,000 a lot 187.5. 187 are paid, half a unit a lot is carried on: the next time
    it is 188.
    """
    exchange = Exchange(
        funding_interest_ppm=100, funding_interval_ms=HOUR_MS, impact_notional_units=1
    )
    alice, bob, carol = exchange.traders("alice", "bob", "carol")
    positioned(exchange, long=alice, short=bob, lots=10)
    carol.buys(1, at=1_002)
    settled = []
    for _ in range(6):
        exchange.passes(HOUR_MS // 2)
        settled += every(FundingSettled, exchange.mark(1_000))
    # The first interval also had the sample of the empty book it opened with.
    _, second, third = settled
    assert second.rate_ppb == third.rate_ppb == 187_500
    assert sorted((second.per_lot_units, third.per_lot_units)) == [187, 188]
    assert sum(payment.amount_units for payment in third.payments) == 0
    assert only(MarkPriceChanged, exchange.mark(1_000)).premium_ppb == 2_000_000


def short_position(state: State, account_id: int, entry_value: int, margin: int) -> Account:
    account = Account(account_id)
    account.position_lots = -10
    account.entry_cost_units = -entry_value
    account.margin_units = margin
    state.accounts[account_id] = account
    return account


def test_adl_ranking() -> None:
    """BitMEX, "Auto-deleveraging": rank = profit % × effective leverage for a profit, profit % ÷
    effective leverage for a loss, where effective leverage is value over equity at the mark.

    Shorts of 10 lots, k = 1, at a mark of 900 (value 9,000):

    ========  ===========  ======  ======  ======  =========================================
    account   entry value  margin  profit  equity  rank
    ========  ===========  ======  ======  ======  =========================================
    1              10,000   1,000   1,000   2,000  1,000/10,000 × 9,000/2,000 = 0.45
    2               9,500     475     500     975  500/9,500 × 9,000/975 = 0.4858…
    3               8,900   4,450    −100   4,350  −100/8,900 × 4,350/9,000 = −0.0054…
    4               8,900     890    −100     790  −100/8,900 × 790/9,000 = −0.00098…
    ========  ===========  ======  ======  ======  =========================================

    Half the profit at twice the leverage goes first; of two losses the more leveraged one.
    """
    state = State()
    state.tiers = TierTable(config_with(1, 1))
    state.mark_price_ticks = 900
    first = short_position(state, 1, 10_000, 1_000)
    second = short_position(state, 2, 9_500, 475)
    short_position(state, 3, 8_900, 4_450)
    short_position(state, 4, 8_900, 890)
    assert adl_score(state, first) == Fraction(45, 100)
    assert adl_score(state, second) == Fraction(500 * 9_000, 9_500 * 975)
    bankrupt = Account(9)
    bankrupt.position_lots = 40
    assert [a.account_id for a in ranked_counterparties(state, bankrupt)] == [2, 1, 4, 3]
