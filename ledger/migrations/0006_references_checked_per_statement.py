"""References of the journal, checked for a whole statement at once.

A foreign key is checked row by row; of what persisting a batch cost Postgres, that was half. Here
the rows a statement inserted are looked up together, in the trigger that adds them up anyway. What
they refer to can't go away: entries are append-only already, accounts are so from here on, and with
its accounts a user or a market is held by their foreign keys.

The planner settings keep the look-ups on the primary keys, whatever number of rows the plan was
made for: a plan made for thousands would read whole tables for two.
"""

import django.db.models.deletion
from django.db import migrations, models


FORWARD = """
CREATE OR REPLACE FUNCTION ledger_require_balanced_entries() RETURNS trigger LANGUAGE plpgsql
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE
    wrong record;
BEGIN
    SELECT sums.entry_id, sums.total, entry.id IS NULL AS missing INTO wrong
      FROM (SELECT entry_id, sum(amount_units) AS total
              FROM inserted_postings GROUP BY entry_id) AS sums
      LEFT JOIN ledger_journalentry entry ON entry.id = sums.entry_id
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

CREATE FUNCTION ledger_require_market_of_entries() RETURNS trigger LANGUAGE plpgsql
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE
    wrong record;
BEGIN
    SELECT named.market_id INTO wrong
      FROM (SELECT DISTINCT market_id FROM inserted_entries WHERE market_id IS NOT NULL) AS named
      LEFT JOIN trading_market market ON market.id = named.market_id
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

CREATE FUNCTION ledger_refuse_account_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% on ledger_account: accounts stay as they were made', TG_OP
        USING ERRCODE = 'restrict_violation',
              CONSTRAINT = 'account_unchanged',
              TABLE = TG_TABLE_NAME;
END $$;

CREATE TRIGGER account_unchanged
    BEFORE UPDATE OR DELETE ON ledger_account
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_account_change();
"""

BACKWARD = """
DROP TRIGGER account_unchanged ON ledger_account;
DROP FUNCTION ledger_refuse_account_change();
DROP TRIGGER journal_entry_market_exists ON ledger_journalentry;
DROP FUNCTION ledger_require_market_of_entries();
CREATE OR REPLACE FUNCTION ledger_require_balanced_entries() RETURNS trigger LANGUAGE plpgsql AS $$
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
"""


class Migration(migrations.Migration):

    dependencies = [
        ('ledger', '0005_perpetual_rules'),
        ('trading', '0009_references_checked_per_statement'),
    ]

    operations = [
        migrations.AlterField(
            model_name='journalentry',
            name='market',
            field=models.ForeignKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, to='trading.market'),
        ),
        migrations.AlterField(
            model_name='posting',
            name='account',
            field=models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='postings', to='ledger.account'),
        ),
        migrations.AlterField(
            model_name='posting',
            name='entry',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.PROTECT, related_name='postings', to='ledger.journalentry'),
        ),
        migrations.RunSQL(FORWARD, BACKWARD),
    ]
