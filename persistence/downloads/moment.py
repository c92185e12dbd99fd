"""Whether all that happened before a moment is persisted: of a market, or a day of them all."""

from datetime import UTC, date, datetime, time, timedelta

import structlog
from redis.exceptions import ResponseError

from common.redis_client import redis_client
from markets.conversions import to_ms
from markets.models import Market
from matching.messages.streams import input_stream, newest_id
from matching.messages.vocabulary import MarketState
from persistence.models import MarketCursor

# After a day's end. Whoever waits for the day has waited long enough then for a market that an
# engine or a worker doesn't go on with.
WAITED_FOR = timedelta(days=1)

log = structlog.get_logger(__name__)


def is_day_known(day: date) -> bool:
    """By UTC; or known as far as it is waited for. What says of a market that it is settled is
    itself persisted, so all before is; one that never opened has nothing."""
    end = datetime.combine(day + timedelta(days=1), time(), UTC)
    open_ones = Market.objects.exclude(
        status__state__in=(MarketState.PRE_OPEN, MarketState.SETTLED)
    )
    market_ids = open_ones.order_by("pk").values_list("pk", flat=True)
    cursors = {one.market_id: one for one in MarketCursor.objects.filter(market__in=open_ones)}
    behind = [one for one in market_ids if not _has_passed(cursors.get(one), end)]
    if not behind:
        return True
    is_waited_for = datetime.now(UTC) < end + WAITED_FOR
    log.warning("day_not_persisted", day=str(day), markets=behind, is_waited_for=is_waited_for)
    return not is_waited_for


def is_persisted_to(market_id: str, moment: datetime) -> bool:
    """What an engine makes of a command happens at the time in the command's id. So either the
    cursor has passed the moment, or it has the newest command there is: those to come are later."""
    return _has_passed(MarketCursor.objects.filter(market_id=market_id).first(), moment)


def _has_passed(cursor: MarketCursor | None, moment: datetime) -> bool:
    """Asks Redis of those alone that are before it."""
    if cursor is None:
        return False
    if cursor.entry_time_ms >= to_ms(moment):
        return True
    return cursor.input_id == _newest_input_id(cursor.market_id)


def _newest_input_id(market_id: str) -> str | None:
    try:
        info: object = redis_client().xinfo_stream(input_stream(market_id))
    except ResponseError as error:
        info = error
    return newest_id(info)
