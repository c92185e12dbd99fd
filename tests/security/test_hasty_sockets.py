"""What a socket says in a rush, or should not say at all: it costs that socket, and nobody else."""

import asyncio
import json
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from pytest_django.plugin import DjangoDbBlocker

from exchange_site.edge.protocols.http import HEADERS_MAX
from exchange_site.edge.protocols.transport import Transport
from feeds.protocol import FeedError, decode_request
from tests.patience import PATIENCE_S
from tests.security.test_slow_clients import HANDSHAKE, HOST, frame
from tests.trading.test_intake_served import Served

pytestmark = pytest.mark.django_db  # else there is no database to serve

UPGRADE = HANDSHAKE.partition(b"\r\n")[2].removesuffix(b"\r\n")


class Logged(Served):
    def __init__(self, log: Path) -> None:
        self.log = log
        super().__init__(log)


@pytest.fixture(scope="module")
def served(
    django_db_setup: None,
    django_db_blocker: DjangoDbBlocker,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Logged]:
    """One for all: it takes longer to start than a test to run."""
    with django_db_blocker.unblock():
        served = Logged(tmp_path_factory.mktemp("served") / "api.log")
    yield served
    served.stop()


def answer_to(served: Served, *parts: bytes, until: bytes = b"") -> bytes:
    """All that the server says until it closes, or has said ``until``; b"" where it resets."""
    answer = b""
    with socket.create_connection(("127.0.0.1", served.port), timeout=PATIENCE_S) as client:
        try:
            for number, part in enumerate(parts):
                client.sendall(part)
                if not number and len(parts) > 1:  # a handshake, and what is said after it
                    answer += client.recv(65_536)
            while data := client.recv(65_536):
                answer += data
                if until and until in answer:
                    return answer
        except (BrokenPipeError, ConnectionResetError):
            return answer
    assert not until, answer
    return answer


# What HTTP takes for the beginning of a WebSocket, and WebSockets don't.
HANDSHAKES = {
    "a body": b"GET /ws HTTP/1.1\r\nContent-Length: 5\r\n" + UPGRADE + b"\r\nhello",
    "half a body": b"GET /ws HTTP/1.1\r\nContent-Length: 5\r\n" + UPGRADE + b"\r\nhe",
    "chunks": b"GET /ws HTTP/1.1\r\nTransfer-Encoding: chunked\r\n" + UPGRADE + b"\r\n0\r\n\r\n",
    "a long address": b"GET /ws?" + b"a" * 10_000 + b" HTTP/1.1\r\n" + UPGRADE + b"\r\n",
    "a long header": HANDSHAKE[:-2] + b"X-A: " + b"a" * 10_000 + b"\r\n\r\n",
}


@pytest.mark.parametrize("name", HANDSHAKES)
def test_a_handshake_that_cant_be_read_is_refused_and_not_kept(served: Served, name: str) -> None:
    head, _, body = answer_to(served, HANDSHAKES[name]).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ")
    assert b"cache-control: no-store" in head
    assert json.loads(body)["code"] == "BAD_REQUEST"


CHUNKED = b"POST /order HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n"


@pytest.mark.parametrize(
    "request_",
    [
        CHUNKED + b"X-Forwarded-For: 1.2.3.4\r\n\r\n",
        CHUNKED + b"A: b\r\n" * 50_000,
        b"GET /time HTTP/1.1\r\n" + HOST + b"A: b\r\n" * HEADERS_MAX + b"\r\n",
    ],
    ids=["a trailer", "endless trailers", "many headers"],
)
def test_headers_are_few_and_none_comes_after_a_body(served: Served, request_: bytes) -> None:
    """What is behind a body would stand among what a proxy has looked at."""
    head, _, body = answer_to(served, request_).partition(b"\r\n\r\n")
    assert (head[9:12], json.loads(body)["code"]) == (b"431", "HEADERS_TOO_LARGE")


def test_as_many_headers_as_there_may_be(served: Served) -> None:
    headers = HOST + b"A: b\r\n" * (HEADERS_MAX - 2) + b"Connection: close\r\n"
    assert b" 200 OK" in answer_to(served, b"GET /time HTTP/1.1\r\n" + headers + b"\r\n")


def test_requests_that_wait_for_one_another_are_few(served: Served) -> None:
    """Those of a slice that are too many end the connection, before any is answered; others wait
    until they may be read."""
    get = b"GET /time HTTP/1.1\r\n" + HOST + b"X-A: %b\r\n\r\n" % (b"a" * 200)
    last = get.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    assert answer_to(served, get * 40 + last).count(b"HTTP/1.1 200") == 41
    assert answer_to(served, b"GET /time HTTP/1.1\r\n\r\n" * 10_000) == b""


