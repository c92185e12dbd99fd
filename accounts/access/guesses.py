"""Waits that grow with every guess at a secret, until it is right: a lock on a name, not on an
address.

Theory of operation. An attempt counts before its secret is looked at, so guesses that come at once
are counted like those that come in turn: one statement decides and counts. After `free` of them the
secret is locked for `FIRST_WAIT_S`, and for twice as long after each that follows, up to the
longest wait of its kind. Who comes while it is locked is refused without counting, whoever it is
and however right. A right one starts over; so does a day without an attempt.

Names that are somebody's and names that are nobody's are counted alike, by what was typed. The rows
are in Postgres: they outlive a Redis that lost them, hold in all processes, and operators see them.
They lock the door alone: sessions that are open and keys go on.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connection

from accounts.access.usernames import storable
from accounts.models import GuessKind, GuessLock

FIRST_WAIT_S = 32
FORGOTTEN_AFTER = timedelta(days=1)
_LONGEST_WAIT_S = {
    GuessKind.SIGN_IN: 900,
    GuessKind.PASSWORD: 900,
    GuessKind.SECOND_FACTOR: 3_600,  # of a million codes three are right
}

_ATTEMPT = """
INSERT INTO accounts_guesslock AS known (kind, whose, attempts, tried_at, locked_until)
VALUES (%(kind)s, %(whose)s, 1, statement_timestamp(), statement_timestamp() + (%(waits)s)[1])
ON CONFLICT (kind, whose) DO UPDATE SET (attempts, tried_at, locked_until) = (
    SELECT attempts, statement_timestamp(), statement_timestamp() + CASE
        WHEN attempts <= cardinality(%(waits)s) THEN (%(waits)s)[attempts] ELSE %(longest)s END
    FROM (SELECT CASE WHEN known.tried_at > statement_timestamp() - %(forgotten)s
                 THEN known.attempts + 1 ELSE 1 END AS attempts) AS counted)
WHERE known.locked_until IS NULL OR known.locked_until <= statement_timestamp()
RETURNING id
"""


@dataclass(frozen=True)
class Secret:
    """What is guessed at: a kind, and whose it is. ``free``: attempts before it is locked."""

    kind: GuessKind
    whose: str
    free: int


def sign_in_secret(name: str, free: int) -> Secret:
    """Of a name as it was typed."""
    return Secret(GuessKind.SIGN_IN, storable(name.lower()), free)


def attempt(secret: Secret) -> int:
    """Seconds to wait before the next guess at it; 0 counts one."""
    longest_s = _LONGEST_WAIT_S[secret.kind]
    said: dict[str, Any] = {
        "kind": secret.kind,
        "whose": secret.whose,
        "waits": _waits(secret.free, longest_s),
        "longest": timedelta(seconds=longest_s),
        "forgotten": FORGOTTEN_AFTER,
    }
    with connection.cursor() as cursor:
        cursor.execute(_ATTEMPT, said)
        if cursor.fetchone() is not None:
            return 0
    return seconds_left(secret)


def _waits(free: int, longest_s: int) -> list[timedelta | None]:
    """After each attempt from the first; after those that follow, the longest."""
    growing: list[int] = []
    while not growing or growing[-1] < longest_s:
        growing.append(min(longest_s, FIRST_WAIT_S << len(growing)))
    return [*[None] * (free - 1), *(timedelta(seconds=wait_s) for wait_s in growing)]


def seconds_left(secret: Secret) -> int:
    """Until it may be guessed at again; 1 at least of one that is being lifted just now."""
    rows = GuessLock.objects.filter(kind=secret.kind, whose=secret.whose)
    until = rows.values_list("locked_until", flat=True).first()
    left = timedelta(0) if until is None else until - datetime.now(UTC)
    return max(1, -(-left // timedelta(seconds=1)))


def start_over(secret: Secret) -> None:
    GuessLock.objects.filter(kind=secret.kind, whose=secret.whose).delete()
