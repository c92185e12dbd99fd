"""Input entries in, output entries out: an engine and where it stands. No I/O.

Theory of operation. A command that can't be applied, or whose events can't be written down, is a
bug of the engine, whatever the exception: an invariant that broke, a number that left its bounds, a
key that wasn't there. All of them are `CommandFailed` here, with the sequence the command would
have had. The state may then hold half of it, so this applier must not be used, published from or
snapshotted any more; a replay meets the same command and fails at it again.
"""

from typing import NamedTuple

from matching.core.engine import Engine
from matching.core.market.state import State
from matching.messages.codec import UndecodableMessage, decode_command, encode_entry
from matching.messages.events import OutputEntry
from matching.messages.limits import MAX_TIME_MS
from matching.messages.streams import COMMAND_FIELD, id_order


class CommandFailed(Exception):
    """The text says at which sequence and why."""


class Applied(NamedTuple):
    """``frame`` is the output entry as it is published; ``undecodable`` says why the input was no
    command, and is empty if it was one."""

    seq: int
    frame: bytes
    undecodable: str


class Applier:
    """``input_id`` is that of the last command applied."""

    def __init__(self, state: State | None = None, input_id: str = "0-0") -> None:
        self.engine = Engine(state)
        self.input_id = input_id

    def apply(self, input_id: str, fields: dict[bytes, bytes]) -> Applied:
        """Raises CommandFailed."""
        seq = self.engine.seq + 1
        try:
            return self._apply(input_id, fields)
        except MemoryError:
            raise  # says nothing about the command
        except Exception as error:
            why = f"{type(error).__name__}: {error}"
            raise CommandFailed(f"sequence {seq} (input {input_id}): {why}") from error

    def _apply(self, input_id: str, fields: dict[bytes, bytes]) -> Applied:
        now_ms = min(id_order(input_id)[0], MAX_TIME_MS)
        command_id, undecodable = 0, ""
        try:
            command = decode_command(fields.get(COMMAND_FIELD, b""))
        except UndecodableMessage as error:
            undecodable = str(error)
            events = self.engine.reject_undecodable(now_ms)
        else:
            command_id = getattr(command, "command_id", 0)  # orders and prices have none
            events = self.engine.apply(command, now_ms)
        entry = OutputEntry(
            seq=self.engine.seq,
            input_id=input_id,
            time_ms=self.engine.state.clock_ms,
            command_id=command_id,
            events=events,
        )
        frame = encode_entry(entry)
        self.input_id = input_id
        return Applied(entry.seq, frame, undecodable)
