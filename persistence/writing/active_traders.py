"""⑤ Who traded on which day. A trader is told of once a day and market; Postgres knows the rest."""

from common.postgres.columns import numbers, words
from persistence.projection.batch import FillRow
from persistence.writing.pipeline import Statements

DATE_LENGTH = len("2026-11-28")  # what a moment in UTC begins with
INSERT_ACTIVE_TRADERS = """
    INSERT INTO trading_activetrader (market_id, day, user_id)
    SELECT %s, v.* FROM unnest(%s::date[], %s::bigint[]) AS v
        ON CONFLICT DO NOTHING
"""


def insert_active_traders(statements: Statements, market_id: str, fills: list[FillRow]) -> None:
    active = sorted({(row.executed_at[:DATE_LENGTH], row.user_id) for row in fills})
    if active:
        days, users = zip(*active, strict=True)
        statements.add(INSERT_ACTIVE_TRADERS, (market_id, words(days), numbers(users)))
