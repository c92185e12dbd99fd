"""What passed through the streams, written down while it passes: Redis may lose it, and trims it.

Input entries are kept by id, output entries by sequence. A new starting point drops the output
beyond it, whose sequences are then given again: the later entry counts.

Of several masters the one that is lost may have shown what no other has, and what the next one has
instead may be trimmed before it is read. So a record that was torn there is followed, but what
differs in it proves nothing.
"""

import threading
from typing import Any

import redis

from matching.messages.codec import decode_entry
from matching.messages.events import OutputEntry
from matching.messages.streams import (
    COMMAND_FIELD,
    ENTRY_FIELD,
    epoch_key,
    id_order,
    input_stream,
    output_stream,
)

POLL_S = 0.05
PAGE = 5_000


class MarketRecord:
    """Of one market: commands by input id, and the output entry of each sequence."""

    def __init__(self, market_id: str) -> None:
        self.market_id = market_id
        self.commands: dict[str, bytes] = {}
        self.entries: dict[int, OutputEntry] = {}
        self.epochs: list[bytes] = []
        self.is_torn = False
        self._last_input = "0-0"
        self._last_seq = 0

    def ask(self, pipe: redis.client.Pipeline) -> None:
        pipe.get(epoch_key(self.market_id))
        pipe.xrange(input_stream(self.market_id), min=f"({self._last_input}", count=PAGE)
        pipe.xrange(output_stream(self.market_id), min=f"({self._last_seq}-0", count=PAGE)

    def take(self, answers: list[Any]) -> bool:
        """Keep what `ask` was answered; says whether there was anything new."""
        epoch, commands, entries = answers
        if epoch is not None and (not self.epochs or self.epochs[-1] != epoch):
            self.epochs.append(epoch)
            self.start_over()  # sequences beyond the starting point are given again
            entries = []
        self._keep(commands, entries)
        return bool(commands or entries)

    def start_over(self) -> None:
        self._last_seq = 0

    def _keep(self, commands: Any, entries: Any) -> None:
        for raw_id, fields in commands:
            self._last_input = raw_id.decode()
            self.commands[self._last_input] = fields.get(COMMAND_FIELD, b"")
        for raw_id, fields in entries:
            self._last_seq = id_order(raw_id.decode())[0]
            self.entries[self._last_seq] = decode_entry(fields[ENTRY_FIELD])

    def history(self, to_seq: int) -> tuple[list[tuple[bytes, OutputEntry]], list[int]]:
        """The commands that took effect, in their order, each with what the engine said to it; and
        the sequences nobody recorded."""
        missing = [
            seq
            for seq in range(1, to_seq + 1)
            if seq not in self.entries or self.entries[seq].input_id not in self.commands
        ]
        if missing:
            return [], missing
        entries = [self.entries[seq] for seq in range(1, to_seq + 1)]
        return [(self.commands[entry.input_id], entry) for entry in entries], []


class Recorder(threading.Thread):
    def __init__(self, client: redis.Redis, markets: list[str], *, one_master: bool = True) -> None:
        super().__init__(name="recorder", daemon=True)
        self.records = {market_id: MarketRecord(market_id) for market_id in markets}
        self.fault: BaseException | None = None
        self._client = client
        self._one_master = one_master
        self._lock = threading.Lock()
        self._halt = threading.Event()

    def run(self) -> None:
        while not self._halt.is_set():
            try:
                self.read()
            except redis.RedisError:
                self._start_over()
            except BaseException as error:  # noqa: BLE001  the run fails with it
                self.fault = error
                return
            self._halt.wait(POLL_S)

    def _start_over(self) -> None:
        """Redis may come back without its last second, and give sequences again."""
        self._client.connection_pool.disconnect()
        for record in self.records.values():
            record.start_over()
            record.is_torn = not self._one_master

    def read(self) -> None:
        with self._lock:
            while self._look():
                pass

    def wipe_redis(self) -> None:
        """FLUSHALL, in one transaction with the last look."""
        with self._lock:
            while self._look():
                pass
            self._look(then_wipe=True)

    def _look(self, *, then_wipe: bool = False) -> bool:
        """At all streams, at one instant. Answers whether there was anything new."""
        pipe = self._client.pipeline(transaction=True)
        for record in self.records.values():
            record.ask(pipe)
        if then_wipe:
            pipe.flushall()
        answers = pipe.execute()
        news = [
            record.take(answers[3 * number : 3 * number + 3])
            for number, record in enumerate(self.records.values())
        ]
        return any(news)

    def stop(self) -> None:
        self._halt.set()
        self.join()
