"""Threads for what is Django's, by the kind of work: none takes more than the places it has.

A thread keeps a connection to Postgres once it has asked it something, so there are few.
"""

import asyncio
import threading
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPMethod
from typing import Any

from a2wsgi import WSGIMiddleware
from django.conf import settings
from django.urls import Resolver404, get_resolver

from accounts.keys.authentication import RAW_PATH
from common.errors import DomainError
from common.http.addresses import address_of, origin_of
from common.limits.budgets import BUDGET, Ask, LocalBudgets, Rate, Standing
from common.metrics.measures import PLACES_MAX, PLACES_TAKEN
from exchange_site.edge.apart import Apart
from exchange_site.edge.long_answers import SendingLong, is_long, keep, write_long
from exchange_site.edge.refusals import busy, refuse, too_many_asked, too_many_waiting
from exchange_site.edge.told import Told

_HASHING = frozenset(
    {
        "/auth/signup",
        "/auth/signin",
        "/auth/password",
        "/page/password",
        "/auth/password/reset/confirm",
        "/page/signin",
        "/page/signup",
        "/user/close",
        "/user/factors/passkeys",
        "/user/factors/totp",
        "/user/keys",
        "/user/mail",
    }
)
_ADMIN_HASHING = ("/admin/login/", "/password/", "/password_change/", "/user/add/")


def _is_health(_: str, path: str) -> bool:
    return path == "/health"


def _hashes_passwords(method: str, path: str) -> bool:
    if method in (HTTPMethod.GET, HTTPMethod.HEAD):
        return False
    return path in _HASHING or (path.startswith("/admin/") and path.endswith(_ADMIN_HASHING))


def _is_document(_: str, path: str) -> bool:
    return path in ("/", "/schema", "/docs") or path.startswith("/trade/")


def _is_file(_: str, path: str) -> bool:
    return path.startswith("/static/")


def _is_admin(_: str, path: str) -> bool:
    return path.startswith("/admin/")


def _is_statement(_: str, path: str) -> bool:
    return path == "/user/statement"


def _is_nowhere(_: str, path: str) -> bool:
    """No view's, also not of one with a slash behind, to which Django may send."""
    resolver = get_resolver()
    for there in (path, f"{path}/"):
        with suppress(Resolver404):
            resolver.resolve(there)
            return False
    return True


@dataclass(frozen=True)
class Kind:
    """``waiting_max`` counts those in work, too; one address may take half of it, and never all
    threads where there are several. ``rate``: what an address may ask of each process, refused
    before a thread is taken; None where budgets of the trader say that (`trading.http.limits`).
    ``is_apart``: a process of its own computes the answer (`exchange_site.edge.apart`), which
    stands back when cores are short; a thread of this one that did would hold the interpreter's
    lock meanwhile."""

    name: str
    is_of: Callable[[str, str], bool]
    threads: int
    waiting_max: int
    rate: Rate | None = None
    is_apart: bool = False


# The first that a request is of counts.
KINDS = (
    Kind("health", _is_health, threads=1, waiting_max=64, rate=Rate(20, 1, burst=100)),
    Kind(
        "passwords",
        _hashes_passwords,
        threads=1,
        waiting_max=64,
        rate=Rate(10, 1, burst=100),
        is_apart=True,
    ),
    Kind(
        "documents",
        _is_document,
        threads=1,
        waiting_max=64,
        rate=Rate(5, 1, burst=40),
        is_apart=True,
    ),
    Kind("files", _is_file, threads=1, waiting_max=128, rate=Rate(50, 1, burst=300)),
    Kind("admin", _is_admin, threads=2, waiting_max=32, rate=Rate(20, 1, burst=100)),
    Kind(
        "nowhere", _is_nowhere, threads=1, waiting_max=64, rate=Rate(5, 1, burst=30), is_apart=True
    ),
    # Takes seconds where it is long: nobody else waits for it.
    Kind("statements", _is_statement, threads=1, waiting_max=16, is_apart=True),
    Kind(
        "requests",
        lambda _, __: True,
        threads=2,
        waiting_max=256,
        is_apart=True,
    ),
)


