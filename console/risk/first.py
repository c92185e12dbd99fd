"""Which open positions come first, found by Postgres in one pass over them.

The keys are those of `trading.positions.figures`, and the liquidation price the same lines as in
`matching.messages.tiers`, in floating point, which Postgres works out ten times sooner than exact
numbers. They choose; nothing that is shown comes from here. By rounding a position could only
change places with one that is next to it within a tick, so whoever asks takes `SPARE` more than are
needed, and puts them in order by the exact figures.
"""

import heapq
from collections.abc import Iterator
from enum import StrEnum
from itertools import chain
from typing import Any

from django.db import connection

from markets.rules import MarketRules
from matching.messages.limits import PPM

SPARE = 10


class PositionOrder(StrEnum):
    """What positions can be ordered by.

    DISTANCE  from the mark to the liquidation price, as a part of the mark: the nearest first
    VALUE     at the mark, of either side: the largest first
    LOSS      unrealised: the largest first
    PROFIT    unrealised: the largest first
    LEVERAGE  value over margin: the highest first, and before all who has no margin
    """

    DISTANCE = "distance"
    VALUE = "value"
    LOSS = "loss"
    PROFIT = "profit"
    LEVERAGE = "leverage"


_VALUE = "rule.scale * rule.mark * p.position_lots"
_KEYS = {
    PositionOrder.VALUE: f"-abs({_VALUE})",
    PositionOrder.LOSS: f"{_VALUE} - p.entry_cost_units",
    PositionOrder.PROFIT: f"p.entry_cost_units - {_VALUE}",
    PositionOrder.LEVERAGE: f"CASE WHEN p.margin_units > 0 THEN -abs({_VALUE}) / p.margin_units"
    " WHEN rule.mark > 0 THEN '-infinity'::float8 END",
}
_FIRST = """
SELECT rule.market_id, first.id, first.key
  FROM {rules}
 CROSS JOIN LATERAL (
       SELECT p.id, {key} AS key
         FROM trading_position p
        WHERE p.market_id = rule.market_id AND p.position_lots <> 0
        ORDER BY key NULLS LAST, p.id
        LIMIT %s) first
"""
_LARGEST = """
SELECT held.id
  FROM unnest(%s::text[]) AS market(id)
 CROSS JOIN LATERAL (
       (SELECT p.id
          FROM trading_position p
         WHERE p.market_id = market.id AND p.position_lots <> 0 AND p.position_lots > 0
         ORDER BY p.position_lots DESC
         LIMIT %s)
       UNION ALL
       (SELECT p.id
          FROM trading_position p
         WHERE p.market_id = market.id AND p.position_lots <> 0 AND p.position_lots < 0
         ORDER BY p.position_lots
         LIMIT %s)) held
"""
Mark = tuple[MarketRules, int]  # a market, and its mark price in ticks; 0: there is none
Ranked = tuple[bool, float, int]  # whether a position has no such figure; its key; its id
Found = dict[str, list[Ranked]]  # by market, the first first


def first_of_each_market(key: PositionOrder, marks: list[Mark], count: int) -> Found:
    """The first ``count`` open positions of each market, and `SPARE` more. Positions that have no
    such figure come last."""
    if not marks:
        return {}
    lines = max(len(rules.tiers.tiers) for rules, _ in marks)
    order = _distance(lines) if key is PositionOrder.DISTANCE else _KEYS[key]
    sql = _FIRST.format(rules=_rules_sql(lines), key=order)
    found: Found = {}
    for market_id, position_id, rank in _fetched(sql, [*_columns(marks, lines), count + SPARE]):
        ranked = (rank is None, rank or 0.0, position_id)
        found.setdefault(market_id, []).append(ranked)
    return found


def first_ids(found: Found, count: int) -> list[int]:
    """The first of all of them, and `SPARE` more."""
    ranked = heapq.nsmallest(count + SPARE, chain.from_iterable(found.values()))
    return [position_id for *_, position_id in ranked]


def largest_of_each_market(market_ids: list[str], count: int) -> list[int]:
    """Ids of the largest longs and the largest shorts of each, by an index; among equal ones,
    whichever comes."""
    return [row[0] for row in _fetched(_LARGEST, [market_ids, count, count])]


def _fetched(sql: str, parameters: list[Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows


def _rules_sql(lines: int) -> str:
    """A row per market: its scale, its mark (null: none), and of each line of its tiers what a debt
    is lessened by and what divides it then. Lines it has not are null, which GREATEST and LEAST
    pass over."""
    names = [f"{name}{line}" for line in range(lines) for name in ("amount", "long", "short")]
    arrays = ", ".join(["%s::text[]", *["%s::float8[]"] * (2 + len(names))])
    return f"unnest({arrays}) AS rule(market_id, scale, mark, {', '.join(names)})"


def _columns(marks: list[Mark], lines: int) -> Iterator[list[Any]]:
    yield [rules.id for rules, _ in marks]
    yield [float(rules.units_per_tick_lot) for rules, _ in marks]
    yield [float(mark) or None for _, mark in marks]
    for line in range(lines):
        yield from map(list, zip(*(_line(rules, line) for rules, _ in marks), strict=True))


def _line(rules: MarketRules, line: int) -> tuple[float | None, float | None, float | None]:
    """a, k·(1 − r − φ) and k·(1 + r + φ), as `matching.messages.tiers` calls them."""
    tiers, scale = rules.tiers, rules.units_per_tick_lot
    if line >= len(tiers.tiers):
        return None, None, None
    rate_ppm = tiers.tiers[line].maintenance_ppm + tiers.fee_ppm
    long_factor = scale * (PPM - rate_ppm) / PPM if rate_ppm < PPM else None
    return tiers.amounts_ppm[line] / PPM, long_factor, scale * (PPM + rate_ppm) / PPM


def _distance(lines: int) -> str:
    """Of whole ticks, as `TierTable.liquidation_price_ticks` has them; infinite where that has
    none."""
    long, short = (
        ", ".join(
            "(p.entry_cost_units::float8 - p.margin_units"
            f" - rule.amount{line}) / (rule.{side}{line} * p.position_lots)"
            for line in range(lines)
        )
        for side in ("long", "short")
    )
    return (
        f"CASE WHEN p.position_lots < 0 THEN (floor(LEAST({short})) + 1) / rule.mark - 1"
        f" ELSE COALESCE(1 - NULLIF(GREATEST(ceil(GREATEST({long})) - 1, 0), 0) / rule.mark,"
        " CASE WHEN rule.mark > 0 THEN 'infinity'::float8 END) END"
    )
