"""What Postgres itself enforces about the journal.

Balance is checked per statement: all postings of an entry are inserted by the statement that
inserts the first of them, so one COPY may carry thousands of entries and pays one check.
TRUNCATE is left alone: it takes the table's owner, and test databases are emptied with it.
"""

from django.db import migrations

FORWARD = """
CREATE FUNCTION ledger_require_balanced_entries() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    unbalanced record;
BEGIN
    SELECT entry_id, sum(amount_units) AS total INTO unbalanced
      FROM inserted_postings GROUP BY entry_id HAVING sum(amount_units) <> 0
     ORDER BY entry_id LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'postings of journal entry % sum to % units instead of zero',
            unbalanced.entry_id, unbalanced.total
            USING ERRCODE = 'check_violation',
                  CONSTRAINT = 'posting_entry_sums_to_zero',
                  TABLE = 'ledger_posting',
                  HINT = 'Insert all postings of an entry in one statement.';
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION ledger_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% on %: the journal is append-only', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation',
              CONSTRAINT = 'journal_append_only',
              TABLE = TG_TABLE_NAME,
              HINT = 'Correct a wrong entry with another entry.';
END $$;

CREATE TRIGGER posting_entries_sum_to_zero
    AFTER INSERT ON ledger_posting
    REFERENCING NEW TABLE AS inserted_postings
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_require_balanced_entries();

CREATE TRIGGER posting_append_only
    BEFORE UPDATE OR DELETE ON ledger_posting
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_change();

CREATE TRIGGER journal_entry_append_only
    BEFORE UPDATE OR DELETE ON ledger_journalentry
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_change();
"""

BACKWARD = """
DROP TRIGGER posting_entries_sum_to_zero ON ledger_posting;
DROP TRIGGER posting_append_only ON ledger_posting;
DROP TRIGGER journal_entry_append_only ON ledger_journalentry;
DROP FUNCTION ledger_require_balanced_entries();
DROP FUNCTION ledger_refuse_change();
"""


class Migration(migrations.Migration):
    dependencies = [("ledger", "0001_initial")]

    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