class Places:
    """An ASGI application: Django's WSGI one, in the place of its kind."""

    def __init__(self, django_application: Any, kinds: tuple[Kind, ...] = KINDS) -> None:
        self._apart = Apart(sum(kind.threads for kind in kinds if kind.is_apart))
        self._places = [
            (kind, _Place(kind, self._apart if kind.is_apart else django_application))
            for kind in kinds
        ]

    def open(self) -> None:
        """Start the processes; what needs one waits until it is there."""
        self._apart.open()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        method, path = scope["method"], scope["path"]
        place = next(place for kind, place in self._places if kind.is_of(method, path))
        origin = origin_of(address_of(scope))
        if standing := place.told.standing_of(scope) or place.too_much_of(origin):
            await refuse(send, too_many_asked(standing.retry_s), *_headers_of(standing))
            return
        if error := place.enter(origin):
            await refuse(send, error, (b"retry-after", b"1"))
            return

        async def read() -> Any:  # the bridge wants a coroutine, a server may answer a future
            return await receive()

        await place.turn_of(origin)
        own = _unambiguous(scope)
        sending = SendingLong(own, send)
        try:
            await place.bridge(own, read, sending)
        finally:
            sending.close()


def _headers_of(standing: Standing) -> list[tuple[bytes, bytes]]:
    headers = standing.headers() | {"Retry-After": str(standing.retry_s)}
    return [(name.lower().encode(), value.encode()) for name, value in headers.items()]


def _unambiguous(scope: Any) -> Any:
    """Without headers that WSGI can't tell from others: X_Forwarded_For, which no proxy of ours
    looks at, would be X-Forwarded-For, which it sets."""
    headers = [header for header in scope["headers"] if b"_" not in header[0]]
    return scope | {"headers": headers}


class _Place:
    def __init__(self, kind: Kind, django_application: Any) -> None:
        self._kind = kind
        self._django = django_application
        self._lock = threading.Lock()
        self._gauge = PLACES_TAKEN.labels(kind.name)
        PLACES_MAX.labels(kind.name).set(kind.waiting_max)
        self._taken: Counter[str] = Counter()
        self._turns: dict[str, asyncio.Semaphore] = {}
        self._asked = LocalBudgets()
        self.told = Told()
        answer: Any = self._answer  # the bridge has types of its own
        self.bridge: Any = WSGIMiddleware(answer)
        self.bridge.executor = ThreadPoolExecutor(kind.threads, kind.name)

    def too_much_of(self, origin: str) -> Standing | None:
        """How its budget stands, where that is why it must wait."""
        if self._kind.rate is None or not settings.LIMITS:
            return None
        standing = self._asked.standing(Ask(origin, self._kind.rate))
        return None if standing.granted else standing

    def enter(self, origin: str) -> DomainError | None:
        """Left by whoever answers. Says why there is no room."""
        with self._lock:
            if self._taken.total() >= self._kind.waiting_max:
                return busy()
            if self._taken[origin] >= self._kind.waiting_max // 2:
                return too_many_waiting()
            self._taken[origin] += 1
            self._gauge.inc()
            at_once = max(1, self._kind.threads - 1)
            self._turns.setdefault(origin, asyncio.Semaphore(at_once))
            return None

    async def turn_of(self, origin: str) -> None:
        """Wait until not all threads are this address's. Of one that entered."""
        self._loop = asyncio.get_running_loop()
        await self._turns[origin].acquire()

    def _leave(self, origin: str) -> None:
        with self._lock:
            turns = self._turns[origin]
            self._taken[origin] -= 1
            self._gauge.dec()
            if not self._taken[origin]:
                del self._taken[origin], self._turns[origin]
        with suppress(RuntimeError):  # the loop is closed, and nobody waits
            self._loop.call_soon_threadsafe(turns.release)

    def _answer(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Whole, so that nobody's reading keeps the thread."""

        def start(status: str, headers: Any, exc_info: Any = None) -> Any:
            if self._kind.rate is None:  # else its own says how long
                self.told.hear(environ["asgi.scope"], status, headers)
            told = [header for header in headers if header[0] != BUDGET]
            return start_response(status, told, exc_info)

        raw_path: bytes = environ["asgi.scope"].get("raw_path") or b""
        environ[RAW_PATH] = raw_path.decode("latin-1")  # keys sign what was sent
        try:
            response = self._django(environ, start)
            try:
                if not is_long(response):
                    return [b"".join(response)]
                keep(environ["asgi.scope"], write_long(response))
                return []
            finally:
                if hasattr(response, "close"):
                    response.close()
        finally:
            self._leave(origin_of(address_of(environ["asgi.scope"])))
