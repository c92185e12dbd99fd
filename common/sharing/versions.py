"""Which parts of the exchange are here, and in which version; none starts beside one that would not
understand it.

Theory of operation. Every process that reads or writes messages holds a lease in Redis
(`common.sharing.members`) under a name that says what it is, which release, and which version of
the messages (`matching.messages.codec`) it speaks. Before it takes one it looks at the others':

* Parts of two major versions don't run side by side.
* Within a major, whoever reads is of at least the minor of whoever writes. Workers read what
  engines write, engines what API and feeds write; so parts are upgraded in this order, and taken
  back in the opposite one.

What a part knows of the schema doesn't keep it from starting: migrations see to it that a release
runs on the schema of the next. What can't be done so waits until every part knows it
(`parts_unaware`).

This is asked once, at the start, and costs no order anything. Where Redis doesn't answer nobody can
be asked, and a part starts: it must be there when Redis is again. That parts are mixed is on the
status page either way.
"""

import os
import socket
import threading
from collections.abc import Callable, Iterable
from typing import Any

import msgspec
import redis
import structlog

from common.sharing.members import Members

RELEASE = "0.1.0"
SCHEMA = 1  # 1: client order ids have keys of their own, and no order is inserted by another
PARTS_KEY = "exchange:parts"
LEASE_S = 10.0
# Whoever is named first reads what the later ones write.
ORDER = {"worker": 0, "engine": 1, "api": 2, "feeds": 2}

log = structlog.get_logger(__name__)


class VersionRefused(Exception):
    """The text says beside whom this part can't run, and what to do first."""


class VersionedPart(msgspec.Struct, frozen=True, kw_only=True):
    """One process. ``major`` and ``minor`` are of the messages it speaks, ``schema`` says what it
    knows of the tables; who says nothing knows none of that."""

    kind: str
    name: str
    major: int
    minor: int
    release: str = RELEASE
    schema: int = 0

    def __str__(self) -> str:
        return f"{self.kind} {self.name} ({self.version})"

    @property
    def version(self) -> str:
        return f"release {self.release}, messages {self.major}.{self.minor}"


def this_process(kind: str, contract: tuple[int, int], name: str = "") -> VersionedPart:
    """The part that this process is, under a name that no other process has."""
    here = f"{socket.gethostname()}:{os.getpid()}"
    major, minor = contract
    return VersionedPart(
        kind=kind,
        name=f"{name}@{here}" if name else here,
        major=major,
        minor=minor,
        schema=SCHEMA,
    )


def parts_present(client: redis.Redis) -> list[VersionedPart]:
    """By what reads first, then by name. Raises redis.RedisError."""
    seconds, micros = client.time()
    now_ms = seconds * 1_000 + micros // 1_000
    found: Any = client.zrangebyscore(PARTS_KEY, f"({now_ms}", "+inf")
    parts = [part for name in found if (part := _readable(name)) is not None]
    return sorted(parts, key=lambda part: (ORDER.get(part.kind, len(ORDER)), part.name))


def parts_unaware(client: redis.Redis, schema: int) -> list[VersionedPart]:
    """Those present that don't know this much of the schema. Raises redis.RedisError."""
    return [part for part in parts_present(client) if part.schema < schema]


def _readable(name: bytes) -> VersionedPart | None:
    """None for what no part wrote: it would keep all others from starting."""
    try:
        return msgspec.json.decode(name, type=VersionedPart)
    except (msgspec.DecodeError, UnicodeError) as error:
        log.error("part_unreadable", name=name[:100].decode(errors="replace"), why=str(error))
        return None


def check_beside_others(part: VersionedPart, client: redis.Redis) -> None:
    """Raises VersionRefused."""
    try:
        others = parts_present(client)
    except redis.RedisError as error:
        log.warning("versions_not_compared", part=str(part), why=str(error))
        return
    if why := objection(part, others):
        raise VersionRefused(why)


def objection(part: VersionedPart, others: Iterable[VersionedPart]) -> str:
    """Why the part may not run beside these; empty where it may."""
    for other in others:
        beside = f"{part} can't run beside {other}"
        if other.major != part.major:
            return f"{beside}: stop all parts of one of these major versions first"
        if _reads_first(other, part) and other.minor < part.minor:
            return f"{beside}: upgrade every {other.kind} before the first {part.kind}"
        if _reads_first(part, other) and other.minor > part.minor:
            return f"{beside}: take back every {other.kind} before the first {part.kind}"
    return ""


def _reads_first(reader: VersionedPart, writer: VersionedPart) -> bool:
    return ORDER.get(reader.kind, len(ORDER)) < ORDER.get(writer.kind, len(ORDER))


class Attendance:
    """Says that a part is here, from a thread of its own, until it is stopped or killed."""

    def __init__(self, part: VersionedPart, client: Callable[[], redis.Redis]) -> None:
        self._members = Members(PARTS_KEY, msgspec.json.encode(part).decode(), LEASE_S)
        self._client = client
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="attendance", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        missed = ""
        while True:
            try:
                self._members.renew(self._client())
                missed = ""
            except redis.RedisError as error:
                if not missed:
                    log.warning("attendance_not_noted", why=str(error))
                missed = str(error)
            if self._stopping.wait(self._members.renew_every_s):
                break
        try:
            self._members.leave(self._client())
        except redis.RedisError as error:
            log.warning("attendance_left", why=str(error))
