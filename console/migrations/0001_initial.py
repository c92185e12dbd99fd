import common.outgoing.due_rows
import console.alerts.vocabulary
import console.jobs.models
import django.contrib.postgres.fields
import django.core.validators
import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models

from common.postgres.schema.append_only import only_add_to, refuse_changes
from common.postgres.schema.tables import CreateTables


AUDIT_RULES = (
    refuse_changes("console_refuse_audit_change", "the audit is", "audit_append_only")
    + only_add_to("console_auditrow", "audit_append_only", "console_refuse_audit_change")
    + """
CREATE TRIGGER audit_head_stays
    BEFORE DELETE ON console_audithead
    FOR EACH STATEMENT EXECUTE FUNCTION console_refuse_audit_change();

CREATE FUNCTION console_require_next_head() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.rows <> OLD.rows + 1 THEN
        RAISE EXCEPTION 'the head of the audit moves by one row, not from % to %',
            OLD.rows, NEW.rows
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'audit_append_only';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER audit_head_moves_on
    BEFORE UPDATE ON console_audithead
    FOR EACH ROW EXECUTE FUNCTION console_require_next_head();
"""
)
# Django's log of operators finds what was done to a record.
OPERATOR_LOG = "CREATE INDEX operator_log_of_object ON django_admin_log (object_id)"


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('admin', '0003_logentry_add_action_flag_choices'),
        ('approvals', '0001_initial'),
        ('markets', '0001_initial'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        CreateTables([
            migrations.CreateModel(
                name='AlertRecipient',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('name', models.CharField(max_length=60, unique=True)),
                    ('kind', models.CharField(choices=[('mail', 'mail'), ('webhook', 'webhook')], max_length=7)),
                    ('address', models.CharField(max_length=500)),
                    ('least_severity', models.CharField(choices=[('info', 'info'), ('warning', 'warning'), ('critical', 'critical')], default=console.alerts.vocabulary.Severity['WARNING'], max_length=8)),
                    ('enabled', models.BooleanField(default=True)),
                    ('nonce', models.CharField(editable=False, max_length=32)),
                    ('made_at', models.DateTimeField(auto_now_add=True)),
                ],
                options={
                    'ordering': ['name'],
                    'default_permissions': ('add', 'change', 'view'),
                },
            ),
            migrations.CreateModel(
                name='AlertRule',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('measure', models.CharField(choices=[('engine_silence', 'engine_silence'), ('engine_lag', 'engine_lag'), ('persistence_lag', 'persistence_lag'), ('persistence_stopped', 'persistence_stopped'), ('unanswered', 'unanswered'), ('index_age', 'index_age'), ('mark_off_index', 'mark_off_index'), ('market_halted', 'market_halted'), ('dead_letters', 'dead_letters'), ('insurance_fund', 'insurance_fund'), ('insurance_cover', 'insurance_cover'), ('deposit_wait', 'deposit_wait'), ('withdrawal_wait', 'withdrawal_wait'), ('sending_stopped', 'sending_stopped'), ('payout_age', 'payout_age'), ('reconcile_differences', 'reconcile_differences'), ('reconcile_age', 'reconcile_age'), ('faulty_statements', 'faulty_statements'), ('failed_files', 'failed_files'), ('failed_sign_ins', 'failed_sign_ins'), ('profit', 'profit'), ('profit_of_deposits', 'profit_of_deposits'), ('self_trades', 'self_trades'), ('pair_trades', 'pair_trades'), ('family_trades', 'family_trades'), ('cancel_ratio', 'cancel_ratio')], max_length=32)),
                    ('market', models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='markets.market')),
                    ('severity', models.CharField(choices=[('info', 'info'), ('warning', 'warning'), ('critical', 'critical')], default=console.alerts.vocabulary.Severity['WARNING'], max_length=8)),
                    ('threshold', models.BigIntegerField()),
                    ('critical_from', models.BigIntegerField(blank=True, null=True)),
                    ('clears_at', models.BigIntegerField(blank=True, null=True)),
                    ('holds_s', models.IntegerField(default=0, validators=[django.core.validators.MaxValueValidator(86400)], verbose_name='must hold for, s')),
                    ('clears_after_s', models.IntegerField(default=0, validators=[django.core.validators.MaxValueValidator(86400)], verbose_name='must be clear for, s')),
                    ('enabled', models.BooleanField(default=True)),
                    ('recipients', models.ManyToManyField(blank=True, help_text='None: all whose least severity it reaches.', related_name='+', to='console.alertrecipient')),
                ],
                options={
                    'ordering': ['measure', 'market'],
                    'default_permissions': ('add', 'change', 'view'),
                    'constraints': [
                        models.UniqueConstraint(fields=('measure', 'market'), name='alert_rule_once_per_measure_and_market', nulls_distinct=False, violation_error_message='There is a rule of this measure and market: change it.'),
                        models.CheckConstraint(condition=models.Q(('clears_after_s__gte', 0), ('holds_s__gte', 0)), name='alert_rule_times_not_negative', violation_error_message='A time is not negative.'),
                    ],
                },
            ),
            migrations.CreateModel(
                name='Alert',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('rule', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='alerts', to='console.alertrule')),
                    ('measure', models.CharField(choices=[('engine_silence', 'engine_silence'), ('engine_lag', 'engine_lag'), ('persistence_lag', 'persistence_lag'), ('persistence_stopped', 'persistence_stopped'), ('unanswered', 'unanswered'), ('index_age', 'index_age'), ('mark_off_index', 'mark_off_index'), ('market_halted', 'market_halted'), ('dead_letters', 'dead_letters'), ('insurance_fund', 'insurance_fund'), ('insurance_cover', 'insurance_cover'), ('deposit_wait', 'deposit_wait'), ('withdrawal_wait', 'withdrawal_wait'), ('sending_stopped', 'sending_stopped'), ('payout_age', 'payout_age'), ('reconcile_differences', 'reconcile_differences'), ('reconcile_age', 'reconcile_age'), ('faulty_statements', 'faulty_statements'), ('failed_files', 'failed_files'), ('failed_sign_ins', 'failed_sign_ins'), ('profit', 'profit'), ('profit_of_deposits', 'profit_of_deposits'), ('self_trades', 'self_trades'), ('pair_trades', 'pair_trades'), ('family_trades', 'family_trades'), ('cancel_ratio', 'cancel_ratio')], max_length=32)),
                    ('subject', models.CharField(blank=True, max_length=80)),
                    ('market_id', models.CharField(blank=True, max_length=32, verbose_name='market')),
                    ('severity', models.CharField(choices=[('info', 'info'), ('warning', 'warning'), ('critical', 'critical')], max_length=8)),
                    ('words', models.CharField(max_length=500, verbose_name='what')),
                    ('threshold', models.BigIntegerField()),
                    ('value', models.BigIntegerField()),
                    ('worst_value', models.BigIntegerField()),
                    ('last_value', models.BigIntegerField()),
                    ('breached_at', models.DateTimeField()),
                    ('measured_at', models.DateTimeField()),
                    ('opened_at', models.DateTimeField(null=True)),
                    ('clear_since', models.DateTimeField(null=True)),
                    ('closed_at', models.DateTimeField(null=True)),
                    ('closed_why', models.CharField(blank=True, max_length=100)),
                    ('told_severity', models.CharField(blank=True, max_length=8)),
                    ('acknowledged_by', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('acknowledged_at', models.DateTimeField(null=True)),
                    ('note', models.CharField(blank=True, max_length=500)),
                ],
                options={
                    'permissions': [('handle_alert', 'Can acknowledge and snooze alerts')],
                    'default_permissions': ('view',),
                    'indexes': [
                        models.Index(condition=models.Q(('closed_at__isnull', True), ('opened_at__isnull', False)), fields=['id'], name='alert_open'),
                        models.Index(condition=models.Q(('opened_at__isnull', False)), fields=['-opened_at', '-id'], name='alert_by_time'),
                    ],
                    'constraints': [
                        models.UniqueConstraint(condition=models.Q(('closed_at__isnull', True)), fields=('rule', 'subject'), name='alert_open_once_per_rule_and_subject'),
                        models.CheckConstraint(condition=models.Q(('closed_at__isnull', True), ('opened_at__isnull', False), _connector='OR'), name='alert_closed_was_open'),
                    ],
                },
            ),
            migrations.CreateModel(
                name='AlertSnooze',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('rule', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='snoozes', to='console.alertrule')),
                    ('subject', models.CharField(blank=True, max_length=80)),
                    ('until', models.DateTimeField()),
                    ('reason', models.CharField(max_length=500)),
                    ('snoozed_by', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('snoozed_at', models.DateTimeField()),
                    ('ended_at', models.DateTimeField(null=True)),
                ],
                options={
                    'default_permissions': (),
                    'constraints': [
                        models.UniqueConstraint(condition=models.Q(('ended_at__isnull', True)), fields=('rule', 'subject'), name='alert_snooze_once_per_rule_and_subject'),
                    ],
                },
            ),
            migrations.CreateModel(
                name='MeasureLook',
                fields=[
                    ('measure', models.CharField(choices=[('engine_silence', 'engine_silence'), ('engine_lag', 'engine_lag'), ('persistence_lag', 'persistence_lag'), ('persistence_stopped', 'persistence_stopped'), ('unanswered', 'unanswered'), ('index_age', 'index_age'), ('mark_off_index', 'mark_off_index'), ('market_halted', 'market_halted'), ('dead_letters', 'dead_letters'), ('insurance_fund', 'insurance_fund'), ('insurance_cover', 'insurance_cover'), ('deposit_wait', 'deposit_wait'), ('withdrawal_wait', 'withdrawal_wait'), ('sending_stopped', 'sending_stopped'), ('payout_age', 'payout_age'), ('reconcile_differences', 'reconcile_differences'), ('reconcile_age', 'reconcile_age'), ('faulty_statements', 'faulty_statements'), ('failed_files', 'failed_files'), ('failed_sign_ins', 'failed_sign_ins'), ('profit', 'profit'), ('profit_of_deposits', 'profit_of_deposits'), ('self_trades', 'self_trades'), ('pair_trades', 'pair_trades'), ('family_trades', 'family_trades'), ('cancel_ratio', 'cancel_ratio')], max_length=32, primary_key=True, serialize=False)),
                    ('looked_at', models.DateTimeField()),
                    ('failed', models.CharField(blank=True, max_length=200)),
                ],
                options={
                    'default_permissions': (),
                },
            ),
            migrations.CreateModel(
                name='WebhookDelivery',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('key', models.CharField(max_length=120, unique=True)),
                    ('made_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                    ('state', models.CharField(choices=[('waiting', 'waiting'), ('sent', 'sent'), ('failed', 'failed'), ('kept', 'kept')], default=common.outgoing.due_rows.OutgoingState['WAITING'], max_length=7)),
                    ('tries', models.SmallIntegerField(default=0)),
                    ('due_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                    ('ended_at', models.DateTimeField(null=True)),
                    ('last_error', models.CharField(blank=True, max_length=500)),
                    ('recipient', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='console.alertrecipient')),
                    ('alert', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='deliveries', to='console.alert')),
                    ('body', models.TextField()),
                ],
                options={
                    'verbose_name_plural': 'webhook deliveries',
                    'ordering': ['-id'],
                    'permissions': [('send_webhook_again', 'Can send webhooks again')],
                    'abstract': False,
                    'default_permissions': ('view',),
                    'indexes': [
                        models.Index(condition=models.Q(('state', common.outgoing.due_rows.OutgoingState['WAITING'])), fields=['due_at'], name='webhookdelivery_due'),
                        models.Index(condition=models.Q(('ended_at__isnull', False)), fields=['ended_at'], name='webhookdelivery_ended'),
                    ],
                },
            ),
            migrations.CreateModel(
                name='AuditRow',
                fields=[
                    ('id', models.BigIntegerField(primary_key=True, serialize=False, verbose_name='number')),
                    ('acted_at', models.DateTimeField()),
                    ('operator', models.ForeignKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('operator_name', models.CharField(max_length=150)),
                    ('address', models.GenericIPAddressField(null=True)),
                    ('session', models.CharField(max_length=40)),
                    ('object_kind', models.CharField(max_length=100, verbose_name='kind of object')),
                    ('object_key', models.CharField(max_length=200)),
                    ('object_words', models.CharField(max_length=200, verbose_name='object')),
                    ('verb', models.CharField(max_length=40)),
                    ('words', models.TextField(verbose_name='what')),
                    ('reason', models.TextField()),
                    ('market', models.CharField(max_length=32)),
                    ('sequence', models.BigIntegerField(null=True)),
                    ('command_id', models.BigIntegerField(null=True, verbose_name='command')),
                    ('previous_hash', models.CharField(max_length=64, unique=True)),
                    ('hash', models.CharField(max_length=64, unique=True)),
                ],
                options={
                    'verbose_name': 'audit row',
                    'default_permissions': ('view',),
                    'indexes': [
                        models.Index(fields=['operator', '-id'], name='audit_of_operator'),
                        models.Index(fields=['object_kind', 'object_key', '-id'], name='audit_of_object'),
                        models.Index(fields=['object_key', '-id'], name='audit_of_key'),
                        models.Index(fields=['verb', '-id'], name='audit_of_verb'),
                    ],
                },
            ),
            migrations.CreateModel(
                name='AuditHead',
                fields=[
                    ('id', models.SmallIntegerField(default=1, primary_key=True, serialize=False)),
                    ('rows', models.BigIntegerField()),
                    ('hash', models.CharField(max_length=64)),
                ],
                options={
                    'default_permissions': (),
                    'constraints': [
                        models.CheckConstraint(condition=models.Q(('id', 1)), name='audit_head_is_one'),
                    ],
                },
            ),
            migrations.CreateModel(
                name='ExportRun',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('asked_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('reason', models.CharField(max_length=500)),
                    ('asked_at', models.DateTimeField()),
                    ('beat_at', models.DateTimeField()),
                    ('ended_at', models.DateTimeField(null=True)),
                    ('state', models.CharField(choices=[('waiting', 'waiting'), ('running', 'running'), ('done', 'done'), ('failed', 'failed'), ('cancelled', 'cancelled')], default=console.jobs.models.JobState['WAITING'], max_length=10)),
                    ('why', models.TextField(default='')),
                    ('steps_done', models.BigIntegerField(default=0)),
                    ('steps_total', models.BigIntegerField(default=0)),
                    ('kind', models.CharField(choices=[('journal', 'journal'), ('fills', 'fills')], max_length=10)),
                    ('month', models.DateField()),
                    ('rows', models.BigIntegerField(default=0)),
                    ('file_bytes', models.BigIntegerField(default=0)),
                    ('sha256', models.CharField(default='', max_length=64)),
                    ('is_kept', models.BooleanField(default=False)),
                ],
                options={
                    'ordering': ('-id',),
                    'permissions': (('export_month', 'Can export a month of the books'),),
                    'default_permissions': (),
                    'constraints': [
                        models.UniqueConstraint(models.Value(1), condition=models.Q(('state__in', ['waiting', 'running'])), name='one_export_at_a_time'),
                    ],
                },
            ),
            migrations.CreateModel(
                name='ExportPart',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('run', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='parts', to='console.exportrun')),
                    ('number', models.IntegerField()),
                    ('data', models.BinaryField()),
                ],
                options={
                    'default_permissions': (),
                    'constraints': [
                        models.UniqueConstraint(fields=('run', 'number'), name='export_part_once'),
                    ],
                },
            ),
            migrations.CreateModel(
                name='HindsightRun',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('asked_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('reason', models.CharField(max_length=500)),
                    ('asked_at', models.DateTimeField()),
                    ('beat_at', models.DateTimeField()),
                    ('ended_at', models.DateTimeField(null=True)),
                    ('state', models.CharField(choices=[('waiting', 'waiting'), ('running', 'running'), ('done', 'done'), ('failed', 'failed'), ('cancelled', 'cancelled')], default=console.jobs.models.JobState['WAITING'], max_length=10)),
                    ('why', models.TextField(default='')),
                    ('steps_done', models.BigIntegerField(default=0)),
                    ('steps_total', models.BigIntegerField(default=0)),
                    ('market', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='markets.market')),
                    ('from_seq', models.BigIntegerField()),
                    ('to_seq', models.BigIntegerField()),
                    ('changes', models.JSONField()),
                    ('outcome', models.JSONField(default=dict)),
                    ('digest', models.CharField(default='', max_length=64)),
                ],
                options={
                    'ordering': ('-id',),
                    'permissions': (('run_hindsight', 'Can reckon what should have happened'),),
                    'default_permissions': ('view',),
                    'constraints': [
                        models.UniqueConstraint(models.Value(1), condition=models.Q(('state__in', ['waiting', 'running'])), name='one_hindsight_run_at_a_time'),
                    ],
                },
            ),
            migrations.CreateModel(
                name='ReplayRun',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('asked_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('reason', models.CharField(max_length=500)),
                    ('asked_at', models.DateTimeField()),
                    ('beat_at', models.DateTimeField()),
                    ('ended_at', models.DateTimeField(null=True)),
                    ('state', models.CharField(choices=[('waiting', 'waiting'), ('running', 'running'), ('done', 'done'), ('failed', 'failed'), ('cancelled', 'cancelled')], default=console.jobs.models.JobState['WAITING'], max_length=10)),
                    ('why', models.TextField(default='')),
                    ('steps_done', models.BigIntegerField(default=0)),
                    ('steps_total', models.BigIntegerField(default=0)),
                    ('market', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='markets.market')),
                    ('from_seq', models.BigIntegerField()),
                    ('to_seq', models.BigIntegerField()),
                    ('verdict', models.CharField(choices=[('same', 'same'), ('different', 'different')], default='', max_length=9)),
                    ('result', models.TextField(default='')),
                ],
                options={
                    'permissions': [
                        ('replay_range', 'Can replay a stretch of a market'),
                        ('export_incident', 'Can export a stretch of a market as a bundle'),
                    ],
                    'default_permissions': (),
                    'indexes': [models.Index(fields=['market', '-id'], name='replay_of_market')],
                    'constraints': [
                        models.UniqueConstraint(models.Value(1), condition=models.Q(('state__in', ['waiting', 'running'])), name='replay_one_at_a_time'),
                    ],
                },
            ),
            migrations.CreateModel(
                name='MarketLaunch',
                fields=[
                    ('market', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, primary_key=True, related_name='launch', serialize=False, to='markets.market')),
                    ('reference_price', models.DecimalField(decimal_places=10, max_digits=20, null=True)),
                    ('made_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('made_at', models.DateTimeField(null=True)),
                    ('opened_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('opened_at', models.DateTimeField(null=True)),
                    ('reason', models.CharField(blank=True, max_length=500)),
                    ('missing', models.JSONField(default=list)),
                    ('command_id', models.BigIntegerField(null=True)),
                ],
                options={
                    'default_permissions': (),
                },
            ),
            migrations.CreateModel(
                name='MarketStop',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('market', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='markets.market')),
                    ('state', models.CharField(choices=[('PRE_OPEN', 'PRE_OPEN'), ('ACTIVE', 'ACTIVE'), ('POST_ONLY', 'POST_ONLY'), ('REDUCE_ONLY', 'REDUCE_ONLY'), ('CANCEL_ONLY', 'CANCEL_ONLY'), ('HALTED', 'HALTED'), ('SETTLED', 'SETTLED'), ('DELISTED', 'DELISTED')], max_length=16)),
                    ('resumes_to', models.CharField(blank=True, choices=[('PRE_OPEN', 'PRE_OPEN'), ('ACTIVE', 'ACTIVE'), ('POST_ONLY', 'POST_ONLY'), ('REDUCE_ONLY', 'REDUCE_ONLY'), ('CANCEL_ONLY', 'CANCEL_ONLY'), ('HALTED', 'HALTED'), ('SETTLED', 'SETTLED'), ('DELISTED', 'DELISTED')], max_length=16)),
                    ('reason', models.CharField(max_length=500)),
                    ('asked_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('asked_at', models.DateTimeField()),
                    ('command_id', models.BigIntegerField()),
                    ('cancels_orders', models.BooleanField(default=False)),
                    ('cancel_ids', django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), default=list, size=None)),
                    ('swept_at', models.DateTimeField(null=True)),
                    ('resume_at', models.DateTimeField(null=True)),
                    ('resume_ended', models.CharField(blank=True, max_length=200)),
                ],
                options={
                    'default_permissions': (),
                    'indexes': [
                        models.Index(fields=['market', '-id'], name='stop_of_market'),
                        models.Index(condition=models.Q(('resume_at__isnull', False), ('resume_ended', '')), fields=['resume_at'], name='stop_resume_ahead'),
                        models.Index(condition=models.Q(('cancels_orders', True), ('swept_at__isnull', True)), fields=['id'], name='stop_to_sweep'),
                    ],
                },
            ),
            migrations.CreateModel(
                name='StressRun',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('asked_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('reason', models.CharField(max_length=500)),
                    ('asked_at', models.DateTimeField()),
                    ('beat_at', models.DateTimeField()),
                    ('ended_at', models.DateTimeField(null=True)),
                    ('state', models.CharField(choices=[('waiting', 'waiting'), ('running', 'running'), ('done', 'done'), ('failed', 'failed'), ('cancelled', 'cancelled')], default=console.jobs.models.JobState['WAITING'], max_length=10)),
                    ('why', models.TextField(default='')),
                    ('steps_done', models.BigIntegerField(default=0)),
                    ('steps_total', models.BigIntegerField(default=0)),
                    ('kind', models.CharField(choices=[('ladder', 'ladder'), ('path', 'path'), ('outage', 'outage'), ('rules', 'rules')], max_length=10)),
                    ('market', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='markets.market')),
                    ('proposal', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='stress_runs', to='approvals.proposal')),
                    ('moves_ppm', models.JSONField()),
                    ('refused', models.JSONField(default=dict)),
                    ('results', models.JSONField(default=dict)),
                    ('baseline', models.JSONField(default=dict)),
                    ('digest', models.CharField(default='', max_length=64)),
                ],
                options={
                    'ordering': ('-id',),
                    'permissions': (('run_stress', 'Can run the stress ladder'),),
                    'default_permissions': (),
                    'indexes': [
                        models.Index(condition=models.Q(('proposal__isnull', False)), fields=['proposal', '-id'], name='stress_of_proposal'),
                    ],
                    'constraints': [
                        models.UniqueConstraint(models.Value(1), condition=models.Q(('state__in', ['waiting', 'running'])), name='one_stress_run_at_a_time'),
                    ],
                },
            ),
        ]),
        migrations.RunSQL(AUDIT_RULES),
        migrations.RunSQL(OPERATOR_LOG),
    ]
