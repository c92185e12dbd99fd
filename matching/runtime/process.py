"""Many markets in one process, one thread, and three connections however many they are: one to
read on, one to publish on, one for everything else.

Each market is recovering, running or halted, on its own. Running ones share one XREADGROUP; a
fault sends only its market back to recovery, and is logged once, not at every try. Waiting is
short enough to show depth every 100 ms while things change, and a heartbeat every second whatever
happens. Where a market is quiet and something is due by the clock, a command is sent that moves it:
the time that counts is Redis', asked for with each heartbeat.


What one market lacks never stops its neighbours. Whatever a step of a market raises ends in that
market's phase (`_attempt`): what may pass sends it back to recovery, anything unforeseen halts it,
its state is dropped, and its heartbeat says why. A fault of Redis counts for all only where Redis
does not answer a PING either.
"""

import gc
import math
import os
import time
from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from functools import partial
from threading import Event as StopFlag

import redis
import structlog

from matching import RUNNING_BUILD
from matching.messages.snapshot import SnapshotUnusable
from matching.messages.streams import Heartbeat, id_order, is_one_server, server_of
from matching.runtime.applier import CommandFailed
from matching.runtime.line import Line
from matching.runtime.market import Halted, MarketRunner, RecoveryNeeded
from matching.runtime.observer import TurnObserver
from matching.runtime.reader import Delivery, Reader
from matching.runtime.showcase import SHOW_INTERVAL_MS, show_heartbeat, show_market

BATCH_COMMANDS_MAX = 512
IDLE_WAIT_MS = 500
HEARTBEAT_INTERVAL_MS = 1_000
LOOK_INTERVAL_MS = 1_000  # between looks for new markets and new starting points
RETRY_INTERVAL_MS = 500
CLOCK_RETRY_MS = 100  # between two tries to move a market's clock
# Matching makes much that goes at once and few cycles; looked for as often as Python does by
# default, they take a tenth of the time.
GARBAGE_THRESHOLD = 50_000

log = structlog.get_logger(__name__)


class Phase(Enum):
    RECOVERING = "recovering"
    RUNNING = "running"
    HALTED = "halted"


class HostedMarket:
    """A runner and where it stands with this process."""

    def __init__(self, runner: MarketRunner) -> None:
        self.runner = runner
        self.phase = Phase.RECOVERING
        self.reason = ""  # of the fault it is recovering from, or why it halted
        self.shown_seq = -1
        self.next_clock_ms = 0


