"""The journal balances, and names what is there.

Balance is checked per statement: all postings of an entry are inserted by the statement that
inserts the first of them, so one statement may carry thousands of entries and pays one check. What
postings and entries name is looked up together there, too: foreign keys, checked row by row, were
half of what persisting a batch cost.

The planner settings keep the look-ups on the primary keys, whatever number of rows the plan was
made for: a plan made for thousands would read whole tables for two. Of the partitions of entries a
plan that is kept opens those alone that have ids between the bounds which it is told.
"""

REQUIRE_BALANCED_ENTRIES = """
CREATE OR REPLACE FUNCTION ledger_require_balanced_entries() RETURNS trigger LANGUAGE plpgsql
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    wrong record;
    first_id bigint;
    last_id bigint;
BEGIN
    SELECT min(entry_id), max(entry_id) INTO first_id, last_id FROM inserted_postings;
    SELECT sums.entry_id, sums.total, entry.id IS NULL AS missing INTO wrong
      FROM (SELECT entry_id, sum(amount_units) AS total
              FROM inserted_postings GROUP BY entry_id) AS sums
      LEFT JOIN ledger_journalentry entry
        ON entry.id = sums.entry_id AND entry.id BETWEEN first_id AND last_id
     WHERE sums.total <> 0 OR entry.id IS NULL
     ORDER BY sums.entry_id LIMIT 1;
    IF FOUND AND wrong.missing THEN
        RAISE EXCEPTION 'a posting names journal entry %, which is not there', wrong.entry_id
            USING ERRCODE = 'foreign_key_violation',
                  CONSTRAINT = 'posting_entry_exists',
                  TABLE = 'ledger_posting';
    ELSIF FOUND THEN
        RAISE EXCEPTION 'postings of journal entry % sum to % units instead of zero',
            wrong.entry_id, wrong.total
            USING ERRCODE = 'check_violation',
                  CONSTRAINT = 'posting_entry_sums_to_zero',
                  TABLE = 'ledger_posting',
                  HINT = 'Insert all postings of an entry in one statement.';
    END IF;
    SELECT named.account_id INTO wrong
      FROM (SELECT DISTINCT account_id FROM inserted_postings) AS named
      LEFT JOIN ledger_account account ON account.id = named.account_id
     WHERE account.id IS NULL LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'a posting names account %, which is not there', wrong.account_id
            USING ERRCODE = 'foreign_key_violation',
                  CONSTRAINT = 'posting_account_exists',
                  TABLE = 'ledger_posting';
    END IF;
    RETURN NULL;
END $$;
"""

BALANCED_POSTINGS = f"""
{REQUIRE_BALANCED_ENTRIES}
CREATE TRIGGER posting_entries_sum_to_zero
    AFTER INSERT ON ledger_posting
    REFERENCING NEW TABLE AS inserted_postings
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_require_balanced_entries();
"""

MARKETS_OF_ENTRIES = """
CREATE FUNCTION ledger_require_market_of_entries() RETURNS trigger LANGUAGE plpgsql
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE
    wrong record;
BEGIN
    SELECT named.market_id INTO wrong
      FROM (SELECT DISTINCT market_id FROM inserted_entries WHERE market_id IS NOT NULL) AS named
      LEFT JOIN markets_market market ON market.id = named.market_id
     WHERE market.id IS NULL LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'a journal entry names market %, which is not there', wrong.market_id
            USING ERRCODE = 'foreign_key_violation',
                  CONSTRAINT = 'journal_entry_market_exists',
                  TABLE = 'ledger_journalentry';
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER journal_entry_market_exists
    AFTER INSERT ON ledger_journalentry
    REFERENCING NEW TABLE AS inserted_entries
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_require_market_of_entries();
"""
