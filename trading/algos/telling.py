"""What happens to an algo, as rows that the feeds read and tell its trader.

Written where it happens, in the same transaction: what was undone was never told. `told_since`
reads by the time of writing, which is not the order of commits; so whoever reads looks back further
than any transaction of algos lasts, and leaves aside what it has seen (`feeds.algos`).
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

from common.postgres.prepared import read_all
from trading.algos.models import Algo, AlgoEvent, AlgoHappening, AlgoSlice

TOLD_MAX = 10_000  # of a look; more than that many are the business of GET /algos


def record(algo: Algo, happening: AlgoHappening) -> None:
    """The caller has the row locked, and saves it."""
    ends = happening is AlgoHappening.ENDED
    code, words = (algo.reason, algo.reason_words) if ends else ("", "")
    _next(algo, happening, code=code, words=words).save()


def record_slices(algo: Algo, slices: Iterable[AlgoSlice]) -> None:
    """As `record`, of slices that went or were refused."""
    AlgoEvent.objects.bulk_create(
        _next(
            algo,
            AlgoHappening.SLICE_REFUSED if one.order_id is None else AlgoHappening.SLICE_SENT,
            slice_number=one.number,
            order_id=one.order_id,
            code=one.code,
            words=one.words,
        )
        for one in slices
    )


def _next(
    algo: Algo,
    happening: AlgoHappening,
    *,
    slice_number: int | None = None,
    order_id: int | None = None,
    code: str = "",
    words: str = "",
) -> AlgoEvent:
    algo.events_told += 1
    return AlgoEvent(
        algo=algo,
        number=algo.events_told,
        happening=happening,
        state=algo.state,
        slice_number=slice_number,
        order_id=order_id,
        code=code,
        words=words,
    )


@dataclass(frozen=True, slots=True)
class ToldEvent:
    """As a row of the feeds; ``event_id`` tells it from all others."""

    event_id: int
    user_id: int
    market_id: str
    algo_id: int
    client_algo_id: str | None
    number: int
    happening: str
    state: str
    slice_number: int | None
    order_id: int | None
    code: str
    words: str
    recorded_at: datetime


_TOLD = f"""
SELECT event.id, algo.user_id, algo.market_id, algo.id, algo.client_algo_id, event.number,
       event.happening, event.state, event.slice_number, event.order_id, event.code, event.words,
       event.recorded_at
  FROM trading_algoevent event JOIN trading_algo algo ON algo.id = event.algo_id
 WHERE event.recorded_at > statement_timestamp() - make_interval(secs => %s)
   AND algo.user_id = ANY(%s::bigint[])
 ORDER BY event.recorded_at DESC, event.id DESC LIMIT {TOLD_MAX}
"""  # noqa: S608  of a constant


def told_since(seconds_ago: float, user_ids: Collection[int]) -> list[ToldEvent]:
    """Of these traders' algos, the oldest first; those of one algo by number."""
    rows = read_all(_TOLD, (seconds_ago, list(user_ids)))
    return sorted(
        (ToldEvent(*row) for row in rows), key=lambda told: (told.recorded_at, told.event_id)
    )
