"""A signed request that changes something is served once.

Theory of operation. Redis remembers it until its signature stops counting, in one round trip for
all that arrive together; that is all that order intake asks, and while Redis looks it reads what
was sent. Django's views, through which all other money moves, also write it to Postgres, and are
refused by either: so what they do is done once whatever becomes of Redis. The row's commit is not
waited for. What the request does commits after it, and is waited for: a crash that keeps the effect
keeps the row, too.

While Redis is away order intake uses Postgres in its place, and for as long after it as what was
served meanwhile could come again. Nobody knows then what Redis remembered: what was signed before
this process missed it is refused, and its sender signs anew.
"""

import time
from collections.abc import Sequence

import msgspec
import redis
import structlog
from django.db import connection

from accounts.keys.headers import AHEAD_MS_MAX, WINDOW_MS_MAX
from common.errors import DomainError, ErrorCode
from common.redis.in_flight import InFlight, KeptConnections
from common.redis_client import limits_redis_client

KEY = "accounts:keys:served:{}"
SLACK_MS = 1_000  # clocks of ours may differ by this
LASTS_MS_MAX = WINDOW_MS_MAX + AHEAD_MS_MAX + SLACK_MS

log = structlog.get_logger(__name__)

_REMEMBER = """
local first = {}
for i, key in ipairs(KEYS) do
    first[i] = redis.call('SET', key, '', 'NX', 'PX', ARGV[1]) and 1 or 0
end
return first
"""
_WRITE = """
WITH unhurried AS MATERIALIZED (SELECT set_config('synchronous_commit', 'off', true))
INSERT INTO accounts_servedrequest (digest, good_until)
SELECT asked.digest, to_timestamp(asked.until_ms / 1000.0)
FROM unhurried, unnest(%s::text[], %s::bigint[]) AS asked (digest, until_ms)
ORDER BY asked.digest
ON CONFLICT DO NOTHING
RETURNING digest
"""


class Spent(msgspec.Struct, frozen=True, gc=False):
    """A request whose signature is right: what it is known by, when it was signed, and until when
    its signature counts, in Unix ms."""

    digest: str
    signed_ms: int
    good_until_ms: int


class Question(msgspec.Struct, frozen=True):
    """About requests, on its way. ``call`` None: Redis is away."""

    requests: Sequence[Spent]
    asked_ms: int  # Unix time
    call: InFlight | None


class Replays:
    """As of this process, which knows when it last missed Redis."""

    def __init__(self) -> None:
        self._connections = KeptConnections()
        self._missed_since_ms: int | None = None
        self._missed_ms = 0

    def refuse(
        self, requests: Sequence[Spent], *, durably: bool = False
    ) -> list[DomainError | None]:
        """Why each is refused, if it is; of two that are the same the first is served. Raises what
        Postgres raises, where it is asked."""
        return self.hear(self.ask(requests), durably=durably)

    def ask(self, requests: Sequence[Spent]) -> Question:
        """The first half of `refuse`. What is done before the second one, Redis isn't waited for
        meanwhile; nothing that lasts."""
        asked_ms = time.time_ns() // 1_000_000
        call: InFlight | None = None
        if requests:
            keys = [KEY.format(one.digest) for one in requests]
            # Each for as long as the last of them: one number less to send for each.
            lasts_ms = max(1, max(one.good_until_ms for one in requests) - asked_ms) + SLACK_MS
            command = ("EVAL", _REMEMBER, len(keys), *keys, lasts_ms)
            try:
                call = self._connections.ask(limits_redis_client(), *command)
            except redis.RedisError as error:
                self._miss(len(requests), asked_ms, error)
        return Question(requests, asked_ms, call)

    def hear(self, question: Question, *, durably: bool = False) -> list[DomainError | None]:
        """The second half."""
        requests, asked_ms = question.requests, question.asked_ms
        if not requests:
            return []
        by_redis = self._by_redis(question)
        if durably or by_redis is None or asked_ms < self._missed_ms + LASTS_MS_MAX:
            first = _by_postgres(requests)
        else:
            first = by_redis
        since_ms = self._missed_since_ms
        answers: list[DomainError | None] = []
        for number, request in enumerate(requests):
            if not first[number] or (by_redis is not None and not by_redis[number]):
                answers.append(_replayed())
            elif since_ms is not None and request.signed_ms <= since_ms:
                answers.append(_nobody_knows())
            else:
                answers.append(None)
        return answers

    def forget(self) -> None:
        """That Redis was away."""
        self._missed_since_ms, self._missed_ms = None, 0

    def _by_redis(self, question: Question) -> list[bool] | None:
        """Whether each is the first of its kind; None while Redis is away."""
        if question.call is None:
            return None
        try:
            found = question.call.hear()
        except redis.RedisError as error:
            self._miss(len(question.requests), question.asked_ms, error)
            return None
        self._missed_since_ms = None
        return [bool(is_first) for is_first in found]

    def _miss(self, count: int, now_ms: int, error: redis.RedisError) -> None:
        log.warning("served_requests_in_postgres", requests=count, error=str(error))
        self._missed_ms = now_ms
        if self._missed_since_ms is None:
            self._missed_since_ms = now_ms


def _by_postgres(requests: Sequence[Spent]) -> list[bool]:
    until_ms = {one.digest: one.good_until_ms + SLACK_MS for one in requests}
    with connection.cursor() as cursor:
        cursor.execute(_WRITE, [list(until_ms), list(until_ms.values())])
        written = {digest for (digest,) in cursor.fetchall()}
    first = []
    for one in requests:
        first.append(one.digest in written)
        written.discard(one.digest)
    return first


replays = Replays()


def _replayed() -> DomainError:
    message = "This very request was sent before. Sign each anew, with a time of its own."
    return DomainError(ErrorCode.REPLAYED, message)


def _nobody_knows() -> DomainError:
    message = (
        "Whether this request was served before can't be told: Redis has gone away since it was "
        "signed. Sign it anew."
    )
    return DomainError(ErrorCode.REDIS_UNAVAILABLE, message)
