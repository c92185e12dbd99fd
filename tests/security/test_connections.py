"""Which connection goes when an address, or all of them, have too many, and when each is late."""

import asyncio
from collections.abc import Callable
from typing import Any

from exchange_site.edge.connections import AT_WORK_S, BREACHES, HEAD_WITHIN_S, Connections


class Socket:
    unread_max_s = 10.0

    def __init__(self, *, has_head: bool = False) -> None:
        self.has_head = has_head
        self.ended = ""

    def end_late_head(self) -> None:
        self.ended = "late"

    def abort(self) -> None:
        self.ended = "aborted"


class Clock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def running(test: Callable[[Clock], Any]) -> None:
    async def run() -> None:
        test(Clock())

    asyncio.run(run())


def joined(known: Connections, address: str, state: str) -> Socket:
    socket = Socket()
    known.join(socket, address)
    known.asks(socket)
    if state in ("busy", "unread", "idle"):
        known.has_asked(socket)
    if state == "unread":
        known.leaves_unread(socket)
    if state == "idle":
        known.is_answered(socket)
    return socket


def test_the_slow_go_before_the_unread_before_the_idle_and_never_the_busy() -> None:
    def test(clock: Clock) -> None:
        known = Connections(4, now=clock)
        busy, idle, unread, asking = (
            joined(known, "a", state) for state in ("busy", "idle", "unread", "asking")
        )
        other = joined(known, "b", "asking")
        joined(known, "a", "busy")
        assert [one.ended for one in (busy, idle, unread, asking)] == ["", "", "", "aborted"]
        joined(known, "a", "busy")
        assert unread.ended == "aborted"
        at_work = Socket()
        known.join(at_work, "a")
        assert (at_work.ended, idle.ended) == ("aborted", "")  # it may ask again at once
        clock.now_s += 2 * AT_WORK_S
        joined(known, "a", "busy")
        assert idle.ended == "aborted"
        newest = Socket()
        known.join(newest, "a")
        assert (newest.ended, busy.ended, other.ended) == ("aborted", "", "")

    running(test)


def test_in_all_the_address_that_has_most_gives_way() -> None:
    def test(clock: Clock) -> None:
        known = Connections(None, connections_max=3, now=clock)
        first, second = joined(known, "many", "asking"), joined(known, "many", "asking")
        joined(known, "few", "asking")
        newest = joined(known, "new", "asking")
        assert (first.ended, second.ended, newest.ended) == ("aborted", "", "")
        assert len(known) == 3

    running(test)


def test_deadlines() -> None:
    def test(clock: Clock) -> None:
        known = Connections(None, now=clock)
        late, in_body, unread = (
            joined(known, "a", state) for state in ("asking", "asking", "unread")
        )
        in_body.has_head = True
        clock.now_s += HEAD_WITHIN_S
        known.asks(late)  # saying something is no excuse
        known.end_late()
        assert (late.ended, in_body.ended, unread.ended) == ("late", "", "")
        clock.now_s += Socket.unread_max_s - HEAD_WITHIN_S
        known.end_late()
        assert (in_body.ended, unread.ended) == ("", "aborted")

    running(test)


def test_who_broke_the_rules_again_and_again_is_listened_to_later() -> None:
    """Ten connections of the address a second, until a second after its last breach; of others as
    ever. Behind proxies an address is many people."""

    def test(clock: Clock) -> None:
        known, behind_proxy = Connections(256, now=clock), Connections(None, now=clock)
        for connections in (known, behind_proxy):
            for _ in range(BREACHES.burst):
                breaching = joined(connections, "a", "asking")
                assert connections.penance_s(breaching) == 0.0
                connections.breaks_rules(breaching)
        assert known.penance_s(joined(known, "a", "asking")) == 0.1 * (BREACHES.burst + 1)
        assert known.penance_s(joined(known, "b", "asking")) == 0.0
        assert behind_proxy.penance_s(joined(behind_proxy, "a", "asking")) == 0.0
        many = [joined(known, "a", "asking") for _ in range(200)]
        assert known.penance_s(many[-1]) == 4.0  # before a head is late
        clock.now_s += 1.0
        assert known.penance_s(many[-1]) == 0.0

    running(test)
