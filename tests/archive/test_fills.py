"""Whoever reads old fills is answered the same, whether they lie in a partition or in a file."""

from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from common.postgres import keysets
from common.postgres.partitions import Partition, partitions_of
from console.alerts.measures import conduct
from console.incident import selectors as incident
from ledger.archive import parquet
from ledger.archive.models import ArchiveFile
from ledger.archive.rows import POSTINGS
from ledger.services import deposit
from persistence.archiving import coming, fills, going
from persistence.archiving.due import Closed, closed_partitions
from persistence.archiving.fills import ArchivedFills
from persistence.archiving.kinds import ArchivedKind, ArchiveRefused
from persistence.management.commands import archivepartitions
from persistence.reconciliation import reconcile
from persistence.sealing.models import SealedMarket
from tests.archive.commands import archived, attached, die_behind, refused, run
from tests.archive.conftest import partitions_kept, seal_all
from tests.archive.told_fills import Known, all_of_fills, of_markets
from tests.builders.partitions import FILLS as TABLE
from tests.builders.partitions import cut_behind, next_id
from tests.reconcile.planting import plant
from tests.reconcile.sealed import everything
from tests.trading.client import token_of
from trading import trades
from trading.archive import shown
from trading.archive.models import ArchivedMarket, ArchivedOrder, ArchivedTrader
from trading.archive.rows import FILLS
from trading.models import Fill, LastTrade
from trading.trades import newest_trades

pytestmark = pytest.mark.django_db(transaction=True)


def gone() -> set[str]:
    return archived(FILLS)


