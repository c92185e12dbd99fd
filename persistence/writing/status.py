"""⑤ Status rows: where each market's engine stood at its cursor."""

from collections.abc import Sequence
from typing import NamedTuple

from common.postgres.columns import (
    numbers,
    numbers_or_nulls,
    truths_or_nulls,
    words,
    words_or_nulls,
)
from persistence.projection.batch import StatusChange
from persistence.writing.pipeline import Statements

# NULL leaves a column as it is.
UPDATE_STATUSES = """
    UPDATE markets_marketstatus s
       SET state = COALESCE(v.state, s.state),
           state_reason = COALESCE(v.reason, s.state_reason),
           applied_config_version = COALESCE(v.config, s.applied_config_version),
           mark_price_ticks = COALESCE(v.mark, s.mark_price_ticks),
           index_price_ticks = COALESCE(v.index, s.index_price_ticks),
           last_price_ticks = COALESCE(v.last, s.last_price_ticks),
           mark_price_at = COALESCE(
               timestamptz 'epoch' + v.mark_ms * interval '1 millisecond', s.mark_price_at
           ),
           index_ms = COALESCE(v.index_ms, s.index_ms),
           index_stale = COALESCE(v.stale, s.index_stale),
           premium_sum_ppb = COALESCE(v.premium_sum, s.premium_sum_ppb),
           premium_count = COALESCE(v.premium_count, s.premium_count),
           funding_rate_ppb = COALESCE(v.rate, s.funding_rate_ppb),
           funding_carry = COALESCE(v.carry, s.funding_carry),
           next_funding_ms = COALESCE(v.next_funding, s.next_funding_ms),
           funding_since_ms = COALESCE(
               v.since, CASE WHEN s.next_funding_ms = 0 THEN v.first_index END, s.funding_since_ms
           ),
           funding_is_split = COALESCE(v.split, s.funding_is_split),
           funding_accrued_ppb = COALESCE(v.accrued, s.funding_accrued_ppb),
           breaker_armed = COALESCE(v.armed, s.breaker_armed),
           insurance_units = s.insurance_units + v.insurance
      FROM unnest(
          %s::text[], %s::text[], %s::text[], %s::bigint[], %s::bigint[], %s::bigint[],
          %s::bigint[], %s::bigint[], %s::bigint[], %s::boolean[], %s::bigint[], %s::bigint[],
          %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[], %s::boolean[],
          %s::bigint[], %s::boolean[], %s::bigint[])
           AS v(market_id, state, reason, config, mark, index, last, mark_ms, index_ms, stale,
                premium_sum, premium_count, rate, carry, next_funding, first_index, since, split,
                accrued, armed, insurance)
     WHERE s.market_id = v.market_id
"""


class MarketChange(NamedTuple):
    """What a batch changes about the status of its market."""

    market_id: str
    status: StatusChange


def update_statuses(statements: Statements, changes: Sequence[MarketChange]) -> None:
    """Of any number of markets, each named once."""
    if not changes:
        return
    rows = [change.status for change in changes]
    columns = (
        words(change.market_id for change in changes),
        words_or_nulls(row.state for row in rows),
        words_or_nulls(row.state_reason for row in rows),
        numbers_or_nulls(row.applied_config_version for row in rows),
        numbers_or_nulls(row.mark_price_ticks for row in rows),
        numbers_or_nulls(row.index_price_ticks for row in rows),
        numbers_or_nulls(row.last_price_ticks for row in rows),
        numbers_or_nulls(row.mark_price_ms for row in rows),
        numbers_or_nulls(row.index_ms for row in rows),
        truths_or_nulls(row.index_stale for row in rows),
        numbers_or_nulls(row.premium_sum_ppb for row in rows),
        numbers_or_nulls(row.premium_count for row in rows),
        numbers_or_nulls(row.funding_rate_ppb for row in rows),
        numbers_or_nulls(row.funding_carry for row in rows),
        numbers_or_nulls(row.next_funding_ms for row in rows),
        numbers_or_nulls(row.first_index_ms for row in rows),
        numbers_or_nulls(row.funding_since_ms for row in rows),
        truths_or_nulls(row.funding_is_split for row in rows),
        numbers_or_nulls(row.funding_accrued_ppb for row in rows),
        truths_or_nulls(row.breaker_armed for row in rows),
        numbers(row.insurance_delta_units for row in rows),
    )
    statements.add(UPDATE_STATUSES, columns, expected=len(changes), what="market statuses")
