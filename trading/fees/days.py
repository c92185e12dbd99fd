"""Sums of a family's days, and runs that are done once a day."""

from collections.abc import Callable, Collection
from datetime import date
from typing import NamedTuple

from django.db import connection
from django.utils import timezone

from trading.fees.models import DailyRun, RunKind

_SUMS_OF_ALL = """
SELECT COALESCE(who.parent_id, who.id), sum(d.volume_units), sum(d.fee_units)
  FROM trading_traderday d JOIN accounts_user who ON who.id = d.user_id
 WHERE d.market_id IN (SELECT id FROM markets_market)
   AND d.day >= %(first)s AND d.day <= %(last)s
 GROUP BY 1
"""
# By the key of each row that there could be: a day of a market has rows of all traders.
_SUMS_OF_SOME = """
SELECT COALESCE(sum(d.volume_units), 0), COALESCE(sum(d.fee_units), 0)
  FROM markets_market m
 CROSS JOIN generate_series(%(first)s::date, %(last)s::date, interval '1 day') AS asked(day)
 CROSS JOIN unnest(%(users)s::bigint[]) AS who(id)
 CROSS JOIN LATERAL (
        SELECT volume_units, fee_units FROM trading_traderday
         WHERE market_id = m.id AND day = asked.day::date AND user_id = who.id OFFSET 0) d
"""


IsKnown = Callable[[date], bool]  # whether all that traders did on a day is persisted


class DaySums(NamedTuple):
    volume_units: int
    fee_units: int


def sums_by_family(first: date, last: date) -> dict[int, DaySums]:
    """By main account, of whoever traded from the first day to the last."""
    with connection.cursor() as cursor:
        cursor.execute(_SUMS_OF_ALL, {"first": first, "last": last})
        return {main_id: DaySums(int(v), int(f)) for main_id, v, f in cursor.fetchall()}


def sums_of(user_ids: Collection[int], first: date, last: date) -> DaySums:
    """Of these accounts together, from the first day to the last."""
    with connection.cursor() as cursor:
        cursor.execute(_SUMS_OF_SOME, {"users": list(user_ids), "first": first, "last": last})
        volume, fees = cursor.fetchone()
    return DaySums(int(volume), int(fees))


def is_done(kind: RunKind, day: date) -> bool:
    return DailyRun.objects.filter(kind=kind, day=day, ended_at__isnull=False).exists()


def locked_run(kind: RunKind, day: date) -> DailyRun | None:
    """The day's run, which nobody else goes on with until the transaction ends; None where it is
    done."""
    DailyRun.objects.bulk_create([DailyRun(kind=kind, day=day)], ignore_conflicts=True)
    run = DailyRun.objects.select_for_update().get(kind=kind, day=day)
    return None if run.ended_at else run


def end_run(run: DailyRun, count: int) -> None:
    run.count, run.ended_at = count, timezone.now()
    run.save(update_fields=["count", "ended_at"])