class EngineProcess:
    """``markets`` names what to host; asked again every second, so new ones are picked up."""

    def __init__(
        self,
        client: redis.Redis,
        markets: Callable[[], Iterable[str]],
        engine_name: str,
        snapshot_every: int,
        *observers: TurnObserver,
    ) -> None:
        self.client = client
        self._observers = observers
        self.markets = markets
        self.engine_name = engine_name
        self.snapshot_every = snapshot_every
        self.hosted: dict[str, HostedMarket] = {}
        self._reader = Reader(client, engine_name, str(os.getpid()), BATCH_COMMANDS_MAX)
        self._publishing = Line(client)  # of markets whose server is the client's own
        self.started_ms = _wall_ms()
        self._next_show_ms = 0
        self._next_beat_ms = 0
        self._next_look_ms = 0
        self._next_retry_ms = 0
        self._redis_ahead_ms: int | None = None  # Redis' clock less this one; None: not known yet
        self._redis_fault = ""
        self._not_shown = ""

    def run(self, stop: StopFlag) -> None:
        """Until told to stop; then snapshots every running market."""
        gc.set_threshold(GARBAGE_THRESHOLD)
        while not stop.is_set():
            try:
                self._round()
                if self._redis_fault:
                    log.info("redis_answers_again")
                    self._redis_fault = ""
            except redis.RedisError as error:
                self._lose_redis(str(error))
                stop.wait(RETRY_INTERVAL_MS / 1000)
        self._leave()

    def _round(self) -> None:
        now_ms = _monotonic_ms()
        if not self._reader.is_ahead:
            if now_ms >= self._next_look_ms:
                self._host_new_markets()
                self._notice_starting_points()
                self._next_look_ms = now_ms + LOOK_INTERVAL_MS
            if now_ms >= self._next_retry_ms:
                self._recover_markets()
                self._next_retry_ms = now_ms + RETRY_INTERVAL_MS
        self._move_clocks()
        self._read_and_process()
        self._show()

    def _move_clocks(self) -> None:
        """Where something is due and nothing has come."""
        now_ms = _monotonic_ms()
        for hosted in self.hosted.values():
            if hosted.phase is Phase.RUNNING and self._due_ms(hosted) <= now_ms:
                self._attempt(hosted, hosted.runner.advance_clock)
                hosted.next_clock_ms = now_ms + CLOCK_RETRY_MS

    def _due_ms(self, hosted: HostedMarket) -> float:
        """When to move the market's clock, by this process' one."""
        due_ms = hosted.runner.next_due_ms
        if self._redis_ahead_ms is None or not due_ms:
            return math.inf
        return max(due_ms - self._redis_ahead_ms, hosted.next_clock_ms)

    def _host_new_markets(self) -> None:
        for market_id in sorted(set(self.markets()) - set(self.hosted)):
            server = server_of(self.client, market_id)
            line = self._publishing if is_one_server(self.client) else None
            runner = MarketRunner(server, market_id, self.engine_name, self.snapshot_every, line)
            self.hosted[market_id] = HostedMarket(runner)

    def _notice_starting_points(self) -> None:
        """An idle market would not find out by publishing, and for a halted one it is a new
        beginning."""
        for hosted in self.hosted.values():
            self._attempt(hosted, partial(self._look_at, hosted))

    def _look_at(self, hosted: HostedMarket) -> None:
        hosted.runner.snapshotter.look_after_child()
        if hosted.phase is not Phase.RECOVERING and not hosted.runner.epoch_holds():
            raise RecoveryNeeded("the market has another starting point, or Redis lost it")

    def _recover_markets(self) -> None:
        for hosted in self.hosted.values():
            if hosted.phase is not Phase.RECOVERING:
                continue
            self._reader.forget(hosted.runner.input_key)
            if self._attempt(hosted, hosted.runner.recover):
                hosted.phase, hosted.reason = Phase.RUNNING, ""

    def _read_and_process(self) -> None:
        running = {
            hosted.runner.input_key: hosted
            for hosted in self.hosted.values()
            if hosted.phase is Phase.RUNNING
        }
        if not self._reader.is_ahead:
            if not running:
                time.sleep(IDLE_WAIT_MS / 1000)
                return
            self._reader.ask(_standing(running, {}), self._wait_ms())
        try:
            delivered = self._reader.take()
        except redis.ResponseError as error:
            # Redis looks at every stream before it delivers of any: nothing is lost.
            for hosted in self._unreadable(running):
                self._set_back(hosted, f"its input stream can't be read: {error}")
            return
        if self._may_ask_ahead() and any(map(self._reader.has_more, delivered.values())):
            self._reader.ask(_standing(running, delivered), block_ms=None)
        for key, delivery in delivered.items():
            # To one that was set back meanwhile, its recovery brings them.
            if key in running:
                self._turn(running[key], delivery)

    def _turn(self, hosted: HostedMarket, delivery: Delivery) -> None:
        runner, began_ns = hosted.runner, time.perf_counter_ns()
        age_s = self._age_s(delivery)
        if self._attempt(hosted, partial(runner.process, *delivery)):
            turn_s = (time.perf_counter_ns() - began_ns) / 1e9
            for observer in self._observers:
                observer.turned(runner.market_id, delivery.entries, age_s, turn_s)

    def _age_s(self, delivery: Delivery) -> float | None:
        """Of the oldest command, by Redis' clock; None until that is known."""
        if self._redis_ahead_ms is None:
            return None
        written_ms, _ = id_order(delivery.entries[0][0].decode())
        return (_monotonic_ms() + self._redis_ahead_ms - written_ms) / 1_000

    def _unreadable(self, running: Mapping[str, HostedMarket]) -> list[HostedMarket]:
        """Whose stream or group is gone or is none; all, where that can't be told."""
        pipe = self.client.pipeline(transaction=False)
        for key in running:
            pipe.xinfo_groups(key)
        answers = pipe.execute(raise_on_error=False)
        found = [
            hosted
            for hosted, groups in zip(running.values(), answers, strict=True)
            if isinstance(groups, Exception)
            or self.engine_name.encode() not in [group["name"] for group in groups]
        ]
        return found or list(running.values())

    def _may_ask_ahead(self) -> bool:
        """Nothing else is due: what is asked for ahead is taken before anything else is done."""
        is_recovering = any(h.phase is Phase.RECOVERING for h in self.hosted.values())
        return _monotonic_ms() < self._next_look_ms and not is_recovering

    def _wait_ms(self) -> int:
        """Until something is due: showing what changed, a market's clock, or else the next
        heartbeat."""
        running = [h for h in self.hosted.values() if h.phase is Phase.RUNNING]
        due_ms = min(map(self._due_ms, running), default=math.inf)
        if any(h.shown_seq != h.runner.seq for h in self.hosted.values()):
            due_ms = min(due_ms, self._next_show_ms)
        return int(max(1, min(IDLE_WAIT_MS, due_ms - _monotonic_ms())))

    def _attempt(self, hosted: HostedMarket, step: Callable[[], None]) -> bool:
        """Do one step of a market; whether it went well. Where it didn't, the market's phase says
        so. Raises redis.RedisError where Redis is away for all."""
        try:
            step()
        except Halted as error:
            self._halt(hosted, str(error), unforeseen=isinstance(error.__cause__, CommandFailed))
        except (RecoveryNeeded, SnapshotUnusable) as error:
            self._set_back(hosted, str(error))
        except redis.ResponseError as error:
            self._set_back(hosted, f"Redis refused: {error}")
        except redis.RedisError as error:
            self.client.ping()
            self._set_back(hosted, f"Redis broke off: {error}")
        except MemoryError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, the neighbours go on
            why = f"after sequence {hosted.runner.seq}: {type(error).__name__}: {error}"
            self._halt(hosted, why, unforeseen=True)
        else:
            return True
        return False

    def _halt(self, hosted: HostedMarket, reason: str, *, unforeseen: bool) -> None:
        """For good, or until the market gets another starting point."""
        log.critical(
            "market_halted", market=hosted.runner.market_id, reason=reason, exc_info=unforeseen
        )
        hosted.phase, hosted.reason = Phase.HALTED, reason
        hosted.runner.drop_state()

    def _set_back(self, hosted: HostedMarket, reason: str) -> None:
        if reason != hosted.reason:
            log.error("market_set_back", market=hosted.runner.market_id, reason=reason)
        hosted.phase, hosted.reason = Phase.RECOVERING, reason

    def _lose_redis(self, reason: str) -> None:
        """Nobody knows what the last write did: every running market recovers."""
        if not self._redis_fault:
            log.error("redis_lost", reason=reason)
        self._redis_fault = reason
        self._reader.drop()
        for hosted in self.hosted.values():
            if hosted.phase is Phase.RUNNING:
                hosted.phase, hosted.reason = Phase.RECOVERING, "Redis was out of reach"

    def _show(self) -> None:
        now_ms = _monotonic_ms()
        pipe = self.client.pipeline(transaction=False)
        if now_ms >= self._next_show_ms:
            for hosted in self.hosted.values():
                if hosted.phase is Phase.RUNNING and hosted.runner.seq != hosted.shown_seq:
                    self._attempt(hosted, partial(_queue_view, pipe, hosted))
                    self._next_show_ms = now_ms + SHOW_INTERVAL_MS
        if now_ms >= self._next_beat_ms:
            for market_id, hosted in self.hosted.items():
                show_heartbeat(pipe, market_id, self._heartbeat(hosted))
                for observer in self._observers:
                    observer.stands(market_id, hosted.phase is Phase.RUNNING)
            self._next_beat_ms = now_ms + HEARTBEAT_INTERVAL_MS
            pipe.time()
        if len(pipe) == 0:  # a pipeline is true without commands, too
            return
        answers = pipe.execute(raise_on_error=False)
        self._note_refusal(next((str(a) for a in answers if isinstance(a, Exception)), ""))
        if isinstance(answers[-1], tuple):  # Redis' clock, with the heartbeats
            seconds, microseconds = answers[-1]
            self._redis_ahead_ms = seconds * 1_000 + microseconds // 1_000 - _monotonic_ms()

    def _note_refusal(self, reason: str) -> None:
        """Of what is only shown: one line when it begins or changes."""
        if reason and reason != self._not_shown:
            log.error("not_shown", reason=reason)
        self._not_shown = reason

    def _heartbeat(self, hosted: HostedMarket) -> Heartbeat:
        return Heartbeat(
            engine=self.engine_name,
            pid=os.getpid(),
            beat_ms=_wall_ms(),
            started_ms=self.started_ms,
            seq=hosted.runner.seq,
            input_id=hosted.runner.input_id,
            build=RUNNING_BUILD,
            halted=hosted.reason.encode(errors="replace").decode(),
        )

    def _leave(self) -> None:
        for market_id, hosted in self.hosted.items():
            if hosted.phase is not Phase.RUNNING:
                continue
            try:
                hosted.runner.snapshot()
            except redis.RedisError as error:
                log.error("last_snapshot_failed", market=market_id, reason=str(error))
            except Exception as error:
                log.exception("last_snapshot_failed", market=market_id, reason=str(error))
        self._reader.drop()
        self._publishing.drop()
        log.info("engine_stopped", engine=self.engine_name)


def _queue_view(pipe: redis.client.Pipeline, hosted: HostedMarket) -> None:
    show_market(pipe, hosted.runner.market_id, hosted.runner.applier.engine.state)
    hosted.shown_seq = hosted.runner.seq


def _standing(
    running: Mapping[str, HostedMarket], delivered: Mapping[str, Delivery]
) -> dict[str, str]:
    """Per input stream the last id known once the delivered entries are applied."""
    return {
        key: delivered[key].entries[-1][0].decode() if key in delivered else hosted.runner.input_id
        for key, hosted in running.items()
    }


def _wall_ms() -> int:
    return time.time_ns() // 1_000_000


def _monotonic_ms() -> int:
    return time.monotonic_ns() // 1_000_000
