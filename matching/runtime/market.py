"""One market: from its input stream through the engine to its output stream.

Theory of operation. Recovering means: start from the newest snapshot, replay the input stream after
it, compare what comes out with what the output stream already has, publish what it lacks; then read
on through the consumer group. Nothing else is needed after a crash at any instruction, because the
engine is deterministic and every output entry has its sequence as its id: an entry published twice
is refused by Redis the second time, and found to be the same.

Outputs and the acknowledgement of their inputs go in one MULTI. If anything is unclear afterwards
(a broken connection, an acknowledgement that counted fewer entries than were read), the in-memory
state is dropped and the market recovers as after a crash: the one way back, used for every fault.

A difference between what this engine computes and what is published, or a broken invariant, halts
the market here and says where; other markets of the process go on.
"""

from collections.abc import Sequence
from typing import Any

import redis
import structlog

from matching.core.engine import Engine
from matching.core.invariants import InvariantBroken
from matching.messages.codec import UndecodableMessage, decode_command, encode_entry
from matching.messages.commands import PlaceOrder, UpdateIndexPrice
from matching.messages.events import OutputEntry
from matching.messages.streams import (
    COMMAND_FIELD,
    ENTRY_FIELD,
    dead_letter_stream,
    input_stream,
    output_stream,
)
from matching.runtime.snapshots import newest_state, save_snapshot

REPLAY_PAGE = 1_000
DEAD_LETTER_PAYLOAD_BYTES_MAX = 65_536

InputEntry = tuple[bytes, dict[bytes, bytes]]

log = structlog.get_logger(__name__)


class Halted(Exception):
    """This engine must not go on with the market; the text says why and at which sequence."""


class RecoveryNeeded(Exception):
    """What Redis holds is not what this process remembers; recover before going on."""


class MarketRunner:
    """Raises redis.RedisError and RecoveryNeeded (recover again), and Halted (for good)."""

    def __init__(
        self, client: redis.Redis, market_id: str, engine_name: str, snapshot_every: int
    ) -> None:
        self.client = client
        self.market_id = market_id
        self.engine_name = engine_name
        self.snapshot_every = snapshot_every
        self.input_key = input_stream(market_id)
        self.output_key = output_stream(market_id)
        self.engine = Engine()
        self.input_id = "0-0"
        self.snapshot_seq = 0

    # -- recovery

    def recover(self) -> None:
        """Be where the streams are. Afterwards new commands come through `process`."""
        start = newest_state(self.client, self.market_id)
        if start is None:
            self.engine, self.input_id = Engine(), "0-0"
        else:
            state, self.input_id = start
            self.engine = Engine(state)
        self.snapshot_seq = self.engine.seq
        self._make_group()
        published_seq = self._published_seq()
        while entries := self._input_after(self.input_id):
            self._apply_and_publish(entries, acknowledge=False)
        if self.engine.seq < published_seq:
            raise Halted(
                f"the output stream is at sequence {published_seq}, but the input stream leads "
                f"only to {self.engine.seq}: commands are missing"
            )
        self.client.xgroup_setid(self.input_key, self.engine_name, self.input_id)
        self._forget_pending()
        log.info("market_recovered", market=self.market_id, seq=self.engine.seq)

    def _make_group(self) -> None:
        try:
            self.client.xgroup_create(self.input_key, self.engine_name, id="0-0", mkstream=True)
        except redis.ResponseError as error:
            if not str(error).startswith("BUSYGROUP"):
                raise

    def _published_seq(self) -> int:
        newest: Any = self.client.xrevrange(self.output_key, count=1)
        return int(newest[0][0].split(b"-")[0]) if newest else 0

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

    def process(self, entries: Sequence[InputEntry]) -> None:
        """Apply what the consumer group delivered, publish, acknowledge; snapshot when due."""
        self._apply_and_publish(entries, acknowledge=True)
        if self.engine.seq - self.snapshot_seq >= self.snapshot_every:
            self.snapshot()

    def snapshot(self) -> None:
        if self.engine.seq > self.snapshot_seq:
            save_snapshot(self.client, self.market_id, self.engine.state, self.input_id)
            self.snapshot_seq = self.engine.seq

    def _apply_and_publish(self, entries: Sequence[InputEntry], *, acknowledge: bool) -> None:
        frames: list[tuple[int, bytes]] = []
        pipe = self.client.pipeline(transaction=True)
        for raw_id, fields in entries:
            seq, frame = self._apply(raw_id.decode(), fields, pipe)
            frames.append((seq, frame))
            pipe.xadd(self.output_key, {ENTRY_FIELD: frame}, id=f"{seq}-0")
        if acknowledge:
            pipe.xack(self.input_key, self.engine_name, *[raw_id for raw_id, _ in entries])
        results = pipe.execute(raise_on_error=False)
        if acknowledge and results.pop() != len(entries):
            raise RecoveryNeeded("the input stream or its consumer group is not what it was")
        refused = [result for result in results if isinstance(result, Exception)]
        if refused:
            if any("equal or smaller" not in str(error) for error in refused):
                raise RecoveryNeeded(str(refused[0]))
            self._compare_with_published(frames)

    def _apply(
        self, input_id: str, fields: dict[bytes, bytes], pipe: redis.client.Pipeline
    ) -> tuple[int, bytes]:
        """The sequence and the encoded output entry of one input entry."""
        now_ms = int(input_id.split("-", maxsplit=1)[0])
        command_id = 0
        try:
            command = decode_command(fields.get(COMMAND_FIELD, b""))
        except UndecodableMessage as error:
            events = self.engine.reject_undecodable(now_ms)
            self._set_aside(input_id, fields, str(error), pipe)
        else:
            if not isinstance(command, PlaceOrder | UpdateIndexPrice):
                command_id = command.command_id
            try:
                events = self.engine.apply(command, now_ms)
            except InvariantBroken as error:
                raise Halted(f"sequence {self.engine.seq}: {error}") from error
        self.input_id = input_id
        entry = OutputEntry(
            seq=self.engine.seq,
            input_id=input_id,
            time_ms=self.engine.state.clock_ms,
            command_id=command_id,
            events=events,
        )
        return entry.seq, encode_entry(entry)

    def _set_aside(
        self,
        input_id: str,
        fields: dict[bytes, bytes],
        reason: str,
        pipe: redis.client.Pipeline,
    ) -> None:
        """Keep what could not be decoded for the operator, under the sequence it took."""
        seq = self.engine.seq
        log.warning("command_undecodable", market=self.market_id, seq=seq, reason=reason)
        payload = fields.get(COMMAND_FIELD)
        if payload is None:
            payload = repr(fields).encode()
        letter: dict[Any, Any] = {
            "input_id": input_id,
            "reason": reason,
            "payload": payload[:DEAD_LETTER_PAYLOAD_BYTES_MAX],
        }
        pipe.xadd(dead_letter_stream(self.market_id), letter, id=f"{seq}-0")

    def _compare_with_published(self, frames: list[tuple[int, bytes]]) -> None:
        """Some entries were there already: from before a crash, or by another engine of this
        market. They must be ours to the byte; those trimmed since can't be compared."""
        first, last = frames[0][0], frames[-1][0]
        found: Any = self.client.xrange(self.output_key, min=f"{first}-0", max=f"{last}-0")
        published = {int(raw_id.split(b"-")[0]): fields[ENTRY_FIELD] for raw_id, fields in found}
        for seq, frame in frames:
            if published.get(seq, frame) != frame:
                raise Halted(f"sequence {seq} differs from what is published")
