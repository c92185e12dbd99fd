"""How traders trade, among the newest orders and trades of each market: one statement a measure.

Where the time that is looked at begins is found first, by halving: a market that was quiet
meanwhile costs a few steps, however many orders and trades it had before.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.db import connection

from console.alerts.measures.look import READINGS_MAX, Look, Reading, Readings
from markets.display import money
from markets.models import Market
from matching.messages.limits import PPM
from matching.messages.vocabulary import (
    CancelReason,
    ExecutionType,
    OrderStatus,
    OrderType,
    Role,
)

WITHIN = timedelta(hours=1)
SKEW_MAX = timedelta(minutes=1)  # of the clocks of processes that take orders
ROWS_MAX = 20_000  # orders, or trades, of a market
AT_LEAST = 20  # large orders of a trader, trades of a pair: of fewer a share says nothing

# Of one market; its figures are those of `Market` with the same names.
_PART = """
(SELECT %(market_{number})s, %(large_{number})s, found.* FROM ({found}) AS found)
"""
_ORDERS = """
WITH newest AS MATERIALIZED (
    SELECT user_id, order_type, status, reason, filled_lots, created_at,
           price_ticks::numeric * size_lots * %(per_lot_{number})s AS units
      FROM trading_order WHERE market_id = %(market_{number})s AND id >= %(first_{number})s
     ORDER BY id DESC LIMIT %(rows)s)
"""
_SELF_TRADES = """
SELECT user_id, count(*) AS found FROM newest
 WHERE created_at > %(since)s AND reason = %(self_trade)s
 GROUP BY user_id ORDER BY found DESC, user_id LIMIT %(readings)s
"""
_CANCELLED = """
, large AS (
    SELECT user_id, count(*) AS ended,
           count(*) FILTER (WHERE status = %(cancelled)s AND reason = %(by_user)s
                              AND filled_lots = 0) AS cancelled
      FROM newest
     WHERE created_at > %(since)s AND order_type = %(limit)s AND units >= %(large_{number})s
       AND status IN (%(filled)s, %(cancelled)s, %(expired)s)
     GROUP BY user_id HAVING count(*) >= %(at_least)s)
SELECT user_id, cancelled, ended FROM large
 ORDER BY cancelled::numeric / ended DESC, user_id LIMIT %(readings)s
"""
_TRADES = """
WITH newest AS MATERIALIZED (
    SELECT trade_id, role, user_id, price_ticks::numeric * size_lots * %(per_lot_{number})s AS units
      FROM trading_fill
     WHERE market_id = %(market_{number})s AND executed_at > %(since)s AND execution = %(trade)s
       AND trade_id >= %(first_{number})s AND id >= %(first_fill_{number})s)
"""
_PAIRS = """
, pair AS (
    SELECT least(taker.user_id, maker.user_id) AS one,
           greatest(taker.user_id, maker.user_id) AS other,
           count(*) AS trades, sum(taker.units) AS units
      FROM newest taker JOIN newest maker USING (trade_id)
     WHERE taker.role = %(taker)s AND maker.role = %(maker)s
     GROUP BY 1, 2 HAVING count(*) >= %(at_least)s)
, whole AS (SELECT user_id, sum(units) AS units FROM newest GROUP BY user_id)
SELECT one, other, trades, pair.units, greatest(ones.units, others.units) AS busier
  FROM pair JOIN whole ones ON ones.user_id = one JOIN whole others ON others.user_id = other
 ORDER BY pair.units / greatest(ones.units, others.units) DESC, one, other LIMIT %(readings)s
"""
# Both sides count: a family that trades with itself alone has all of them inside.
_FAMILIES = """
, side AS (
    SELECT newest.*, COALESCE(account.parent_id, account.id) AS family
      FROM newest JOIN accounts_user account ON account.id = newest.user_id)
, inside AS (
    SELECT family, count(*) AS trades, sum(taker.units) AS units
      FROM side taker JOIN side maker USING (trade_id, family)
     WHERE taker.role = %(taker)s AND maker.role = %(maker)s
     GROUP BY family HAVING count(*) >= %(at_least)s)
, whole AS (SELECT family, sum(units) AS units FROM side GROUP BY family)
SELECT family, trades, inside.units, 2 * inside.units / whole.units AS share
  FROM inside JOIN whole USING (family)
 ORDER BY share DESC, family LIMIT %(readings)s
"""
# Ids rise with time, but for orders of processes whose clocks differ.
_FIRST_ORDER = """
WITH RECURSIVE halved (low, high) AS (
    SELECT min(id), max(id) + 1 FROM trading_order
     UNION ALL
    SELECT CASE WHEN is_before THEN middle + 1 ELSE low END,
           CASE WHEN is_before THEN high ELSE middle END
      FROM (SELECT low, high, (low + high) / 2 AS middle FROM halved WHERE low < high) part
     CROSS JOIN LATERAL (SELECT created_at <= %(since)s AS is_before
                           FROM trading_order WHERE id >= middle ORDER BY id LIMIT 1) probe)
