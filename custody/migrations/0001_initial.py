import custody.models.deposits
import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models

from common.postgres.schema.append_only import only_add_to
from common.postgres.schema.tables import CreateTables
from custody.migrations.rules.float_parts import FLOAT_PARTS


APPEND_ONLY = only_add_to(
    "custody_floatmovement", "float_movement_append_only", "ledger_refuse_change"
)


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('approvals', '0001_initial'),
        ('ledger', '0001_initial'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        CreateTables([
            migrations.CreateModel(
                name='DepositAddress',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('network', models.CharField(max_length=16)),
                    ('address', models.CharField(max_length=120)),
                    ('user', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('given_at', models.DateTimeField(null=True)),
                ],
                options={
                    'default_permissions': (),
                    'indexes': [
                        models.Index(condition=models.Q(('user', None)), fields=['network', 'id'], name='deposit_address_at_hand'),
                    ],
                    'constraints': [
                        models.UniqueConstraint(fields=('network', 'address'), name='deposit_address_once_per_network'),
                        models.UniqueConstraint(condition=models.Q(('user__isnull', False)), fields=('user', 'network'), name='deposit_address_one_per_user'),
                    ],
                },
            ),
            migrations.CreateModel(
                name='CustodyCase',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('network', models.CharField(max_length=16)),
                    ('kind', models.CharField(choices=[('payout', 'payout'), ('stranger', 'stranger'), ('changed', 'changed'), ('taken_back', 'taken_back'), ('full', 'full'), ('contradiction', 'contradiction'), ('backwards', 'backwards')], max_length=13)),
                    ('subject', models.CharField(max_length=120)),
                    ('words', models.CharField(max_length=500)),
                    ('said', models.JSONField(default=dict, verbose_name='what custody said')),
                    ('opened_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                    ('resolved_at', models.DateTimeField(null=True)),
                    ('resolved_by', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('resolution', models.CharField(blank=True, max_length=500)),
                ],
                options={
                    'ordering': ['-id'],
                    'permissions': [('resolve_case', 'Can resolve cases of custody')],
                    'default_permissions': ('view',),
                    'indexes': [
                        models.Index(condition=models.Q(('resolved_at', None)), fields=['id'], name='custody_case_open'),
                    ],
                    'constraints': [
                        models.UniqueConstraint(condition=models.Q(('resolved_at', None)), fields=('network', 'kind', 'subject'), name='custody_case_open_once'),
                    ],
                },
            ),
            migrations.CreateModel(
                name='ChainDeposit',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('network', models.CharField(max_length=16)),
                    ('reference', models.CharField(max_length=120)),
                    ('user', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('address', models.CharField(max_length=120)),
                    ('amount_units', models.BigIntegerField()),
                    ('state', models.CharField(choices=[('seen', 'seen'), ('orphaned', 'orphaned'), ('credited', 'credited')], max_length=8)),
                    ('confirmations', models.IntegerField(default=0)),
                    ('needed', models.IntegerField()),
                    ('seq', models.BigIntegerField(default=0)),
                    ('problem', models.CharField(blank=True, max_length=200)),
                    ('seen_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                    ('credited_at', models.DateTimeField(null=True)),
                    ('orphaned_at', models.DateTimeField(null=True)),
                    ('deposit', models.OneToOneField(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='came_by', to='ledger.deposit')),
                ],
                options={
                    'ordering': ['-id'],
                    'permissions': [
                        ('propose_credit', 'Can propose to credit a deposit by hand'),
                        ('decide_credit', 'Can approve and refuse deposits by hand'),
                    ],
                    'default_permissions': ('view',),
                    'indexes': [
                        models.Index(fields=['user', '-id'], name='chain_deposit_of_user'),
                        models.Index(condition=models.Q(('state', custody.models.deposits.ChainDepositState['SEEN'])), fields=['id'], name='chain_deposit_on_its_way'),
                    ],
                    'constraints': [
                        models.UniqueConstraint(fields=('network', 'reference'), name='chain_deposit_once_per_network'),
                        models.CheckConstraint(condition=models.Q(('amount_units__gt', 0)), name='chain_deposit_positive'),
                        models.CheckConstraint(condition=models.Q(models.Q(('deposit__isnull', False), ('state', custody.models.deposits.ChainDepositState['CREDITED'])), models.Q(models.Q(('state', custody.models.deposits.ChainDepositState['CREDITED']), _negated=True), ('deposit__isnull', True)), _connector='OR'), name='chain_deposit_credited_has_deposit'),
                    ],
                },
            ),
            migrations.CreateModel(
                name='FloatMovement',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('network', models.CharField(max_length=16)),
                    ('amount_units', models.BigIntegerField()),
                    ('reference', models.CharField(max_length=64)),
                    ('reason', models.CharField(max_length=500)),
                    ('moved_by', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('proposal', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='approvals.proposal')),
                    ('moved_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ],
                options={
                    'ordering': ['-id'],
                    'permissions': [
                        ('propose_float', 'Can propose movements of the float at custody'),
                        ('decide_float', 'Can approve and refuse movements of the float at custody'),
                    ],
                    'default_permissions': ('view',),
                    'constraints': [
                        models.CheckConstraint(condition=models.Q(('amount_units', 0), _negated=True), name='float_movement_moves_something'),
                        models.UniqueConstraint(fields=('network', 'reference'), name='float_movement_once_per_reference'),
                    ],
                },
            ),
            migrations.CreateModel(
                name='FloatLook',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('network', models.CharField(max_length=16)),
                    ('seq', models.BigIntegerField()),
                    ('custody_units', models.BigIntegerField()),
                    ('float_units', models.BigIntegerField()),
                    ('credited_units', models.BigIntegerField()),
                    ('coming_units', models.BigIntegerField()),
                    ('sent_units', models.BigIntegerField()),
                    ('looked_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ],
                options={
                    'ordering': ['-id'],
                    'default_permissions': ('view',),
                    'indexes': [models.Index(fields=['network', '-id'], name='float_look_of_network')],
                },
            ),
            migrations.CreateModel(
                name='FloatPart',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('network', models.CharField(max_length=16)),
                    ('float_units', models.BigIntegerField(db_default=0)),
                    ('credited_units', models.BigIntegerField(db_default=0)),
                    ('coming_units', models.BigIntegerField(db_default=0)),
                    ('sent_units', models.BigIntegerField(db_default=0)),
                ],
                options={
                    'default_permissions': (),
                },
            ),
            migrations.CreateModel(
                name='CustodyNews',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('network', models.CharField(max_length=16)),
                    ('seq', models.BigIntegerField()),
                    ('body', models.JSONField()),
                    ('taken_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                    ('applied_at', models.DateTimeField(null=True)),
                ],
                options={
                    'verbose_name_plural': 'custody news',
                    'default_permissions': ('view',),
                    'indexes': [
                        models.Index(condition=models.Q(('applied_at', None)), fields=['network', 'seq'], name='custody_news_waits'),
                        models.Index(condition=models.Q(('applied_at__isnull', False)), fields=['applied_at'], name='custody_news_applied'),
                    ],
                    'constraints': [
                        models.UniqueConstraint(fields=('network', 'seq'), name='custody_news_once'),
                    ],
                },
            ),
            migrations.CreateModel(
                name='PollCursor',
                fields=[
                    ('network', models.CharField(max_length=16, primary_key=True, serialize=False)),
                    ('seq', models.BigIntegerField(default=0)),
                ],
                options={
                    'default_permissions': (),
                },
            ),
        ]),
        migrations.RunSQL(APPEND_ONLY),
        migrations.RunSQL(FLOAT_PARTS),
    ]
