"""A page reads so many groups of files and ends short; its cursors lead to all there is."""

import itertools
import json
import threading
from collections.abc import Callable
from contextlib import closing
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import pytest
from django.db import connection, transaction
from django.db.models import Count

from accounts.models import User
from common.errors import DomainError, ErrorCode
from common.http.windows import place_of
from common.postgres import keysets
from common.postgres.partitions import Partition
from common.postgres.windows import TimedPlace
from gateway.asking.params import Params
from gateway.http import history
from gateway.http.calls import VenueAsk
from ledger.archive import parquet, reach
from ledger.archive.models import detached_files
from ledger.archive.picking import stored
from ledger.archive.rows import Stored
from ledger.models import JournalEntry
from tests.archive.commands import run
from tests.archive.planting import archive_first
from tests.archive.told import EPOCH, get, moments, traders, user_trades
from tests.builders.fills import START
from tests.reconcile.planting import plant
from trading.archive import shown
from trading.archive.groups import RowGroup
from trading.archive.rows import FILLS
from trading.models import Fill, Order

pytestmark = pytest.mark.django_db(transaction=True)

MOST = 2
PAGES_MAX = 400


class Page(NamedTuple):
    rows: list[Any]
    began: str | None
    cursor: str | None
    groups: int  # that were read for it


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Numbers of groups, as they are read."""
    monkeypatch.setattr(reach, "GROUPS_READ_MAX", MOST)
    found: list[int] = []
    rows_of = parquet.rows_of

    def counted(place: Stored, number: int, values: Any) -> Any:
        found.append(number)
        return rows_of(place, number, values)

    monkeypatch.setattr(parquet, "rows_of", counted)
    return found


def pages_of(user: User, path: str, read: list[int]) -> list[Page]:
    (name,) = {"fills", "ledger"} & set(path.replace("?", "/").split("/"))
    found: list[Page] = []
    cursor: str | None = None
    for _ in range(PAGES_MAX):
        read.clear()
        asked = path if cursor is None else f"{path}&cursor={cursor}"
        answer = json.loads(get(user, asked))
        found.append(Page(answer[name], cursor, answer["nextCursor"], len(read)))
        cursor = answer["nextCursor"]
        if cursor is None:
            return found
    raise AssertionError("the list has no end")


def rows_in(pages: list[Page]) -> list[Any]:
    return [row for page in pages for row in page.rows]


def ms(at: datetime) -> int:
    return (at - EPOCH) // timedelta(milliseconds=1)


def lists_by_id() -> list[str]:
    order = Order.objects.filter(filled_lots__gt=0).earliest("pk")
    return [
        "/user/fills?limit=500",
        "/user/fills?limit=3",
        "/user/fills?limit=500&marketId=ETH-PERP",
        f"/user/fills?limit=500&orderId={order.pk}",
    ]


def lists_by_time() -> list[str]:
    start, end = ms(START), ms(Fill.objects.latest("executed_at").executed_at)
    return [
        f"/user/fills?limit=500&to={end + 1_000}",
        f"/user/fills?limit=3&from={start - 10_000}",
        f"/user/fills?limit=500&from={start}&to={end - 20_000}",
        f"/user/fills?limit=500&marketId=ETH-PERP&from={start - 60_000}",
    ]


def follow(paths: list[str], read: list[int]) -> dict[str, list[Page]]:
    asked = itertools.product(traders()[:2], paths)
    return {f"{user} {path}": pages_of(user, path, read) for user, path in asked}


def assert_same(now: dict[str, list[Page]], before: dict[str, list[Page]]) -> None:
    assert now.keys() == before.keys()
    for name, pages in before.items():
        assert rows_in(now[name]) == rows_in(pages), name


Moves = Callable[[list[Partition]], Any]


def three_in_files(parts: list[Partition]) -> None:
    archive_first(parts, 3)


def one_came_back(parts: list[Partition]) -> None:
    """What was told of its file is there still."""
    archive_first(parts, 3)
    run("restorepartition", parts[2].name)


MOVES = [three_in_files, one_came_back]


@pytest.fixture(params=[25, keysets.LOOK_BACK_ROWS])
def look_back(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keysets, "LOOK_BACK_ROWS", request.param)


@pytest.mark.parametrize("moves", MOVES)
@pytest.mark.usefixtures("look_back")
def test_a_list_by_id_is_followed_to_its_end(
    planted: list[Partition], read: list[int], moves: Moves
) -> None:
    paths = lists_by_id()
    before = follow(paths, read)
    moves(planted)
    now = follow(paths, read)
    assert_same(now, before)
    for name, pages in now.items():
        most = 2 * MOST if "orderId" in name else MOST  # from both of its ends
        assert max(page.groups for page in pages) <= most, name
        cursors = [int(page.cursor) for page in pages if page.cursor]
        assert cursors == sorted(set(cursors), reverse=True), name
    assert any(len(now[name]) > len(before[name]) for name in now)


@pytest.mark.parametrize("moves", MOVES)
@pytest.mark.usefixtures("look_back")
def test_a_list_by_time_is_followed_to_its_end(
    planted: list[Partition], read: list[int], moves: Moves
) -> None:
    paths = lists_by_time()
    before = follow(paths, read)
    moves(planted)
    now = follow(paths, read)
    assert_same(now, before)
    assert_bounded(now)
    assert any(len(now[name]) > len(before[name]) for name in now)


def assert_bounded(told: dict[str, list[Page]]) -> None:
    groups = [
        RowGroup(stored(file, FILLS), number)
        for file in detached_files(FILLS)
        for number in range(parquet.group_count(stored(file, FILLS)))
    ]
    around = [
        (
            TimedPlace(group.times[0], group.bounds("id")[0]),
            TimedPlace(group.times[1], group.bounds("id")[1]),
        )
        for group in groups
    ]
    for name, pages in told.items():
        cursors = [place_of(page.cursor) for page in pages if page.cursor]
        assert cursors == sorted(set(cursors), reverse=True), name
        for page in pages:
            where = [place_of(page.began)] if page.began else [end_of(name)]
            there = sum(first < place <= last for first, last in around for place in where)
            assert page.groups <= MOST + there, name


def end_of(path: str) -> TimedPlace:
    """Where a list by time begins."""
    to = path.partition("&to=")[2].partition("&")[0]
    at = EPOCH + timedelta(milliseconds=int(to)) if to else START + timedelta(days=1)
    return TimedPlace(at, 0)


@pytest.mark.parametrize("moves", MOVES)
def test_groups_of_one_moment_are_read_one_after_another(
    planted: list[Partition], read: list[int], moves: Moves
) -> None:
    plant("UPDATE trading_fill SET executed_at = %s", START)
    paths = [f"/user/fills?limit={limit}&from={ms(START)}" for limit in (3, 500)]
    before = follow(paths, read)
    moves(planted)
    now = follow(paths, read)
    assert_same(now, before)
    assert_bounded(now)
    assert max(page.groups for pages in now.values() for page in pages) <= MOST + 1


def test_groups_around_one_moment_are_read_together(
    planted: list[Partition], read: list[int]
) -> None:
    """As none of them is known to have the latest; each page goes on nevertheless."""
    plant("UPDATE trading_fill SET executed_at = %s + id %% 7 * interval '1 second'", START)
    paths = [f"/user/fills?limit={limit}&from={ms(START)}" for limit in (3, 500)]
    before = follow(paths, read)
    archive_first(planted, 3)
    now = follow(paths, read)
    assert_same(now, before)
    assert_bounded(now)


@pytest.mark.parametrize("path", ["/user/fills?limit=500", "/user/fills?limit=500&from=1"])
def test_a_partition_that_moves_between_two_pages_takes_no_row_along(
    planted: list[Partition], read: list[int], path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reach, "GROUPS_READ_MAX", 1)
    moves: list[Moves] = [
        lambda parts: run("restorepartition", parts[1].name),
        lambda parts: archive_first(parts, 2),
        lambda parts: [run("restorepartition", part.name) for part in parts[1::-1]],
    ]
    user = traders()[0]
    before = rows_in(pages_of(user, path, read))
    archive_first(planted, 2)
    rows, cursor = [], ""
    while True:
        answer = json.loads(get(user, f"{path}{cursor}"))
        rows += answer["fills"]
        if answer["nextCursor"] is None:
            break
        cursor = f"&cursor={answer['nextCursor']}"
        if moves:
            moves.pop(0)(planted)
    assert not moves
    assert rows == before


def test_an_order_is_read_no_further_than_its_lots(
    planted: list[Partition], read: list[int]
) -> None:
    order = Order.objects.filter(filled_lots__gt=0).earliest("pk")
    path = f"/user/fills?limit=500&orderId={order.pk}"
    first = order.fills.earliest("pk")
    plant(
        "UPDATE trading_fill SET order_id = NULL WHERE order_id = %s AND id <> %s",
        order.pk,
        first.pk,
    )
    plant("UPDATE trading_order SET filled_lots = %s WHERE id = %s", first.size_lots, order.pk)
    archive_first(planted, 3)
    (page,) = pages_of(order.user, path, read)
    assert [row["id"] for row in page.rows] == [first.pk]
    assert page.groups == 1


@pytest.mark.parametrize("query", ["fromId=1", f"startTime={ms(START)}", "orderId"])
def test_what_has_no_cursor_is_read_far_by_one_at_a_time(
    planted: list[Partition], read: list[int], query: str
) -> None:
    user = traders()[0]
    order = Order.objects.filter(user=user, market="ETH-PERP", filled_lots__gt=0).earliest("pk")
    query = f"orderId={order.pk}" if query == "orderId" else query
    before = user_trades(user, query)
    archive_first(planted, 3)
    assert user_trades(user, query) == before
    assert len(read) > MOST
    taken, ended = threading.Event(), threading.Event()

    def reads_far() -> None:
        with closing(connection), transaction.atomic():
            for _ in shown.in_turn(iter([[]] * (MOST + 1))):
                pass
            taken.set()
            ended.wait(20)

    other = threading.Thread(target=reads_far)
    other.start()
    try:
        assert taken.wait(20)
        with pytest.raises(DomainError, match="lie far apart") as refusal:
            user_trades(user, query)
        assert refusal.value.code is ErrorCode.TOO_MANY_REQUESTS
        near = user_trades(user, f"{query}&limit=1")
    finally:
        ended.set()
        other.join()
    assert near == (before[-1:] if "orderId" in query else before[:1])
    assert user_trades(user, query) == before


def test_the_latest_trades_and_forced_orders_end_short(
    planted: list[Partition], read: list[int]
) -> None:
    user = traders()[0]
    before = user_trades(user, "limit=900"), forced(user)
    archive_first(planted, 4)
    read.clear()
    latest = user_trades(user, "limit=900")
    assert len(read) == MOST
    assert 0 < len(latest) < len(before[0])
    assert latest == before[0][-len(latest) :]
    read.clear()
    assert forced(user) == before[1][: len(forced(user))]
    assert len(read) == 2 * MOST


def forced(user: User) -> list[Any]:
    return history.force_orders(VenueAsk(Params.read(b"limit=90", b""), user.pk))


def ledgers() -> list[str]:
    counted = JournalEntry.objects.filter(order_id__isnull=False).values_list("order_id")
    orders = [order for order, _ in counted.annotate(count=Count("pk")).order_by("-count")[:6]]
    start, end = moments()[1:3]
    return [
        "/user/ledger?limit=500",
        "/user/ledger?limit=7",
        "/user/ledger?limit=500&kind=fee",
        "/user/ledger?limit=9&marketId=ETH-PERP",
        f"/user/ledger?limit=500&from={start}&to={end}",
        *(f"/user/ledger?limit=500&orderId={order}" for order in orders),
    ]


@pytest.mark.parametrize("look_back", [40, keysets.LOOK_BACK_ROWS])
def test_a_ledger_is_followed_to_its_end(
    parts: list[Partition], read: list[int], look_back: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keysets, "LOOK_BACK_ROWS", look_back)
    monkeypatch.setattr(reach, "GROUPS_READ_MAX", 1)
    paths = ledgers()
    before = follow(paths, read)
    for command in ("archivepartitions --keep 1", f"restorepartition {parts[2].name}"):
        run(*command.split())
        now = follow(paths, read)
        assert_same(now, before)
        for name, pages in now.items():
            assert max(page.groups for page in pages) <= 1, name
            cursors = [int(page.cursor) for page in pages if page.cursor]
            assert cursors == sorted(set(cursors), reverse=True), name
        assert any(len(now[name]) > len(before[name]) for name in now if "orderId" in name)
        assert any(len(now[name]) > len(before[name]) for name in now if "kind" in name)
