"""⑤ Lives of positions, read where they are open and written as they stand after a batch.

The cursor's lock keeps anybody else from doing so meanwhile, and the cursor commits with it, so
nothing is added twice.
"""

from typing import Any

from common.postgres.columns import numbers, numbers_or_nulls, words, words_or_nulls
from persistence.projection.lives import Life, Lives
from persistence.writing.pipeline import Cursor, Statements

# Written as they stand; the first is the key.
_SUMS = (
    "id", "max_lots", "entry_lots", "entry_units", "exit_lots", "exit_units", "realized_pnl_units",
    "fee_units", "liquidation_fee_units", "insurance_units", "loss_share_units", "funding_units",
)  # fmt: skip
_SUM_ARRAYS = """
    %s::bigint[], %s::bigint[], %s::numeric[], %s::numeric[], %s::numeric[], %s::numeric[],
    %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[]
"""
_ENDS = "closed_seq, closed_at, ending"
_END_ARRAYS = "%s::bigint[], %s::timestamptz[], %s::text[]"
_BIRTHS = "user_id, side, opened_seq, opened_at"
_BIRTH_ARRAYS = "%s::bigint[], %s::text[], %s::bigint[], %s::timestamptz[]"
LOAD_LIVES = f"""
    SELECT user_id, side, {", ".join(_SUMS)} FROM trading_positionlife
     WHERE user_id = ANY(%s::bigint[]) AND market_id = %s AND closed_at IS NULL
"""  # noqa: S608  names of columns
UPDATE_LIVES = f"""
    UPDATE trading_positionlife l
       SET {", ".join(f"{name} = v.{name}" for name in (*_SUMS[1:], *_ENDS.split(", ")))}
      FROM unnest({_SUM_ARRAYS}, {_END_ARRAYS}) AS v({", ".join(_SUMS)}, {_ENDS})
     WHERE l.id = v.id
"""  # noqa: S608
INSERT_LIVES = f"""
    INSERT INTO trading_positionlife (market_id, {_BIRTHS}, {", ".join(_SUMS[1:])}, {_ENDS})
    SELECT %s, {_BIRTHS}, {", ".join(_SUMS[1:])}, {_ENDS}
      FROM unnest({_BIRTH_ARRAYS}, {_SUM_ARRAYS}, {_END_ARRAYS})
           AS v({_BIRTHS}, {", ".join(_SUMS)}, {_ENDS})
"""  # noqa: S608


def load_lives(cursor: Cursor, market_id: str, owners: set[int]) -> Lives:
    if not owners:
        return Lives()
    lives = Lives()
    for user_id, side, *sums in cursor.execute(LOAD_LIVES, (numbers(owners), market_id)):
        values: dict[str, Any] = dict(zip(_SUMS, map(int, sums), strict=True))
        lives.open[user_id] = Life(user_id, side, **values)
    return lives


def write_lives(statements: Statements, market_id: str, lives: Lives) -> None:
    """Those that ended first: a trader has at most one that is open."""
    known = [life for life in lives.touched.values() if life.id]
    if known:
        values = (*_sums(known), *_ends(known))
        statements.add(UPDATE_LIVES, values, expected=len(known), what="position lives")
    new = [life for life in lives.touched.values() if not life.id]
    if new:
        births = (
            numbers(life.user_id for life in new),
            words(life.side for life in new),
            numbers(life.opened_seq for life in new),
            words(life.opened_at for life in new),
        )
        statements.add(INSERT_LIVES, (market_id, *births, *_sums(new), *_ends(new)))


def _sums(lives: list[Life]) -> list[str]:
    return [numbers(getattr(life, name) for life in lives) for name in _SUMS]


def _ends(lives: list[Life]) -> tuple[str, str, str]:
    return (
        numbers_or_nulls(life.closed_seq for life in lives),
        words_or_nulls(life.closed_at for life in lives),
        words(life.ending for life in lives),
    )
