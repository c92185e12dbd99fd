"""Django's answers from processes of their own.

Theory of operation. Threads of one process share the interpreter's lock: a trader who reads a
hundred times a second would have it most of the time, and everybody's orders would wait for it. So
what traders ask of Django is computed elsewhere. `Apart` looks like Django to whoever calls it: it
hands the request, whole, to a process that is idle and waits for the answer, without the lock. A
process answers one request at a time; whoever calls has a thread for each.

All are forked from one that has loaded Django and done nothing else, so they share its memory, and
one that died is replaced within milliseconds. Its request is answered 503: what only reads may be
sent again, and of what writes nobody knows how far it came. A process whose parent is gone reads
the end of its pipe and ends, too.
"""

import io
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Iterable
from multiprocessing.connection import Connection
from multiprocessing.reduction import recv_handle, send_handle
from queue import Empty, LifoQueue
from typing import Any, BinaryIO

import structlog
from a2wsgi.wsgi import Body
from django.urls import get_resolver

from common.errors import DomainError
from common.http.errors import json_response
from exchange_site.edge.long_answers import is_long, keep, size_of, write_long
from exchange_site.edge.refusals import busy, request_lost

# Until Django is loaded, or an idle process comes back: statements end sooner than that.
IDLE_WITHIN_S = 30.0
RETRY_S = 1.0
NICENESS = 10  # they stand back when cores are short, behind orders and the engine
LOADED = ["exchange_site.wsgi", "uvicorn"]

# The status line, headers, the body; in a file where it may be too long for memory.
Answer = tuple[str, list[tuple[str, str]], bytes | BinaryIO]

log = structlog.get_logger(__name__)
_processes = multiprocessing.get_context("forkserver")


class Apart:
    """A WSGI application."""

    def __init__(self, count: int) -> None:
        self._count = count
        # The last to be done is the next to be asked: it has at hand what is made once per process.
        self._idle: LifoQueue[_Process] = LifoQueue()

    def open(self) -> None:
        """Without waiting until Django is loaded."""
        threading.Thread(target=self._fill, name="apart", daemon=True).start()

    def _fill(self) -> None:
        _processes.set_forkserver_preload(LOADED)
        for _ in range(self._count):
            self._idle.put(_started())

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        status, headers, body = self._answer(_plain(environ), _body(environ))
        start_response(status, headers)
        if isinstance(body, bytes):
            return [body]
        keep(environ["asgi.scope"], body)
        return []

    def _answer(self, environ: dict[str, str], body: bytes) -> Answer:
        try:
            process = self._idle.get(timeout=IDLE_WITHIN_S)
        except Empty:
            return _error(busy())
        try:
            if process.is_gone:
                process = _Process()
            return process.answer(environ, body)
        except (EOFError, OSError) as error:
            log.error("request_lost", path=environ["PATH_INFO"], error=str(error))
            return _error(request_lost())
        finally:
            self._idle.put(process)


def _plain(environ: dict[str, Any]) -> dict[str, str]:
    return {name: value for name, value in environ.items() if isinstance(value, str)}


def _body(environ: dict[str, Any]) -> bytes:
    size = int(environ.get("CONTENT_LENGTH") or 0)
    body: Body = environ["wsgi.input"]
    return body.read(size) if size else b""


def _error(error: DomainError) -> Answer:
    response = json_response(error)
    status = f"{response.status_code} {response.reason_phrase}"
    return status, list(response.items()), response.content


class _Process:
    def __init__(self) -> None:
        self._pipe, theirs = _processes.Pipe()
        self._process = _processes.Process(
            target=answer_all, args=(theirs,), name="django", daemon=True
        )
        self._process.start()
        theirs.close()

    @property
    def is_gone(self) -> bool:
        return not self._process.is_alive()

    def answer(self, environ: dict[str, str], body: bytes) -> Answer:
        """Raises EOFError or OSError if it dies meanwhile."""
        self._pipe.send((environ, body))
        status, headers, body = self._pipe.recv()
        if body is None:
            body = os.fdopen(recv_handle(self._pipe), "rb")
        return status, headers, body


def _started() -> _Process:
    """However often that fails, as where memory is short: without it nobody would be answered for
    as long as this process lives. What was told to end ends meanwhile."""
    while True:
        try:
            return _Process()
        except (EOFError, OSError) as error:
            log.error("django_not_started", error=f"{type(error).__name__}: {error}")
            time.sleep(RETRY_S)


# --- in such a process ----------------------------------------------------------------------------


def answer_all(pipe: Connection) -> None:
    from exchange_site.wsgi import application

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # at a terminal it is the parent's
    signal.signal(signal.SIGTERM, _end)
    os.nice(NICENESS)
    _ = get_resolver().url_patterns
    while True:
        try:
            environ, body = pipe.recv()
        except EOFError:
            return
        status, headers, whole = _answer_of(application, environ, body)
        if isinstance(whole, bytes):
            pipe.send((status, headers, whole))
            continue
        with whole:
            pipe.send((status, headers, None))
            send_handle(pipe, whole.fileno(), os.getppid())


def _end(*_: Any) -> None:
    """In order: what is written at the end of a process is written."""
    raise SystemExit(0)


def _answer_of(application: Any, environ: dict[str, Any], body: bytes) -> Answer:
    head: list[Any] = []

    def start(status: str, headers: Any, _: Any = None) -> None:
        head[:] = status, headers

    response = application(environ | _streams(body), start)
    try:
        if not is_long(response):
            return head[0], head[1], b"".join(response)
        file = write_long(response)
    except DomainError as error:
        return _error(error)
    finally:
        response.close()
    return head[0], [*head[1], ("Content-Length", str(size_of(file)))], file


def _streams(body: bytes) -> dict[str, Any]:
    return {
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": False,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
        "wsgi.version": (1, 0),
    }
