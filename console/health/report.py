"""How the exchange is doing, as one snapshot: the status page and GET /health are views of it.

Everything is measured from outside the parts: ② and ④ from Redis, ③ from its heartbeats, ⑤ from its
cursor and the rows it has yet to finish. Nothing raises: a service that is down is a finding.
"""

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import IntEnum
from typing import NamedTuple

import structlog
from django.db import DatabaseError, connection
from django.utils import timezone
from redis import RedisError

from common.redis_client import probe_redis_client
from console.health.archiver import archiver_finding
from console.health.market_rows import MarketRows, read_rows
from console.health.prices import MarketPrices, read_prices, sources_finding
from console.health.redis_servers import faults_beside, finding
from console.health.seals import seals_finding
from console.health.streams import (
    EngineBeat,
    MarketStreams,
    read_market_streams,
    read_redis_service,
)
from console.health.versions import versions_finding
from console.health.words import capped, entries, seconds
from console.health.workers import workers_finding
from markets.display import funding_rate, money
from matching.messages.vocabulary import MarketState, StateReason
from persistence.models import ReconcileRun
from persistence.reconciliation import is_overdue, newest_run
from prices.reports import LiveSource

log = structlog.get_logger(__name__)


_HALTED = {
    StateReason.OPERATOR: "by an operator",
    StateReason.CIRCUIT_BREAKER: "by the circuit breaker, as the mark price jumped: resume it to "
    "take the next one",
    StateReason.INSURANCE_EXHAUSTED: "as nobody could pay for a liquidation: top up its insurance "
    "fund, then resume it",
}


class Grade(IntEnum):
    """How bad a finding is. Ordered, so that the worst of many is their max."""

    OK = 0
    WARN = 1
    BAD = 2

    @property
    def word(self) -> str:
        return ("ok", "warning", "bad")[self]

    @property
    def tone(self) -> str:
        """The name of its colour in the style sheet."""
        return ("ok", "warn", "bad")[self]

    @property
    def words(self) -> str:
        return ("everything works", "needs a look", "something is broken")[self]


ENGINE_BEAT_WARN_MS = 3_000
ENGINE_BEAT_BAD_MS = 10_000
ENGINE_FORGOTTEN_MS = 3_600_000  # an engine silent for so long was taken away, and isn't missed
INPUT_LAG_WARN_MS = 1_000
INPUT_LAG_BAD_MS = 10_000
PERSISTENCE_LAG_WARN_MS = 2_000
PERSISTENCE_LAG_BAD_MS = 15_000
RESEND_BAD_MS = 60_000
FUNDING_LATE_MS = 60_000


class Check(NamedTuple):
    """One finding: how bad, and what an operator should read. Of a market there are ten."""

    name: str
    level: Grade
    text: str


@dataclass(frozen=True)
class EngineStatus:
    """One engine's word on one market."""

    name: str
    pid: int
    age_ms: int
    seq: int
    build: str
    halted: str
    level: Grade

    @property
    def alive(self) -> bool:
        return self.age_ms < ENGINE_BEAT_BAD_MS

    @property
    def age(self) -> str:
        return seconds(self.age_ms)


@dataclass(frozen=True)
class MarketReport:
    """One market along its path ② → ③ → ④ → ⑤, with what is wrong, if anything."""

    market_id: str
    rows: MarketRows
    streams: MarketStreams | None  # None while Redis is down
    engines: list[EngineStatus] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)
    sources: list[LiveSource] = field(default_factory=list)

    @property
    def level(self) -> Grade:
        return max((check.level for check in self.checks), default=Grade.OK)

    @property
    def problems(self) -> list[Check]:
        return [check for check in self.checks if check.level is not Grade.OK]

    @property
    def insurance(self) -> str:
        return money(self.rows.insurance_units)

    @property
    def engine_age_ms(self) -> int | None:
        return min((engine.age_ms for engine in self.engines), default=None)

    @property
    def persistence_lag_entries(self) -> int | None:
        if self.streams is None:
            return None
        return max(0, self.streams.output_seq - self.rows.cursor_seq)


