"""What postings of the exchange's own accounts add up to, by interval.

Ordered, so that two transactions that add to the same rows wait for one another in the same order:
the longest interval first, as a longer one begins no later. What orders hold is in no flow, and is
seen to be in none before entries are looked at.
"""

ADD_TO_FLOWS = """
CREATE OR REPLACE FUNCTION ledger_add_flows() RETURNS trigger LANGUAGE plpgsql
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    first_id bigint;
    last_id bigint;
BEGIN
    IF NOT EXISTS (
        SELECT FROM inserted_postings posting
          JOIN ledger_account account ON account.id = posting.account_id
         WHERE account.user_id IS NULL AND account.kind <> 'clearing'
    ) THEN
        RETURN NULL;
    END IF;
    SELECT min(entry_id), max(entry_id) INTO first_id, last_id FROM inserted_postings;
    INSERT INTO ledger_accountflow AS flow
           (interval_ms, start_ms, market_id, account_kind, entry_kind, amount_units)
    SELECT kept.interval_ms,
           floor(extract(epoch FROM entry.created_at) * 1000 / kept.interval_ms)::bigint
               * kept.interval_ms AS start_ms,
           entry.market_id, account.kind AS account_kind, entry.kind AS entry_kind,
           sum(posting.amount_units) AS amount_units
      FROM inserted_postings posting
      JOIN ledger_account account ON account.id = posting.account_id
      JOIN ledger_journalentry entry
        ON entry.id = posting.entry_id AND entry.id BETWEEN first_id AND last_id
     CROSS JOIN (VALUES (3600000), (60000)) AS kept(interval_ms)
     WHERE account.user_id IS NULL AND account.kind <> 'clearing'
     GROUP BY 1, 2, 3, 4, 5
     ORDER BY kept.interval_ms DESC, 2, 3, 4, 5
        ON CONFLICT (interval_ms, start_ms, market_id, account_kind, entry_kind) DO UPDATE
       SET amount_units = flow.amount_units + excluded.amount_units;
    RETURN NULL;
END $$;
"""

ADD_FLOWS = f"""
{ADD_TO_FLOWS}
CREATE TRIGGER posting_adds_to_flows
    AFTER INSERT ON ledger_posting
    REFERENCING NEW TABLE AS inserted_postings
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_add_flows();
"""
