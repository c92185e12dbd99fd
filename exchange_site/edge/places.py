"""Threads for what is Django's, by the kind of work: none takes more than the places it has.

A thread keeps a connection to Postgres once it has asked it something, so there are few.
"""

import os
import threading
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http import HTTPMethod
from typing import Any

from a2wsgi import WSGIMiddleware

from exchange_site.api import ApiError
from exchange_site.edge.addresses import address_of, origin_of
from exchange_site.edge.refusals import busy, refuse, too_many_waiting

_HASHING = frozenset({"/auth/signup", "/auth/signin", "/auth/password"})
_ADMIN_HASHING = ("/admin/login/", "/password/", "/password_change/", "/user/add/")


def _is_health(_: str, path: str) -> bool:
    return path == "/health"


def _hashes_passwords(method: str, path: str) -> bool:
    if method in (HTTPMethod.GET, HTTPMethod.HEAD):
        return False
    return path in _HASHING or (path.startswith("/admin/") and path.endswith(_ADMIN_HASHING))


def _is_document(_: str, path: str) -> bool:
    return path in ("/schema", "/docs") or path.startswith("/static/")


def _is_admin(_: str, path: str) -> bool:
    return path.startswith("/admin/")


@dataclass(frozen=True)
class Kind:
    """``waiting_max`` counts those in work, too; one address may take half of it. ``niceness``: how
    far its threads stand back when cores are short. Only for what computes outside of Python: a
    thread that stands back would hold the interpreter's lock meanwhile."""

    name: str
    is_of: Callable[[str, str], bool]
    threads: int
    waiting_max: int
    niceness: int = 0


# The first that a request is of counts.
KINDS = (
    Kind("health", _is_health, threads=1, waiting_max=64),
    Kind("passwords", _hashes_passwords, threads=1, waiting_max=64, niceness=10),
    Kind("documents", _is_document, threads=1, waiting_max=64),
    Kind("admin", _is_admin, threads=2, waiting_max=32),
    Kind("requests", lambda _, __: True, threads=3, waiting_max=256),
)


class Places:
    """An ASGI application: Django's WSGI one, in the place of its kind."""

    def __init__(self, django_application: Any, kinds: tuple[Kind, ...] = KINDS) -> None:
        self._places = [(kind, _Place(kind, django_application)) for kind in kinds]

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        method, path = scope["method"], scope["path"]
        place = next(place for kind, place in self._places if kind.is_of(method, path))
        if error := place.enter(origin_of(address_of(scope))):
            await refuse(send, error, (b"retry-after", b"1"))
            return

        async def read() -> Any:  # the bridge wants a coroutine, a server may answer a future
            return await receive()

        await place.bridge(_unambiguous(scope), read, send)


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
        self._taken: Counter[str] = Counter()
        answer: Any = self._answer  # the bridge has types of its own
        self.bridge: Any = WSGIMiddleware(answer)
        self.bridge.executor = ThreadPoolExecutor(
            kind.threads, kind.name, initializer=_stand_back, initargs=(kind.niceness,)
        )

    def enter(self, origin: str) -> ApiError | None:
        """Left by whoever answers. Says why there is no room."""
        with self._lock:
            if self._taken.total() >= self._kind.waiting_max:
                return busy()
            if self._taken[origin] >= self._kind.waiting_max // 2:
                return too_many_waiting()
            self._taken[origin] += 1
            return None

    def _leave(self, origin: str) -> None:
        with self._lock:
            self._taken[origin] -= 1
            if not self._taken[origin]:
                del self._taken[origin]

    def _answer(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Whole, so that nobody's reading keeps the thread."""
        try:
            response = self._django(environ, start_response)
            try:
                return [b"".join(response)]
            finally:
                if hasattr(response, "close"):
                    response.close()
        finally:
            self._leave(origin_of(address_of(environ["asgi.scope"])))


def _stand_back(niceness: int) -> None:
    """This thread and those it starts, as Argon2 does: on Linux a thread has a priority."""
    os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), niceness)