@dataclass(frozen=True)
class ExchangeStatus:
    taken_ms: int
    services: list[Check]
    markets: list[MarketReport]

    @property
    def taken_at(self) -> datetime:
        return datetime.fromtimestamp(self.taken_ms / 1_000, UTC)

    @property
    def level(self) -> Grade:
        levels = [*(s.level for s in self.services), *(m.level for m in self.markets)]
        return max(levels, default=Grade.OK)

    @property
    def problems(self) -> list[tuple[str, Check]]:
        """(what it concerns, finding), worst first."""
        found = [("", s) for s in self.services if s.level is not Grade.OK]
        found += [(m.market_id, check) for m in self.markets for check in m.problems]
        return sorted(found, key=lambda item: -item[1].level)


def exchange_status() -> ExchangeStatus:
    """Takes a snapshot: a handful of Postgres queries and six Redis round trips at most."""
    now_ms = time.time_ns() // 1_000_000
    rows, row_checks = _postgres()
    streams, prices, redis_checks = _redis(rows)
    redis_checks += [Check(name, Grade.WARN, fault.words) for name, fault in faults_beside()]
    markets = [
        _market_report(row, streams.get(row.market_id), prices.get(row.market_id), now_ms)
        for row in rows
    ]
    return ExchangeStatus(taken_ms=now_ms, services=[*row_checks, *redis_checks], markets=markets)


def _postgres() -> tuple[list[MarketRows], list[Check]]:
    started = time.monotonic()
    try:
        rows = read_rows()
        run = newest_run()
        are_made, seals = seals_finding(timezone.now())
        unarchived = archiver_finding()
    except DatabaseError as error:
        log.warning("status_postgres_unreachable", error=str(error))
        connection.close_if_unusable_or_obsolete()
        return [], [Check("Postgres", Grade.BAD, "does not answer")]
    answered = Check("Postgres", Grade.OK, f"answered in {_elapsed_ms(started)} ms")
    return rows, [
        answered,
        *([Check("WAL archive", Grade.WARN, unarchived)] if unarchived else []),
        *([_check_reconciliation(run)] if run else []),
        Check("Seals", Grade.OK if are_made else Grade.WARN, seals),
    ]


def _check_reconciliation(run: ReconcileRun) -> Check:
    """What was last found. Names no trader: GET /health is open to anyone."""
    age_ms = int((timezone.now() - run.finished_at).total_seconds() * 1_000)
    ago = f"{seconds(max(0, age_ms))} ago"
    if run.difference_count:
        kinds = ", ".join(sorted({difference[0] for difference in run.differences}))
        text = f"{run.difference_count:,} differences {ago} ({kinds}): see the newest run"
        return Check("Reconciliation", Grade.BAD, text)
    if is_overdue(run, timezone.now()):
        return Check("Reconciliation", Grade.WARN, f"clean {ago}, and has not run since")
    missing = [m["market"] for m in run.compared if m["notCompared"]]
    if missing:
        text = f"clean {ago}, but not compared with the engine of {', '.join(missing)}"
        return Check("Reconciliation", Grade.WARN, text)
    return Check("Reconciliation", Grade.OK, f"clean {ago}")


