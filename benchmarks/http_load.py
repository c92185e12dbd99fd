"""A closed loop of keep-alive HTTP connections, in a process of its own.

Reads a `Plan` as JSON from stdin and answers `Measured` on stdout. Every connection sends its next
request when its last one is answered. Plain sockets and one poll: a request costs this process
some tens of microseconds, so that the servers are what is measured; `cpu_share` says how much of a
core it took. A request is one of the plan's templates with a client order id of its own; one that
names a key is signed anew each time.
"""

import hmac
import itertools
import select
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

ANSWER_WITHIN_S = 60  # else the server hangs
PLACEHOLDER = b"clientOrderId-------"  # replaced by as many bytes


class Plan(msgspec.Struct, frozen=True):
    """``requests`` are dealt out to the connections; one that has several sends them in turn.
    ``prefix`` of eight letters is this run's."""

    port: int
    connections: int
    seconds: float
    warm_up_s: float
    prefix: str
    requests: list[bytes]
    secrets: dict[str, str] = {}  # of keys: text of HMAC's, or hex of Ed25519's private part

    def requests_of(self, connection: int) -> list[bytes]:
        own = self.requests[connection :: self.connections]
        return own or [self.requests[connection % len(self.requests)]]


def posting(path: str, token: str, body: bytes) -> bytes:
    about = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    return _head("POST", path, token, about) + body


def deleting(path: str, token: str) -> bytes:
    return _head("DELETE", path, token)


def posting_signed(path: str, public_id: str, body: bytes) -> bytes:
    """A template: the time and the signature come with each request."""
    line = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nX-API-Key: {public_id}\r\n"
    about = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return f"{line}{about}".encode() + body


TAKEN = "202"  # what every request is answered that placed or cancelled an order
_VENUE_KEY = b"X-MBX-APIKEY: "
TIMESTAMP = b"timestamp=0000000000000"
SIGNATURE = b"&signature=" + b"0" * 64


def posting_as_venue(path: str, public_id: str, form: bytes) -> bytes:
    """A template as clients of the gateway send orders: the time and the signature are put in."""
    body = form + b"&" + TIMESTAMP + SIGNATURE
    line = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nX-MBX-APIKEY: {public_id}\r\n"
    kind = "Content-Type: application/x-www-form-urlencoded\r\n"
    return f"{line}{kind}Content-Length: {len(body)}\r\n\r\n".encode() + body


def _venue_signer(template: bytes, secrets: dict[str, str]) -> Callable[[bytes], bytes]:
    rest = template.partition(_VENUE_KEY)[2]
    sign = _hmac(secrets[str(rest.partition(b"\r\n")[0], "ascii")])

    def signed(request: bytes) -> bytes:
        timestamp = b"timestamp=%d" % (time.time_ns() // 1_000_000)
        head, _, body = request.partition(b"\r\n\r\n")
        payload = body.removesuffix(SIGNATURE).replace(TIMESTAMP, timestamp)
        return b"%s\r\n\r\n%s&signature=%s" % (head, payload, sign(payload).encode())

    return signed


def _signer(template: bytes, secrets: dict[str, str]) -> Callable[[bytes], bytes] | None:
    """What makes a request of this template a signed one. Where others of the plan are signed, one
    that isn't is signed for nothing: else what it costs this process would count for the server."""
    if _VENUE_KEY in template:
        return _venue_signer(template, secrets)
    _, named, rest = template.partition(b"X-API-Key: ")
    if not named and not secrets:
        return None
    public_id = str(rest.partition(b"\r\n")[0], "ascii") if named else next(iter(secrets))
    method, path, _ = str(template.partition(b"\r\n")[0], "ascii").split()
    sign = _hmac(secrets[public_id]) if public_id.startswith("hm") else _ed25519(secrets[public_id])

    def signed(request: bytes) -> bytes:
        line, _, rest = request.partition(b"\r\n")
        timestamp = time.time_ns() // 1_000_000
        head = f"{public_id}\n{timestamp}\n\n{method}\n{path}\n\n".encode()
        signature = sign(head + rest.partition(b"\r\n\r\n")[2])
        own = f"\r\nX-API-Timestamp: {timestamp}\r\nX-API-Signature: {signature}\r\n"
        return line + own.encode() + rest

    def unsigned(request: bytes) -> bytes:
        signed(request)
        return request

    return signed if named else unsigned


def _hmac(secret: str) -> Callable[[bytes], str]:
    return lambda message: hmac.digest(secret.encode(), message, "sha256").hex()


def _ed25519(secret: str) -> Callable[[bytes], str]:
    private = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(secret))
    return lambda message: private.sign(message).hex()


