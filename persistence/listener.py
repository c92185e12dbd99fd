"""⑤ Waits on ④, the output streams of its markets, and persists what arrives.

A stream is read from the market's cursor, so nothing between "read" and "persisted" has to be
remembered: whatever isn't behind the cursor is announced again. An entry that arrives while another
worker is at its market is announced until that worker's transaction, or this one's, has taken it.

Several workers share the markets (`common.sharing.members`): each listens to those that are its own
by now, and has others' within seconds after they died. Where two believe a market theirs, the
cursor's lock lets one write, and the other finds it written.

An entry that only moves a price waits, together with those of the other markets, for
`PRICE_PERIOD_SECONDS`, or until its market says something else. Its stream is read on from there;
what waits is nowhere but in the stream, and after whatever fault is read again from the cursor. A
price that went stale, or is no longer, is no mere move: that is persisted at once.

To ask for news costs with the number of streams, not with what is new. So where there was nothing
but prices the next question waits for a moment, which is as long as there are streams: markets that
tick one after another are heard together, and a listener of few markets doesn't wait at all.
"""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import redis
import structlog
from django.conf import settings
from django.db import (
    DatabaseError,
    InterfaceError,
    OperationalError,
    close_old_connections,
    connections,
)

from common.redis_client import redis_client
from common.sharing.members import Members
from matching.messages.codec import UndecodableMessage, decode_entry
from matching.messages.events import MarkPriceChanged
from matching.messages.streams import ENTRY_FIELD, output_stream
from persistence.faults import handle_fault
from persistence.models import MarketCursor
from persistence.output_news import OutputNews
from persistence.price_moves import only_moves_price, persist_price_moves
from persistence.projection.batch import PersistenceStopped
from persistence.reading import persist_market
from persistence.recovery.looking import Looks, Place
from persistence.recovery.starting_points import ensure_starting_point
from persistence.worker_heartbeat import beat, stop_beating, tell_fault

BLOCK_MS = 500  # also how long a stop may take to be noticed
WORKER_MEMBERS_KEY = "worker:members"
HOUSEKEEPING_SECONDS = 2.0  # between looks for new markets, and heartbeats
PRICE_PERIOD_SECONDS = 0.5
# After a question that only prices answered, per stream; and no longer than an order may wait.
PAUSE_SECONDS_A_STREAM = 0.0002
PAUSE_SECONDS_MAX = 0.05
BUSY_SECONDS = 0.01
RETRY_SECONDS = (0.25, 5.0)  # first and longest pause after a fault

log = structlog.get_logger(__name__)


