import approvals.models
import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.lookups
from django.conf import settings
from django.db import migrations, models

from common.postgres.schema.tables import CreateTables


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        CreateTables([
            migrations.CreateModel(
                name='Proposal',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('kind', models.CharField(max_length=40, verbose_name='action')),
                    ('subject', models.CharField(max_length=200)),
                    ('title', models.CharField(max_length=300, verbose_name='what')),
                    ('changes', models.JSONField(default=list)),
                    ('payload', models.JSONField(default=dict)),
                    ('reason', models.CharField(max_length=500)),
                    ('status', models.CharField(choices=[('waiting', 'waiting'), ('approved', 'approved'), ('refused', 'refused'), ('withdrawn', 'withdrawn'), ('expired', 'expired')], default=approvals.models.ProposalStatus['WAITING'], max_length=9)),
                    ('author', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='proposals', to=settings.AUTH_USER_MODEL)),
                    ('beneficiary_ids', django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), default=list, size=None)),
                    ('proposed_at', models.DateTimeField()),
                    ('expires_at', models.DateTimeField()),
                    ('decided_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('decided_at', models.DateTimeField(null=True)),
                    ('outcome', models.CharField(blank=True, default='', max_length=500)),
                    ('command_id', models.BigIntegerField(null=True, verbose_name='command')),
                ],
                options={
                    'ordering': ['-id'],
                    'indexes': [
                        models.Index(condition=models.Q(('status', approvals.models.ProposalStatus['WAITING'])), fields=['id'], name='proposal_waiting'),
                        models.Index(fields=['author', '-id'], name='proposal_of_author'),
                    ],
                    'constraints': [
                        models.CheckConstraint(condition=models.Q(('decided_by', models.F('author')), _negated=True), name='proposal_decided_by_another'),
                        models.CheckConstraint(condition=django.db.models.lookups.IsNull(models.Func(models.F('beneficiary_ids'), models.F('author'), function='array_position', output_field=models.IntegerField()), True), name='proposal_not_for_its_author'),
                        models.CheckConstraint(condition=django.db.models.lookups.IsNull(models.Func(models.F('beneficiary_ids'), models.F('decided_by'), function='array_position', output_field=models.IntegerField()), True), name='proposal_not_by_who_gains'),
                        models.CheckConstraint(condition=models.Q(models.Q(('decided_at__isnull', True), ('decided_by__isnull', True), ('status', approvals.models.ProposalStatus['WAITING'])), models.Q(('decided_at__isnull', False), ('decided_by__isnull', False), ('status__in', (approvals.models.ProposalStatus['APPROVED'], approvals.models.ProposalStatus['REFUSED']))), models.Q(('decided_at__isnull', False), ('decided_by__isnull', True), ('status__in', (approvals.models.ProposalStatus['WITHDRAWN'], approvals.models.ProposalStatus['EXPIRED']))), _connector='OR'), name='proposal_decision_is_whole'),
                        models.UniqueConstraint(condition=models.Q(('status', approvals.models.ProposalStatus['WAITING'])), fields=('kind', 'subject'), name='proposal_waits_once_per_subject'),
                    ],
                },
            ),
            migrations.CreateModel(
                name='ApprovalRule',
                fields=[
                    ('kind', models.CharField(max_length=40, primary_key=True, serialize=False, verbose_name='action')),
                    ('needs_second', models.BooleanField()),
                    ('from_units', models.BigIntegerField(null=True)),
                    ('proposal', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='approvals.proposal')),
                ],
                options={
                    'constraints': [
                        models.CheckConstraint(condition=models.Q(('from_units__isnull', True), models.Q(('from_units__gt', 0), ('needs_second', True)), _connector='OR'), name='approval_rule_amount_positive'),
                    ],
                },
            ),
        ]),
    ]
