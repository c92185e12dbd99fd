"""Snapshots while the market goes on.

Theory of operation. A snapshot of a million orders takes seconds to make, and matching must not
wait for it. So the engine forks: the child has the whole state as it was at that instant, for
nothing but the copy of the page table, writes it to Redis over a connection of its own, and exits.
The parent goes on at once. It looks after the child every second and with every batch, and takes
its word (an exit without a complaint) for the snapshot being kept; a child that complains, dies or
takes too long is logged, and another one is started a little later. Until one succeeds a restart
simply replays more. Only a state that can't be written down at all is a bug, which the market must
not outlive: no later child would fare better.

Where few orders rest, the snapshot costs less than a fork and is taken on the spot. So is the last
one of a process that is told to stop: it must be kept before the process ends.

The child must not touch what it shares with the parent: neither the parent's connection to Redis,
which it leaves alone and replaces by its own, nor anything that runs at an orderly exit. It needs
memory only for the pages that either of the two changes meanwhile, at most as much again.
"""

import contextlib
import gc
import os
import signal
import time
from typing import NoReturn

import redis
import structlog

from matching.core.market.state import State
from matching.runtime.snapshots import save_snapshot

IN_PLACE_ROWS_MAX = 1_000
RETRY_INTERVAL_S = 5
CHILD_LIFETIME_S_MAX = 120
_COMPLAINT_BYTES_MAX = 1_000
_PASSING, _UNFORESEEN = 1, 2  # how a child ends that complained


log = structlog.get_logger(__name__)


class StateUnwritable(Exception):
    """A child could not make a snapshot of the state, for no reason outside of it."""


class _Child:
    """A process that writes one snapshot; ``complaints`` is the pipe's end that it complains to."""

    def __init__(self, pid: int, seq: int, complaints: int) -> None:
        self.pid = pid
        self.seq = seq
        self.complaints = complaints
        self.started_s = time.monotonic()


class Snapshotter:
    """Of one market. ``saved_seq`` is the sequence of the newest snapshot known to be kept."""

    def __init__(self, client: redis.Redis, market_id: str, every: int) -> None:
        self.client = client
        self.market_id = market_id
        self.every = every
        self.saved_seq = 0
        self._child: _Child | None = None
        self._next_try_s = 0.0

    def start_over(self, seq: int) -> None:
        """The market recovered, perhaps from another beginning."""
        self._abandon()
        self.saved_seq = seq

    def save_if_due(self, epoch: bytes, state: State, input_id: str) -> None:
        """Between two commands. Raises StateUnwritable, and redis.RedisError where it is saved on
        the spot."""
        self.look_after_child()
        if self._child is not None or state.seq - self.saved_seq < self.every:
            return
        if _rows(state) <= IN_PLACE_ROWS_MAX:
            self.save_now(epoch, state, input_id)
        elif time.monotonic() >= self._next_try_s:
            self._fork(epoch, state, input_id)

    def save_now(self, epoch: bytes, state: State, input_id: str) -> None:
        """And be done when it returns. Raises redis.RedisError."""
        self._abandon()
        if state.seq > self.saved_seq:
            save_snapshot(self.client, self.market_id, epoch, state, input_id)
            self.saved_seq = state.seq

    def look_after_child(self) -> None:
        """Note how the child ended, if it has. Raises StateUnwritable."""
        child = self._child
        if child is None:
            return
        pid, status = os.waitpid(child.pid, os.WNOHANG)
        if not pid:
            if time.monotonic() - child.started_s < CHILD_LIFETIME_S_MAX:
                return
            self._abandon()
            self._fail(child.seq, f"not done after {CHILD_LIFETIME_S_MAX} seconds")
            return
        complaint = os.read(child.complaints, _COMPLAINT_BYTES_MAX).decode(errors="replace")
        os.close(child.complaints)
        self._child = None
        ended = os.waitstatus_to_exitcode(status)
        if ended == 0:
            self.saved_seq = max(self.saved_seq, child.seq)
        elif ended == _UNFORESEEN:
            raise StateUnwritable(f"the snapshot of sequence {child.seq}: {complaint}")
        else:
            self._fail(child.seq, complaint or f"the child ended with {ended}")

    def _fail(self, seq: int, reason: str) -> None:
        log.error("snapshot_failed", market=self.market_id, seq=seq, reason=reason)
        self._next_try_s = time.monotonic() + RETRY_INTERVAL_S

    def _abandon(self) -> None:
        """A child that is still at it is not waited for. What it wrote is whole or not there."""
        child, self._child = self._child, None
        if child is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child.pid, signal.SIGKILL)
            os.waitpid(child.pid, 0)
            os.close(child.complaints)

    def _fork(self, epoch: bytes, state: State, input_id: str) -> None:
        reading, writing = os.pipe()
        try:
            pid = os.fork()
        except OSError as error:  # no memory, or no more processes
            os.close(reading)
            os.close(writing)
            self._fail(state.seq, str(error))
            return
        if pid == 0:
            os.close(reading)
            _write_and_exit(
                own_client(self.client), self.market_id, epoch, state, input_id, writing
            )
        os.close(writing)
        self._child = _Child(pid, state.seq, reading)


def _rows(state: State) -> int:
    """What its snapshot's size grows with."""
    return len(state.book.orders) + len(state.triggers.orders) + len(state.accounts)


def own_client(client: redis.Redis) -> redis.Redis:
    """A client of the same server that shares no connection with the given one."""
    pool = client.connection_pool
    return redis.Redis(
        connection_pool=redis.ConnectionPool(
            connection_class=pool.connection_class, **pool.connection_kwargs
        )
    )


def _write_and_exit(
    client: redis.Redis, market_id: str, epoch: bytes, state: State, input_id: str, complaints: int
) -> NoReturn:
    """The child's whole life. Ctrl-C and stopping are the parent's business."""
    code = _PASSING
    try:
        gc.disable()  # it would look at, and so copy, every page of the state
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        os.nice(5)
        save_snapshot(client, market_id, epoch, state, input_id)
        code = 0
    except BaseException as error:  # noqa: BLE001 - whatever it is, the parent must hear of it
        if not isinstance(error, redis.RedisError | OSError | MemoryError):
            code = _UNFORESEEN
        text = f"{type(error).__name__}: {error}"
        os.write(complaints, text.encode()[:_COMPLAINT_BYTES_MAX])
    finally:
        os._exit(code)
