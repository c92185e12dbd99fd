"""Makes the files that are due: of days that are over, market by market, the oldest first."""

import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import structlog
from django.db import InterfaceError, OperationalError
from django.utils import timezone

from markets.models import Market
from markets.rules import MarketRules, market_rules
from persistence.downloads.day_lines import HEADS, day_window, parts_of
from persistence.downloads.files import path_of, write_file
from persistence.downloads.models import DailyFile, FileKind
from persistence.downloads.moment import is_persisted_to
from trading.trades import first_trade_at

RUN_S = 60.0  # then the next run goes on

log = structlog.get_logger(__name__)


def make_due_files(*, run_s: float = RUN_S) -> int:
    """How many were made. One that fails is told and tried again by the next run; the others are
    made all the same."""
    ends_at = time.monotonic() + run_s
    made = 0
    for market_id in Market.objects.order_by("pk").values_list("pk", flat=True):
        for kind, day in _due(market_id):
            if time.monotonic() > ends_at:
                return made
            made += _made(market_rules(market_id), kind, day)
    return made


def _due(market_id: str) -> Iterator[tuple[FileKind, date]]:
    """From the day of the market's first trade to yesterday, as far as it is persisted."""
    first_at = first_trade_at(market_id)
    if first_at is None:
        return
    day, today = first_at.astimezone(UTC).date(), datetime.now(UTC).date()
    there = {
        (FileKind(one.kind), one.day)
        for one in DailyFile.objects.filter(market_id=market_id).exclude(sha256="")
        if path_of(market_id, one.kind, one.day).exists()
    }
    while day < today:
        due = [kind for kind in FileKind if (kind, day) not in there]
        _, end = day_window(day)
        if due and end is not None and not is_persisted_to(market_id, end):
            return
        yield from ((kind, day) for kind in due)
        day += timedelta(days=1)


def _made(rules: MarketRules, kind: FileKind, day: date) -> bool:
    named: dict[str, Any] = {"market_id": rules.id, "kind": kind, "day": day}
    try:
        parts = parts_of(rules, kind, day)
        written = write_file(path_of(rules.id, kind, day), HEADS[kind], parts)
    except (InterfaceError, OperationalError):
        raise  # of Postgres: it concerns all of them
    except OSError as error:
        log.error("daily_file_failed", market=rules.id, kind=kind, day=str(day), why=str(error))
        DailyFile.objects.update_or_create(**named, defaults={"fault": str(error)})
        return False
    DailyFile.objects.update_or_create(
        **named,
        defaults={
            "row_count": written.row_count,
            "size_bytes": written.size_bytes,
            "sha256": written.sha256,
            "fault": "",
            "made_at": timezone.now(),
        },
    )
    return True
