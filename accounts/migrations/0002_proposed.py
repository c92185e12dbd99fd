"""What operators decide in accounts: it names proposals, and proposals name users."""

import django.core.validators
import django.db.models.deletion
import django.db.models.functions.text
from django.conf import settings
from django.db import migrations, models

from common.postgres.schema.tables import CreateTables


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0001_initial'),
        ('approvals', '0001_initial'),
        ('auth', '0012_alter_user_first_name_max_length'),
    ]

    operations = [
        CreateTables([
            migrations.CreateModel(
                name='Invitation',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('username', models.CharField(max_length=64, validators=[django.core.validators.RegexValidator('\\A[A-Za-z0-9_](?:[A-Za-z0-9_.@+-]*[A-Za-z0-9_])?\\Z', 'Use letters, digits and _, and between them also . - + and @.')])),
                    ('mail', models.EmailField(max_length=254)),
                    ('is_superuser', models.BooleanField(default=False, verbose_name='superuser')),
                    ('is_first', models.BooleanField(default=False)),
                    ('reason', models.CharField(max_length=500)),
                    ('inviter', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('proposal', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='approvals.proposal')),
                    ('invited_at', models.DateTimeField()),
                    ('expires_at', models.DateTimeField()),
                    ('token_hash', models.CharField(max_length=64, null=True, unique=True)),
                    ('user', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('accepted_at', models.DateTimeField(null=True)),
                    ('withdrawn_at', models.DateTimeField(null=True)),
                    ('groups', models.ManyToManyField(related_name='+', to='auth.group')),
                ],
                options={
                    'default_permissions': (),
                    'constraints': [
                        models.UniqueConstraint(django.db.models.functions.text.Lower('username'), condition=models.Q(('accepted_at', None), ('withdrawn_at', None)), name='invitation_open_once_per_name'),
                        models.UniqueConstraint(condition=models.Q(('accepted_at__isnull', False), ('is_first', True)), fields=('is_first',), name='invitation_accepted_first_once'),
                        models.CheckConstraint(condition=models.Q(models.Q(('accepted_at__isnull', True), ('user__isnull', True)), models.Q(('accepted_at__isnull', False), ('user__isnull', False), ('withdrawn_at__isnull', True)), _connector='OR'), name='invitation_ends_once'),
                    ],
                },
            ),
            migrations.CreateModel(
                name='FactorReset',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('user', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='factor_resets', to=settings.AUTH_USER_MODEL)),
                    ('proposal', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='approvals.proposal')),
                    ('asked_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('decided_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('reason', models.CharField(max_length=500)),
                    ('reset_at', models.DateTimeField()),
                    ('withdrawals_locked_until', models.DateTimeField()),
                ],
                options={
                    'permissions': [
                        ('propose_factor_reset', "Can propose to reset somebody's second factor"),
                        ('decide_factor_reset', 'Can decide whether a second factor is reset'),
                    ],
                    'default_permissions': ('view',),
                    'indexes': [models.Index(fields=['user', '-id'], name='factor_reset_of_user')],
                    'constraints': [
                        models.CheckConstraint(condition=models.Q(models.Q(('asked_by__isnull', True), ('decided_by__isnull', True), ('proposal__isnull', True)), models.Q(('asked_by__isnull', False), ('decided_by__isnull', False), ('proposal__isnull', False), models.Q(('asked_by', models.F('decided_by')), _negated=True), models.Q(('asked_by', models.F('user')), _negated=True), models.Q(('decided_by', models.F('user')), _negated=True)), _connector='OR'), name='factor_reset_by_two_others'),
                    ],
                },
            ),
        ]),
    ]
