"""Trades written down as workers do, with nothing behind them."""

from datetime import UTC, datetime

from django.db import connection

from accounts.models import User
from matching.messages.vocabulary import Role

START = datetime(2030, 1, 1, tzinfo=UTC)
BTC, ETH = "BTC-PERP", "ETH-PERP"
BOTH = (Role.TAKER, Role.MAKER)
# As workers of the release before write them, and those of this one.
INSERT = """
INSERT INTO trading_fill (market_id, trade_id, role, execution, order_id, user_id, side,
                          price_ticks, size_lots, fee_units, realized_pnl_units,
                          insurance_units, seq, executed_at)
SELECT %s, v.trade_id, v.role, 'TRADE', NULL, %s, 'LONG', 1, 1, 0, 0, 0, v.trade_id,
       %s::timestamptz + make_interval(secs => v.trade_id)
  FROM unnest(%s::bigint[], %s::text[]) AS v(trade_id, role)
"""


def insert(trade_ids: list[int], roles: list[Role], market_id: str = BTC) -> None:
    """In one statement."""
    user_id = User.objects.earliest("pk").pk
    with connection.cursor() as cursor:
        cursor.execute(INSERT, [market_id, user_id, START, trade_ids, roles])


def trade(*numbers: int, market_id: str = BTC) -> None:
    """Both sides of each."""
    insert([number for number in numbers for _ in BOTH], [*BOTH] * len(numbers), market_id)
