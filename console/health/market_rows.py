"""What Postgres knows of each market's progress, for `console.health.report`."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from django.db import connection, transaction
from django.utils import timezone

from console.health.streams import COUNT_CAP
from markets.models import Market, units_per_tick_lot
from matching.messages.vocabulary import OrderStatus
from persistence.models import DeadLetter, PersistenceFault
from prices.models import PriceSource
from trading.models import Liquidation

STATEMENT_TIMEOUT_MS = 2_000
UNANSWERED_AFTER = timedelta(seconds=5)

# One statement for all markets, each of which is looked at by its own partial index.
_WAITING = """
SELECT market.id, orders.waiting, commands.waiting, least(orders.oldest, commands.oldest)
  FROM markets_market AS market
 CROSS JOIN LATERAL (
       SELECT count(*) AS waiting, min(created_at) AS oldest
         FROM (SELECT created_at FROM trading_order
                WHERE market_id = market.id AND status = %(pending)s AND created_at < %(since)s
                ORDER BY id LIMIT %(cap)s) AS first) AS orders
 CROSS JOIN LATERAL (
       SELECT count(*) AS waiting, min(created_at) AS oldest
         FROM (SELECT created_at FROM trading_outboxcommand
                WHERE market_id = market.id AND applied_seq IS NULL AND created_at < %(since)s
                ORDER BY id LIMIT %(cap)s) AS first) AS commands
"""


class _Waiting(NamedTuple):
    """What of a market its engine has not answered for long; ``oldest`` None: nothing."""

    orders: int
    commands: int
    oldest: datetime | None


@dataclass(frozen=True)
class MarketRows:
    """A market's rows. Counts of what waits stop at COUNT_CAP."""

    market_id: str
    state: str
    state_reason: str
    config_version: int
    applied_config_version: int
    cursor_seq: int
    dead_letters_last_day: int
    stale_pending_orders: int
    stale_commands: int
    oldest_waiting_ms: int
    index_stale: bool
    index_ms: int
    funding_rate_ppb: int
    next_funding_ms: int
    insurance_units: int
    liquidations_last_day: int
    tick_size: Decimal
    lot_size: Decimal
    price_quorum: int
    price_sources: list[PriceSource]
    stopped: str = ""  # why persistence stopped; empty while it goes on

    @property
    def units_per_tick_lot(self) -> int:
        return units_per_tick_lot(self.tick_size, self.lot_size)


# Of a market, its status and its cursor: a thousand records of each would take longer to make than
# everything else here.
_COLUMNS = {
    "market_id": "pk",
    "state": "status__state",
    "state_reason": "status__state_reason",
    "config_version": "config_version",
    "applied_config_version": "status__applied_config_version",
    "cursor_seq": "cursor__seq",
    "index_stale": "status__index_stale",
    "index_ms": "status__index_ms",
    "funding_rate_ppb": "status__funding_rate_ppb",
    "next_funding_ms": "status__next_funding_ms",
    "insurance_units": "status__insurance_units",
    "tick_size": "tick_size",
    "lot_size": "lot_size",
    "price_quorum": "price_quorum",
}


_NOTHING_WAITS = _Waiting(0, 0, None)  # in a market that was made meanwhile


def read_rows() -> list[MarketRows]:
    """Raises DatabaseError when Postgres is away or slower than STATEMENT_TIMEOUT_MS."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('statement_timeout', %s, true)", _timeout())
        now = timezone.now()
        letters = _dead_letters(now)
        liquidations = _liquidations(now)
        stopped = _stopped()
        waiting = _waiting(now)
        sources: dict[str, list[PriceSource]] = {}
        for source in PriceSource.objects.order_by("market", "id"):
            sources.setdefault(source.market_id, []).append(source)
        found = []
        for columns in Market.objects.order_by("pk").values_list(*_COLUMNS.values()):
            values: dict[str, Any] = dict(zip(_COLUMNS, columns, strict=True))
            pk = values["market_id"]
            waits = waiting.get(pk, _NOTHING_WAITS)
            found.append(
                MarketRows(
                    **values,
                    dead_letters_last_day=letters.get(pk, 0),
                    stale_pending_orders=waits.orders,
                    stale_commands=waits.commands,
                    oldest_waiting_ms=_age_ms(waits.oldest, now),
                    liquidations_last_day=liquidations.get(pk, 0),
                    price_sources=sources.get(pk, []),
                    stopped=stopped.get(pk, ""),
                )
            )
        return found


def _timeout() -> list[str]:
    return [str(STATEMENT_TIMEOUT_MS)]


def _waiting(now: datetime) -> dict[str, _Waiting]:
    values: dict[str, Any] = {
        "pending": OrderStatus.PENDING.value,
        "since": now - UNANSWERED_AFTER,
        "cap": COUNT_CAP,
    }
    with connection.cursor() as cursor:
        cursor.execute(_WAITING, values)
        return {market_id: _Waiting(*found) for market_id, *found in cursor.fetchall()}


def _age_ms(oldest: datetime | None, now: datetime) -> int:
    return 0 if oldest is None else int((now - oldest).total_seconds() * 1_000)


def _liquidations(now: datetime) -> dict[str, int]:
    """Of the last day, of the newest COUNT_CAP of all markets."""
    newest = Liquidation.objects.order_by("-id").values("market_id", "liquidated_at")[:COUNT_CAP]
    since = now - timedelta(days=1)
    return Counter(row["market_id"] for row in newest if row["liquidated_at"] > since)


def _stopped() -> dict[str, str]:
    faults = PersistenceFault.objects.filter(resolved_at__isnull=True)
    return {f.market_id: f"stopped before sequence {f.seq}: {f.reason}" for f in faults}


def _dead_letters(now: datetime) -> dict[str, int]:
    """Likewise."""
    newest = DeadLetter.objects.values_list("market_id", "recorded_at")[:COUNT_CAP]
    since = now - timedelta(days=1)
    return Counter(market_id for market_id, recorded_at in newest if recorded_at > since)
