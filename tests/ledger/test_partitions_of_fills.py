"""Fills in partitions: each side of a trade is there once over all of them. What all partitions
have in common is asked of postings, in `test_partitions`; where trades are read, in
`test_trades_in_partitions`.
"""

import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from django.db import IntegrityError, connection, connections, transaction

from accounts.models import User
from common.postgres.partitions import Partition, partitions_of
from matching.messages.vocabulary import Role
from tests.builders.fills import BOTH, BTC, ETH, START, insert, trade
from tests.builders.partitions import FILLS, cut_behind, rows_by_partition
from tests.ledger.test_listener import wait_until
from tests.ledger.test_partitions import are_whole
from tests.ledger.world import make_market, make_user
from trading.migrations.rules.fills import LAST_TRADES_OF_BEFORE
from trading.models import Fill, LastTrade, TradeStretch
from trading.trades import first_trade_since, trades_of_market

REFUSED = "do not go on behind"


def found() -> list[tuple[Any, ...]]:
    return list(Fill.objects.order_by("pk").values_list("market_id", "trade_id", "role"))


@pytest.fixture
def markets(db: None) -> None:
    make_user("ann", 0)
    make_market(BTC)
    make_market(ETH)


@pytest.fixture
def cut(markets: None) -> Iterator[list[Partition]]:
    """Three more, the first with room for three rows, the second for four."""
    with cut_behind(FILLS, 3, 4) as partitions:
        yield partitions


# --- rows, and the rules that they keep -----------------------------------------------------------


@pytest.mark.django_db
def test_all_ids_have_their_partition() -> None:
    assert len(partitions_of(FILLS)) > 1
    assert are_whole(partitions_of(FILLS))


def test_statements_cross_borders(cut: list[Partition]) -> None:
    trade(1, 2, 3)
    trade(1, market_id=ETH)
    trade(4)
    assert rows_by_partition(FILLS) == {
        part.name: rows for part, rows in zip(cut, (3, 4, 3), strict=True)
    }
    numbers = [(BTC, 1), (BTC, 2), (BTC, 3), (ETH, 1), (BTC, 4)]
    assert found() == [(*named, role.value) for named in numbers for role in BOTH]
    told = LastTrade.objects.values_list("pk", "leg", "fill_id", "taker_fill_id")
    last_id = Fill.objects.latest("pk").pk
    assert set(told) == {
        (BTC, 9, last_id, last_id - 1),
        (ETH, 3, last_id - 2, last_id - 3),
    }


def by_copy(number: int, role: Role) -> None:
    user_id = User.objects.earliest("pk").pk
    columns = (
        "market_id, trade_id, role, user_id, side, price_ticks, size_lots, fee_units,"
        " realized_pnl_units, seq, executed_at"
    )
    raw = psycopg.Cursor(connection.connection)
    with (
        connection.wrap_database_errors,
        raw.copy(f"COPY trading_fill ({columns}) FROM STDIN") as copy,
    ):
        copy.write(f"{BTC}\t{number}\t{role}\t{user_id}\tLONG\t1\t1\t0\t0\t1\t2030-01-01Z\n")


def with_an_id_of_before() -> None:
    fill = Fill.objects.earliest("pk")
    fill.pk, fill.trade_id = fill.pk - 1, 9
    fill.save(force_insert=True)


def by_hand() -> None:
    fill = Fill.objects.get(trade_id=2, role=Role.TAKER)
    fill.pk = None
    fill.save(force_insert=True)


def after_its_makers() -> None:
    insert([5], [Role.MAKER])
    insert([5], [Role.TAKER])


def beside_another_markets() -> None:
    trade(1, market_id=ETH)
    insert([5, 4], [Role.TAKER, Role.MAKER])


def once_it_is_gone() -> None:
    Fill.objects.filter(trade_id=4).delete()
    trade(4)


# Trades 1 to 4 are there, over three partitions.
TWICE: dict[str, Callable[[], None]] = {
    "the newest again": lambda: trade(4),
    "one of another partition": lambda: trade(1),
    "one in the middle": lambda: trade(3),
    "a batch again": lambda: trade(1, 2, 3, 4),
    "a batch that begins too early": lambda: trade(4, 5, 6),
    "a maker's side": lambda: insert([4], [Role.MAKER]),
    "a taker's side": lambda: insert([4], [Role.TAKER]),
    "a side twice in a statement": lambda: insert([5, 5, 5], [*BOTH, Role.MAKER]),
    "trades twice in a statement": lambda: trade(5, 6, 5, 6),
    "a taker's side after its maker's": after_its_makers,
    "beside another market's": beside_another_markets,
    "by COPY": lambda: by_copy(2, Role.TAKER),
    "with an id of before": with_an_id_of_before,
    "by hand": by_hand,
    "once it is gone": once_it_is_gone,
}