def _redis(
    rows: list[MarketRows],
) -> tuple[dict[str, MarketStreams], dict[str, MarketPrices], list[Check]]:
    """Per market its streams and its prices."""
    cursors = {row.market_id: row.cursor_seq for row in rows}
    started = time.monotonic()
    try:
        client = probe_redis_client()
        service = read_redis_service(client)
        elapsed_ms = _elapsed_ms(started)
        streams = read_market_streams(client, cursors, service.now_ms)
        prices = read_prices(client, rows, service.now_ms)
        are_one, versions = versions_finding(client)
    except RedisError as error:
        log.warning("status_redis_unreachable", error=str(error))
        bad = Check("Redis", Grade.BAD, "does not answer")
        return {}, {}, [bad, Check("Workers", Grade.BAD, "unknown while Redis is down")]
    answered = f"answered in {elapsed_ms} ms · {service.used_memory_human} in use"
    level, text = finding(service.faults, otherwise=answered)
    persist, workers = workers_finding(service.worker_ages_ms, service.worker_faults)
    checks = [
        Check("Redis", Grade(level), text),
        Check("Workers", Grade.OK if persist else Grade.BAD, workers),
        Check("Versions", Grade.OK if are_one else Grade.WARN, versions),
    ]
    return streams, prices, checks


def _market_report(
    rows: MarketRows, streams: MarketStreams | None, prices: MarketPrices | None, now_ms: int
) -> MarketReport:
    if streams is None or prices is None:
        unknown = Check("engine", Grade.BAD, "unknown while Redis is down")
        return MarketReport(rows.market_id, rows, None, [], [unknown])
    engines = [_engine(beat, now_ms) for beat in streams.beats if not _forgotten(beat, now_ms)]
    if MarketState(rows.state).has_ended:
        return MarketReport(rows.market_id, rows, streams, engines, [])
    checks = [
        _check_state(rows),
        _check_engines(engines),
        _check_input_lag(streams),
        _check_persistence_lag(rows, streams),
        _check_dead_letters(rows),
        _check_resends(rows),
        _check_config(rows),
        _check_index(rows, prices, now_ms),
        _check_sources(rows, prices.sources),
        _check_funding(rows, now_ms),
    ]
    return MarketReport(rows.market_id, rows, streams, engines, checks, prices.sources)


def _forgotten(beat: EngineBeat, now_ms: int) -> bool:
    return now_ms - beat.beat_ms > ENGINE_FORGOTTEN_MS


def _engine(beat: EngineBeat, now_ms: int) -> EngineStatus:
    age_ms = max(0, now_ms - beat.beat_ms)
    level = Grade.BAD if beat.halted else _by_age(age_ms, ENGINE_BEAT_WARN_MS, ENGINE_BEAT_BAD_MS)
    return EngineStatus(beat.engine, beat.pid, age_ms, beat.seq, beat.build, beat.halted, level)


def _by_age(age_ms: int, warn_ms: int, bad_ms: int) -> Grade:
    if age_ms >= bad_ms:
        return Grade.BAD
    return Grade.WARN if age_ms >= warn_ms else Grade.OK


def _check_engines(engines: list[EngineStatus]) -> Check:
    """One healthy engine keeps the market going; another that fell silent is a warning."""
    if not engines:
        return Check("engine", Grade.BAD, "no engine has been seen")
    best = min(engines, key=lambda engine: (engine.level, engine.age_ms))
    worst = max(engines, key=lambda engine: engine.level)
    if best.level is Grade.BAD:
        return Check("engine", Grade.BAD, _engine_words(best))
    if worst.level is not Grade.OK:
        return Check("engine", Grade.WARN, f"{worst.name} {_engine_words(worst)}")
    return Check("engine", Grade.OK, f"last beat {seconds(best.age_ms)} ago")


def _engine_words(engine: EngineStatus) -> str:
    if engine.halted:
        return f"halted: {engine.halted}"
    return f"silent for {seconds(engine.age_ms)}"


def _check_state(rows: MarketRows) -> Check:
    """Cancels still work while a market is halted, so GET /health doesn't turn traffic away."""
    if rows.state != MarketState.HALTED:
        return Check("state", Grade.OK, rows.state)
    return Check("state", Grade.WARN, f"HALTED {_HALTED[StateReason(rows.state_reason)]}")


