"""The journal and its wallets, and what Postgres itself enforces about them.

Balance is checked per statement: all postings of an entry are inserted by the statement that
inserts the first of them, so one statement may carry thousands of entries and pays one check. What
postings and entries name is looked up together there, too: foreign keys, checked row by row, were
half of what persisting a batch cost. Entries and accounts can't go away, and with its accounts a
user or a market is held by their foreign keys. TRUNCATE is left alone: it takes the table's owner,
and test databases are emptied with it.

The planner settings keep the look-ups on the primary keys, whatever number of rows the plan was
made for: a plan made for thousands would read whole tables for two.
"""

import django.db.models.deletion
import ledger.models
from django.conf import settings
from django.db import migrations, models


JOURNAL_RULES = """
CREATE FUNCTION ledger_require_balanced_entries() RETURNS trigger LANGUAGE plpgsql
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


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('accounts', '0001_initial'),
        ('markets', '0001_initial'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Account',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('available', 'available'), ('held', 'held'), ('margin', 'margin'), ('insurance', 'insurance'), ('clearing', 'clearing'), ('fees', 'fees'), ('deposits', 'deposits'), ('withdrawals', 'withdrawals')], max_length=16)),
                ('market', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='ledger_accounts', to='markets.market')),
                ('user', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='ledger_accounts', to=settings.AUTH_USER_MODEL)),
            ],
        ),
        migrations.CreateModel(
            name='JournalEntry',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('deposit', 'deposit'), ('order_hold', 'order_hold'), ('hold_release', 'hold_release'), ('fill', 'fill'), ('liquidation', 'liquidation'), ('adl', 'adl'), ('settlement', 'settlement'), ('funding', 'funding'), ('amend_hold', 'amend_hold'), ('margin_hold', 'margin_hold'), ('margin_added', 'margin_added'), ('margin_removed', 'margin_removed'), ('insurance_topup', 'insurance_topup')], max_length=16)),
                ('seq', models.BigIntegerField(help_text="Of the engine's output entry, where one caused it.", null=True, verbose_name='sequence')),
                ('order_id', models.BigIntegerField(null=True, verbose_name='order')),
                ('trade_id', models.BigIntegerField(null=True, verbose_name='trade')),
                ('created_at', models.DateTimeField()),
                ('market', models.ForeignKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, to='markets.market')),
            ],
            options={
                'verbose_name_plural': 'journal entries',
                'ordering': ['-id'],
            },
        ),
        migrations.CreateModel(
            name='Deposit',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('amount_units', models.BigIntegerField()),
                ('idempotency_key', models.CharField(blank=True, max_length=64, null=True)),
                ('status', models.CharField(choices=[('requested', 'requested'), ('approved', 'approved'), ('refused', 'refused')], default=ledger.models.DepositStatus['REQUESTED'], max_length=9)),
                ('requested_at', models.DateTimeField(auto_now_add=True)),
                ('decided_at', models.DateTimeField(null=True)),
                ('decided_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='deposits', to=settings.AUTH_USER_MODEL)),
                ('entry', models.OneToOneField(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='deposit', to='ledger.journalentry')),
            ],
            options={
                'ordering': ['-id'],
                'permissions': [('decide_deposit', 'Can approve and refuse deposits')],
            },
        ),
        migrations.CreateModel(
            name='Posting',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('amount_units', models.BigIntegerField()),
                ('kind', models.CharField(choices=[('realized_pnl', 'realized_pnl'), ('fee', 'fee'), ('liquidation_fee', 'liquidation_fee'), ('insurance_cover', 'insurance_cover'), ('loss_share', 'loss_share')], help_text='What its owner gained or lost by it; empty: as its entry.', max_length=16, null=True)),
                ('account', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='postings', to='ledger.account')),
                ('entry', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.PROTECT, related_name='postings', to='ledger.journalentry')),
            ],
            options={
                'ordering': ['-id'],
            },
        ),
        migrations.CreateModel(
            name='Wallet',
            fields=[
                ('user', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, primary_key=True, related_name='wallet', serialize=False, to=settings.AUTH_USER_MODEL)),
                ('available_units', models.BigIntegerField(db_default=0, default=0)),
                ('held_units', models.BigIntegerField(db_default=0, default=0)),
            ],
            options={
                'constraints': [models.CheckConstraint(condition=models.Q(('available_units__gte', 0)), name='wallet_available_not_negative'), models.CheckConstraint(condition=models.Q(('held_units__gte', 0)), name='wallet_held_not_negative')],
            },
        ),
        migrations.AddConstraint(
            model_name='account',
            constraint=models.UniqueConstraint(fields=('user', 'kind', 'market'), name='account_once_per_owner', nulls_distinct=False),
        ),
        migrations.AddConstraint(
            model_name='account',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('kind__in', (ledger.models.AccountKind['AVAILABLE'], ledger.models.AccountKind['HELD'], ledger.models.AccountKind['MARGIN'])), ('market__isnull', True), ('user__isnull', False)), models.Q(('kind__in', (ledger.models.AccountKind['INSURANCE'], ledger.models.AccountKind['CLEARING'])), ('market__isnull', False), ('user__isnull', True)), models.Q(('kind__in', (ledger.models.AccountKind['FEES'], ledger.models.AccountKind['DEPOSITS'], ledger.models.AccountKind['WITHDRAWALS'])), ('market__isnull', True), ('user__isnull', True)), _connector='OR'), name='account_has_its_owner'),
        ),
        migrations.AddIndex(
            model_name='journalentry',
            index=models.Index(condition=models.Q(('seq__isnull', False)), fields=['market', 'seq'], name='journal_entry_of_seq'),
        ),
        migrations.AddIndex(
            model_name='journalentry',
            index=models.Index(condition=models.Q(('order_id__isnull', False)), fields=['order_id'], name='journal_of_order'),
        ),
        migrations.AddIndex(
            model_name='deposit',
            index=models.Index(condition=models.Q(('status', ledger.models.DepositStatus['REQUESTED'])), fields=['id'], name='deposit_waiting'),
        ),
        migrations.AddConstraint(
            model_name='deposit',
            constraint=models.UniqueConstraint(condition=models.Q(('idempotency_key__isnull', False)), fields=('idempotency_key', 'user'), name='deposit_idempotency_key_once_per_user'),
        ),
        migrations.AddConstraint(
            model_name='deposit',
            constraint=models.CheckConstraint(condition=models.Q(('amount_units__gt', 0)), name='deposit_positive'),
        ),
        migrations.AddConstraint(
            model_name='deposit',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('entry__isnull', False), ('status', ledger.models.DepositStatus['APPROVED'])), models.Q(models.Q(('status', ledger.models.DepositStatus['APPROVED']), _negated=True), ('entry__isnull', True)), _connector='OR'), name='deposit_approved_has_entry'),
        ),
        migrations.AddConstraint(
            model_name='deposit',
            constraint=models.CheckConstraint(condition=models.Q(('decided_by', models.F('user')), _negated=True), name='deposit_decided_by_another'),
        ),
        migrations.AddIndex(
            model_name='posting',
            index=models.Index(fields=['account', '-id'], name='posting_of_account'),
        ),
        migrations.AddConstraint(
            model_name='posting',
            constraint=models.CheckConstraint(condition=models.Q(('amount_units', 0), _negated=True), name='posting_moves_something'),
        ),
        migrations.RunSQL(JOURNAL_RULES),
    ]
