"""Which markets nobody persists: a look for whoever sweeps, in one query and one round trip.

A market whose cursor moved a moment ago has a listener at it, and a sweep that came to it, too,
would only stand in its way: whoever finds a cursor locked leaves that market for later. Of the
others most are quiet, which their streams tell without a lock.
"""

from datetime import timedelta

import redis
from django.db.models import Q
from django.db.models.functions import Now

from common.redis_client import redis_client
from persistence.models import MarketCursor
from persistence.recovery.continuity import ANSWERS_OF_GLANCE, as_glance, queue_glance

LEFT_AFTER = timedelta(seconds=5)


def left_behind() -> list[str]:
    """Those whose cursor stands although there is more, or that Redis knows nothing of. Raises
    redis.RedisError where it is away for all."""
    stands = Q(applied_at=None) | Q(applied_at__lt=Now() - LEFT_AFTER)
    standing = list(MarketCursor.objects.filter(stands).order_by("pk").values_list("pk", "seq"))
    pipe = redis_client().pipeline(transaction=False)
    for market_id, seq in standing:
        queue_glance(pipe, market_id, seq, 1)
    answers = pipe.execute(raise_on_error=False)
    found = []
    for number, (market_id, seq) in enumerate(standing):
        start = number * ANSWERS_OF_GLANCE
        try:
            read = as_glance(answers[start : start + ANSWERS_OF_GLANCE])
        except redis.ResponseError:
            found.append(market_id)
            continue
        if not read.has_epoch or any(raw_id != b"%d-0" % seq for raw_id, _ in read.entries):
            found.append(market_id)
    return found
