"""What the lane takes of a request and of a queue, without a server: each bound from both sides."""

import json
from collections.abc import Sequence
from typing import Any

import pytest
from django.conf import settings
from django.db import connection

from common.errors import invalid
from matching.messages.limits import MAX_ID
from trading.http.items import BATCH_MAX
from trading.intake import group
from trading.intake import lane as lane_module
from trading.intake import plain as plain_module
from trading.intake.group import ORDERS_MAX, Call, _parts
from trading.intake.lane import CALLS_MAX, Lane
from trading.intake.plain import BATCH_PATH, OurHosts, Plain, plain
from trading.intake.tongue import WrittenAnswer

JSON = (b"content-type", b"application/json")
HOST = (b"host", b"localhost:8000")


@pytest.fixture(autouse=True)
def _hosts(settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["localhost", ".example.org"]


def read(
    method: str, path: str, *headers: tuple[bytes, bytes], query: bytes = b"", length: int = 0
) -> Plain | None:
    scope = {
        "method": method,
        "path": path,
        "query_string": query,
        "headers": [HOST, (b"content-length", b"%d" % length), *headers],
    }
    return plain(scope, OurHosts())


@pytest.mark.parametrize("path", ["/order", BATCH_PATH])
def test_orders_to_place(path: str) -> None:
    authorization = (b"authorization", b"Bearer x")
    found = read("POST", path, JSON, authorization, length=9)
    assert found == Plain(path, "Bearer x", path == BATCH_PATH, ())
    assert read("POST", path, JSON, length=9, query=b"a=1") is None
    assert read("PUT", path, JSON, length=9) is None
    assert read("POST", path + "/", JSON, length=9) is None


def test_orders_to_cancel() -> None:
    assert read("DELETE", "/order/7") == Plain("/order/7", "", False, (7,))
    assert read("DELETE", "/order/7", query=b"a=1") is None
    assert read("GET", "/order/7") is None
    found = read("DELETE", BATCH_PATH, query=b"orderIds=7,8%2C9")
    assert found == Plain(BATCH_PATH, "", True, (7, 8, 9))
    assert read("DELETE", BATCH_PATH) is None
    assert read("DELETE", "/order/7", query=b"orderIds=7") is None


def test_ids_and_how_many() -> None:
    assert read("DELETE", f"/order/{MAX_ID}") is not None
    assert read("DELETE", f"/order/{MAX_ID + 1}") is None
    for count, is_taken in ((1, True), (BATCH_MAX, True), (BATCH_MAX + 1, False)):
        query = b"orderIds=" + b",".join([b"1"] * count)
        assert (read("DELETE", BATCH_PATH, query=query) is not None) is is_taken
    assert read("DELETE", BATCH_PATH, query=b"orderIds=1,%d" % (MAX_ID + 1)) is None


def test_bodies() -> None:
    largest: int = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    for length, is_taken in ((0, False), (1, True), (largest, True), (largest + 1, False)):
        assert (read("POST", "/order", JSON, length=length) is not None) is is_taken
    assert read("DELETE", "/order/7", length=1) is None
    assert read("POST", "/order", length=1) is None
    assert read("POST", "/order", (b"content-type", b"text/plain"), length=1) is None
    utf_8 = (b"content-type", b"Application/JSON; charset=UTF-8")
    assert read("POST", "/order", utf_8, length=1) is not None


@pytest.mark.parametrize(
    ("header", "is_taken"),
    [
        ((b"accept", b"*/*"), True),
        ((b"accept", b"application/json"), True),
        ((b"accept", b"text/html"), False),
        ((b"transfer-encoding", b"chunked"), False),
        ((b"x-anything", b"at all"), True),
        (HOST, False),  # a second one
        ((b"content-length", b"0"), False),
    ],
)
def test_headers(header: tuple[bytes, bytes], is_taken: bool) -> None:
    assert (read("DELETE", "/order/7", header) is not None) is is_taken


def test_hosts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plain_module, "HOSTS_MAX", 3)
    hosts = OurHosts()
    for number in range(5):
        assert b"h%d.example.org" % number in hosts
        assert b"h%d.example.com" % number not in hosts
    assert b"" not in hosts
    assert hosts._known == {b"h0.example.org", b"h1.example.org", b"h2.example.org"}
    # Those asked for before are known without Django.
    monkeypatch.setattr(plain_module, "validate_host", lambda *_: False)
    assert [b"h%d.example.org" % number in hosts for number in range(5)] == [True] * 3 + [False] * 2