def _head(method: str, path: str, token: str, about: str = "") -> bytes:
    line = f"{method} {path} HTTP/1.1\r\n"
    return f"{line}Host: localhost\r\nAuthorization: Bearer {token}\r\n{about}\r\n".encode()


class Measured(msgspec.Struct, frozen=True):
    """Of the requests answered after the warm-up, latencies in ascending order."""

    seconds: float
    latencies_ms: list[float]
    statuses: dict[str, int]
    cpu_share: float

    @property
    def rate(self) -> float:
        return len(self.latencies_ms) / self.seconds

    def percentile_ms(self, percent: int) -> float:
        at = min(len(self.latencies_ms) - 1, len(self.latencies_ms) * percent // 100)
        return self.latencies_ms[at]


class _Client:
    """One connection and the request that is on its way."""

    def __init__(
        self,
        plan: Plan,
        requests: list[bytes],
        numbers: "itertools.count[int]",
    ) -> None:
        self.templates = itertools.cycle(
            [(request.split(PLACEHOLDER), _signer(request, plan.secrets)) for request in requests]
        )
        # The gateway answers a new order as the venue does; ours would be a repeated one with 200.
        self.taken = "200" if _VENUE_KEY in requests[0] else "202"
        self.prefix = plan.prefix.encode()
        self.numbers = numbers
        self.socket = socket.create_connection(("127.0.0.1", plan.port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sent_at = 0.0
        self.received = b""

    def send(self) -> None:
        (request, *parts), signed = next(self.templates)
        for part in parts:
            request += b"%s%012d%s" % (self.prefix, next(self.numbers), part)
        if signed is not None:
            request = signed(request)
        self.sent_at = time.perf_counter()
        self.socket.sendall(request)

    def receive(self) -> str | None:
        """The status, once the answer is whole."""
        data = self.socket.recv(262_144)
        if not data:
            raise ConnectionError("the server closed a connection")
        self.received += data
        head, separator, body = self.received.partition(b"\r\n\r\n")
        if not separator:
            return None
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0])
        if len(body) < length:
            return None
        self.received = b""
        status = str(head[9:12], "ascii")
        return TAKEN if status == self.taken else f"{status} {body[:300]!r}"


class _SocketClient(_Client):
    """The same orders over a WebSocket, signed in; one is on its way at a time."""

    def __init__(self, plan: Plan, requests: list[bytes], numbers: "itertools.count[int]") -> None:
        (request,) = requests
        token, _, message = request.removeprefix(_OVER_SOCKET).partition(b"\n")
        super().__init__(plan, [message], numbers)
        self.socket.sendall(
            b"GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
            b"Connection: Upgrade\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n"
            b"Sec-WebSocket-Version: 13\r\n\r\n"
        )
        while b"\r\n\r\n" not in self.received:
            self.received += self.socket.recv(4_096)
        self.received = self.received.partition(b"\r\n\r\n")[2]
        self.socket.sendall(_framed(b'{"op":"auth","token":"%s"}' % token))
        while (heard := self._message()) is None or b"authenticated" not in heard:
            self.received += self.socket.recv(4_096)

    def send(self) -> None:
        (message, *parts), _ = next(self.templates)
        for part in parts:
            message += b"%s%012d%s" % (self.prefix, next(self.numbers), part)
        data = _framed(message)
        self.sent_at = time.perf_counter()
        self.socket.sendall(data)

    def receive(self) -> str | None:
        data = self.socket.recv(262_144)
        if not data:
            raise ConnectionError("the server closed a connection")
        self.received += data
        while (message := self._message()) is not None:
            if b'"heartbeat"' not in message:
                is_taken = message.startswith(b'{"op":"ack"') and b'"status":202' in message
                return TAKEN if is_taken else repr(message[:300])
        return None

    def _message(self) -> bytes | None:
        """The next one, once it is whole; of at most 65,535 bytes."""
        data = self.received
        if len(data) < 4:
            return None
        start, size = (2, data[1]) if data[1] < 126 else (4, int.from_bytes(data[2:4]))
        if len(data) < start + size:
            return None
        self.received = data[start + size :]
        return data[start : start + size]


_OVER_SOCKET = b"over a socket "


def placing_over_socket(token: str, order: bytes) -> bytes:
    return _OVER_SOCKET + token.encode() + b'\n{"op":"place","id":1,"order":%s}' % order


def _framed(payload: bytes) -> bytes:
    """As a client's text frame: with a mask, which may be zeroes."""
    size = len(payload)
    length = bytes([0x80 | size]) if size < 126 else b"\xfe" + size.to_bytes(2)
    return b"\x81" + length + bytes(4) + payload


def measure(plan: Plan) -> Measured:
    """Run the plan in a process of its own. Raises RuntimeError unless every order was taken."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.http_load"],
        input=msgspec.json.encode(plan),
        stdout=subprocess.PIPE,
        check=True,
    )
    measured = msgspec.json.decode(done.stdout, type=Measured)
    if set(measured.statuses) != {TAKEN}:
        refused = next(status for status in measured.statuses if status != TAKEN)
        raise RuntimeError(f"the server refused orders, such as: {refused}")
    if not measured.latencies_ms:
        raise RuntimeError("no order was answered in time to be measured: the machine is too busy")
    return measured


def _run(plan: Plan) -> Measured:
    numbers = itertools.count()
    clients: dict[int, _Client] = {}
    poll = select.epoll()
    for number in range(plan.connections):
        requests = plan.requests_of(number)
        kind = _SocketClient if requests[0].startswith(_OVER_SOCKET) else _Client
        client = kind(plan, requests[:1] if kind is _SocketClient else requests, numbers)
        clients[client.socket.fileno()] = client
        poll.register(client.socket, select.EPOLLIN)
        client.send()  # one that says nothing would make room for others
    on_their_way = len(clients)
    started = time.perf_counter() + plan.warm_up_s
    ends = started + plan.seconds
    cpu_started = cpu_ended = 0.0
    latencies, statuses = [], Counter[str]()
    while on_their_way:  # to the last answer: the next measurement must not pay for this one
        ready = poll.poll(ANSWER_WITHIN_S)
        if not ready:
            raise TimeoutError(f"no answer within {ANSWER_WITHIN_S} s")
        for descriptor, _ in ready:
            client = clients[descriptor]
            status = client.receive()
            if status is None:
                continue
            now = time.perf_counter()
            statuses[status] += 1
            if now < started:
                cpu_started = time.process_time()
            elif now < ends:
                latencies.append((now - client.sent_at) * 1_000)
                cpu_ended = time.process_time()
            if now < ends:
                client.send()
            else:
                on_their_way -= 1
    share = max(0.0, cpu_ended - cpu_started) / plan.seconds
    return Measured(plan.seconds, sorted(latencies), dict(statuses), share)


if __name__ == "__main__":
    result = _run(msgspec.json.decode(sys.stdin.buffer.read(), type=Plan))
    sys.stdout.buffer.write(msgspec.json.encode(result))
