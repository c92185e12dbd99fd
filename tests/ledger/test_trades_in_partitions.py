"""Trades are looked for in the partitions that have them, by number and by time; the answers are
those that one table would give.
"""

import random
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection

from common.postgres.partitions import Partition
from common.postgres.windows import Window
from matching.messages.vocabulary import Role
from persistence.reconciliation.sealer import _LAST_TRADES
from persistence.sealing.scope import behind
from tests.builders.fills import BOTH, BTC, ETH, START, trade
from tests.builders.partitions import FILLS, cut_behind, next_id
from tests.ledger.test_partitions import asked, looked_into
from tests.ledger.world import make_market, make_user
from trading.migrations.rules.fills import STRETCH_IDS
from trading.models import Fill, TradeStretch
from trading.trades import (
    Trades,
    fills_of_range,
    fills_of_trades,
    first_fill_id,
    first_trade_since,
    newest_trades,
    trades_of_market,
)

RUN = 2_000  # trades of the busy market in a partition


def _make_markets() -> None:
    make_user("ann", 0)
    make_market(BTC)
    make_market(ETH)


@pytest.fixture
def filled(db: None) -> Iterator[list[Partition]]:
    """Four partitions, a stretch in each; the quiet market has trades in the first and the third,
    and its numbers have gaps."""
    _make_markets()
    room = 2 * STRETCH_IDS
    with cut_behind(FILLS, room, room, room, room) as partitions:
        for place in range(4):
            next_id(FILLS, partitions[place].first + 1)
            trade(*range(place * RUN + 1, (place + 1) * RUN + 1))
            if place in (0, 2):
                trade(*range(place * 1_000 + 100, place * 1_000 + 1_000, 100), market_id=ETH)
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE trading_fill")
        yield partitions


def opened(call: Callable[[], Any]) -> dict[str, float]:
    """Partitions that it looks into, and what it read of each that has rows for it."""
    return {name: rows for name, rows in looked_into(asked(call, FILLS)).items() if rows}


def planned(call: Callable[[], Any]) -> set[str]:
    """Also of the partition behind, in which the next stretch begins somewhere."""
    return {node["Relation Name"] for node in asked(call, FILLS) if "Relation Name" in node}


def test_a_stretch_begins_with_each_million_ids(filled: list[Partition]) -> None:
    stretches = TradeStretch.objects.order_by("first_trade_id")
    starts = stretches.filter(market=BTC).values_list("first_trade_id", "first_fill_id")
    firsts = Fill.objects.filter(market=BTC, role=Role.TAKER, trade_id__in=range(1, 4 * RUN, RUN))
    assert list(starts) == list(firsts.order_by("pk").values_list("trade_id", "pk"))
    quiet = stretches.filter(market=ETH).values_list("first_trade_id", flat=True)
    assert list(quiet) == [100, 2_100]


def test_the_newest_trades_are_read_of_the_newest_partition(filled: list[Partition]) -> None:
    trades = trades_of_market(BTC)
    newest, last = filled[-1].name, filled[-2].name
    assert opened(lambda: trades.newest(50)) == {last: 50}
    assert planned(lambda: trades.newest(50)) <= {last, newest}
    assert opened(lambda: trades.newest(50, 2 * RUN + 21)) == {
        filled[1].name: 30,
        filled[2].name: 20,
    }
    assert planned(lambda: trades.newest(50, RUN - 7)) == {filled[0].name, filled[1].name}
    newest_of_both = newest_trades([BTC, ETH])
    assert {key: fill.trade_id for key, fill in newest_of_both.items()} == {
        BTC: 4 * RUN,
        ETH: 2_900,
    }
    assert planned(lambda: newest_trades([BTC, ETH])) == {last, filled[2].name}


def test_trades_are_read_where_their_numbers_are(filled: list[Partition]) -> None:
    trades = trades_of_market(BTC)
    assert opened(lambda: trades.oldest(50)) == {filled[0].name: 50}
    third = {filled[2].name, filled[3].name}
    assert planned(lambda: trades.oldest(50, 2 * RUN + 9)) == third
    some = [RUN + 5, RUN + 9]
    assert planned(lambda: list(fills_of_trades(BTC, some))) == {filled[1].name, filled[2].name}
    assert list(fills_of_trades(BTC, some).values_list("trade_id", flat=True)) == [
        number for number in reversed(some) for _ in BOTH
    ]
    assert list(fills_of_trades(BTC, [])) == []
    assert first_fill_id(BTC, 3 * RUN + 2) == Fill.objects.get(
        market=BTC, trade_id=3 * RUN + 1, role=Role.TAKER
    ).pk  # fmt: skip


