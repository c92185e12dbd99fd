"""The status snapshot, its page, and GET /health, against streams as engines leave them."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from decimal import Decimal
from http import HTTPStatus
from typing import Any

import msgspec
import pytest
import redis
from django.test import Client
from django.utils import timezone

from common import redis_client as clients
from console.health import archiver
from console.health.answer import latest
from console.health.redis_servers import faults, finding
from console.health.report import ExchangeStatus, Grade, exchange_status
from exchange_site.embedded.health import monitor_headers
from markets.models import Market, MarketStatus
from markets.rules import market_ticker
from matching.messages.streams import (
    COMMAND_FIELD,
    Ticker,
    heartbeat_key,
    input_stream,
    output_stream,
    ticker_key,
)
from matching.messages.vocabulary import MarketState, OrderStatus, StateReason
from persistence.models import MarketCursor
from persistence.worker_heartbeat import beat, stop_beating, tell_fault
from prices.index import SourceState
from prices.models import PriceSource
from prices.reports import report_key
from tests.admin.factories import make_command, make_order, make_user, make_world
from tests.admin.price_reports import make_price_report
from tests.admin.running_market import (
    MARKET,
    beat_engine,
    entry_id,
    health,
    now_ms,
    output,
    run_market,
)
from trading.models import Liquidation


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    latest.forget()
    clients.probe_redis_client.cache_clear()
    yield
    clients.probe_redis_client.cache_clear()


@pytest.fixture
def running(market: Market, redis_db: redis.Redis) -> redis.Redis:
    return run_market(market, redis_db)


def found(status: ExchangeStatus, name: str) -> tuple[Grade, str]:
    (report,) = status.markets
    (check,) = [check for check in report.checks if check.name == name]
    return check.level, check.text


def test_price_sources_that_are_not_well_are_named(
    running: redis.Redis, market: Market, client_of: Callable[[str], Client]
) -> None:
    assert found(exchange_status(), "price sources") == (Grade.OK, "1 of 1 healthy, 1 needed")
    make_price_report(running, market, SourceState.OUTLIER)
    text = "0 of 1 healthy, 1 needed: synthetic is outlier"
    assert found(exchange_status(), "price sources") == (Grade.WARN, text)
    page = client_of("viewer").get("/admin/status/").content.decode()
    for shown in ("outlier", "2,509.95", "1,234", "ExchangeNotAvailable: &lt;down&gt;"):
        assert shown in page, shown


def test_a_market_without_a_price_source_says_so(running: redis.Redis, market: Market) -> None:
    PriceSource.objects.update(enabled=False)
    level, text = found(exchange_status(), "price sources")
    assert (level, text.split(":")[0]) == (Grade.WARN, "no price source")
    PriceSource.objects.all().delete()
    assert found(exchange_status(), "price sources") == (level, text)


@pytest.mark.parametrize("data", [None, b"{", b'{"reported_ms":1,"index_price":null,"sources":[]}'])
def test_a_price_process_that_says_nothing_is_a_warning(
    running: redis.Redis, data: bytes | None
) -> None:
    running.delete(report_key(MARKET))
    if data:
        running.set(report_key(MARKET), data)
    level, text = found(exchange_status(), "price sources")
    assert (level, text) == (
        Grade.WARN,
        "the price process has not said anything for seconds",
    )


def test_all_is_well_when_it_is(running: redis.Redis) -> None:
    status = exchange_status()
    assert status.problems == []
    assert status.level is Grade.OK
    (report,) = status.markets
    assert report.streams is not None
    assert (report.streams.input_length, report.streams.output_seq) == (7, 7)
    assert [group.name for group in report.streams.groups] == ["one"]


def test_a_silent_engine_is_bad(running: redis.Redis) -> None:
    input_id = entry_id(running.xrevrange(input_stream(MARKET), count=1))
    beat_engine(running, beat_ms=now_ms() - 60_000, input_id=input_id)
    assert found(exchange_status(), "engine")[0] is Grade.BAD


def test_a_silent_standby_is_a_warning(running: redis.Redis) -> None:
    beat_engine(running, "two", beat_ms=now_ms() - 60_000, seq=3)
    level, text = found(exchange_status(), "engine")
    assert level is Grade.WARN
    assert text.startswith("two silent")


def test_each_engine_says_which_build_of_the_core_it_runs(
    running: redis.Redis, client_of: Callable[[str], Client]
) -> None:
    standing = entry_id(running.xrevrange(input_stream(MARKET), count=1))
    beat_engine(running, "one", build="compiled", input_id=standing)
    beat_engine(running, "two", build="pure", input_id=standing)
    page = client_of("viewer").get("/admin/status/").content.decode()
    for shown in (">compiled</td>", ">pure</td>"):
        assert shown in page, shown
    engines = health()[1]["markets"][MARKET]["engines"]
    assert {name: engine["build"] for name, engine in engines.items()} == {
        "one": "compiled",
        "two": "pure",
    }
    assert engines["one"]["status"] == "ok"
    assert engines["one"]["heartbeatAgeMs"] >= 0


def test_an_older_engine_does_not_say_its_build_and_is_alive(
    running: redis.Redis, client_of: Callable[[str], Client]
) -> None:
    data: Any = running.hget(heartbeat_key(MARKET), "one")
    fields = msgspec.json.decode(data)
    del fields["build"]
    running.hset(heartbeat_key(MARKET), "one", msgspec.json.encode(fields))
    code, body = health()
    assert (code, body["problems"]) == (HTTPStatus.OK, [])
    assert body["markets"][MARKET]["engines"]["one"]["build"] is None
    assert "alive" in client_of("viewer").get("/admin/status/").content.decode()


def test_an_engine_taken_away_long_ago_is_not_missed(running: redis.Redis) -> None:
    beat_engine(running, "two", beat_ms=now_ms() - 7_200_000, seq=3)
    assert found(exchange_status(), "engine")[0] is Grade.OK


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        (StateReason.OPERATOR, "by an operator"),
        (StateReason.CIRCUIT_BREAKER, "by the circuit breaker"),
        (StateReason.INSURANCE_EXHAUSTED, "top up its insurance fund"),
    ],
)
def test_a_halted_market_says_who_halted_it(
    running: redis.Redis, reason: StateReason, words: str
) -> None:
    MarketStatus.objects.update(state=MarketState.HALTED, state_reason=reason)
    level, text = found(exchange_status(), "state")
    assert (level, words in text) == (Grade.WARN, True)
    latest.forget()
    assert Client(headers=monitor_headers()).get("/health").status_code == HTTPStatus.OK


def test_a_halted_engine_says_why(running: redis.Redis) -> None:
    beat_engine(running, halted="net position is 3")
    level, text = found(exchange_status(), "engine")
    assert (level, text) == (Grade.BAD, "halted: net position is 3")


@pytest.mark.parametrize("data", [b"{", b"\xff", b'{"engine": 1}'])
def test_an_unreadable_heartbeat_is_no_heartbeat(running: redis.Redis, data: bytes) -> None:
    running.hset(heartbeat_key(MARKET), "one", data)
    assert exchange_status().level is Grade.BAD


def test_input_the_engine_has_not_applied_is_counted(running: redis.Redis) -> None:
    first = entry_id(running.xrange(input_stream(MARKET), count=1))
    beat_engine(running, input_id=first)
    assert found(exchange_status(), "input")[1].startswith("6 entries waiting")


def test_old_input_is_bad(running: redis.Redis) -> None:
    running.delete(input_stream(MARKET))
    running.xadd(input_stream(MARKET), {COMMAND_FIELD: b"x"}, id=f"{now_ms() - 60_000}-0")
    beat_engine(running, input_id=f"{now_ms() - 70_000}-0")
    level, text = found(exchange_status(), "input")
    assert level is Grade.BAD
    assert text.startswith("1 entry waiting")


def test_output_not_persisted_is_counted_and_timed(running: redis.Redis) -> None:
    MarketCursor.objects.update(seq=5)
    running.delete(output_stream(MARKET))
    for seq in (5, 6, 7):
        output(running, seq, now_ms() - 60_000)
    level, text = found(exchange_status(), "persistence")
    assert level is Grade.BAD
    assert text.startswith("2 entries not persisted, the oldest for 60")


def test_a_cursor_ahead_of_the_stream_is_bad(running: redis.Redis) -> None:
    MarketCursor.objects.update(seq=9)
    level, text = found(exchange_status(), "persistence")
    assert level is Grade.BAD
    assert "2 ahead" in text


def test_unanswered_orders_and_commands_are_a_backlog(running: redis.Redis) -> None:
    market, user = Market.objects.get(), make_user()
    make_order(user, market, status=OrderStatus.PENDING, created_at=timezone.now())
    make_command(market)
    assert found(exchange_status(), "resends")[0] is Grade.OK
    hour_ago = timezone.now() - timedelta(hours=1)
    make_order(user, market, status=OrderStatus.PENDING, created_at=hour_ago)
    type(make_command(market)).objects.update(created_at=hour_ago)
    level, text = found(exchange_status(), "resends")
    assert level is Grade.BAD
    assert text.startswith("1 orders and 2 commands unanswered")


def test_rules_not_applied_and_dead_letters_are_warnings(running: redis.Redis) -> None:
    make_world()
    MarketStatus.objects.update(applied_config_version=0)
    MarketCursor.objects.update(seq=7)
    status = exchange_status()
    assert found(status, "rules")[0] is Grade.WARN
    assert found(status, "dead letters")[0] is Grade.WARN


def test_a_stale_index_is_a_warning(running: redis.Redis) -> None:
    MarketStatus.objects.update(index_stale=True, index_ms=now_ms() - 60_000)
    level, text = found(exchange_status(), "index price")
    assert level is Grade.WARN
    assert health()[0] == HTTPStatus.OK
    assert text.startswith("stale, the last one 60")
    MarketStatus.objects.update(index_stale=False)
    assert found(exchange_status(), "index price")[0] is Grade.OK
    MarketStatus.objects.update(index_ms=0)
    assert found(exchange_status(), "index price")[0] is Grade.WARN


def test_an_index_above_what_the_market_takes_is_told(
    running: redis.Redis, client_of: Callable[[str], Client]
) -> None:
    """Its open interest may be worth 50 billion: 500,000 BTC at 100,000."""
    market = Market.objects.get()
    lots = int(500_000 / market.lot_size)
    ticker = {**msgspec.structs.asdict(market_ticker(MARKET)), "open_interest_lots": lots}
    running.set(ticker_key(MARKET), msgspec.json.encode(Ticker(**ticker)))
    MarketStatus.objects.update(index_stale=True, index_ms=now_ms() - 60_000)
    make_price_report(running, market, index_price=Decimal("100000"))
    assert found(exchange_status(), "index price")[1].startswith("stale, the last one 60")
    make_price_report(running, market, index_price=Decimal("100000.1"))
    told = "index price 100,000.1 above 100,000, the largest the market takes"
    assert found(exchange_status(), "index price")[1].startswith(f"stale ({told}")
    assert told in client_of("viewer").get("/admin/status/").content.decode()
    running.delete(ticker_key(MARKET))  # nothing is open, as far as is known
    assert "largest" not in found(exchange_status(), "index price")[1]
    make_price_report(running, market, index_price=Decimal(10) ** 20)
    assert "the largest the market takes" in found(exchange_status(), "index price")[1]


def test_overdue_funding_is_a_warning(running: redis.Redis) -> None:
    MarketStatus.objects.update(next_funding_ms=now_ms() + 600_000)
    level, text = found(exchange_status(), "funding")
    assert (level, text.endswith("last rate +0.01 %")) == (Grade.OK, True)
    MarketStatus.objects.update(next_funding_ms=now_ms() - 600_000)
    level, text = found(exchange_status(), "funding")
    assert level is Grade.WARN
    assert text.startswith("overdue for 10 min")


def test_the_page_shows_insurance_and_liquidations(
    running: redis.Redis, client_of: Callable[[str], Client]
) -> None:
    make_world()
    Liquidation.objects.update(liquidated_at=timezone.now())
    page = client_of("viewer").get("/admin/status/").content.decode()
    assert "12.50 USD" in page
    assert exchange_status().markets[0].rows.liquidations_last_day == 1


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"aof_enabled": 0}, "set appendonly yes"),
        ({"maxmemory_policy": "allkeys-lru"}, "(allkeys-lru): set maxmemory-policy"),
        ({"maxmemory": 1}, "less than 20% of its maxmemory"),
    ],
)
def test_a_redis_that_forgets_is_said_while_it_answers(
    changed: dict[str, Any], words: str, running: redis.Redis
) -> None:
    """By what a real one says of itself, which is as it should be: others write to it meanwhile."""
    said: Any = running.info()
    assert finding(faults(said, keeps=True), otherwise="well") == (0, "well")
    level, text = finding(faults(said | changed, keeps=True), otherwise="well")
    assert (level, words in text) == (1, True)


def test_a_replica_is_no_redis_to_write_to() -> None:
    asked = {"role": "slave", "aof_enabled": 1, "maxmemory_policy": "noeviction", "maxmemory": 0}
    assert finding(faults(asked, keeps=True), otherwise="well") == (
        2,
        "is a replica and takes no writes: name its master",
    )
    # Of a server beside the streams' nothing has to be there after its death.
    assert faults({"aof_enabled": 0}, keeps=False) == []


@pytest.mark.parametrize(
    ("said", "level", "words"),
    [
        ("aof_last_write_status", 2, "can't append to its file, and takes no writes"),
        ("aof_last_bgrewrite_status", 1, "can't write its file anew, so that grows"),
        ("rdb_last_bgsave_status", 1, "can't save its data, and may take no writes for it"),
    ],
)
def test_a_redis_whose_disk_is_full_is_said(said: str, level: int, words: str) -> None:
    for keeps in (True, False):
        found = faults({"aof_enabled": 1, said: "err"}, keeps=keeps)
        why = f"{words}: free room on its disk"
        assert finding(found, otherwise="well") == (level, why)


def test_a_worker_that_lives_and_persists_nothing_is_bad(running: redis.Redis) -> None:
    tell_fault(running, "celery@one", "OperationalError: could not extend file: No space left")
    tell_fault(running, "celery@gone", "OperationalError: of a worker that was killed")
    (found,) = (check for check in exchange_status().services if check.name == "Workers")
    assert found.level is Grade.BAD
    why = "OperationalError: could not extend file: No space left"
    assert found.text == f"celery@one persists nothing: {why}"
    stop_beating(running, "celery@one")
    beat(running, "celery@one")
    (found,) = (check for check in exchange_status().services if check.name == "Workers")
    assert found.level is Grade.OK


@pytest.mark.django_db
def test_wal_that_can_not_be_archived_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """As of a Postgres that says so; `tests/disks` has one."""
    began = f"'{timezone.now() - timedelta(hours=3)}'::timestamptz"
    monkeypatch.setattr(archiver, "_FAILING", f"SELECT '00000001000000000000002A', {began}")
    assert archiver.archiver_finding() == (
        "has archived nothing for 3 h, 00000001000000000000002A fails: its own log says why; until "
        "then WAL fills its disk"
    )


def test_no_worker_is_bad(running: redis.Redis) -> None:
    running.flushdb()
    services = {check.name: check.level for check in exchange_status().services}
    assert services == {
        "Postgres": Grade.OK,
        "Seals": Grade.OK,
        "Redis": Grade.OK,
        "Workers": Grade.BAD,
        "Versions": Grade.OK,
    }


def test_the_page_and_its_part(running: redis.Redis, client_of: Callable[[str], Client]) -> None:
    client = client_of("viewer")
    for url in ("/admin/status/", "/admin/status/?part=body", "/admin/"):
        page = client.get(url).content.decode()
        for text in (MARKET, "ACTIVE", "everything works"):
            assert text in page, (url, text)
    assert "<html" not in client.get("/admin/status/?part=body").content.decode()


# --- /health --------------------------------------------------------------------------------------