SELECT low FROM halved WHERE low >= high
"""
# Of each market, among its newest, and the id that its fills are not below; none of one without a
# trade since.
_FIRST_TRADES = """
WITH RECURSIVE halved (market_id, low, high, beyond, fill_id) AS (
    SELECT market_id, low, beyond, beyond,
           COALESCE((SELECT first_fill_id FROM trading_tradestretch
                      WHERE market_id = newest.market_id AND first_trade_id < low
                      ORDER BY first_trade_id DESC LIMIT 1), 0)
      FROM (SELECT market_id, greatest(0, leg / 2 + 1 - %(rows)s) AS low, leg / 2 + 1 AS beyond
              FROM trading_lasttrade) newest
     UNION ALL
    SELECT market_id, CASE WHEN is_before THEN middle + 1 ELSE low END,
           CASE WHEN is_before THEN high ELSE middle END, beyond, fill_id
      FROM (SELECT *, (low + high) / 2 AS middle FROM halved WHERE low < high) part
     CROSS JOIN LATERAL (SELECT executed_at <= %(since)s AS is_before FROM trading_fill
                          WHERE market_id = part.market_id AND trade_id >= middle
                            AND id >= part.fill_id
                          ORDER BY trade_id LIMIT 1) probe)
SELECT market_id, low, fill_id FROM halved WHERE low >= high AND low < beyond
"""


# By market: where the time begins, by the names that its part of a statement has for that.
_Firsts = Mapping[str, Mapping[str, int]]


def self_trades(look: Look) -> Readings:
    return {
        f"{market_id}/{user_id}": Reading(count, "", market_id)
        for market_id, _, user_id, count in _fetched(
            _ORDERS + _SELF_TRADES, look, _first_orders(look)
        )
    }


def cancel_ratio(look: Look) -> Readings:
    found = {}
    for market_id, large, user_id, cancelled, ended in _fetched(
        _ORDERS + _CANCELLED, look, _first_orders(look)
    ):
        words = f"{cancelled:,} of {ended:,} orders of {money(large)} or more"
        found[f"{market_id}/{user_id}"] = Reading(cancelled * PPM // ended, words, market_id)
    return found


def pair_trades(look: Look) -> Readings:
    found = {}
    for market_id, _, one, other, trades, units, busier in _fetched(
        _TRADES + _PAIRS, look, _first_trades(look)
    ):
        words = f"{trades:,} trades for {money(int(units))}"
        share = int(units) * PPM // int(busier)
        found[f"{market_id}/{one}+{other}"] = Reading(share, words, market_id)
    return found


def family_trades(look: Look) -> Readings:
    """By main account."""
    found = {}
    for market_id, _, family, trades, units, share in _fetched(
        _TRADES + _FAMILIES, look, _first_trades(look)
    ):
        words = f"{trades:,} trades for {money(int(units))}"
        found[f"{market_id}/{family}"] = Reading(int(share * PPM), words, market_id)
    return found


def _first_orders(look: Look) -> _Firsts:
    """The same of all: ids of orders are."""
    found = _rows(_FIRST_ORDER, {"since": look.now - WITHIN - SKEW_MAX})
    return {
        market_id: {"first": first}
        for (first,) in found
        for market_id in Market.objects.values_list("pk", flat=True)
    }


def _first_trades(look: Look) -> _Firsts:
    found = _rows(_FIRST_TRADES, {"since": look.now - WITHIN, "rows": ROWS_MAX})
    return {
        market_id: {"first": first, "first_fill": fill_id} for market_id, first, fill_id in found
    }


def _fetched(of_market: str, look: Look, first: _Firsts) -> list[tuple[Any, ...]]:
    """Per row its market's id and what is large there, then what was asked for.

    One statement of a part for each market, named in it: of a market that it doesn't know as it
    plans Postgres would read all rows, or look for the newest of a quiet one among all markets'.
    """
    values: dict[str, Any] = {
        "since": look.now - WITHIN,
        "rows": ROWS_MAX,
        "readings": READINGS_MAX,
        "at_least": AT_LEAST,
        "limit": OrderType.LIMIT.value,
        "filled": OrderStatus.FILLED.value,
        "cancelled": OrderStatus.CANCELLED.value,
        "expired": OrderStatus.EXPIRED.value,
        "by_user": CancelReason.USER.value,
        "self_trade": CancelReason.SELF_TRADE.value,
        "trade": ExecutionType.TRADE.value,
        "taker": Role.TAKER.value,
        "maker": Role.MAKER.value,
    }
    parts = []
    for number, market in enumerate(Market.objects.filter(pk__in=first).order_by("pk")):
        parts.append(_PART.format(number=number, found=of_market.format(number=number)))
        values[f"market_{number}"] = market.pk
        values |= {f"{name}_{number}": value for name, value in first[market.pk].items()}
        values[f"large_{number}"] = market.impact_notional_units
        values[f"per_lot_{number}"] = market.units_per_tick_lot
    return _rows(" UNION ALL ".join(parts), values) if parts else []


def _rows(sql: str, values: dict[str, Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows
