"""Whether all that happened in a market before a moment is persisted."""

from datetime import datetime

from redis.exceptions import ResponseError

from common.redis_client import redis_client
from markets.conversions import to_ms
from matching.messages.streams import input_stream, newest_id
from persistence.models import MarketCursor


def is_persisted_to(market_id: str, moment: datetime) -> bool:
    """What an engine makes of a command happens at the time in the command's id. So either the
    cursor has passed the moment, or it has the newest command there is: those to come are later."""
    cursor = MarketCursor.objects.filter(market_id=market_id).first()
    if cursor is None:
        return False
    return cursor.entry_time_ms >= to_ms(moment) or cursor.input_id == _newest_input_id(market_id)


def _newest_input_id(market_id: str) -> str | None:
    try:
        info: object = redis_client().xinfo_stream(input_stream(market_id))
    except ResponseError as error:
        info = error
    return newest_id(info)
