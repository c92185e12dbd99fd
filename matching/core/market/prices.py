"""The mark price: what positions are valued and liquidated at.

Theory of operation. It is made only when an index price arrives, never inside matching, so that
liquidations can't feed on the prices they make. Three views of what the contract is worth, and the
middle one counts (Binance USDⓈ-M, "mark price"):

    P1 = index · (1 + last funding rate · time to funding / interval)
    P2 = index + average of (mid − index) over the last 30 s
    P3 = median of best bid, best ask and last price

A missing input counts as P1. The median is kept within a set distance of the index and rounded to
a tick. An index of 0 (too few sources), one that is too old by the clock of the commands, or one so
high that the open interest's value would leave its bound (`matching.messages.limits`), is
stale: the last mark stays, and nobody is liquidated, triggered by mark, funded or deleveraged
until there is a new one. A mark that jumps further than the breaker allows is not taken: the
market halts.
"""

from matching.core.book.book import BookSide
from matching.core.market.state import State, Turn
from matching.messages.commands import MarketConfig
from matching.messages.events import MarketStateChanged, MarkPriceChanged
from matching.messages.limits import MAX_PREMIUM_PPB, MAX_PREMIUM_SAMPLES, PPM
from matching.messages.vocabulary import MarketState, StateReason

PPB = 1_000_000_000
BASIS_WINDOW_MS = 30_000
BASIS_SAMPLES_MAX = 128  # a source of about one price a second stays far below


def is_pricing(state: State) -> bool:
    """Whether positions may be judged by the mark price now."""
    return (
        not state.index_stale and state.mark_price_ticks > 0 and not state.market_state.is_dormant
    )


def take_index_price(state: State, config: MarketConfig, index_ticks: int, turn: Turn) -> bool:
    """Make a mark price from a new index price. Whether there is one to judge positions by."""
    if not index_ticks or index_ticks > state.highest_price_ticks():
        mark_stale(state, turn)
        return False
    state.index_price_ticks = index_ticks
    state.index_ms = turn.now_ms
    state.index_stale = False
    _sample_basis(state, index_ticks, turn.now_ms)
    premium_ppb = premium(state, config, index_ticks)
    if state.premium_count < MAX_PREMIUM_SAMPLES:
        state.premium_sum_ppb += premium_ppb
        state.premium_count += 1
    if not state.next_funding_ms:
        state.next_funding_ms = next_multiple(turn.now_ms, config.funding_interval_ms)
        state.funding_since_ms = turn.now_ms
    mark = mark_price(state, config, index_ticks, turn.now_ms)
    if _trips_breaker(state, config, mark):
        _tell(state, premium_ppb, turn)  # the old mark, with the index that was taken
        previous, state.market_state = state.market_state, MarketState.HALTED
        turn.events.append(
            MarketStateChanged(
                state=MarketState.HALTED,
                previous_state=previous,
                reason=StateReason.CIRCUIT_BREAKER,
            )
        )
        return False
    state.mark_price_ticks = mark
    state.breaker_armed = True
    _tell(state, premium_ppb, turn)
    return is_pricing(state)


def mark_stale(state: State, turn: Turn) -> None:
    """Say once that the index is stale."""
    if state.index_stale or not state.mark_price_ticks:
        return
    state.index_stale = True
    _tell(state, 0, turn)


def _tell(state: State, premium_ppb: int, turn: Turn) -> None:
    turn.events.append(
        MarkPriceChanged(
            mark_price_ticks=state.mark_price_ticks,
            index_price_ticks=state.index_price_ticks,
            index_ms=state.index_ms,
            index_stale=state.index_stale,
            premium_ppb=premium_ppb,
            premium_sum_ppb=state.premium_sum_ppb,
            premium_count=state.premium_count,
            next_funding_ms=state.next_funding_ms,
        )
    )


def next_multiple(now_ms: int, interval_ms: int) -> int:
    """The first multiple of the interval after now."""
    return (now_ms // interval_ms + 1) * interval_ms


def mark_price(state: State, config: MarketConfig, index_ticks: int, now_ms: int) -> int:
    """In ticks; see the theory above."""
    interval = config.funding_interval_ms
    left_ms = max(0, min(interval, state.next_funding_ms - now_ms))
    p1 = _rounded(index_ticks * (PPB * interval + state.funding_rate_ppb * left_ms), PPB * interval)
    p2 = p1
    if state.basis:
        p2 = _rounded(
            2 * index_ticks * len(state.basis) + sum(twice for _, twice in state.basis),
            2 * len(state.basis),
        )
    book = state.book
    p3 = _median(
        book.best_bid_ticks() or p1, book.best_ask_ticks() or p1, state.last_price_ticks or p1
    )
    lower = -(-index_ticks * (PPM - config.mark_clamp_ppm) // PPM)
    upper = index_ticks * (PPM + config.mark_clamp_ppm) // PPM
    return max(1, lower, min(upper, _median(p1, p2, p3)))


def premium(state: State, config: MarketConfig, index_ticks: int) -> int:
    """How far above (> 0) or below the index the book would fill a sizeable order, in ppb of it
    (dYdX v4, "premium"): [max(0, impact bid − I) − max(0, I − impact ask)] / I, rounded down, and
    at most the index itself either way."""
    k = config.units_per_tick_lot
    bid = _impact(state.book.bids, k, config.impact_notional_units)
    ask = _impact(state.book.asks, k, config.impact_notional_units)
    above = below = 0
    if bid is not None:
        cost, lots = bid
        above = max(0, cost - index_ticks * k * lots) * PPB // (index_ticks * k * lots)
    if ask is not None:
        cost, lots = ask
        below = max(0, index_ticks * k * lots - cost) * PPB // (index_ticks * k * lots)
    return max(-MAX_PREMIUM_PPB, min(MAX_PREMIUM_PPB, above - below))


def _impact(side: BookSide, k: int, notional_units: int) -> tuple[int, int] | None:
    """Money and lots of an order of this notional against the side; None if the book is thinner."""
    cost = lots = 0
    for level in side.levels():
        wanted = -(-(notional_units - cost) // (k * level.price_ticks))
        taken = max(1, min(wanted, level.size_lots))
        cost += k * level.price_ticks * taken
        lots += taken
        if cost >= notional_units:
            return cost, lots
    return None


def _sample_basis(state: State, index_ticks: int, now_ms: int) -> None:
    bid, ask = state.book.best_bid_ticks(), state.book.best_ask_ticks()
    if bid and ask:
        state.basis.append((now_ms, bid + ask - 2 * index_ticks))
    while state.basis and (
        state.basis[0][0] <= now_ms - BASIS_WINDOW_MS or len(state.basis) > BASIS_SAMPLES_MAX
    ):
        state.basis.popleft()


def _trips_breaker(state: State, config: MarketConfig, mark_ticks: int) -> bool:
    before = state.mark_price_ticks
    if not before or not config.circuit_breaker_ppm or not state.breaker_armed:
        return False
    return abs(mark_ticks - before) * PPM > config.circuit_breaker_ppm * before


def _rounded(numerator: int, denominator: int) -> int:
    """To the nearest whole, halves up; the denominator is positive."""
    return (2 * numerator + denominator) // (2 * denominator)


def _median(a: int, b: int, c: int) -> int:
    return sorted((a, b, c))[1]
