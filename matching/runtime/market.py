"""One market: from its input stream through the engine to its output stream.

Theory of operation. Recovering means: start from the newest snapshot, replay the input stream after
it, compare what comes out with what the output stream already has, publish what it lacks; then read
on through the consumer group. Nothing else is needed after a crash at any instruction, because the
engine is deterministic and every output entry has its sequence as its id: an entry that is there
already is found to be the same, byte for byte.

If anything is unclear (a broken connection, another epoch, a stream that ends too early), the
in-memory state is dropped and the market recovers as after a crash: the one way back, used for
every fault. Where there is nothing to recover from, or a gap before it, the market waits and says
so.

A difference between what this engine computes and what is published, or a command that can't be
applied (`applier`), halts the market here and says where; other markets of the process go on. What
came before that command is published, nothing of it or after it ever is.
"""

from collections.abc import Sequence
from typing import Any

import redis
import structlog

from matching.messages.streams import (
    COMMAND_FIELD,
    epoch_key,
    id_order,
    input_stream,
    newest_id,
    output_stream,
    trimmed_key,
)
from matching.runtime.applier import Applier, CommandFailed
from matching.runtime.line import Line
from matching.runtime.publish import (
    MissingOutput,
    OtherEpoch,
    OtherOutput,
    Publisher,
    advance_clock,
)
from matching.runtime.reader import InputEntry
from matching.runtime.snapshots import newest_state
from matching.runtime.snapshotter import Snapshotter

REPLAY_PAGE = 1_000
PUBLISH_EVERY = 128  # entries: Redis appends them while the engine works on the next
DEAD_LETTER_PAYLOAD_BYTES_MAX = 65_536

DeadLetter = tuple[int, str, str, bytes]  # sequence, input id, reason, payload

log = structlog.get_logger(__name__)


class Halted(Exception):
    """This engine must not go on with the market; the text says why and at which sequence."""


class RecoveryNeeded(Exception):
    """What Redis holds is not what this process remembers; recover before going on."""


