"""Prices, states and insurance funds of markets, as persisted."""

from collections import Counter
from datetime import timedelta

from common.redis_client import probe_redis_client
from console.alerts.measures.look import Look, Reading, Readings
from markets.conversions import to_ms
from markets.display import money, price
from markets.models import MarketStatus
from markets.rules import published_tickers
from matching.messages.limits import PPM
from matching.messages.vocabulary import MarketState, StateReason
from persistence.models import DeadLetter

_LETTERS_WITHIN = timedelta(hours=1)
_LETTERS_MAX = 1_000


def index_age(look: Look) -> Readings:
    return {
        status.pk: Reading(
            max(0, to_ms(look.now) - (status.index_ms or to_ms(status.market.created_at))),
            "" if status.index_ms else "there has never been one",
            status.pk,
        )
        for status in _open(look)
    }


def mark_off_index(look: Look) -> Readings:
    """Rounded down: it is at the threshold exactly where the distance is."""
    found = {}
    for status in _open(look):
        mark, index = status.mark_price_ticks, status.index_price_ticks
        if mark and index:
            words = f"mark {price(mark, status.market)}, index {price(index, status.market)}"
            found[status.pk] = Reading(abs(mark - index) * PPM // index, words, status.pk)
    return found


def market_halted(look: Look) -> Readings:
    return {
        status.pk: Reading(1, f"by {status.state_reason}", status.pk)
        for status in look.market_statuses
        if status.state == MarketState.HALTED and status.state_reason != StateReason.OPERATOR
    }


def dead_letters(look: Look) -> Readings:
    since = look.now - _LETTERS_WITHIN
    newest = DeadLetter.objects.values_list("market_id", "recorded_at")[:_LETTERS_MAX]
    counted = Counter(market_id for market_id, recorded_at in newest if recorded_at > since)
    return {market_id: Reading(found, "", market_id) for market_id, found in counted.items()}


def insurance_fund(look: Look) -> Readings:
    return {status.pk: Reading(status.insurance_units, "", status.pk) for status in _trading(look)}


def insurance_cover(look: Look) -> Readings:
    trading = _trading(look)
    tickers = published_tickers(probe_redis_client(), [status.pk for status in trading])
    found = {}
    for status in trading:
        ticker = tickers[status.pk]
        if ticker is None:
            found[status.pk] = Reading(None, market_id=status.pk)
            continue
        per_lot = status.mark_price_ticks * status.market.units_per_tick_lot
        value = ticker.open_interest_lots * per_lot
        if value:
            fund = status.insurance_units
            words = f"{money(fund)} for {money(value)} of open interest"
            found[status.pk] = Reading(fund * PPM // value, words, status.pk)
    return found


def _open(look: Look) -> list[MarketStatus]:
    """Those that are judged by their prices."""
    return [one for one in look.market_statuses if not MarketState(one.state).is_dormant]


def _trading(look: Look) -> list[MarketStatus]:
    """Those whose fund may be asked: halted ones, too."""
    return [
        one
        for one in look.market_statuses
        if one.state != MarketState.PRE_OPEN and not MarketState(one.state).has_ended
    ]
