"""Orders that take their price from the book: which, what they hold, when there is none."""

import pytest

from matching.messages.vocabulary import MarketState, PriceMatch, Side, TimeInForce
from tests.matching.actors import Exchange, Trader

MARGIN, FEE, TICK = 100_000, 500, 1_000  # of a lot at 1,000 and 10×


@pytest.fixture
def exchange() -> Exchange:
    """Bids at 999, 998 … 994, asks at 1,001 … 1,006, of two lots each."""
    exchange = Exchange()
    (maker,) = exchange.traders("maker")
    for away in range(1, 7):
        maker.buys(2, at=1_000 - away)
        maker.sells(2, at=1_000 + away)
    return exchange


@pytest.fixture
def trader(exchange: Exchange) -> Trader:
    return Trader(exchange, 2, "trader")


@pytest.mark.parametrize(
    ("match", "buys_at", "sells_at"),
    [
        (PriceMatch.QUEUE, 999, 1_001),
        (PriceMatch.QUEUE_5, 995, 1_005),
        (PriceMatch.OPPONENT, 1_001, 999),
        (PriceMatch.OPPONENT_5, 1_005, 995),
    ],
)
def test_each_takes_its_price(
    trader: Trader, match: PriceMatch, buys_at: int, sells_at: int
) -> None:
    bought = trader.buys(1, match=match, worst=1_010)
    assert bought.accepted is not None
    assert bought.accepted.price_ticks == buys_at
    trader.cancels_all()
    sold = trader.sells(1, match=match, worst=990)
    assert sold.accepted is not None
    assert sold.accepted.price_ticks == sells_at


def test_from_the_queue_it_rests_and_keeps_what_its_price_needs(
    exchange: Exchange, trader: Trader
) -> None:
    # Held for 1,010: margin, the loss at the mark, and the fee.
    hold = 2 * (101_000 + 10 * TICK + 505)
    bid = trader.buys(2, match=PriceMatch.QUEUE, worst=1_010, hold=hold)
    assert bid.rested is not None
    assert exchange.bids[0] == (999, 4)
    assert trader.held == 2 * (99_900 + 500)  # 499.5 of fee, rounded up
    ask = trader.sells(2, match=PriceMatch.QUEUE_5, worst=990, hold=hold, leverage=10)
    assert ask.rested is not None
    assert trader.held == 2 * (99_900 + 500) + 2 * (100_500 + 503)


def test_against_the_other_side_it_takes_what_is_there_and_rests_with_the_rest(
    exchange: Exchange, trader: Trader
) -> None:
    placed = trader.buys(3, match=PriceMatch.OPPONENT, worst=1_010)
    assert placed.fills == [(1_001, 2)]
    assert exchange.bids[0] == (1_001, 1)
    assert trader.buys(3, match=PriceMatch.OPPONENT, worst=1_010).fills == [(1_002, 2)]
    deep = trader.sells(20, match=PriceMatch.OPPONENT_5, worst=980)
    assert [price for price, _ in deep.fills] == [999, 998, 997]  # its own bids go
    assert exchange.asks[0] == (997, 20 - 6)


def test_its_time_in_force_is_judged_at_that_price(trader: Trader) -> None:
    late = trader.buys(1, match=PriceMatch.OPPONENT, worst=1_010, tif=TimeInForce.GTX)
    assert late.cancels == [(late.order_id, "POST_ONLY_WOULD_TAKE", 1, 0)]
    patient = trader.buys(1, match=PriceMatch.QUEUE, worst=1_010, tif=TimeInForce.IOC)
    assert patient.cancels == [(patient.order_id, "IOC_REMAINDER", 1, 0)]


def test_without_a_price_or_with_a_worse_one_it_is_refused_and_gives_all_back(
    exchange: Exchange, trader: Trader
) -> None:
    available = trader.available
    for placed, code in (
        (trader.buys(1, match=PriceMatch.OPPONENT_5, worst=1_004), "PRICE_OUTSIDE_BAND"),
        (trader.sells(1, match=PriceMatch.OPPONENT_5, worst=996), "PRICE_OUTSIDE_BAND"),
        (trader.sells(1, match=PriceMatch.QUEUE, worst=990, hold=9), "INSUFFICIENT_HOLD"),
        (trader.sells(1, match=PriceMatch.QUEUE, worst=990, reduce_only=True),
         "REDUCE_ONLY_NO_POSITION"),
    ):  # fmt: skip
        assert placed.refused == code
    trader.exchange.traders("maker")[0].cancels_all(Side.SHORT)
    assert trader.sells(1, match=PriceMatch.QUEUE, worst=990).refused == "NO_PRICE_TO_MATCH"
    assert trader.buys(1, match=PriceMatch.OPPONENT_5, worst=1_010).refused == "NO_PRICE_TO_MATCH"
    exchange.enter(MarketState.HALTED)  # said first: what would be there says nothing then
    assert trader.sells(1, match=PriceMatch.QUEUE, worst=990).refused == "MARKET_STATE"
    assert (trader.available, trader.held) == (available, 0)


def test_it_is_known_again_and_amended_like_any_other(exchange: Exchange, trader: Trader) -> None:
    bid = trader.buys(2, match=PriceMatch.QUEUE_5, worst=1_010)
    exchange.restarts()
    exchange.traders("maker")[0].cancels_all()  # its price stays, wherever the book goes
    assert exchange.bids == [(995, 2)]
    assert "OrderAmended" in trader.amends(bid, at=996, lots=3, brings=200_000).names
    assert exchange.bids == [(996, 3)]
