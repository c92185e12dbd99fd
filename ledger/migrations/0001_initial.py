"""The journal and its wallets, what Postgres itself enforces about them, and what moves money in and out."""

import common.outgoing.due_rows
import django.contrib.postgres.fields
import django.contrib.postgres.indexes
import django.db.models.deletion
import django.db.models.functions.datetime
import ledger.models.accounts
import ledger.models.adjustments
import ledger.models.deposits
import ledger.models.withdrawal_states
import uuid
from django.conf import settings
from django.db import migrations, models

from common.postgres.schema.tables import CreateTables
from ledger.migrations.rules.append_only import ACCOUNTS_UNCHANGED, APPEND_ONLY, REFUSE_CHANGE
from ledger.migrations.rules.flows import ADD_FLOWS
from ledger.migrations.rules.journal import BALANCED_POSTINGS, MARKETS_OF_ENTRIES
from ledger.migrations.rules.withdrawals import WITHDRAWAL_STEPS


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('approvals', '0001_initial'),
        ('markets', '0001_initial'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        CreateTables([
            migrations.CreateModel(
                name='Account',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('kind', models.CharField(choices=[('available', 'available'), ('held', 'held'), ('margin', 'margin'), ('insurance', 'insurance'), ('clearing', 'clearing'), ('fees', 'fees'), ('deposits', 'deposits'), ('withdrawals', 'withdrawals'), ('adjustments', 'adjustments')], max_length=16)),
                    ('user', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='ledger_accounts', to=settings.AUTH_USER_MODEL)),
                    ('market', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='ledger_accounts', to='markets.market')),
                ],
                options={
                    'constraints': [
                        models.UniqueConstraint(fields=('user', 'kind', 'market'), name='account_once_per_owner', nulls_distinct=False),
                        models.CheckConstraint(condition=models.Q(models.Q(('kind__in', (ledger.models.accounts.AccountKind['AVAILABLE'], ledger.models.accounts.AccountKind['HELD'], ledger.models.accounts.AccountKind['MARGIN'])), ('market__isnull', True), ('user__isnull', False)), models.Q(('kind__in', (ledger.models.accounts.AccountKind['INSURANCE'], ledger.models.accounts.AccountKind['CLEARING'])), ('market__isnull', False), ('user__isnull', True)), models.Q(('kind__in', (ledger.models.accounts.AccountKind['FEES'], ledger.models.accounts.AccountKind['DEPOSITS'], ledger.models.accounts.AccountKind['WITHDRAWALS'], ledger.models.accounts.AccountKind['ADJUSTMENTS'])), ('market__isnull', True), ('user__isnull', True)), _connector='OR'), name='account_has_its_owner'),
                    ],
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
                    'constraints': [
                        models.CheckConstraint(condition=models.Q(('available_units__gte', 0)), name='wallet_available_not_negative'),
                        models.CheckConstraint(condition=models.Q(('held_units__gte', 0)), name='wallet_held_not_negative'),
                    ],
                },
            ),
            migrations.CreateModel(
                name='JournalEntry',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('kind', models.CharField(choices=[('deposit', 'deposit'), ('order_hold', 'order_hold'), ('hold_release', 'hold_release'), ('fill', 'fill'), ('liquidation', 'liquidation'), ('adl', 'adl'), ('settlement', 'settlement'), ('funding', 'funding'), ('amend_hold', 'amend_hold'), ('margin_hold', 'margin_hold'), ('margin_added', 'margin_added'), ('margin_removed', 'margin_removed'), ('insurance_topup', 'insurance_topup'), ('adjustment', 'adjustment'), ('transfer', 'transfer'), ('referral', 'referral'), ('withdrawal_hold', 'withdrawal_hold'), ('withdrawal', 'withdrawal'), ('withdrawal_back', 'withdrawal_back')], max_length=16)),
                    ('market', models.ForeignKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, to='markets.market')),
                    ('seq', models.BigIntegerField(help_text="Of the engine's output entry, where one caused it.", null=True, verbose_name='sequence')),
                    ('order_id', models.BigIntegerField(null=True, verbose_name='order')),
                    ('trade_id', models.BigIntegerField(null=True, verbose_name='trade')),
                    ('created_at', models.DateTimeField()),
                ],
                options={
                    'verbose_name_plural': 'journal entries',
                    'ordering': ['-id'],
                    'indexes': [
                        models.Index(condition=models.Q(('seq__isnull', False)), fields=['market', 'seq'], name='journal_entry_of_seq'),
                        models.Index(condition=models.Q(('order_id__isnull', False)), fields=['order_id'], name='journal_of_order'),
                        django.contrib.postgres.indexes.BrinIndex(autosummarize=True, fields=['created_at'], name='journal_by_time', pages_per_range=32),
                    ],
                },
            ),
            migrations.CreateModel(
                name='Posting',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('entry', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.PROTECT, related_name='postings', to='ledger.journalentry')),
                    ('account', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='postings', to='ledger.account')),
                    ('amount_units', models.BigIntegerField()),
                    ('kind', models.CharField(choices=[('realized_pnl', 'realized_pnl'), ('fee', 'fee'), ('liquidation_fee', 'liquidation_fee'), ('insurance_cover', 'insurance_cover'), ('loss_share', 'loss_share')], help_text='What its owner gained or lost by it; empty: as its entry.', max_length=16, null=True)),
                ],
                options={
                    'ordering': ['-id'],
                    'indexes': [models.Index(fields=['account', 'id'], name='posting_by_account')],
                    'constraints': [
                        models.CheckConstraint(condition=models.Q(('amount_units', 0), _negated=True), name='posting_moves_something'),
                    ],
                },
            ),
            migrations.CreateModel(
                name='AccountFlow',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('interval_ms', models.IntegerField()),
                    ('start_ms', models.BigIntegerField()),
                    ('market', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='markets.market')),
                    ('account_kind', models.CharField(max_length=16)),
                    ('entry_kind', models.CharField(max_length=16)),
                    ('amount_units', models.DecimalField(decimal_places=0, max_digits=40)),
                ],
                options={
                    'constraints': [
                        models.UniqueConstraint(fields=('interval_ms', 'start_ms', 'market', 'account_kind', 'entry_kind'), name='account_flow_once_per_interval', nulls_distinct=False),
                    ],
                },
            ),
            migrations.CreateModel(
                name='Adjustment',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('user', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='adjustments', to=settings.AUTH_USER_MODEL)),
                    ('amount_units', models.BigIntegerField()),
                    ('category', models.CharField(choices=[('refund', 'refund'), ('compensation', 'compensation'), ('correction', 'correction'), ('incentive', 'incentive'), ('recovery', 'recovery'), ('reversal', 'reversal')], max_length=12)),
                    ('reference', models.CharField(max_length=64)),
                    ('reason', models.CharField(max_length=500)),
                    ('reverses', models.OneToOneField(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='reversed_by', to='ledger.adjustment')),
                    ('proposal', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='adjustments', to='approvals.proposal')),
                    ('entry', models.OneToOneField(db_constraint=False, on_delete=django.db.models.deletion.PROTECT, related_name='adjustment', to='ledger.journalentry')),
                    ('adjusted_at', models.DateTimeField()),
                ],
                options={
                    'ordering': ['-id'],
                    'permissions': [
                        ('propose_adjustment', 'Can propose adjustments of wallets'),
                        ('decide_adjustment', 'Can approve and refuse adjustments of wallets'),
                    ],
                    'indexes': [models.Index(fields=['user', '-id'], name='adjustment_of_user')],
                    'constraints': [
                        models.CheckConstraint(condition=models.Q(('amount_units', 0), _negated=True), name='adjustment_moves_something'),
                        models.CheckConstraint(condition=models.Q(models.Q(('category', ledger.models.adjustments.AdjustmentCategory['REVERSAL']), ('reverses__isnull', False)), models.Q(models.Q(('category', ledger.models.adjustments.AdjustmentCategory['REVERSAL']), _negated=True), ('reverses__isnull', True)), _connector='OR'), name='adjustment_reversal_names_what'),
                        models.UniqueConstraint(fields=('reference', 'user'), name='adjustment_once_per_reference'),
                    ],
                },
            ),
            migrations.CreateModel(
                name='Deposit',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('user', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='deposits', to=settings.AUTH_USER_MODEL)),
                    ('amount_units', models.BigIntegerField()),
                    ('idempotency_key', models.CharField(blank=True, max_length=64, null=True)),
                    ('status', models.CharField(choices=[('requested', 'requested'), ('approved', 'approved'), ('refused', 'refused')], default=ledger.models.deposits.DepositStatus['REQUESTED'], max_length=9)),
                    ('entry', models.OneToOneField(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='deposit', to='ledger.journalentry')),
                    ('requested_at', models.DateTimeField(auto_now_add=True)),
                    ('decided_at', models.DateTimeField(null=True)),
                    ('decided_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ],
                options={
                    'ordering': ['-id'],
                    'permissions': [('decide_deposit', 'Can approve and refuse deposits')],
                    'indexes': [
                        models.Index(condition=models.Q(('status', ledger.models.deposits.DepositStatus['REQUESTED'])), fields=['id'], name='deposit_waiting'),
                    ],
                    'constraints': [
                        models.UniqueConstraint(condition=models.Q(('idempotency_key__isnull', False)), fields=('idempotency_key', 'user'), name='deposit_idempotency_key_once_per_user'),
                        models.CheckConstraint(condition=models.Q(('amount_units__gt', 0)), name='deposit_positive'),
                        models.CheckConstraint(condition=models.Q(models.Q(('entry__isnull', False), ('status', ledger.models.deposits.DepositStatus['APPROVED'])), models.Q(models.Q(('status', ledger.models.deposits.DepositStatus['APPROVED']), _negated=True), ('entry__isnull', True)), _connector='OR'), name='deposit_approved_has_entry'),
                        models.CheckConstraint(condition=models.Q(('decided_by', models.F('user')), _negated=True), name='deposit_decided_by_another'),
                    ],
                },
            ),
            migrations.CreateModel(
                name='WithdrawalAddress',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('user', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('network', models.CharField(max_length=16)),
                    ('address', models.CharField(max_length=120)),
                    ('label', models.CharField(max_length=50)),
                    ('added_at', models.DateTimeField()),
                    ('usable_at', models.DateTimeField()),
                    ('removed_at', models.DateTimeField(null=True)),
                ],
                options={
                    'default_permissions': (),
                    'indexes': [
                        models.Index(fields=['user', 'id'], name='withdrawal_address_of_user'),
                    ],
                    'constraints': [
                        models.UniqueConstraint(condition=models.Q(('removed_at', None)), fields=('user', 'network', 'address'), name='withdrawal_address_once_per_user'),
                        models.CheckConstraint(condition=models.Q(('usable_at__gte', models.F('added_at'))), name='withdrawal_address_cools'),
                    ],
                },
            ),
            migrations.CreateModel(
                name='WithdrawalLimit',
                fields=[
                    ('level', models.SmallIntegerField(primary_key=True, serialize=False)),
                    ('day_units', models.BigIntegerField()),
                    ('automatic_units', models.BigIntegerField()),
                    ('one_units', models.BigIntegerField()),
                    ('proposal', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='approvals.proposal')),
                ],
                options={
                    'ordering': ['level'],
                    'permissions': [
                        ('propose_withdrawal_limit', 'Can propose limits of withdrawals'),
                        ('decide_withdrawal_limit', 'Can approve and refuse limits of withdrawals'),
                    ],
                    'default_permissions': ('view',),
                    'constraints': [
                        models.CheckConstraint(condition=models.Q(('level__gte', 0), ('level__lte', 3), ('automatic_units__gte', 0), ('day_units__gte', 0), ('one_units__gte', models.F('automatic_units'))), name='withdrawal_limit_rises'),
                    ],
                },
            ),
            migrations.CreateModel(
                name='SendingStop',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('cause', models.CharField(choices=[('reconciliation', 'reconciliation'), ('float', 'float'), ('case', 'case'), ('operator', 'operator')], max_length=14)),
                    ('words', models.CharField(max_length=500)),
                    ('opened_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                    ('opened_by', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('closed_at', models.DateTimeField(null=True)),
                    ('closed_by', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('close_words', models.CharField(blank=True, max_length=500)),
                ],
                options={
                    'default_permissions': (),
                    'constraints': [
                        models.UniqueConstraint(condition=models.Q(('closed_at', None)), fields=('cause',), name='sending_stop_open_once'),
                    ],
                },
            ),
            migrations.CreateModel(
                name='Withdrawal',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('user', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='withdrawals', to=settings.AUTH_USER_MODEL)),
                    ('amount_units', models.BigIntegerField()),
                    ('network', models.CharField(max_length=16)),
                    ('address', models.CharField(max_length=120)),
                    ('entry_in_book', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='ledger.withdrawaladdress')),
                    ('idempotency_key', models.CharField(max_length=64)),
                    ('state', models.CharField(choices=[('held', 'held'), ('waiting', 'waiting'), ('approved', 'approved'), ('sending', 'sending'), ('sent', 'sent'), ('confirmed', 'confirmed'), ('failed', 'failed'), ('cancelled', 'cancelled'), ('refused', 'refused')], max_length=9)),
                    ('state_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                    ('needed', models.SmallIntegerField()),
                    ('flags', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=100), default=list, size=None)),
                    ('send_id', models.UUIDField(default=uuid.uuid4, unique=True)),
                    ('reference', models.CharField(blank=True, max_length=120)),
                    ('confirmations', models.IntegerField(default=0)),
                    ('asked_from', models.GenericIPAddressField(null=True, verbose_name='asked from')),
                    ('requested_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                    ('first_by', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('second_by', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('refused_by', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('hold_entry', models.OneToOneField(db_constraint=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='ledger.journalentry')),
                    ('end_entry', models.OneToOneField(db_constraint=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='ledger.journalentry')),
                ],
                options={
                    'ordering': ['-id'],
                    'permissions': [
                        ('decide_withdrawal', 'Can approve and refuse withdrawals'),
                        ('stop_sending', 'Can stop the sending of withdrawals, and let it go on'),
                    ],
                    'default_permissions': ('view',),
                    'indexes': [
                        models.Index(fields=['user', '-id'], name='withdrawal_of_user'),
                        models.Index(fields=['address'], name='withdrawal_to_address'),
                        models.Index(condition=models.Q(('state__in', (ledger.models.withdrawal_states.WithdrawalState['CONFIRMED'], ledger.models.withdrawal_states.WithdrawalState['FAILED'], ledger.models.withdrawal_states.WithdrawalState['CANCELLED'], ledger.models.withdrawal_states.WithdrawalState['REFUSED'])), _negated=True), fields=['id'], name='withdrawal_open'),
                        models.Index(condition=models.Q(('state__in', (ledger.models.withdrawal_states.WithdrawalState['HELD'], ledger.models.withdrawal_states.WithdrawalState['WAITING']))), fields=['id'], name='withdrawal_undecided'),
                    ],
                    'constraints': [
                        models.UniqueConstraint(fields=('user', 'idempotency_key'), name='withdrawal_key_once_per_user'),
                        models.CheckConstraint(condition=models.Q(('amount_units__gt', 0)), name='withdrawal_positive'),
                        models.CheckConstraint(condition=models.Q(('needed__gte', 0), ('needed__lte', 2)), name='withdrawal_needs_few'),
                        models.CheckConstraint(condition=models.Q(models.Q(('first_by', models.F('user')), _negated=True), models.Q(('second_by', models.F('user')), _negated=True)), name='withdrawal_approved_by_another'),
                        models.CheckConstraint(condition=models.Q(('second_by__isnull', True), models.Q(('first_by__isnull', False), models.Q(('second_by', models.F('first_by')), _negated=True)), _connector='OR'), name='withdrawal_approved_by_two'),
                        models.CheckConstraint(condition=models.Q(models.Q(('state__in', (ledger.models.withdrawal_states.WithdrawalState['APPROVED'], ledger.models.withdrawal_states.WithdrawalState['SENDING'], ledger.models.withdrawal_states.WithdrawalState['SENT'], ledger.models.withdrawal_states.WithdrawalState['CONFIRMED'], ledger.models.withdrawal_states.WithdrawalState['FAILED'])), _negated=True), ('needed', 0), models.Q(('first_by__isnull', False), ('needed', 1)), models.Q(('needed', 2), ('second_by__isnull', False)), _connector='OR'), name='withdrawal_approved_by_enough'),
                        models.CheckConstraint(condition=models.Q(models.Q(models.Q(('refused_by__isnull', False), ('state', ledger.models.withdrawal_states.WithdrawalState['REFUSED'])), models.Q(models.Q(('state', ledger.models.withdrawal_states.WithdrawalState['REFUSED']), _negated=True), ('refused_by__isnull', True)), _connector='OR'), models.Q(('refused_by', models.F('user')), _negated=True)), name='withdrawal_refused_by_another'),
                        models.CheckConstraint(condition=models.Q(models.Q(('end_entry__isnull', False), ('state__in', (ledger.models.withdrawal_states.WithdrawalState['CONFIRMED'], ledger.models.withdrawal_states.WithdrawalState['FAILED'], ledger.models.withdrawal_states.WithdrawalState['CANCELLED'], ledger.models.withdrawal_states.WithdrawalState['REFUSED']))), models.Q(models.Q(('state__in', (ledger.models.withdrawal_states.WithdrawalState['CONFIRMED'], ledger.models.withdrawal_states.WithdrawalState['FAILED'], ledger.models.withdrawal_states.WithdrawalState['CANCELLED'], ledger.models.withdrawal_states.WithdrawalState['REFUSED'])), _negated=True), ('end_entry__isnull', True)), _connector='OR'), name='withdrawal_ends_with_entry'),
                    ],
                },
            ),
            migrations.CreateModel(
                name='WithdrawalStep',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('withdrawal', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='steps', to='ledger.withdrawal')),
                    ('before', models.CharField(blank=True, max_length=9)),
                    ('after', models.CharField(choices=[('held', 'held'), ('waiting', 'waiting'), ('approved', 'approved'), ('sending', 'sending'), ('sent', 'sent'), ('confirmed', 'confirmed'), ('failed', 'failed'), ('cancelled', 'cancelled'), ('refused', 'refused')], max_length=9)),
                    ('by', models.CharField(choices=[('trader', 'trader'), ('operator', 'operator'), ('exchange', 'exchange'), ('custody', 'custody')], max_length=8)),
                    ('operator', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('words', models.CharField(blank=True, max_length=500)),
                    ('entry', models.ForeignKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='ledger.journalentry')),
                    ('stepped_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ],
                options={
                    'ordering': ['id'],
                    'default_permissions': (),
                },
            ),
            migrations.CreateModel(
                name='Payout',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('key', models.CharField(max_length=120, unique=True)),
                    ('made_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                    ('state', models.CharField(choices=[('waiting', 'waiting'), ('sent', 'sent'), ('failed', 'failed'), ('kept', 'kept')], default=common.outgoing.due_rows.OutgoingState['WAITING'], max_length=7)),
                    ('tries', models.SmallIntegerField(default=0)),
                    ('due_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                    ('ended_at', models.DateTimeField(null=True)),
                    ('last_error', models.CharField(blank=True, max_length=500)),
                    ('withdrawal', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='payout', to='ledger.withdrawal')),
                ],
                options={
                    'ordering': ['-id'],
                    'permissions': [('send_payout_again', 'Can hand withdrawals to custody again')],
                    'abstract': False,
                    'default_permissions': ('view',),
                    'indexes': [
                        models.Index(condition=models.Q(('state', common.outgoing.due_rows.OutgoingState['WAITING'])), fields=['due_at'], name='payout_due'),
                        models.Index(condition=models.Q(('ended_at__isnull', False)), fields=['ended_at'], name='payout_ended'),
                    ],
                },
            ),
            migrations.CreateModel(
                name='JournalMoment',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), unique=True)),
                    ('posting_id', models.BigIntegerField()),
                ],
                options={
                    'default_permissions': (),
                },
            ),
            migrations.CreateModel(
                name='BalanceMark',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('account', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='ledger.account')),
                    ('posting_id', models.BigIntegerField()),
                    ('total_units', models.BigIntegerField()),
                ],
                options={
                    'default_permissions': (),
                    'constraints': [
                        models.UniqueConstraint(fields=('account', 'posting_id'), name='balance_mark_once_per_posting'),
                    ],
                },
            ),
            migrations.CreateModel(
                name='Transfer',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('sender', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('receiver', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('from_user', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('to_user', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('amount_units', models.BigIntegerField()),
                    ('idempotency_key', models.CharField(max_length=64)),
                    ('entry', models.OneToOneField(db_constraint=False, on_delete=django.db.models.deletion.PROTECT, related_name='transfer', to='ledger.journalentry')),
                    ('transferred_at', models.DateTimeField()),
                ],
                options={
                    'ordering': ['-id'],
                    'default_permissions': ('view',),
                    'indexes': [
                        models.Index(fields=['sender', '-id'], name='transfer_of_sender'),
                        models.Index(fields=['receiver', '-id'], name='transfer_of_receiver'),
                        models.Index(fields=['from_user', '-id'], name='transfer_of_from_user'),
                        models.Index(fields=['to_user', '-id'], name='transfer_of_to_user'),
                    ],
                    'constraints': [
                        models.UniqueConstraint(fields=('idempotency_key', 'sender'), name='transfer_once_per_sender_and_key'),
                        models.CheckConstraint(condition=models.Q(('amount_units__gt', 0)), name='transfer_positive'),
                        models.CheckConstraint(condition=models.Q(('from_user', models.F('to_user')), _negated=True), name='transfer_to_another_account'),
                    ],
                },
            ),
            migrations.CreateModel(
                name='TransferRule',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('to_others', models.BooleanField(verbose_name='to other traders')),
                    ('reason', models.CharField(max_length=500)),
                    ('set_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('set_at', models.DateTimeField()),
                ],
                options={
                    'ordering': ['-id'],
                    'permissions': [
                        ('set_transfer_rule', 'Can allow and forbid transfers to other traders'),
                    ],
                    'default_permissions': ('view',),
                },
            ),
        ]),
        migrations.RunSQL(BALANCED_POSTINGS),
        migrations.RunSQL(MARKETS_OF_ENTRIES),
        migrations.RunSQL(REFUSE_CHANGE),
        migrations.RunSQL(APPEND_ONLY),
        migrations.RunSQL(ACCOUNTS_UNCHANGED),
        migrations.RunSQL(ADD_FLOWS),
        migrations.RunSQL(WITHDRAWAL_STEPS),
    ]