@pytest.mark.parametrize(
    ("looked_back", "one_in"),
    [(9, 3), pytest.param(keysets.LOOK_BACK_ROWS, 1, marks=pytest.mark.drill)],
)
def test_everybody_is_told_the_same(
    parts_of_fills: list[Partition],
    looked_back: int,
    one_in: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(keysets, "LOOK_BACK_ROWS", looked_back)
    monkeypatch.setattr(incident, "LINES_MAX", 7)
    known = Known(one_in)
    assert known.fills[-1] >= parts_of_fills[3].first
    before = all_of_fills(known)
    call_command("archivepartitions", keep=1)
    assert gone() >= {part.name for part in parts_of_fills[:3]}
    first_left = parts_of_fills[3].first
    left = [one for one in known.fills if one >= first_left]
    assert list(Fill.objects.order_by("pk").values_list("pk", flat=True)) == left
    _assert_same(all_of_fills(known), before)
    call_command("restorepartition", parts_of_fills[2].name)
    _assert_same(all_of_fills(known), before)
    for part in parts_of_fills[1::-1]:
        call_command("restorepartition", part.name)
    assert list(Fill.objects.order_by("pk").values_list("pk", flat=True)) == known.fills


def _assert_same(told: dict[str, Any], before: dict[str, Any]) -> None:
    assert told.keys() == before.keys()
    for name, answer in before.items():
        assert told[name] == answer, name


# --- killed on the way ----------------------------------------------------------------------------


STEPS = [(ArchivedFills, "tell"), (going, "_replace"), (coming, "_return")]
# What postings are asked at each step in every run, too.
STEPS_ALIKE = [
    (parquet, "write"),
    (going, "_compared"),
    (Path, "rename"),
    (going, "_told"),
    (going, "detach_and_drop"),
    (coming, "_load"),
]


@pytest.mark.parametrize(
    ("where", "name"),
    [*STEPS, *(pytest.param(*step, marks=pytest.mark.drill) for step in STEPS_ALIKE)],
)
def test_killed_behind_any_step_it_is_taken_up_again(
    parts_of_fills: list[Partition], monkeypatch: pytest.MonkeyPatch, where: Any, name: str
) -> None:
    known = Known(3)
    before = of_markets(known)
    with monkeypatch.context() as patch:
        patch.setattr(where, name, die_behind(getattr(where, name)))
        with pytest.raises(SystemExit):
            _there_and_back(parts_of_fills[1])
    there = attached(TABLE)
    assert gone() | there >= {part.name for part in parts_of_fills}
    assert not gone() & there
    assert of_markets(known) == before
    assert reconcile().differences == []
    run("archivepartitions", keep=2)
    assert gone() >= {part.name for part in parts_of_fills[:2]}
    assert of_markets(known) == before
    assert reconcile().differences == everything().differences == []
    assert run("verifyarchive", rows=True).endswith("Every row has its place.\n")
    files = ArchiveFile.objects.count()
    run("restorepartition", parts_of_fills[1].name)
    run("archivepartitions", keep=2)
    assert ArchiveFile.objects.count() == files


def _there_and_back(part: Partition) -> None:
    run("archivepartitions", keep=2)
    run("restorepartition", part.name)


# --- why not --------------------------------------------------------------------------------------


def test_what_no_seal_covers_stays(parts_of_fills: list[Partition]) -> None:
    plant("UPDATE persistence_sealedmarket SET trade_id = 0")
    said = refused("archivepartitions", keep=2)
    assert f"{parts_of_fills[0].name} stays: trade" in said
    assert "is not sealed" in said
    assert not gone() & {part.name for part in parts_of_fills}


def test_what_alerts_may_look_at_stays(
    parts_of_fills: list[Partition], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    assert fills.LOOKED_AT > conduct.WITHIN
    assert "alerts may look at it" in refused("archivepartitions", keep=2)
    assert not gone() & {part.name for part in parts_of_fills}


def test_what_one_market_traded_late_stays(
    parts_of_fills: list[Partition], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though another's fills behind it are old."""
    monkeypatch.setattr(fills, "LOOKED_AT", timedelta(hours=3))
    plant("UPDATE trading_fill SET executed_at = executed_at - interval '1 day'")
    for part in parts_of_fills[:3]:
        there = Fill.objects.filter(pk__gte=part.first, pk__lt=part.end)
        others = there.exclude(market=there.latest("pk").market_id)
        if others:
            break
    late = others.latest("trade_id")
    plant(
        "UPDATE trading_fill SET executed_at = now() WHERE market_id = %s AND trade_id = %s",
        late.market_id,
        late.trade_id,
    )
    assert f"{part.name} stays: its newest" in refused("archivepartitions", keep=1)
    assert part.name not in gone()


def test_what_is_refused_of_one_table_keeps_none_of_another(
    parts_of_fills: list[Partition], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refusing(kind: ArchivedKind, keep: int) -> list[Closed]:
        if kind.layout is POSTINGS:
            raise ArchiveRefused("held")
        return closed_partitions(kind, keep)

    monkeypatch.setattr(archivepartitions, "closed_partitions", refusing)
    assert refused("archivepartitions", keep=2) == "held"
    assert gone() >= {part.name for part in parts_of_fills[:2]}


# --- what stays true ------------------------------------------------------------------------------


def test_reconciliation_finds_all_there_is(parts_of_fills: list[Partition]) -> None:
    figures = everything().figures
    run("archivepartitions", keep=1)
    assert ArchivedOrder.objects.exists()  # of orders that rest since then
    assert reconcile().differences == everything().differences == []
    assert everything().figures == figures
    before = dict(SealedMarket.objects.order_by("seal").values_list("market", "trade_id"))
    deposit(User.objects.earliest("pk").pk, 1_000_000, approved=True)
    seal_all()
    newest = SealedMarket.objects.order_by("seal").values_list("market", "trade_id")
    assert dict(newest) == before
    assert reconcile().differences == everything().differences == []
    assert everything().figures["fills"] == figures["fills"]


def test_a_market_that_is_silent_is_sealed_as_far_as_before(
    parts_of_fills: list[Partition],
) -> None:
    """All of its fills lie in files."""
    with cut_behind(TABLE, 1, 1), partitions_kept(TABLE):
        next_id(TABLE, partitions_of(TABLE)[-1].first + 1)
        run("archivepartitions", keep=1)
        assert not Fill.objects.exists()
        known = {seal.market_id: seal.trade_id for seal in SealedMarket.objects.order_by("seal")}
        deposit(User.objects.earliest("pk").pk, 1_000_000, approved=True)
        seal_all()
        newest = SealedMarket.objects.order_by("seal").values_list("market", "trade_id")
        assert dict(newest) == known
        assert reconcile().differences == everything().differences == []
        found = newest_trades(list(known))
        assert {key: fill.trade_id for key, fill in found.items()} == known
        assert run("verifyarchive", rows=True).endswith("Every row has its place.\n")


def test_a_trade_that_lies_in_a_file_is_not_written_again(parts_of_fills: list[Partition]) -> None:
    first = Fill.objects.earliest("pk")
    run("archivepartitions", keep=1)
    assert not Fill.objects.filter(pk=first.pk).exists()
    last = LastTrade.objects.get(pk=first.market_id)
    for pk in (None, first.pk):
        first.pk = pk
        with pytest.raises(IntegrityError), transaction.atomic():
            first.save(force_insert=True)
    assert LastTrade.objects.get(pk=first.market_id).leg == last.leg


def test_without_a_file_nobody_is_told_less(
    parts_of_fills: list[Partition], archive_dir: Path
) -> None:
    run("archivepartitions", keep=1)
    client = _client_of_busiest(parts_of_fills)
    good = client.get("/user/fills?limit=500").content
    for name in gone():
        (archive_dir / f"{name}.parquet").rename(archive_dir / name)
    assert client.get("/user/fills?limit=1").status_code == 200
    for path in ("/user/fills?limit=500", "/markets/BTC-PERP/trades?limit=500"):
        answer = client.get(path)
        assert answer.status_code == 503
        assert answer.json()["code"] == "DATABASE_UNAVAILABLE"
    assert "can't be read" in refused("reconcile", full=True)
    assert reconcile().differences == []
    for name in gone():
        (archive_dir / name).rename(archive_dir / f"{name}.parquet")
    assert client.get("/user/fills?limit=500").content == good


def _client_of_busiest(partitions: list[Partition]) -> Client:
    """A trader with enough of the youngest fills for a page of one."""
    young = Fill.objects.filter(pk__gte=partitions[3].first)
    ((user_id, count),) = Counter(young.values_list("user_id", flat=True)).most_common(1)
    assert count > 1
    return Client(HTTP_AUTHORIZATION=f"Bearer {token_of(user_id)}")


def test_what_is_kept_of_a_file_is_only_added_to(parts_of_fills: list[Partition]) -> None:
    run("archivepartitions", keep=1)
    for table in ("archivedtrader", "archivedmarket", "archivedorder"):
        for change in (f"DELETE FROM trading_{table}", f"UPDATE trading_{table} SET id = id"):
            with (
                pytest.raises(IntegrityError, match="append-only"),
                transaction.atomic(),
                connection.cursor() as cursor,
            ):
                cursor.execute(change)
    for row, column in ((ArchivedTrader, "row_count"), (ArchivedMarket, "last_seq")):
        table = row._meta.db_table
        pk = row.objects.latest("pk").pk
        plant(f"UPDATE {table} SET {column} = {column} + 1 WHERE id = %s", pk)
        with pytest.raises(CommandError):
            run("verifyarchive", rows=True)
        plant(f"UPDATE {table} SET {column} = {column} - 1 WHERE id = %s", pk)


@pytest.mark.parametrize(
    ("where", "name", "path"),
    [
        (shown, "last_archived_at", "/user/fills?limit=500"),
        (trades, "last_archived_trade", "/markets/BTC-PERP/trades?limit=500"),
    ],
)
def test_one_that_moves_between_two_looks_is_read(
    parts_of_fills: list[Partition],
    monkeypatch: pytest.MonkeyPatch,
    where: ModuleType,
    name: str,
    path: str,
) -> None:
    """The first in the table, the second at whether files have more."""
    asked = getattr(where, name)
    user = User.objects.get(username="trader1")
    client = Client(HTTP_AUTHORIZATION=f"Bearer {token_of(user.pk)}")
    good = client.get(path).content
    moves = [
        ("archivepartitions", "--keep", "1"),
        *(("restorepartition", part.name) for part in parts_of_fills[2::-1]),
        ("archivepartitions", "--keep", "2"),
    ]

    for move in moves:
        moving = _Moving(asked, move)
        with monkeypatch.context() as patch:
            patch.setattr(where, name, moving)
            assert client.get(path).content == good, move
        moving.move()  # where it was not asked whether files have more


class _Moving:
    """What is asked, with a partition that moves right before it."""

    def __init__(self, asked: Callable[..., Any], command: tuple[str, ...]) -> None:
        self._asked, self._command, self._is_done = asked, command, False

    def __call__(self, whose: Any) -> Any:
        self.move()
        return self._asked(whose)

    def move(self) -> None:
        if not self._is_done:
            self._is_done = True
            run(*self._command)


@pytest.mark.usefixtures("still")
def test_a_page_of_what_is_young_asks_as_before(parts_of_fills: list[Partition]) -> None:
    client = _client_of_busiest(parts_of_fills)
    asked = []
    for turn in range(3):
        with CaptureQueriesContext(connection) as queries:
            assert client.get("/user/fills?limit=1").status_code == 200
            assert client.get("/markets/BTC-PERP/trades?limit=1").status_code == 200
        asked.append(len(queries))  # of the first, also what a process asks once
        assert not any("archived" in query["sql"] for query in queries)
        if turn:
            run("archivepartitions", keep=1)
    assert asked[1] == asked[2]