def _check_input_lag(streams: MarketStreams) -> Check:
    level = _by_age(streams.input_lag_ms, INPUT_LAG_WARN_MS, INPUT_LAG_BAD_MS)
    text = f"{entries(streams.input_lag_entries)} waiting for the engine"
    if streams.input_lag_entries:
        text += f", the oldest for {seconds(streams.input_lag_ms)}"
    return Check("input", level, text)


def _check_persistence_lag(rows: MarketRows, streams: MarketStreams) -> Check:
    if rows.stopped:
        return Check("persistence", Grade.BAD, rows.stopped)
    lag = streams.output_seq - rows.cursor_seq
    if lag < 0:
        text = f"the cursor is {-lag} ahead of the output stream: the stream was lost or trimmed"
        return Check("persistence", Grade.BAD, text)
    level = _by_age(streams.output_lag_ms, PERSISTENCE_LAG_WARN_MS, PERSISTENCE_LAG_BAD_MS)
    text = f"{entries(lag)} not persisted"
    if lag:
        text += f", the oldest for {seconds(streams.output_lag_ms)}"
    return Check("persistence", level, text)


def _check_dead_letters(rows: MarketRows) -> Check:
    level = Grade.WARN if rows.dead_letters_last_day else Grade.OK
    text = f"{rows.dead_letters_last_day:,} within a day"
    return Check("dead letters", level, text)


def _check_resends(rows: MarketRows) -> Check:
    """Orders and commands promised to their sender that the engine hasn't answered for seconds."""
    waiting = rows.stale_pending_orders + rows.stale_commands
    if not waiting:
        return Check("resends", Grade.OK, "nothing waits to be sent again")
    level = Grade.BAD if rows.oldest_waiting_ms >= RESEND_BAD_MS else Grade.WARN
    orders = f"{capped(rows.stale_pending_orders)} orders"
    commands = f"{capped(rows.stale_commands)} commands"
    text = f"{orders} and {commands} unanswered, the oldest for {seconds(rows.oldest_waiting_ms)}"
    return Check("resends", level, text)


def _check_config(rows: MarketRows) -> Check:
    requested, applied = rows.config_version, rows.applied_config_version
    if applied < requested:
        text = f"version {requested} asked for, version {applied} applied"
        return Check("rules", Grade.WARN, text)
    return Check("rules", Grade.OK, f"version {applied} applied")


def _check_index(rows: MarketRows, prices: MarketPrices, now_ms: int) -> Check:
    """On a stale index nothing is liquidated and no funding settled. Orders that rest and cancels
    are still taken, so GET /health doesn't turn traffic away for it."""
    if not rows.index_ms:
        return Check("index price", Grade.WARN, "none yet: no orders are accepted without one")
    age = seconds(max(0, now_ms - rows.index_ms))
    if rows.index_stale:
        stale = f"stale ({prices.too_high})" if prices.too_high else "stale"
        text = f"{stale}, the last one {age} old: no liquidations, funding or triggers meanwhile"
        return Check("index price", Grade.WARN, text)
    return Check("index price", Grade.OK, f"{age} old")


def _check_sources(rows: MarketRows, sources: list[LiveSource]) -> Check:
    well, text = sources_finding(rows.price_quorum, sources)
    return Check("price sources", Grade.OK if well else Grade.WARN, text)


def _check_funding(rows: MarketRows, now_ms: int) -> Check:
    """Late funding is a finding: the first price after its time should have settled it."""
    if not rows.next_funding_ms:
        return Check("funding", Grade.OK, "not begun")
    rate = f"last rate {funding_rate(rows.funding_rate_ppb)}"
    late_ms = now_ms - rows.next_funding_ms
    if late_ms >= FUNDING_LATE_MS:
        return Check("funding", Grade.WARN, f"overdue for {seconds(late_ms)}, {rate}")
    return Check("funding", Grade.OK, f"next in {seconds(max(0, -late_ms))}, {rate}")


def _elapsed_ms(started: float) -> int:
    return int((time.monotonic() - started) * 1_000)