def test_a_time_is_looked_for_in_the_stretch_that_has_it(filled: list[Partition]) -> None:
    for number in (2, 3, RUN, RUN + 1, RUN + 2, 3 * RUN - 1, 4 * RUN):
        at = START + timedelta(seconds=number)
        assert first_trade_since(BTC, at) == number
        assert first_trade_since(BTC, at + timedelta(milliseconds=1)) == number + 1
    assert first_trade_since(BTC, START - timedelta(days=1)) <= 1
    middle = START + timedelta(seconds=2 * RUN + 700)
    assert planned(lambda: first_trade_since(BTC, middle)) == {filled[2].name, filled[3].name}


@pytest.mark.parametrize("market_id", [BTC, ETH])
def test_whatever_is_asked_for_is_what_one_table_would_answer(
    filled: list[Partition], market_id: str
) -> None:
    told = list(Fill.objects.filter(market=market_id, role=Role.TAKER).order_by("trade_id"))
    dice = random.Random(7)

    def moment() -> datetime | None:
        seconds = dice.choice([None, dice.uniform(-9, 4 * RUN + 9)])
        return None if seconds is None else START + timedelta(seconds=seconds)

    for _ in range(60):
        window = Window(moment(), moment())
        within = [
            fill
            for fill in told
            if (window.start is None or fill.executed_at >= window.start)
            and (window.end is None or fill.executed_at < window.end)
        ]
        limit, number = dice.choice([1, 7, 300, 9_000]), dice.randrange(4 * RUN + 9)
        trades = trades_of_market(market_id, window)
        assert trades.newest(limit) == within[::-1][:limit]
        assert trades.oldest(limit) == within[:limit]
        below = [fill for fill in within if fill.trade_id < number]
        assert trades.newest(limit, number) == below[::-1][:limit]
        above = [fill for fill in within if fill.trade_id >= number]
        assert trades.oldest(limit, number) == above[:limit]
        both = fills_of_range(market_id, number, number + limit).order_by("pk")
        assert {fill.trade_id for fill in both} == {
            fill.trade_id for fill in told if number <= fill.trade_id < number + limit
        }


@pytest.mark.django_db
def test_a_market_without_trades_has_none() -> None:
    _make_markets()
    trades = Trades(BTC)
    assert trades.newest(5) == trades.oldest(5) == []
    assert first_trade_since(BTC, START) == 0
    assert newest_trades([BTC]) == {}
    assert trades_of_market(BTC, Window(START, START)).newest(5) == []


@pytest.fixture
def sealed(filled: list[Partition]) -> list[Partition]:
    """Up to a trade in the fourth, of the quiet market up to its last, which lies in the third."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(
            "INSERT INTO persistence_sealedmarket (seal_id, market_id, seq, trade_id)"
            " VALUES (7, %s, %s, %s), (7, %s, 2900, 2900)",
            [BTC, 3 * RUN + 100, 3 * RUN + 100, ETH],
        )
        cursor.execute("SET LOCAL session_replication_role = origin")
    return filled


def test_a_proof_reads_behind_its_seal_and_no_older_partition(sealed: list[Partition]) -> None:
    scope = behind(None)
    sql = f"{scope.prelude} SELECT count(*) FROM fills"

    def ask() -> None:
        with connection.cursor() as cursor:
            cursor.execute(sql, {**scope.values, "seal": 7})
            assert cursor.fetchone() == (2 * (RUN - 100),)

    read = {one for one in looked_into(asked(ask, FILLS)) if one.startswith(FILLS)}
    assert read == {part.name for part in sealed[2:]}


def test_the_next_seal_looks_for_its_last_trades_behind_the_one_before(
    sealed: list[Partition],
) -> None:
    values: dict[str, Any] = {"markets": [BTC, ETH], "seqs": [3 * RUN + 500, 5_000], "before": 7}

    def ask() -> None:
        with connection.cursor() as cursor:
            cursor.execute(_LAST_TRADES, values)
            assert set(cursor.fetchall()) == {(BTC, 3 * RUN + 500), (ETH, 2_900)}

    read = {one for one in looked_into(asked(ask, FILLS)) if one.startswith(FILLS)}
    assert read == {part.name for part in sealed[2:]}
