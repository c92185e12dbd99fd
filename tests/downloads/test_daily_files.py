"""Daily files: which are due, what is in them, and how they are served."""

import gzip
import hashlib
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import redis
from django.test import Client
from time_machine import TimeMachineFixture

from markets.models import Market, MarketStatus
from matching.messages.streams import input_stream
from matching.messages.vocabulary import ExecutionType, MarketState, Role, Side
from persistence.downloads import day_lines, services
from persistence.downloads.files import write_file
from persistence.downloads.models import DailyFile
from persistence.downloads.moment import WAITED_FOR, is_day_known
from persistence.models import MarketCursor
from persistence.tasks import make_daily_files
from tests.trading.client import forget_caches, make_market, make_trader
from trading.models import CANDLE_INTERVALS_MS, Candle, Fill

TODAY = datetime(2026, 7, 1, tzinfo=UTC)
pytestmark = [pytest.mark.django_db, pytest.mark.time_machine(TODAY + timedelta(hours=12))]

FIRST, SECOND = TODAY - timedelta(days=2), TODAY - timedelta(days=1)


@pytest.fixture
def market(redis_db: redis.Redis, tmp_path: Path, settings: Any) -> Iterator[Market]:
    """Persisted up to now."""
    settings.DOWNLOADS_DIR = tmp_path
    made = make_market()
    MarketCursor.objects.update_or_create(
        market=made, defaults={"entry_time_ms": int(TODAY.timestamp() * 1000)}
    )
    yield made
    forget_caches()


def add_trade(market: Market, trade_id: int, at: datetime, user_id: int) -> None:
    for role in (Role.TAKER, Role.MAKER):
        Fill.objects.create(
            trade_id=trade_id,
            market=market,
            user_id=user_id,
            role=role,
            side=Side.LONG if role is Role.TAKER else Side.SHORT,
            execution=ExecutionType.TRADE,
            price_ticks=250_000 + trade_id,
            size_lots=trade_id,
            fee_units=0,
            realized_pnl_units=0,
            seq=trade_id,
            executed_at=at,
        )


@pytest.fixture
def traded(market: Market) -> Market:
    """Three trades on the first day, one on the second and one today."""
    user_id = make_trader().user.pk
    days = (FIRST, FIRST, FIRST + timedelta(hours=23, minutes=59), SECOND, TODAY)
    for trade_id, at in enumerate(days, start=1):
        add_trade(market, trade_id, at + timedelta(milliseconds=7), user_id)
    Candle.objects.create(
        market=market,
        interval_ms=CANDLE_INTERVALS_MS["1m"],
        start_ms=int(FIRST.timestamp() * 1000),
        open_ticks=250_001,
        high_ticks=250_002,
        low_ticks=250_001,
        close_ticks=250_002,
        volume_lots=3,
        quote_units=75_000_000,
        trade_count=2,
    )
    return market


def get(path: str) -> Any:
    answer = Client().get(path)
    assert answer.status_code == 200, answer.content
    return json.loads(answer.content)


def download(path: str) -> bytes:
    answer = Client().get(path)
    assert answer.status_code == 200
    assert answer["Cache-Control"] == "public, max-age=31536000, immutable"
    return b"".join(answer.streaming_content)  # type: ignore[attr-defined]


def lines_of(data: bytes) -> list[str]:
    return gzip.decompress(data).decode().splitlines()


def ms(at: datetime) -> int:
    return int(at.timestamp() * 1000)


