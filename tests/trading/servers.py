"""Servers that fail on command, for tests of what the API does meanwhile."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from django.db import connection

from exchange_site.embedded import redis_server
from exchange_site.embedded.child import Child
from exchange_site.embedded.ports import free_port


class Redis:
    """A server of the test's own: killed with SIGKILL, started again with what it had."""

    def __init__(self, folder: Path) -> None:
        self.server = redis_server.prepare(folder / "redis", port=free_port())
        self._log = folder / "redis.log"
        self._child: Child | None = None
        self.start()

    def start(self) -> None:
        self._child = Child(self.server, log=self._log).wait_ready()

    def kill(self) -> None:
        assert self._child is not None
        self._child.process.kill()
        self._child.process.wait()


class SilentServer:
    """Takes connections and never says a word, like a server that hangs."""

    def __init__(self) -> None:
        self.port = free_port()
        self.taken = 0
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self._held: list[socket.socket] = []
        threading.Thread(target=self._take, daemon=True).start()

    def _take(self) -> None:
        with suppress(OSError):
            while True:
                self._held.append(self._listener.accept()[0])
                self.taken += 1

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for held in self._held:
            held.close()


class LosingProxy:
    """Stands before a server; when told to, it drops the connection instead of the next answer.

    The server has done by then what it was asked: its client can't know.
    """

    def __init__(self, host: str, port: int) -> None:
        self.port = free_port()
        self.lost = threading.Event()
        self._target = (host, port)
        self._lose_when: bytes | None = None
        self._listener = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self._serve, daemon=True).start()

    def lose_answer_to(self, words: bytes) -> None:
        self._lose_when = words

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                client = self._listener.accept()[0]
                server = socket.create_connection(self._target)
                asked = threading.Event()
                pumps = ((client, server, self._question), (server, client, self._answer))
                for source, target, see in pumps:
                    arguments = (source, target, see, asked)
                    threading.Thread(target=self._pump, args=arguments, daemon=True).start()

    def _pump(self, source: Any, target: Any, see: Any, asked: threading.Event) -> None:
        with suppress(OSError):
            while (data := source.recv(65_536)) and see(data, asked):
                target.sendall(data)
        for end in (source, target):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def _question(self, data: bytes, asked: threading.Event) -> bool:
        if self._lose_when is not None and self._lose_when in data:
            self._lose_when = None
            asked.set()
        return True

    def _answer(self, data: bytes, asked: threading.Event) -> bool:
        if asked.is_set():
            self.lost.set()
        return not asked.is_set()


@contextmanager
def database_at(port: int, host: str = "127.0.0.1") -> Iterator[None]:
    """This thread's connection goes there from now on, and back afterwards."""
    settings = connection.settings_dict
    before = settings["HOST"], settings["PORT"]
    connection.close()
    settings["HOST"], settings["PORT"] = host, port
    try:
        yield
    finally:
        connection.close()
        settings["HOST"], settings["PORT"] = before