class MarketRunner:
    """Raises redis.RedisError and RecoveryNeeded (recover again), and Halted (for good).

    ``seq`` and ``input_id`` are of the last command whose entry went to the publisher. ``line`` is
    the process's: markets take turns, and none leaves an answer open for the next.
    """

    def __init__(
        self,
        client: redis.Redis,
        market_id: str,
        engine_name: str,
        snapshot_every: int,
        line: Line | None = None,
    ) -> None:
        self.client = client
        self.market_id = market_id
        self.engine_name = engine_name
        self.input_key = input_stream(market_id)
        self.output_key = output_stream(market_id)
        self.publisher = Publisher(line or Line(client), market_id, engine_name)
        self.applier = Applier()
        self.seq = 0
        self.input_id = "0-0"
        self.epoch = b""
        self.snapshotter = Snapshotter(client, market_id, snapshot_every)

    def epoch_holds(self) -> bool:
        """Whether the market's starting point is still the one this engine came from."""
        return bool(self.client.get(epoch_key(self.market_id)) == self.epoch)

    @property
    def next_due_ms(self) -> int:
        """When something happens by the clock alone; 0: never."""
        return self.applier.engine.next_due_ms

    def advance_clock(self) -> None:
        """See to it that a command comes, now that something is due. Raises redis.RedisError."""
        advance_clock(self.client, self.market_id, self.epoch, self.next_due_ms)

    # -- recovery

    def recover(self) -> None:
        """Be where the streams are. Afterwards new commands come through `process`."""
        self.applier, self.epoch = self._starting_point()
        self.seq, self.input_id = self.applier.engine.seq, self.applier.input_id
        self.snapshotter.start_over(self.seq)
        self._make_group()
        # Looked up before the last look at the input: another engine may be publishing meanwhile.
        published_seq = self._published_seq()
        while entries := self._input_after(self.input_id):
            self._apply_and_publish(entries, acknowledge=False)
            published_seq = self._published_seq()
        if self.seq < published_seq:
            raise RecoveryNeeded(
                f"the output stream is at sequence {published_seq}, but the input stream leads "
                f"only to {self.seq}: commands are missing"
            )
        self.client.xgroup_setid(self.input_key, self.engine_name, self.input_id)
        self._forget_pending()
        log.info("market_recovered", market=self.market_id, seq=self.seq)

    def _starting_point(self) -> "tuple[Applier, bytes]":
        epoch: Any = self.client.get(epoch_key(self.market_id))
        start = newest_state(self.client, self.market_id)
        if start is None or epoch is None:
            raise RecoveryNeeded(
                "Redis has no starting point: a worker makes one from Postgres within seconds, "
                "and `manage.py rebuildengine` does so at once, or says that there is no such "
                "market"
            )
        state, input_id = start
        trimmed: Any = self.client.get(trimmed_key(self.market_id))
        if trimmed is not None and id_order(input_id) < id_order(trimmed.decode()):
            raise RecoveryNeeded(
                f"the newest usable snapshot is at input {input_id}, but the input stream is "
                f"trimmed up to {trimmed.decode()}: commands are missing"
            )
        return Applier(state, input_id), epoch

    def _make_group(self) -> None:
        try:
            self.client.xgroup_create(self.input_key, self.engine_name, id="0-0", mkstream=True)
        except redis.ResponseError as error:
            if not str(error).startswith("BUSYGROUP"):
                raise

    def _published_seq(self) -> int:
        pipe = self.client.pipeline(transaction=False)
        pipe.xinfo_stream(self.output_key)
        (info,) = pipe.execute(raise_on_error=False)
        return id_order(newest_id(info) or "0-0")[0]

    def _input_after(self, input_id: str) -> list[InputEntry]:
        entries: Any = self.client.xrange(self.input_key, min=f"({input_id}", count=REPLAY_PAGE)
        return list(entries)

    def _forget_pending(self) -> None:
        """Entries delivered before a crash are covered by the replay."""
        while True:
            pending: Any = self.client.xpending_range(
                self.input_key, self.engine_name, min="-", max="+", count=REPLAY_PAGE
            )
            if not pending:
                return
            ids = [entry["message_id"] for entry in pending]
            self.client.xack(self.input_key, self.engine_name, *ids)

    # -- going on

    def process(self, entries: Sequence[InputEntry], follows: str = "") -> None:
        """Apply what the consumer group delivered, publish, acknowledge; snapshot when due.

        A group delivers each entry once. Should two processes ever run under one name, each would
        get a share, and its engine a stream with holes: then the stream itself is read on from
        where this engine stands, and only what it has yet to see is applied. ``follows``: the input
        id that the entries are known to come right after.
        """
        delivered = [raw_id for raw_id, _ in entries]
        if follows == self.input_id or self._stands_before(delivered[0].decode()):
            self._apply_and_publish(entries, acknowledge=True)
        else:
            while missed := self._input_after(self.input_id):
                self._apply_and_publish(missed, acknowledge=False)
            self.client.xack(self.input_key, self.engine_name, *delivered)
        self.snapshotter.save_if_due(self.epoch, self.applier.engine.state, self.input_id)

    def _stands_before(self, input_id: str) -> bool:
        """Nothing in the stream lies between what was applied last and this entry."""
        if id_order(input_id) <= id_order(self.input_id):
            return False
        before: Any = self.client.xrevrange(self.input_key, max=f"({input_id}", count=1)
        return not before or id_order(before[0][0].decode()) <= id_order(self.input_id)

    def snapshot(self) -> None:
        """The last one of this process."""
        self.snapshotter.save_now(self.epoch, self.applier.engine.state, self.input_id)

    def drop_state(self) -> None:
        """What is in memory must not be used again: it may hold half of a command."""
        self.applier = Applier()

    def _apply_and_publish(self, entries: Sequence[InputEntry], *, acknowledge: bool) -> None:
        fault: CommandFailed | None = None
        try:
            for at in range(0, len(entries), PUBLISH_EVERY):
                fault = self._send(entries[at : at + PUBLISH_EVERY], acknowledge)
                if fault is not None:
                    break
            self.publisher.settle()
        except (OtherEpoch, MissingOutput) as error:
            raise RecoveryNeeded(str(error)) from error
        except OtherOutput as error:
            raise Halted(str(error)) from error
        except BaseException:
            self.publisher.drop()
            raise
        if fault is not None:
            raise Halted(str(fault)) from fault

    def _send(self, entries: Sequence[InputEntry], acknowledge: bool) -> CommandFailed | None:
        """Apply and send these, or those before one that can't be applied, which is returned."""
        first_seq = self.seq + 1
        letters: list[DeadLetter] = []
        frames: list[bytes] = []
        fault: CommandFailed | None = None
        for raw_id, fields in entries:
            try:
                frames.append(self._apply(raw_id.decode(), fields, letters))
            except CommandFailed as error:
                fault = error
                break
        done = [raw_id for raw_id, _ in entries[: len(frames)]]
        if done:
            self.publisher.send(self.epoch, first_seq, frames, letters, done if acknowledge else [])
            self.seq, self.input_id = self.seq + len(done), done[-1].decode()
        return fault

    def _apply(self, input_id: str, fields: dict[bytes, bytes], letters: list[DeadLetter]) -> bytes:
        applied = self.applier.apply(input_id, fields)
        if applied.undecodable:
            payload = fields.get(COMMAND_FIELD, repr(fields).encode())
            letters.append(
                (
                    applied.seq,
                    input_id,
                    applied.undecodable,
                    payload[:DEAD_LETTER_PAYLOAD_BYTES_MAX],
                )
            )
            log.warning(
                "command_undecodable",
                market=self.market_id,
                seq=applied.seq,
                reason=applied.undecodable,
            )
        return applied.frame
