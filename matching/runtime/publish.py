"""Writing to an output stream: one script, so that Redis checks and writes at once.

Theory of operation. Three things could make an entry wrong though its bytes are right: the market
was given a new starting point meanwhile (its epoch changed, or all of Redis was lost), an entry
before it is missing, or another engine wrote another one in its place. The script looks before it
writes: with another epoch, a gap or a difference it writes nothing; entries the stream already has
and that are the same to the byte it skips. Those trimmed since can't be compared.

A batch goes out in parts, each sent while the engine works on the next; nothing is held for
published before `settle` returned.
"""

from collections.abc import Sequence
from typing import Any

from matching.messages.streams import (
    ENTRY_FIELD,
    dead_letter_stream,
    epoch_key,
    input_stream,
    output_stream,
)
from matching.runtime.line import Line

_PUBLISH = """
-- KEYS epoch, output, dead letters, input
-- ARGV epoch, entry field, group, first seq, number of entries, entries,
--      number of letters, (seq, input id, reason, payload) each, ids to acknowledge
redis.replicate_commands()  -- before Redis 7: this script reads what is not deterministic
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return {'epoch', 0} end
local last = 0
if redis.call('EXISTS', KEYS[2]) == 1 then
  local info = redis.call('XINFO', 'STREAM', KEYS[2])
  for i = 1, #info, 2 do
    if info[i] == 'last-generated-id' then
      last = tonumber(string.match(info[i + 1], '^%d+'))
    end
  end
end
local first, count = tonumber(ARGV[4]), tonumber(ARGV[5])
if first > last + 1 then return {'gap', first - 1} end
for seq = first, math.min(last, first + count - 1) do
  local found = redis.call('XRANGE', KEYS[2], seq .. '-0', seq .. '-0')[1]
  if found and found[2][2] ~= ARGV[6 + seq - first] then return {'differs', seq} end
end
for i = 0, count - 1 do
  if first + i > last then
    redis.call('XADD', KEYS[2], (first + i) .. '-0', ARGV[2], ARGV[6 + i])
  end
end
local at = 6 + count
local letters = tonumber(ARGV[at])
at = at + 1
for _ = 1, letters do
  if tonumber(ARGV[at]) > last then
    redis.call('XADD', KEYS[3], ARGV[at] .. '-0', 'input_id', ARGV[at + 1],
               'reason', ARGV[at + 2], 'payload', ARGV[at + 3])
  end
  at = at + 4
end
if at <= #ARGV then redis.call('XACK', KEYS[4], ARGV[3], unpack(ARGV, at)) end
return {'published', last}
"""


class OtherEpoch(Exception):
    """The market has another starting point than the one this engine came from, or none."""


class MissingOutput(Exception):
    """The output stream ends before the entry that precedes the ones to write."""


class OtherOutput(Exception):
    """The output stream has another entry under a sequence than the one to write."""


class Publisher:
    """Of one market, on a line on which no answers are open. Both calls raise redis.RedisError."""

    def __init__(self, line: Line, market_id: str, group: str) -> None:
        self._line = line
        self._group = group
        self._keys = [
            epoch_key(market_id),
            output_stream(market_id),
            dead_letter_stream(market_id),
            input_stream(market_id),
        ]

    def send(
        self,
        epoch: bytes,
        first_seq: int,
        frames: Sequence[bytes],
        letters: Sequence[tuple[int, str, str, bytes]],
        acknowledge: Sequence[bytes],
    ) -> None:
        """Have the entries from ``first_seq`` on appended and their inputs acknowledged; `settle`
        says whether they were."""
        args: list[Any] = [epoch, ENTRY_FIELD, self._group, first_seq, len(frames), *frames]
        args.append(len(letters))
        for letter in letters:
            args.extend(letter)
        args.extend(acknowledge)
        self._line.send("EVAL", _PUBLISH, len(self._keys), *self._keys, *args)

    def settle(self) -> None:
        """Wait until all that was sent is published. Raises OtherEpoch, MissingOutput and
        OtherOutput where it is not."""
        answers = [self._line.receive() for _ in range(self._line.open_answers)]
        for answer in answers:
            if isinstance(answer, Exception):
                raise answer
            word, seq = answer
            if word == b"epoch":
                raise OtherEpoch("the market was given another starting point, or Redis lost it")
            if word == b"gap":
                raise MissingOutput(f"the output stream lacks sequence {seq}")
            if word == b"differs":
                raise OtherOutput(f"sequence {seq} differs from what is published")

    def drop(self) -> None:
        """Forget what was sent: nobody waits to hear what became of it."""
        self._line.drop()
