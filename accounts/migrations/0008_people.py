import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.functions.datetime
import django.db.models.functions.text
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0007_second_factors'),
    ]

    operations = [
        migrations.CreateModel(
            name='ResetRequest',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('typed', models.CharField(max_length=254)),
                ('address', models.GenericIPAddressField(null=True)),
                ('asked_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                'default_permissions': (),
            },
        ),
        migrations.AlterModelManagers(
            name='user',
            managers=[
            ],
        ),
        migrations.AlterField(
            model_name='session',
            name='end_reason',
            field=models.CharField(blank=True, choices=[('signed_out', 'signed out'), ('ended_by_user', 'ended from another session'), ('ended_by_operator', 'ended by an operator'), ('password_changed', 'password changed'), ('suspended', 'user suspended'), ('token_reused', 'refresh token used twice'), ('crowded_out', 'too many sessions'), ('factor_reset', 'second factor reset'), ('account_closed', 'account closed')], max_length=20),
        ),
        migrations.CreateModel(
            name='Person',
            fields=[
                ('user', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='person', serialize=False, to=settings.AUTH_USER_MODEL)),
                ('mail', models.EmailField(blank=True, max_length=254)),
                ('mail_verified_at', models.DateTimeField(editable=False, null=True)),
                ('new_mail', models.EmailField(blank=True, editable=False, max_length=254)),
                ('new_mail_hash', models.CharField(editable=False, max_length=64, null=True, unique=True)),
                ('new_mail_until', models.DateTimeField(editable=False, null=True)),
                ('name', models.CharField(blank=True, max_length=200)),
                ('country', models.CharField(blank=True, max_length=2)),
                ('muted', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=40), default=list, editable=False, size=None)),
                ('margin_call_percent', models.SmallIntegerField(default=80, editable=False)),
            ],
            options={
                'verbose_name_plural': 'people',
                'permissions': [('see_person', 'Can see personal data')],
                'default_permissions': (),
                'indexes': [models.Index(django.db.models.functions.text.Lower('mail'), condition=models.Q(('mail_verified_at__isnull', False)), name='person_verified_mail')],
                'constraints': [models.CheckConstraint(condition=models.Q(('mail_verified_at', None), models.Q(('mail', ''), _negated=True), _connector='OR'), name='person_verified_of_a_mail'), models.CheckConstraint(condition=models.Q(('margin_call_percent__range', (1, 100))), name='person_margin_call_percent')],
            },
        ),
        migrations.CreateModel(
            name='TermsVersion',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('version', models.PositiveIntegerField(editable=False, unique=True)),
                ('text', models.TextField(max_length=200000)),
                ('in_force_at', models.DateTimeField(verbose_name='in force from')),
                ('published_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('published_by', models.ForeignKey(editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'verbose_name': 'terms of service',
                'verbose_name_plural': 'terms of service',
                'default_permissions': ('view', 'add'),
            },
        ),
        migrations.CreateModel(
            name='Closure',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('closed_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('reopened_at', models.DateTimeField(null=True)),
                ('reopen_reason', models.CharField(blank=True, max_length=500)),
                ('erased_at', models.DateTimeField(null=True)),
                ('erased_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('reopened_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('user', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='closures', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'permissions': [('reopen_account', 'Can reopen accounts that their owners closed'), ('export_person', 'Can export all that is kept of a person'), ('erase_person', 'Can erase people whose accounts are closed')],
                'default_permissions': ('view',),
                'indexes': [models.Index(fields=['user', '-id'], name='closure_of_user')],
                'constraints': [models.UniqueConstraint(condition=models.Q(('reopened_at', None)), fields=('user',), name='closure_open_once_of_user'), models.CheckConstraint(condition=models.Q(('reopened_at', None), ('erased_at', None), _connector='OR'), name='closure_ends_once')],
            },
        ),
        migrations.CreateModel(
            name='IdentityEvent',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('event_id', models.CharField(max_length=100, unique=True)),
                ('level', models.SmallIntegerField()),
                ('is_applied', models.BooleanField()),
                ('occurred_at', models.DateTimeField()),
                ('outcome', models.CharField(max_length=200)),
                ('received_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('user', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='identity_events', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'default_permissions': ('view',),
                'indexes': [models.Index(fields=['user', '-occurred_at'], name='identity_event_of_user')],
            },
        ),
        migrations.CreateModel(
            name='PasswordReset',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('token_hash', models.CharField(max_length=64, unique=True)),
                ('password_digest', models.CharField(max_length=64)),
                ('address', models.GenericIPAddressField(null=True)),
                ('made_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('expires_at', models.DateTimeField()),
                ('used_at', models.DateTimeField(null=True)),
                ('user', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='password_resets', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'default_permissions': (),
                'indexes': [models.Index(fields=['user', 'id'], name='password_reset_of_user'), models.Index(fields=['expires_at'], name='password_reset_expiry')],
            },
        ),
        migrations.CreateModel(
            name='TermsAcceptance',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('accepted_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('address', models.GenericIPAddressField(null=True)),
                ('user', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='terms_acceptances', to=settings.AUTH_USER_MODEL)),
                ('terms', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='acceptances', to='accounts.termsversion')),
            ],
            options={
                'default_permissions': ('view',),
                'constraints': [models.UniqueConstraint(fields=('user', 'terms'), name='terms_accepted_once_of_user')],
            },
        ),
        migrations.RunSQL(
            """
            INSERT INTO accounts_person (user_id, mail, mail_verified_at, new_mail, name, country,
                                         muted, margin_call_percent)
            SELECT id, email, CASE WHEN is_staff AND email <> '' THEN now() END, '',
                   trim(first_name || ' ' || last_name), '', '{}', 80
              FROM accounts_user
             WHERE email <> '' OR first_name <> '' OR last_name <> ''
            """,
            migrations.RunSQL.noop,
        ),
        migrations.RunSQL(
            "UPDATE accounts_invitation SET mail = '' WHERE accepted_at IS NOT NULL",
            migrations.RunSQL.noop,
        ),
        migrations.RemoveField(
            model_name='user',
            name='email',
        ),
        migrations.RemoveField(
            model_name='user',
            name='first_name',
        ),
        migrations.RemoveField(
            model_name='user',
            name='last_name',
        ),
    ]