@pytest.mark.parametrize("path", [b"/ws", b"/fstream/ws", b"/ws-fapi/v1"])
@pytest.mark.parametrize("opcode", [0x9, 0xA], ids=["pings", "pongs"])
def test_a_flood_of_control_frames_ends(served: Served, path: bytes, opcode: int) -> None:
    handshake = HANDSHAKE.replace(b"/ws", path, 1)
    answer = answer_to(served, handshake, frame(opcode, b"", fin=True) * 5_000)
    assert answer.startswith(b"HTTP/1.1 101 ")
    assert b"\x03\xf0too many pings" in answer


@pytest.mark.parametrize("depth", [100, 500, 700, 940, 990, 5_000])
@pytest.mark.parametrize(
    "message",
    [
        '{"op":"amend","id":1,"order":%s}',
        '{"op":"batch","id":1,"orders":[%s]}',
        '{"op":"place","id":1,"id":1,"order":%s}',
        '{"op":"ping","more":%s}',
    ],
)
def test_a_deep_message_is_refused_wherever_its_reading_ends(depth: int, message: str) -> None:
    """As bad input, and not as a fault; what is an order is read later."""
    deep = '{"a":' * depth + "1" + "}" * depth
    with suppress(FeedError):
        decode_request(message % deep)


@pytest.mark.parametrize("path", [b"/ws", b"/fstream/ws", b"/ws-fapi/v1"])
@pytest.mark.parametrize(
    "message",
    [
        b'{"op":"zz","a":"\\ud800"}',
        b'{"op":1,"a":' + b"[" * 9_000,
        b"[" * 30_000,
        b'{"id":' + b"9" * 5_000 + b"}",
        b'{"a":' * 5_000,
        b'{"id":"\\ud800"}',
        b"\0",
    ],
    ids=[
        "refused early",
        "refused early and deep",
        "deep",
        "a large number",
        "deep objects",
        "half a character",
        "nothing",
    ],
)
def test_a_message_that_cant_be_read_is_answered(
    served: Served, path: bytes, message: bytes
) -> None:
    handshake = HANDSHAKE.replace(b"/ws", path, 1)
    assert b'"error"' in answer_to(served, handshake, frame(1, message, fin=True), until=b'"error"')


MISTAKES = [
    b"X\r\n\r\n",
    b"GET / HTTP/1.1\r\n" + HOST + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
    b"GET /time HTTP/1.1\r\nHost: " + b"a" * 5_000 + b"\r\nConnection: close\r\n\r\n",
    b"POST /admin/login/ HTTP/1.1\r\n" + HOST + b"Content-Length: 0\r\nConnection: close\r\n\r\n",
    b"GET /time HTTP/1.1\r\n" + HOST + b"Upgrade: h2c\r\nConnection: upgrade, close\r\n\r\n",
    HANDSHAKES["a body"],
]


def test_senders_mistakes_leave_nothing_in_the_log(served: Logged) -> None:
    """A stranger would fill it with as much as they like. All lines are JSON."""
    before = served.log.read_text().splitlines()
    for mistake in MISTAKES:
        answer = answer_to(served, mistake)
        assert answer[9:10] in (b"2", b"4"), answer
    answer = answer_to(served, HANDSHAKE, frame(1, b"\xff", fin=True))
    assert b"\x03\xeftext is UTF-8" in answer
    after = served.log.read_text().splitlines()
    events = {json.loads(line)["event"] for line in after}
    assert len(after) - len(before) <= 1, after  # the feeds start with their first client
    assert not {event for event in events if "nvalid" in event or "orbidden" in event}


class Sock:
    """A socket's transport of the loop, as far as ours looks at it."""

    def __init__(self) -> None:
        self.is_read = True

    def is_closing(self) -> bool:
        return False

    def pause_reading(self) -> None:
        self.is_read = False

    def resume_reading(self) -> None:
        self.is_read = True


def test_between_two_slices_others_have_their_turn() -> None:
    async def run() -> list[Any]:
        loop, sock = asyncio.get_running_loop(), Sock()
        happened: list[Any] = []
        transport = Transport(sock)

        def take(data: bytes) -> None:
            happened.append(data)
            loop.call_soon(happened.append, "another")

        transport.feed(take, 2)
        transport.arrived(b"abcde")
        assert (happened, sock.is_read) == ([b"ab"], False)
        while len(happened) < 6:
            await asyncio.sleep(0)
        assert sock.is_read
        return happened

    another = "another"
    assert asyncio.run(run()) == [b"ab", another, b"cd", another, b"e", another]


def test_nothing_is_taken_while_the_protocol_has_enough() -> None:
    async def run() -> None:
        sock = Sock()
        taken: list[bytes] = []
        transport = Transport(sock)

        def take(data: bytes) -> None:
            taken.append(data)
            transport.pause_reading()

        transport.feed(take, 2)
        transport.arrived(b"abc")
        transport.arrived(b"d")  # was read before
        for _ in range(5):
            await asyncio.sleep(0)
        assert (taken, sock.is_read) == ([b"ab"], False)
        transport.resume_reading()
        for _ in range(5):
            await asyncio.sleep(0)
        assert (taken, sock.is_read) == ([b"ab", b"cd"], False)
        transport.resume_reading()
        assert sock.is_read

    asyncio.run(run())