class OutputStreamListener:
    """A thread in a Celery worker. Survives Postgres and Redis being away."""

    def __init__(self, node: str) -> None:
        self._node = node
        self._members = Members(WORKER_MEMBERS_KEY, node, settings.WORKER_LEASE_S)
        self._next_renewal = 0.0
        self._stopping = threading.Event()
        self._news = OutputNews()
        self._looks = Looks()
        self._thread = threading.Thread(target=self._run, name="output-listener", daemon=True)
        self._read_to: dict[str, int] = {}  # market → sequence that its stream is read on from
        self._price_moved: set[str] = set()  # markets of which some of what was read still waits
        self._prices_due = 0.0
        self._index_stale: dict[str, bool] = {}  # market → as its newest price said
        self._resting: dict[str, float] = {}  # market → not before this time
        self._pauses: dict[str, float] = {}  # market → the last pause its fault got
        self._resting_for: dict[str, str] = {}  # market → the fault that nobody foresaw
        self._next_housekeeping = 0.0
        self._is_fault_shown = True  # whoever had this name before may have left one

    def start(self) -> None:
        self._thread.start()

    def stop(self, timeout: float = 10.0) -> None:
        """Returns when the entries in hand are committed or rolled back."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(timeout)

    def _run(self) -> None:
        pause, longest = RETRY_SECONDS
        reported = ""
        while not self._stopping.is_set():
            try:
                self._listen_once()
            except Exception as error:  # noqa: BLE001  a listener must outlive every fault
                reported = self._report(error, reported)
                self._next_housekeeping = 0.0
                self._looks.forget()
                close_old_connections()
                if pause > RETRY_SECONDS[0]:  # it was no mere blink
                    self._show_fault(error)
                self._stopping.wait(pause)
                pause = min(pause * 2, longest)
            else:
                if reported:
                    log.info("listener_recovered", node=self._node)
                if self._is_fault_shown:
                    self._show_fault(None)
                pause, reported = RETRY_SECONDS[0], ""
        self._leave()

    def _report(self, error: Exception, reported: str) -> str:
        """One line per fault, however often it is met; a traceback where nobody expected it."""
        kind = type(error).__name__
        if kind != reported:
            expected = isinstance(error, redis.RedisError | DatabaseError | InterfaceError)
            log.error("listener_fault", fault=kind, why=_first_line(error), exc_info=not expected)
        return kind

    def _show_fault(self, error: Exception | None) -> None:
        """On the status page: Postgres may answer whoever reads, and take no rows."""
        words = f"{type(error).__name__}: {_first_line(error)}" if error else ""
        try:
            tell_fault(redis_client(), self._node, words)
        except redis.RedisError as away:
            log.warning("worker_fault_not_shown", node=self._node, why=str(away))
        else:
            self._is_fault_shown = error is not None

    def _leave(self) -> None:
        connections.close_all()
        self._news.forget()
        try:
            self._members.leave(redis_client())
            stop_beating(redis_client(), self._node)
        except redis.RedisError as error:
            log.warning("worker_heartbeat_left", node=self._node, why=str(error))

    def _listen_once(self) -> None:
        now = time.monotonic()
        self._renew_share(now)
        if now >= self._next_housekeeping:
            beat(redis_client(), self._node)
            self._look_after_markets()
            self._next_housekeeping = now + HOUSEKEEPING_SECONDS
        if self._price_moved and now >= self._prices_due:
            self._persist_price_moves()
        self._resting = {m: until for m, until in self._resting.items() if until > now}
        streams = {
            output_stream(market_id): market_id
            for market_id in self._read_to
            if market_id not in self._resting
        }
        block_ms = self._block_ms(now)
        if not streams:
            self._stopping.wait(block_ms / 1000)
            return
        positions = {stream: f"{self._read_to[market]}-0" for stream, market in streams.items()}
        try:
            announced = self._news.wait(positions, block_ms)
        except redis.ResponseError as error:
            self._rest_unreadable(streams, error)
            return
        is_urgent = False
        for name, entries in announced.items():
            market_id = streams[name.decode()]
            if not self._may_wait(market_id, entries):
                is_urgent = True
                self._attempt(market_id, partial(self._persist, market_id))
        if announced and not is_urgent:
            self._stopping.wait(min(PAUSE_SECONDS_MAX, PAUSE_SECONDS_A_STREAM * len(streams)))

    def _renew_share(self, now: float) -> None:
        if now < self._next_renewal:
            return
        if self._members.renew(redis_client()):
            log.info("workers_share_markets", node=self._node, workers=self._members.names)
            self._next_housekeeping = 0.0
        self._next_renewal = now + self._members.renew_every_s

    def _is_awaited(self) -> bool:
        """Whether there is something else to do than to go on with one market."""
        return self._stopping.is_set() or time.monotonic() >= self._next_renewal

    def _block_ms(self, now: float) -> int:
        soonest = min([self._next_renewal, *self._resting.values()])
        if self._price_moved:
            soonest = min(soonest, self._prices_due)
        return max(1, min(BLOCK_MS, int((soonest - now) * 1000)))

    def _look_after_markets(self) -> None:
        """New ones, those that are gone or another's, and whether all have what engines start
        from."""
        rows = MarketCursor.objects.values_list(
            "market_id",
            "seq",
            "input_id",
            "market__status__index_ms",
            "market__status__index_stale",
        )
        mine = [row for row in rows if self._members.is_mine(row[0])]
        cursors = {row[0]: Place(*row[:3]) for row in mine}
        self._index_stale = {
            market_id: self._index_stale.get(market_id, index_stale)
            for market_id, _, _, index_ms, index_stale in mine
            if index_ms or market_id in self._index_stale
        }
        self._price_moved &= cursors.keys()
        self._read_to = {
            market_id: max(cursor.seq, self._read_to.get(market_id, 0))
            if market_id in self._price_moved
            else cursor.seq
            for market_id, cursor in cursors.items()
        }
        for market_id in self._looks.suspects(redis_client(), cursors.values()):
            self._attempt(market_id, partial(ensure_starting_point, market_id))

    def _may_wait(self, market_id: str, entries: Sequence[Any]) -> bool:
        """Whether the market's next entries, of which there is one at least, only move its price.
        Those that do, up to the first that doesn't, are then noted to wait."""
        return all(self._moves_price(market_id, *entry) for entry in entries)

    def _moves_price(self, market_id: str, entry_id: bytes, fields: Mapping[bytes, bytes]) -> bool:
        seq = self._read_to[market_id] + 1
        if entry_id != b"%d-0" % seq:
            return False
        try:
            entry = decode_entry(fields.get(ENTRY_FIELD, b""))
        except UndecodableMessage:
            return False
        known = self._index_stale.get(market_id)
        for event in entry.events:
            if isinstance(event, MarkPriceChanged):
                self._index_stale[market_id] = event.index_stale
        if not only_moves_price(entry) or self._index_stale.get(market_id) != known:
            return False
        self._read_to[market_id] = seq
        if not self._price_moved:
            self._prices_due = time.monotonic() + PRICE_PERIOD_SECONDS
        self._price_moved.add(market_id)
        return True

    def _persist_price_moves(self) -> None:
        """What can't go together with the others goes by itself, at once."""
        moved = sorted(self._price_moved - self._resting.keys())
        reached = persist_price_moves(moved)
        self._read_to |= reached
        for market_id in moved:
            if market_id in reached:
                self._note_well(market_id)
            else:
                self._attempt(market_id, partial(self._persist, market_id))
        self._price_moved.clear()

    def _rest_unreadable(self, streams: Mapping[str, str], error: redis.ResponseError) -> None:
        """One key that is no stream fails the read of all: the others are read without it."""
        pipe = redis_client().pipeline(transaction=False)
        for stream in streams:
            pipe.type(stream)
        kinds = pipe.execute()
        found = [
            market_id
            for market_id, kind in zip(streams.values(), kinds, strict=True)
            if kind not in (b"stream", b"none")
        ]
        if not found:
            raise error
        for market_id in found:
            self._rest(market_id, error)

    def _attempt(self, market_id: str, step: Callable[[], None]) -> None:
        """What nobody foresaw of one market rests that market. Raises where Redis or Postgres is
        away for all."""
        try:
            step()
        except redis.ResponseError as error:
            self._rest(market_id, error)
        except (redis.RedisError, OperationalError, InterfaceError):
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, the neighbours go on
            self._rest(market_id, error)

    def _rest(self, market_id: str, error: Exception) -> None:
        """One log line per fault, however often it is met."""
        kind = type(error).__name__
        if self._resting_for.get(market_id) != kind:
            log.error("listener_rests_market", market=market_id, fault=kind, exc_info=error)
        self._resting_for[market_id] = kind
        self._resting[market_id] = time.monotonic() + self._next_pause(market_id)

    def _next_pause(self, market_id: str) -> float:
        first, longest = RETRY_SECONDS
        pause = min(self._pauses.get(market_id, first / 2) * 2, longest)
        self._pauses[market_id] = pause
        return pause

    def _persist(self, market_id: str) -> None:
        try:
            reached = persist_market(market_id, should_stop=self._is_awaited)
        except PersistenceStopped as fault:
            handle_fault(fault)
            self._resting[market_id] = time.monotonic() + self._next_pause(market_id)
            return
        except LookupError:
            self._read_to.pop(market_id, None)  # the market is gone
            return
        self._note_well(market_id)
        if reached is None:
            self._resting[market_id] = time.monotonic() + BUSY_SECONDS
        else:
            self._price_moved.discard(market_id)
            self._read_to[market_id] = reached

    def _note_well(self, market_id: str) -> None:
        self._pauses.pop(market_id, None)
        self._resting_for.pop(market_id, None)


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]
