"""Clients that take their time, against the API as it is deployed: nobody else waits for them."""

import json
import select
import signal
import socket
import struct
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from typing import Any

import pytest

from benchmarks.slow_sockets import KINDS, slow_sockets
from exchange_site.edge.connections import CONNECTIONS_PER_ADDRESS_MAX
from tests.patience import PATIENCE_S
from tests.trading.client import Trader, make_market, make_trader, order_body, set_ticker
from tests.trading.test_intake_served import Served, ask, served

__all__ = ["served"]

SOCKETS = 500
ENDS_WITHIN_S = 60.0  # far beyond each deadline, far below for ever
HOST = b"Host: localhost\r\n"
SIGNIN = b"POST /auth/signin HTTP/1.1\r\n" + HOST + b"Content-Type: application/json\r\n"
HANDSHAKE = (
    b"GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


class Neighbour:
    """A client at the address of the slow. Where this machine leaves it a quarter of a second
    between connecting and asking, it has waited longest of the address, and connects again."""

    def __init__(self, served: Served, trader: Trader) -> None:
        self._served = served
        self._trader = trader
        self.resets = 0

    def ask(self, method: str, path: str, body: bytes = b"") -> tuple[int, Any]:
        while True:
            try:
                return ask(self._served.connect(), self._trader, method, path, body)
            except ConnectionResetError:
                self.resets += 1
                assert self.resets <= len(KINDS), path


@pytest.mark.django_db(transaction=True)
def test_others_are_answered_while_hundreds_are_slow(served: Served, redis_db: Any) -> None:
    make_market()
    set_ticker(redis_db)
    trader = make_trader()
    crowded = Neighbour(served, trader)
    for name in KINDS:
        with slow_sockets(served.port, name, SOCKETS):
            for number in range(5):
                status, health = crowded.ask("GET", "/health")
                assert status in (200, 503), name
                assert set(health) == {"status"}, name
                order = order_body(qty="0.01", margin="50", clientOrderId=f"{name}-{number}")
                status, placed = crowded.ask("POST", "/order", json.dumps(order).encode())
                assert (status, placed.get("status")) in ((202, "pending"), (200, "pending")), name
                status, read = crowded.ask("GET", f"/order/{placed['orderId']}")
                assert (status, read.get("status")) == (200, "pending"), (name, read)
                assert crowded.ask("GET", "/markets")[0] == 200, name


def test_of_hundreds_that_came_at_once_those_who_asked_are_answered(served: Served) -> None:
    """While the server was away for a moment."""
    with ExitStack() as stack:
        served.process.send_signal(signal.SIGSTOP)
        stack.callback(served.process.send_signal, signal.SIGCONT)

        def connect(count: int) -> list[socket.socket]:
            address = ("127.0.0.1", served.port)
            return [stack.enter_context(socket.create_connection(address)) for _ in range(count)]

        connect(CONNECTIONS_PER_ADDRESS_MAX)
        asking = connect(CONNECTIONS_PER_ADDRESS_MAX // 2)
        connect(CONNECTIONS_PER_ADDRESS_MAX)
        for client in asking:
            client.sendall(b"GET /health HTTP/1.1\r\n" + HOST + b"\r\n")
        served.process.send_signal(signal.SIGCONT)
        for client in asking:
            client.settimeout(PATIENCE_S)
            assert client.recv(65_536).startswith(b"HTTP/1.1 ")


def said_until_closed(served: Served, *parts: bytes, drip: bytes = b"") -> bytes:
    """Everything the server says until it closes; ``drip`` goes on while it doesn't."""
    answer = b""
    with socket.create_connection(("127.0.0.1", served.port)) as client:
        client.settimeout(0.5 if drip else ENDS_WITHIN_S)
        try:
            for part in parts:
                client.sendall(part)
            for _ in range(int(ENDS_WITHIN_S / 0.5)):
                try:
                    data = client.recv(65_536)
                except TimeoutError:
                    assert drip, "it is still open"
                    client.sendall(drip)
                    continue
                if not data:
                    return answer
                answer += data
        except (BrokenPipeError, ConnectionResetError):
            return answer
    raise AssertionError("it is still open")


def unread_until_reset(served: Served) -> bool:
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        client.connect(("127.0.0.1", served.port))
        get = b"GET /schema HTTP/1.1\r\n" + HOST + b"X-A: %b\r\n\r\n" % (b"a" * 200)
        client.sendall(get * 100)
        reset = select.poll()
        reset.register(client, 0)
        return bool(reset.poll(ENDS_WITHIN_S * 1_000))


# What is said, what goes on being said, and what the server says before it closes.
WAITING: list[tuple[str, list[bytes], bytes, bytes]] = [
    ("nothing", [], b"", b"REQUEST_TIMEOUT"),
    ("half a head", [b"GET / HTTP/1.1\r\nHo"], b"", b"REQUEST_TIMEOUT"),
    ("a head byte by byte", [b"GET / HTTP/1.1\r\nX-A: "], b"a", b"REQUEST_TIMEOUT"),
    ("blank lines", [], b"\r\n", b"REQUEST_TIMEOUT"),
    ("half a body", [SIGNIN + b"Content-Length: 9\r\n\r\n{"], b"", b"REQUEST_TIMEOUT"),
    ("a slow body", [SIGNIN + b"Content-Length: 999\r\n\r\n"], b" ", b"REQUEST_TIMEOUT"),
    (
        "slow chunks",
        [SIGNIN + b"Transfer-Encoding: chunked\r\n\r\n"],
        b"1\r\n \r\n",
        b"REQUEST_TIMEOUT",
    ),
    ("idle after an answer", [b"GET /markets HTTP/1.1\r\n" + HOST + b"\r\n"], b"", b"200 OK"),
    (
        "blank lines after an answer",
        [b"GET /markets HTTP/1.1\r\n" + HOST + b"\r\n"],
        b"\r\n",
        b"REQUEST_TIMEOUT",
    ),
    ("too much said", [SIGNIN + b"Content-Length: 1000001\r\n\r\n"], b"", b"PAYLOAD_TOO_LARGE"),
    (
        "too many chunks",
        [SIGNIN + b"Transfer-Encoding: chunked\r\n\r\n", b"ffff\r\n%b\r\n" % (b" " * 65535)]
        + [b"ffff\r\n%b\r\n" % (b" " * 65535)] * 15,
        b"",
        b"PAYLOAD_TOO_LARGE",
    ),
    ("endless headers", [b"GET / HTTP/1.1\r\nX: "] + [b"a" * 65536] * 40, b"", b""),
    ("HTTP/2 without asking", [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"], b"", b""),
    ("half a handshake", [HANDSHAKE[:-2]], b"", b"REQUEST_TIMEOUT"),
    (
        "a handshake with half a body",
        [HANDSHAKE[:-2] + b"Content-Length: 5\r\n\r\nhe"],
        b"",
        b"BAD_REQUEST",
    ),
]


def test_every_kind_of_waiting_ends(served: Served) -> None:
    """All at the same time: each takes seconds."""
    with ThreadPoolExecutor(len(WAITING) + 1) as pool:
        waiting = [
            pool.submit(said_until_closed, served, *parts, drip=drip)
            for _, parts, drip, _ in WAITING
        ]
        unread = pool.submit(unread_until_reset, served)
    assert unread.result(), "an answer that nobody reads"
    for (name, _, _, code), ended in zip(WAITING, waiting, strict=True):
        answer = ended.result()
        assert code in answer, name
        if code in (b"REQUEST_TIMEOUT", b"PAYLOAD_TOO_LARGE"):
            head, _, body = answer[answer.rindex(b"HTTP/1.1 ") :].partition(b"\r\n\r\n")
            assert head[9:12] in (b"408", b"413"), name
            assert b"connection: close" in head, name
            assert set(json.loads(body)) == {"message", "code"}, name


def test_whoever_has_too_many_connections_loses_those_that_wait(served: Served) -> None:
    """More than one address may have in all processes; a new one is served all the same."""
    held = [socket.create_connection(("127.0.0.1", served.port)) for _ in range(700)]
    to = served.connect()
    to.request("GET", "/markets")
    assert to.getresponse().status == 200
    gone = 0
    for client in held:
        client.setblocking(False)
        try:
            gone += client.recv(1) == b""
        except BlockingIOError:
            pass
        except ConnectionResetError:
            gone += 1
        client.close()
    assert gone >= 100


def test_the_schema_is_built_once(served: Served) -> None:
    to = served.connect()
    to.request("GET", "/schema")
    first = to.getresponse()
    body = first.read()
    assert b"/order" in body
    etag = first.headers["ETag"]
    to.request("GET", "/schema", headers={"If-None-Match": etag})
    again = to.getresponse()
    assert (again.status, again.read(), again.headers["ETag"]) == (304, b"", etag)


def frame(opcode: int, payload: bytes, *, fin: bool) -> bytes:
    """As a client sends it: masked, with a mask that changes nothing."""
    head = bytes([(0x80 if fin else 0) | opcode, 0x80 | 127]) + struct.pack(">Q", len(payload))
    return head + b"\0\0\0\0" + payload


@pytest.mark.parametrize(
    "frames",
    [
        [frame(1, b"a" * 1_000_000, fin=False)],
        [frame(1, b"a" * 10_000, fin=False)] + [frame(0, b"a" * 10_000, fin=False)] * 60,
        [frame(1, b"", fin=False)] + [frame(0, b"", fin=False)] * 1_000,
    ],
)
def test_a_message_is_measured_while_it_arrives(served: Served, frames: list[bytes]) -> None:
    with socket.create_connection(("127.0.0.1", served.port)) as client:
        client.settimeout(ENDS_WITHIN_S)
        client.sendall(HANDSHAKE)
        # What comes before it is answered is read by nobody.
        assert client.recv(65_536).startswith(b"HTTP/1.1 101 ")
        with suppress(BrokenPipeError, ConnectionResetError):
            for one in frames:
                client.sendall(one)
            while client.recv(65_536):
                pass
