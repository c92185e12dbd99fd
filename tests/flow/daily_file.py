"""A day's file, as there is none of an exchange that was started today."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest

from markets.models import Market
from markets.rules import market_rules
from persistence.downloads.day_lines import HEADS, parts_of
from persistence.downloads.files import path_of, write_file
from persistence.downloads.models import DailyFile, FileKind
from tests.flow.committed import committed
from tests.flow.exchange import MARK_TICKS, Exchange, Trader
from trading.models import Fill

TRADED = "DAYS-PERP"


@pytest.fixture
def file_of_today(exchange: Exchange, new_trader: Callable[..., Trader]) -> Iterator[DailyFile]:
    """The trades of a market of its own, written as the task does, as if their day were over."""
    if Market.objects.filter(pk=TRADED).exists():  # of a module before: its index may be old
        exchange.set_mark(TRADED, MARK_TICKS, "50000")
    else:
        committed(exchange.open_market, TRADED)
    maker, taker = new_trader(), new_trader()
    maker.market_id = taker.market_id = TRADED
    maker.wait_until(maker.place("SHORT", "0.02", "50010"), "open")
    taker.wait_until(taker.place("LONG", "0.01", "50010"), "filled")
    fill = Fill.objects.get(user_id=taker.user_id)
    day, kind = fill.executed_at.astimezone(UTC).date(), FileKind.TRADES
    path = path_of(TRADED, kind, day)

    def make() -> DailyFile:
        parts = parts_of(market_rules(TRADED), kind, day)
        written = write_file(path, HEADS[kind], parts)
        return DailyFile.objects.create(
            market_id=TRADED,
            kind=kind,
            day=day,
            row_count=written.row_count,
            size_bytes=written.size_bytes,
            sha256=written.sha256,
            made_at=datetime.now(UTC),
        )

    made = committed(make)
    yield made
    committed(made.delete)
    for left in path.parent.glob(f"{path.name}*"):
        left.unlink()