def test_a_call_without_a_host_is_djangos() -> None:
    scope = {"method": "DELETE", "path": "/order/7", "query_string": b"", "headers": []}
    assert plain(scope, OurHosts()) is None


def calls(sizes: Sequence[int], *, cancels: bool) -> list[Call]:
    """With so many orders to place, or to cancel, each."""
    made = []
    for size in sizes:
        call = Call(Plain("", "", True, (1,) * size if cancels else ()), b"", "192.0.2.1")
        if not cancels:
            call.orders = [invalid("any", "Any will do.")] * size
        made.append(call)
    return made


@pytest.mark.parametrize("cancels", [False, True])
@pytest.mark.parametrize(
    ("sizes", "parts"),
    [
        ([], []),
        ([1] * 3, [3]),
        ([100] * 11, [5, 5, 1]),
        ([ORDERS_MAX - 1, 1, 1], [2, 1]),
        ([ORDERS_MAX, ORDERS_MAX - 1, 1, 1], [1, 2, 1]),
        ([ORDERS_MAX - 1, ORDERS_MAX + 7, 3], [2, 1]),
    ],
)
def test_a_statement_has_so_many_orders_and_what_comes_with_the_last_call(
    sizes: list[int], parts: list[int], cancels: bool
) -> None:
    together = calls(sizes, cancels=cancels)
    found = list(_parts(together))
    assert [len(part) for part in found] == parts
    assert [call for part in found for call in part] == together


class _AtRest(Lane):
    """Nobody empties its queue."""

    def _start(self) -> Any:
        return None


def test_a_group_is_all_that_wait_up_to_so_many() -> None:
    lane = _AtRest(lambda _: None)
    waiting = calls([1] * (CALLS_MAX + 2), cancels=True)
    for call in waiting:
        lane.put(call)
    lane._calls.put(None)
    assert lane._next_group() == waiting[:CALLS_MAX]
    assert lane._next_group() == waiting[CALLS_MAX:]
    assert lane._next_group() is None


@pytest.mark.django_db(transaction=True)
def test_nobody_waits_in_the_lane_longer_than_it_may(monkeypatch: pytest.MonkeyPatch) -> None:
    lane = _AtRest(lambda _: None)

    def lock_timeout() -> str:
        with connection.cursor() as cursor:
            cursor.execute("SHOW lock_timeout")
            return str(cursor.fetchone()[0])

    connection.close()
    lane._prepare_connection()
    assert lock_timeout() == f"{lane_module.LOCK_TIMEOUT_MS // 1000}s"
    with connection.cursor() as cursor:
        cursor.execute("SET lock_timeout = 7")
    lane._prepare_connection()  # the same one is prepared once
    assert lock_timeout() == "7ms"
    connection.close()
    lane._prepare_connection()  # and a new one again
    assert lock_timeout() == f"{lane_module.LOCK_TIMEOUT_MS // 1000}s"
    connection.close()


def test_a_refusal_that_fails_is_an_answer_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the calls after it in its group would go without."""

    def fail(*_: object) -> WrittenAnswer:
        raise LookupError("in the refusal itself")

    first, second = calls([1, 1], cancels=True)
    second.answer = answered = WrittenAnswer(202, b"{}", {})
    monkeypatch.setattr(group, "_told", fail)
    with group.refusing([first, second]):
        raise ValueError("in the group")
    assert second.answer is answered
    assert first.answer is not None
    assert first.answer.status == 500
    assert json.loads(first.answer.body)["code"] == "INTERNAL_ERROR"