def test_each_day_that_is_over_has_its_files(
    traded: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(day_lines, "PART_ROWS", 2)
    make_daily_files()
    listed = get("/downloads")["downloads"]
    assert {(one["kind"], one["day"], one["rows"]) for one in listed} == {
        ("trades", FIRST.date().isoformat(), 3),
        ("trades", SECOND.date().isoformat(), 1),
        ("candles", FIRST.date().isoformat(), 1),
        ("candles", SECOND.date().isoformat(), 0),
    }
    for one in listed:
        data = download(one["path"])
        assert (len(data), hashlib.sha256(data).hexdigest()) == (one["bytes"], one["sha256"])
        said = Client().get(f"{one['path']}.sha256").content.decode()
        assert said == f"{one['sha256']}  {one['path'].rpartition('/')[2]}\n"
    (trades,) = [one for one in listed if (one["kind"], one["rows"]) == ("trades", 3)]
    assert lines_of(download(trades["path"])) == [
        "tradeId,timeMs,takerSide,price,qty,execution",
        f"1,{ms(FIRST) + 7},LONG,25000.1,0.001,TRADE",
        f"2,{ms(FIRST) + 7},LONG,25000.2,0.002,TRADE",
        f"3,{ms(SECOND) - 60_000 + 7},LONG,25000.3,0.003,TRADE",
    ]
    (candles,) = [one for one in listed if (one["kind"], one["rows"]) == ("candles", 1)]
    assert lines_of(download(candles["path"]))[1] == (
        f"{ms(FIRST)},25000.1,25000.2,25000.1,25000.2,0.003,75,2"
    )


def test_the_list_has_filters(traded: Market) -> None:
    make_daily_files()
    day = FIRST.date().isoformat()
    query = f"marketId={traded.pk}&kind=trades&day={day}"
    (one,) = get(f"/downloads?{query}")["downloads"]
    assert (one["kind"], one["day"]) == ("trades", day)
    page = get("/downloads?limit=3")
    assert len(get(f"/downloads?cursor={page['nextCursor']}")["downloads"]) == 1
    for wrong in ("day=2026-13-01", "day=yesterday", "kind=orders", "market=X", "day=20260105"):
        assert Client().get(f"/downloads?{wrong}").status_code == 400, wrong


@pytest.mark.parametrize(
    "path",
    [
        "/downloads/BTC-PERP/trades/nothing",
        "/downloads/BTC-PERP/trades/BTC-PERP-trades-2020-01-01.csv.gz",
        "/downloads/BTC-PERP/trades/..%2F..%2Fsettings.py",
        "/downloads/X/trades/BTC-PERP-trades-2020-01-01.csv.gz.sha256",
    ],
)
def test_other_names_lead_nowhere(traded: Market, path: str) -> None:
    make_daily_files()
    assert Client().get(path).status_code == 404


def test_a_second_run_makes_nothing_and_what_is_lost_is_made_again(
    traded: Market, tmp_path: Path
) -> None:
    assert services.make_due_files() == 4
    made = {path: path.read_bytes() for path in tmp_path.rglob("*.csv.gz")}
    assert services.make_due_files() == 0
    for path in made:
        path.unlink()
    assert services.make_due_files() == 4
    assert {path: path.read_bytes() for path in tmp_path.rglob("*.csv.gz")} == made
    assert DailyFile.objects.count() == 4


def test_a_day_waits_for_its_last_entry(traded: Market, redis_db: redis.Redis) -> None:
    """An engine that is behind may still say what happened yesterday."""
    MarketCursor.objects.update(entry_time_ms=ms(TODAY) - 1, input_id="5-0")
    redis_db.xadd(input_stream(traded.pk), {"command": "x"}, id="6-0")
    assert services.make_due_files() == 2  # of the day before
    assert not DailyFile.objects.filter(day=SECOND.date()).exists()
    # Nothing was asked of the engine that isn't persisted: what comes is of today.
    MarketCursor.objects.update(input_id="6-0")
    assert services.make_due_files() == 2


def test_a_day_of_all_markets_is_known_once_it_is_persisted(
    traded: Market, redis_db: redis.Redis, time_machine: TimeMachineFixture
) -> None:
    yesterday = SECOND.date()
    MarketStatus.objects.update(state=MarketState.ACTIVE)
    assert is_day_known(yesterday)
    MarketCursor.objects.update(entry_time_ms=ms(TODAY) - 1, input_id="5-0")
    redis_db.xadd(input_stream(traded.pk), {"command": "x"}, id="6-0")
    assert not is_day_known(yesterday)
    assert is_day_known(FIRST.date())
    # Nobody waits for a market that never opened, nor for one that is settled.
    for state in (MarketState.PRE_OPEN, MarketState.SETTLED):
        MarketStatus.objects.update(state=state)
        assert is_day_known(yesterday)
    # One that stands still is waited for a day.
    MarketStatus.objects.update(state=MarketState.HALTED)
    time_machine.move_to(TODAY + WAITED_FOR - timedelta(seconds=1))
    assert not is_day_known(yesterday)
    time_machine.move_to(TODAY + WAITED_FOR)
    assert is_day_known(yesterday)


def test_a_run_that_ends_early_is_gone_on_with(traded: Market) -> None:
    assert services.make_due_files(run_s=-1.0) == 0
    assert services.make_due_files() == 4


def test_a_disk_that_refuses_is_told_and_made_up_for(traded: Market, tmp_path: Path) -> None:
    (tmp_path / traded.pk).write_text("in the way")
    make_daily_files()
    assert get("/downloads")["downloads"] == []
    assert all(DailyFile.objects.values_list("fault", flat=True))
    (tmp_path / traded.pk).unlink()
    make_daily_files()
    assert len(get("/downloads")["downloads"]) == 4
    assert not any(DailyFile.objects.values_list("fault", flat=True))


def test_half_a_file_never_has_the_name(tmp_path: Path) -> None:
    def parts() -> Iterator[list[str]]:
        yield ["1"]
        raise OSError("full")

    path = tmp_path / "x.csv.gz"
    with pytest.raises(OSError, match="full"):
        write_file(path, "head", parts())
    assert list(tmp_path.iterdir()) == []


def test_the_same_rows_are_the_same_bytes(tmp_path: Path) -> None:
    one = write_file(tmp_path / "one.csv.gz", "head", [["1", "2"], ["3"]])
    other = write_file(tmp_path / "other.csv.gz", "head", iter([["1"], ["2", "3"]]))
    assert one == other
    assert one.row_count == 3


def test_a_market_without_trades_has_no_files(market: Market) -> None:
    assert services.make_due_files() == 0