@pytest.mark.parametrize("how", TWICE)
def test_no_side_of_a_trade_is_there_twice(cut: list[Partition], how: str) -> None:
    trade(1)
    trade(2, 3, 4)
    before, told = found(), list(LastTrade.objects.values())
    with pytest.raises(IntegrityError, match=REFUSED) as refusal, transaction.atomic():
        TWICE[how]()
    assert isinstance(refusal.value.__cause__, psycopg.errors.UniqueViolation)
    assert (found(), list(LastTrade.objects.values())) == (before, told)
    trade(5)
    assert len(found()) == len(set(found())) == len(before) + 2


@pytest.mark.usefixtures("cut")
def test_the_two_sides_may_come_by_themselves() -> None:
    for number in (1, 2, 3):
        insert([number], [Role.TAKER])
        by_copy(number, Role.MAKER)
    assert found() == [(BTC, number, role.value) for number in (1, 2, 3) for role in BOTH]


@pytest.mark.parametrize(
    "change",
    [
        lambda: Fill.objects.update(trade_id=7),
        lambda: Fill.objects.filter(trade_id=1).update(role=Role.MAKER),
        lambda: Fill.objects.update(market=ETH),
        lambda: Fill.objects.filter(trade_id=2).update(id=1),
        lambda: LastTrade.objects.update(leg=0),
        lambda: LastTrade.objects.all().delete(),
        lambda: LastTrade.objects.create(
            pk=ETH, leg=9, fill_id=9, taker_fill_id=9, stretch_fill_id=9
        ),
        lambda: TradeStretch.objects.update(first_fill_id=0),
        lambda: TradeStretch.objects.all()._raw_delete("default"),
    ],
)
def test_what_it_is_judged_by_is_not_changed(
    cut: list[Partition], change: Callable[[], object]
) -> None:
    trade(1, 2, 3, 4)
    before = found(), list(LastTrade.objects.values()), list(TradeStretch.objects.values())
    with (
        pytest.raises(IntegrityError, match=r"keep their id|as fills are, and not by hand"),
        transaction.atomic(),
    ):
        change()
    after = found(), list(LastTrade.objects.values()), list(TradeStretch.objects.values())
    assert after == before


@pytest.mark.parametrize("place", range(3))
@pytest.mark.parametrize("statement", ["UPDATE {} SET seq = 1", "DELETE FROM {}"])
def test_a_partition_is_not_written_to(cut: list[Partition], place: int, statement: str) -> None:
    trade(1, 2, 3, 4)
    name = cut[place].name
    with (
        pytest.raises(IntegrityError, match=f"{name}: its rows are written by way of the table"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement.replace("{}", name))


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("is_first", [True, False])
def test_of_two_at_once_one_is_refused(is_first: bool) -> None:
    """Whichever commits first; also where the market has no trade yet."""
    make_user("ann", 0)
    make_market(BTC)
    if not is_first:
        trade(1)
    number = 1 if is_first else 2
    refused: list[str] = []

    def write_too() -> None:
        try:
            with transaction.atomic():
                trade(number)
        except IntegrityError as error:
            refused.append(str(error))
        finally:
            connections.close_all()

    with cut_behind(FILLS, 3):
        thread = threading.Thread(target=write_too)
        with transaction.atomic():
            trade(number)
            thread.start()
            wait_until(_somebody_waits, "a second writer")
        thread.join()
        assert len(refused) == 1
        assert REFUSED in refused[0]
        assert len(found()) == len(set(found())) == 2 * number


def _somebody_waits() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_locks JOIN pg_stat_activity USING (pid)"
            " WHERE datname = current_database() AND NOT granted"
        )
        (count,) = cursor.fetchone()
    return bool(count)


def test_markets_of_a_release_before_are_as_far_as_their_fills(cut: list[Partition]) -> None:
    """The statement by which the rule begins where there are fills."""
    trade(1, 2, 3, 4)
    trade(7, market_id=ETH)
    told = list(LastTrade.objects.order_by("pk").values("market_id", "leg", "fill_id"))
    takers = list(LastTrade.objects.order_by("pk").values_list("taker_fill_id"))
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("TRUNCATE trading_lasttrade, trading_tradestretch")
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(LAST_TRADES_OF_BEFORE)
        cursor.execute("SET LOCAL session_replication_role = origin")
    assert list(LastTrade.objects.order_by("pk").values("market_id", "leg", "fill_id")) == told
    assert list(LastTrade.objects.order_by("pk").values_list("taker_fill_id")) == takers
    with pytest.raises(IntegrityError, match=REFUSED), transaction.atomic():
        trade(4)
    trade(5)
    assert [one.trade_id for one in trades_of_market(BTC).newest(9)] == [5, 4, 3, 2, 1]
    assert first_trade_since(BTC, START + timedelta(seconds=3)) == 3
