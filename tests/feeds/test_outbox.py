"""What waits for a client: its order, one write a tick, and what becomes of it if it is slow."""

import asyncio
from collections.abc import Callable

import msgspec
import pytest

from feeds.streams import outbox as outbox_module
from feeds.streams.frames import binary_frame, text_frame
from feeds.streams.outbox import COALESCED_FROM, MESSAGES_MAX, Message, Outbox, Stream, Ticks

BOOK: Stream = ("book:BTC-PERP", 0)


class Socket:
    """One whose client reads, or doesn't."""

    def __init__(self) -> None:
        self.is_ready = True
        self.on_ready: Callable[[], None] | None = None
        self.writes: list[bytes] = []

    def write_frames(self, data: bytes) -> None:
        self.writes.append(data)


class Client:
    """An outbox in a running loop; ``restated`` are streams that it had to be told anew."""

    def __init__(self, *, has_frames: bool = True, packs: bool = False) -> None:
        self.socket = Socket()
        self.sent: list[str] = []
        self.restated: list[Stream] = []
        self.overflows = 0
        self.reads = asyncio.Event()
        self.reads.set()
        writer = self.socket if has_frames else None
        self.outbox = Outbox(self._send, writer, packs, self._restate, self._overflow)
        self._job = asyncio.create_task(self.outbox.run())

    async def _send(self, text: str) -> None:
        await self.reads.wait()
        self.sent.append(text)

    def _restate(self, stream: Stream) -> None:
        self.restated.append(stream)
        self.outbox.offer(f"as it stands: {stream[0]}")

    def _overflow(self) -> None:
        self.overflows += 1

    def fall_asleep(self) -> None:
        self.socket.is_ready = False

    def wake_up(self) -> None:
        self.socket.is_ready = True
        assert self.socket.on_ready is not None
        self.socket.on_ready()

    def leave(self) -> None:
        self.outbox.close()
        self._job.cancel()


async def turns(count: int = 5) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


def frames(*texts: str) -> bytes:
    return b"".join(text_frame(text.encode()) for text in texts)


def test_what_is_told_in_one_step_is_one_write() -> None:
    async def go() -> None:
        client = Client()
        await turns()
        for text in ("a", "b", "c"):
            client.outbox.offer(text)
        assert client.socket.writes == []
        await turns()
        assert client.socket.writes == [frames("a", "b", "c")]
        client.leave()

    asyncio.run(go())


def test_a_tick_is_one_write_for_each_and_comes_behind_what_waits() -> None:
    async def go() -> None:
        clients = [Client(), Client()]
        ticks = Ticks()
        await turns()
        for text in ("a", "b"):
            for client in clients:
                client.outbox.hear(Message(text, BOOK))
            ticks.add(client.outbox for client in clients)
        clients[0].outbox.offer("own")
        while not all(client.socket.writes for client in clients):
            await asyncio.sleep(0.001)
        assert clients[0].socket.writes == [frames("a", "b", "own")]
        assert clients[1].socket.writes == [frames("a", "b")]
        for client in clients:
            client.leave()

    asyncio.run(go())


def test_many_are_flushed_in_parts_and_all_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox_module, "FLUSHED_AT_ONCE", 2)

    async def go() -> None:
        clients = [Client() for _ in range(5)]
        await turns()
        for client in clients:
            client.outbox.hear(Message("a"))
        Ticks().add(client.outbox for client in clients)
        while not all(client.socket.writes for client in clients):
            await asyncio.sleep(0.001)
        assert [client.socket.writes for client in clients] == [[frames("a")]] * 5
        for client in clients:
            client.leave()

    asyncio.run(go())


@pytest.mark.parametrize("size", [1, 125, 126, 65_535, 65_536])
def test_frames_say_their_length(size: int) -> None:
    frame = binary_frame(b"x" * size)
    head = 2 + (0 if size < 126 else 2 if size < 65_536 else 8)
    assert (frame[0], len(frame)) == (0x82, head + size)
    told = frame[1] if head == 2 else int.from_bytes(frame[2:head])
    assert told == size


def test_messages_are_packed_for_who_asked_for_it() -> None:
    async def go() -> None:
        client = Client(packs=True)
        await turns()
        client.outbox.offer('{"a":1}')
        await turns()
        assert client.socket.writes == [binary_frame(msgspec.msgpack.encode({"a": 1}))]
        client.leave()

    asyncio.run(go())


def test_books_of_a_slow_client_are_told_as_they_stand_and_trades_are_kept() -> None:
    async def go() -> None:
        client = Client()
        await turns()
        client.fall_asleep()
        for number in range(10 * COALESCED_FROM):
            client.outbox.hear(Message(f"book {number}", BOOK))
            if number % COALESCED_FROM == 0:
                client.outbox.hear(Message(f"trade {number}"))
        client.outbox.flush()
        assert (client.socket.writes, client.overflows) == ([], 0)
        client.wake_up()
        await turns()
        (first, second) = client.socket.writes
        assert first == frames(*(f"trade {n * COALESCED_FROM}" for n in range(10)))
        assert second == frames("as it stands: book:BTC-PERP")
        assert client.restated == [BOOK]
        client.outbox.hear(Message("book goes on", BOOK))
        client.outbox.flush()
        assert client.socket.writes[2:] == [frames("book goes on")]
        client.leave()

    asyncio.run(go())


def test_what_is_not_listened_to_any_more_is_not_told() -> None:
    async def go() -> None:
        client = Client()
        await turns()
        client.fall_asleep()
        for number in range(2 * COALESCED_FROM):
            client.outbox.hear(Message(f"book {number}", BOOK))
        client.outbox.hear(Message("trade"))
        client.outbox.forget(BOOK)
        client.wake_up()
        await turns()
        assert (client.socket.writes, client.restated) == ([frames("trade")], [])
        client.leave()

    asyncio.run(go())


def test_a_client_too_far_behind_is_told_so_and_nothing_is_left_out_before() -> None:
    async def go() -> None:
        client = Client()
        await turns()
        client.fall_asleep()
        for number in range(MESSAGES_MAX):
            client.outbox.hear(Message(f"trade {number}"))
        assert client.overflows == 0
        client.outbox.hear(Message("one more"))
        assert client.overflows == 1
        client.leave()

    asyncio.run(go())


def test_through_a_server_messages_go_one_by_one_and_books_are_owed_as_well() -> None:
    async def go() -> None:
        client = Client(has_frames=False)
        await turns()
        client.reads.clear()
        client.outbox.offer("first")
        await turns()
        for number in range(2 * COALESCED_FROM):
            client.outbox.hear(Message(f"book {number}", BOOK))
        client.outbox.offer("last")
        client.reads.set()
        await turns(20)
        assert client.sent == ["first", "last", "as it stands: book:BTC-PERP"]
        client.leave()

    asyncio.run(go())


def test_a_replay_waits_for_room() -> None:
    async def go() -> None:
        client = Client()
        await turns()
        client.fall_asleep()
        for number in range(MESSAGES_MAX):
            client.outbox.hear(Message(f"trade {number}"))
        replay = asyncio.create_task(client.outbox.put("replayed"))
        await turns()
        assert not replay.done()
        client.wake_up()
        await turns()
        assert replay.done()
        assert client.socket.writes[-1] == frames("replayed")
        client.leave()

    asyncio.run(go())
