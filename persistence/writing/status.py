"""⑤ The market's status row: where its engine stood at the cursor."""

from persistence.projection.batch import Batch
from persistence.writing.pipeline import Statements

UPSERT_STATUS = """
    INSERT INTO markets_marketstatus AS s
           (market_id, state, state_reason, applied_config_version, mark_price_ticks,
            index_price_ticks, last_price_ticks, mark_price_at, index_ms, index_stale,
            premium_sum_ppb, premium_count, funding_rate_ppb, funding_carry, next_funding_ms,
            funding_since_ms, funding_is_split, funding_accrued_ppb,
            breaker_armed, insurance_units)
    VALUES (%(market_id)s, COALESCE(%(state)s::text, 'PRE_OPEN'),
            COALESCE(%(reason)s::text, 'OPERATOR'),
            COALESCE(%(config)s::bigint, 0), COALESCE(%(mark)s::bigint, 0),
            COALESCE(%(index)s::bigint, 0), COALESCE(%(last)s::bigint, 0),
            timestamptz 'epoch' + %(mark_ms)s::bigint * interval '1 millisecond',
            COALESCE(%(index_ms)s::bigint, 0), COALESCE(%(stale)s::boolean, false),
            COALESCE(%(premium_sum)s::bigint, 0), COALESCE(%(premium_count)s::bigint, 0),
            COALESCE(%(rate)s::bigint, 0), COALESCE(%(carry)s::bigint, 0),
            COALESCE(%(next_funding)s::bigint, 0),
            COALESCE(%(since)s::bigint, %(first_index)s::bigint, 0),
            COALESCE(%(split)s::boolean, false), COALESCE(%(accrued)s::bigint, 0),
            COALESCE(%(armed)s::boolean, true),
            %(insurance)s::bigint)
        ON CONFLICT (market_id) DO UPDATE
       SET state = COALESCE(%(state)s::text, s.state),
           state_reason = COALESCE(%(reason)s::text, s.state_reason),
           applied_config_version = COALESCE(%(config)s::bigint, s.applied_config_version),
           mark_price_ticks = COALESCE(%(mark)s::bigint, s.mark_price_ticks),
           index_price_ticks = COALESCE(%(index)s::bigint, s.index_price_ticks),
           last_price_ticks = COALESCE(%(last)s::bigint, s.last_price_ticks),
           mark_price_at = COALESCE(excluded.mark_price_at, s.mark_price_at),
           index_ms = COALESCE(%(index_ms)s::bigint, s.index_ms),
           index_stale = COALESCE(%(stale)s::boolean, s.index_stale),
           premium_sum_ppb = COALESCE(%(premium_sum)s::bigint, s.premium_sum_ppb),
           premium_count = COALESCE(%(premium_count)s::bigint, s.premium_count),
           funding_rate_ppb = COALESCE(%(rate)s::bigint, s.funding_rate_ppb),
           funding_carry = COALESCE(%(carry)s::bigint, s.funding_carry),
           next_funding_ms = COALESCE(%(next_funding)s::bigint, s.next_funding_ms),
           funding_since_ms = COALESCE(
               %(since)s::bigint,
               CASE WHEN s.next_funding_ms = 0 THEN %(first_index)s::bigint END,
               s.funding_since_ms
           ),
           funding_is_split = COALESCE(%(split)s::boolean, s.funding_is_split),
           funding_accrued_ppb = COALESCE(%(accrued)s::bigint, s.funding_accrued_ppb),
           breaker_armed = COALESCE(%(armed)s::boolean, s.breaker_armed),
           insurance_units = s.insurance_units + %(insurance)s::bigint
"""


def upsert_status(statements: Statements, batch: Batch) -> None:
    status = batch.status
    if status is not None:
        values = {
            "market_id": batch.market_id,
            "state": status.state,
            "reason": status.state_reason,
            "config": status.applied_config_version,
            "mark": status.mark_price_ticks,
            "index": status.index_price_ticks,
            "last": status.last_price_ticks,
            "mark_ms": status.mark_price_ms,
            "index_ms": status.index_ms,
            "stale": status.index_stale,
            "premium_sum": status.premium_sum_ppb,
            "premium_count": status.premium_count,
            "rate": status.funding_rate_ppb,
            "carry": status.funding_carry,
            "next_funding": status.next_funding_ms,
            "first_index": status.first_index_ms,
            "since": status.funding_since_ms,
            "split": status.funding_is_split,
            "accrued": status.funding_accrued_ppb,
            "armed": status.breaker_armed,
            "insurance": status.insurance_delta_units,
        }
        statements.add(UPSERT_STATUS, values)
