import django.contrib.postgres.fields
import django.core.validators
import django.db.models.deletion
import django.db.models.functions.comparison
import django.db.models.functions.datetime
import django.db.models.functions.text
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

from common.postgres.schema.tables import CreateTables


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('auth', '0012_alter_user_first_name_max_length'),
    ]

    operations = [
        CreateTables([
            migrations.CreateModel(
                name='User',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('password', models.CharField(max_length=128, verbose_name='password')),
                    ('last_login', models.DateTimeField(blank=True, null=True, verbose_name='last login')),
                    ('is_superuser', models.BooleanField(default=False, help_text='Designates that this user has all permissions without explicitly assigning them.', verbose_name='superuser status')),
                    ('is_staff', models.BooleanField(default=False, help_text='Designates whether the user can log into this admin site.', verbose_name='staff status')),
                    ('is_active', models.BooleanField(default=True, help_text='Designates whether this user should be treated as active. Unselect this instead of deleting accounts.', verbose_name='active')),
                    ('date_joined', models.DateTimeField(default=django.utils.timezone.now, verbose_name='date joined')),
                    ('username', models.CharField(error_messages={'unique': 'That username is taken.'}, max_length=64, unique=True, validators=[django.core.validators.RegexValidator('\\A[A-Za-z0-9_](?:[A-Za-z0-9_.@+-]*[A-Za-z0-9_])?\\Z', 'Use letters, digits and _, and between them also . - + and @.')])),
                    ('parent', models.ForeignKey(db_index=False, editable=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='sub_accounts', to=settings.AUTH_USER_MODEL)),
                    ('archived_at', models.DateTimeField(editable=False, null=True)),
                    ('groups', models.ManyToManyField(blank=True, help_text='The groups this user belongs to. A user will get all permissions granted to each of their groups.', related_name='user_set', related_query_name='user', to='auth.group', verbose_name='groups')),
                    ('user_permissions', models.ManyToManyField(blank=True, help_text='Specific permissions for this user.', related_name='user_set', related_query_name='user', to='auth.permission', verbose_name='user permissions')),
                ],
                options={
                    'verbose_name': 'user',
                    'verbose_name_plural': 'users',
                    'permissions': [
                        ('suspend_user', 'Can suspend and resume users'),
                        ('manage_operators', 'Can invite operators, end their sessions and let them go'),
                        ('see_as_trader', 'Can look at what a trader sees, without a way to act'),
                    ],
                    'abstract': False,
                    'indexes': [
                        models.Index(condition=models.Q(('is_active', False)), fields=['id'], name='user_suspended'),
                        models.Index(condition=models.Q(('is_staff', True)), fields=['id'], name='user_operator'),
                        models.Index(fields=['date_joined'], name='user_joined'),
                        models.Index(condition=models.Q(('parent__isnull', False)), fields=['parent'], name='user_of_parent'),
                        models.Index(django.db.models.functions.comparison.Collate(django.db.models.functions.text.Lower('username'), 'C'), name='user_username_beginning'),
                    ],
                    'constraints': [
                        models.UniqueConstraint(django.db.models.functions.text.Lower('username'), name='user_username_ignoring_case'),
                        models.CheckConstraint(condition=models.Q(models.Q(('archived_at', None), ('parent', None)), models.Q(('is_staff', False), ('is_superuser', False), ('parent__isnull', False), ('password__startswith', '!')), _connector='OR'), name='user_sub_account_signs_in_nowhere'),
                        models.CheckConstraint(condition=models.Q(('parent', models.F('id')), _negated=True), name='user_not_own_parent'),
                    ],
                },
            ),
            migrations.CreateModel(
                name='SignInFailure',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('username', models.CharField(max_length=64)),
                    ('door', models.CharField(choices=[('api', 'API'), ('console', 'console')], db_default='console', max_length=7)),
                    ('step', models.CharField(choices=[('password', 'password'), ('second_factor', 'second factor')], db_default='password', max_length=13)),
                    ('address', models.GenericIPAddressField(null=True)),
                    ('failed_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ],
                options={
                    'verbose_name': 'failed sign-in',
                    'indexes': [
                        models.Index(fields=['failed_at'], name='sign_in_failure_time'),
                        models.Index(django.db.models.functions.comparison.Collate(django.db.models.functions.text.Lower('username'), 'C'), name='sign_in_failure_name'),
                    ],
                },
            ),
            migrations.CreateModel(
                name='Session',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('user', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='sessions', to=settings.AUTH_USER_MODEL)),
                    ('refresh_hash', models.CharField(max_length=64)),
                    ('opened_at', models.DateTimeField()),
                    ('renewed_at', models.DateTimeField()),
                    ('expires_at', models.DateTimeField()),
                    ('address', models.GenericIPAddressField(null=True)),
                    ('client', models.CharField(max_length=200)),
                    ('factor_at', models.DateTimeField(null=True)),
                    ('ended_at', models.DateTimeField(null=True)),
                    ('end_reason', models.CharField(blank=True, choices=[('signed_out', 'signed out'), ('ended_by_user', 'ended from another session'), ('ended_by_operator', 'ended by an operator'), ('password_changed', 'password changed'), ('suspended', 'user suspended'), ('token_reused', 'refresh token used twice'), ('crowded_out', 'too many sessions'), ('factor_reset', 'second factor reset'), ('account_closed', 'account closed')], max_length=20)),
                ],
                options={
                    'permissions': [('end_session', 'Can end sessions of users')],
                    'indexes': [
                        models.Index(fields=['user', 'id'], name='session_of_user'),
                        models.Index(condition=models.Q(('ended_at', None)), fields=['user'], name='session_open_of_user'),
                        models.Index(condition=models.Q(('ended_at__isnull', False)), fields=['ended_at'], name='session_ended'),
                        models.Index(fields=['expires_at'], name='session_expiry'),
                    ],
                },
            ),
            migrations.CreateModel(
                name='Freeze',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('user', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='freezes', to=settings.AUTH_USER_MODEL)),
                    ('reason', models.CharField(max_length=500)),
                    ('was_active', models.BooleanField()),
                    ('frozen_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('frozen_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                    ('until', models.DateTimeField(null=True)),
                    ('reduces', models.BooleanField(default=False)),
                    ('reductions', models.JSONField(default=dict)),
                    ('lifted_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('lifted_at', models.DateTimeField(null=True)),
                ],
                options={
                    'permissions': [('freeze_user', 'Can freeze traders and lift it')],
                    'default_permissions': (),
                    'indexes': [models.Index(fields=['user', '-id'], name='freeze_of_user')],
                    'constraints': [
                        models.UniqueConstraint(condition=models.Q(('lifted_at', None)), fields=('user',), name='freeze_open_once_of_user'),
                    ],
                },
            ),
            migrations.CreateModel(
                name='StaffSession',
                fields=[
                    ('session_key', models.CharField(max_length=40, primary_key=True, serialize=False, verbose_name='session key')),
                    ('session_data', models.TextField(verbose_name='session data')),
                    ('expire_date', models.DateTimeField(db_index=True, verbose_name='expire date')),
                    ('user', models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='staff_sessions', to=settings.AUTH_USER_MODEL)),
                    ('address', models.GenericIPAddressField(null=True)),
                    ('client', models.CharField(max_length=200)),
                    ('opened_at', models.DateTimeField()),
                    ('seen_at', models.DateTimeField()),
                ],
                options={
                    'default_permissions': (),
                },
            ),
            migrations.CreateModel(
                name='Departure',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('user', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='departures', to=settings.AUTH_USER_MODEL)),
                    ('by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('reason', models.CharField(max_length=500)),
                    ('left_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ],
                options={
                    'default_permissions': (),
                },
            ),
            migrations.CreateModel(
                name='ApiKey',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('user', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='api_keys', to=settings.AUTH_USER_MODEL)),
                    ('name', models.CharField(max_length=50)),
                    ('public_id', models.CharField(max_length=34, unique=True)),
                    ('public_key', models.BinaryField(null=True)),
                    ('sealed_secret', models.BinaryField(null=True)),
                    ('may_read', models.BooleanField()),
                    ('may_trade', models.BooleanField()),
                    ('may_withdraw', models.BooleanField()),
                    ('addresses', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=43), default=list, size=None)),
                    ('made_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                    ('made_from', models.GenericIPAddressField(null=True)),
                    ('expires_at', models.DateTimeField(null=True)),
                    ('revoked_at', models.DateTimeField(null=True)),
                    ('revoked_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('revoke_reason', models.CharField(blank=True, max_length=500)),
                    ('last_used_at', models.DateTimeField(null=True)),
                    ('last_address', models.GenericIPAddressField(null=True)),
                    ('use_count', models.BigIntegerField(db_default=0)),
                ],
                options={
                    'verbose_name': 'API key',
                    'permissions': [('revoke_key', "Can revoke traders' API keys")],
                    'default_permissions': ('view',),
                    'indexes': [
                        models.Index(fields=['user', 'id'], name='api_key_of_user'),
                        models.Index(condition=models.Q(('revoked_at__isnull', False)), fields=['revoked_at'], name='api_key_revoked'),
                    ],
                    'constraints': [
                        models.UniqueConstraint(condition=models.Q(('revoked_at', None)), fields=('user', 'name'), name='api_key_name_of_user'),
                        models.CheckConstraint(condition=models.Q(models.Q(('public_key', None), ('sealed_secret__isnull', False)), models.Q(('public_key__isnull', False), ('sealed_secret', None)), _connector='OR'), name='api_key_of_one_kind'),
                        models.CheckConstraint(condition=models.Q(('may_read', True), ('may_trade', True), ('may_withdraw', True), _connector='OR'), name='api_key_may_something'),
                        models.CheckConstraint(condition=models.Q(('may_withdraw', False), ('addresses__len__gt', 0), _connector='OR'), name='api_key_withdraws_from_somewhere'),
                    ],
                },
            ),
            migrations.CreateModel(
                name='ServedRequest',
                fields=[
                    ('digest', models.CharField(max_length=64, primary_key=True, serialize=False)),
                    ('good_until', models.DateTimeField()),
                ],
                options={
                    'default_permissions': (),
                    'indexes': [models.Index(fields=['good_until'], name='served_request_end')],
                },
            ),
            migrations.CreateModel(
                name='Factor',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('user', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='factors', to=settings.AUTH_USER_MODEL)),
                    ('kind', models.CharField(choices=[('totp', 'authenticator app'), ('passkey', 'passkey')], max_length=7)),
                    ('name', models.CharField(max_length=50)),
                    ('made_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                    ('confirmed_at', models.DateTimeField(null=True)),
                    ('last_used_at', models.DateTimeField(null=True)),
                    ('sealed_secret', models.BinaryField(null=True)),
                    ('last_step', models.BigIntegerField(default=0)),
                    ('credential_id', models.BinaryField(null=True, unique=True)),
                    ('public_key', models.BinaryField(null=True)),
                    ('sign_count', models.BigIntegerField(default=0)),
                ],
                options={
                    'verbose_name': 'second factor',
                    'default_permissions': (),
                    'indexes': [models.Index(fields=['user', 'id'], name='factor_of_user')],
                    'constraints': [
                        models.CheckConstraint(condition=models.Q(models.Q(('credential_id__isnull', True), ('kind', 'totp'), ('public_key__isnull', True), ('sealed_secret__isnull', False)), models.Q(('confirmed_at__isnull', False), ('credential_id__isnull', False), ('kind', 'passkey'), ('public_key__isnull', False), ('sealed_secret__isnull', True)), _connector='OR'), name='factor_of_one_kind'),
                        models.UniqueConstraint(condition=models.Q(('confirmed_at__isnull', False), ('kind', 'totp')), fields=('user',), name='factor_one_app_of_user'),
                        models.UniqueConstraint(condition=models.Q(('confirmed_at', None), ('kind', 'totp')), fields=('user',), name='factor_one_app_begun_of_user'),
                    ],
                },
            ),
            migrations.CreateModel(
                name='RecoveryCode',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='recovery_codes', to=settings.AUTH_USER_MODEL)),
                    ('digest', models.CharField(max_length=64, unique=True)),
                    ('made_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                    ('used_at', models.DateTimeField(null=True)),
                ],
                options={
                    'default_permissions': (),
                },
            ),
            migrations.CreateModel(
                name='PasskeyChallenge',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('challenge', models.BinaryField(unique=True)),
                    ('purpose', models.CharField(choices=[('enrol', 'enrol'), ('show', 'show')], max_length=5)),
                    ('good_until', models.DateTimeField()),
                ],
                options={
                    'default_permissions': (),
                    'indexes': [models.Index(fields=['good_until'], name='passkey_challenge_end')],
                },
            ),
            migrations.CreateModel(
                name='GuessLock',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('kind', models.CharField(choices=[('sign_in', 'sign-in'), ('password', 'own password'), ('second_factor', 'second factor')], max_length=13)),
                    ('whose', models.CharField(max_length=64)),
                    ('attempts', models.IntegerField()),
                    ('tried_at', models.DateTimeField()),
                    ('locked_until', models.DateTimeField(null=True)),
                    ('unlock_hash', models.CharField(max_length=64, null=True, unique=True)),
                    ('mailed_at', models.DateTimeField(null=True)),
                ],
                options={
                    'verbose_name': 'lock',
                    'permissions': [('lift_lock', 'Can lift locks of names that were guessed at')],
                    'default_permissions': ('view',),
                    'indexes': [models.Index(fields=['tried_at'], name='guess_lock_tried')],
                    'constraints': [
                        models.UniqueConstraint(fields=('kind', 'whose'), name='guess_lock_of_secret'),
                    ],
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
                name='TermsAcceptance',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('user', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='terms_acceptances', to=settings.AUTH_USER_MODEL)),
                    ('terms', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='acceptances', to='accounts.termsversion')),
                    ('accepted_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                    ('address', models.GenericIPAddressField(null=True)),
                ],
                options={
                    'default_permissions': ('view',),
                    'constraints': [
                        models.UniqueConstraint(fields=('user', 'terms'), name='terms_accepted_once_of_user'),
                    ],
                },
            ),
            migrations.CreateModel(
                name='IdentityEvent',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('event_id', models.CharField(max_length=100, unique=True)),
                    ('user', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='identity_events', to=settings.AUTH_USER_MODEL)),
                    ('level', models.SmallIntegerField()),
                    ('is_applied', models.BooleanField()),
                    ('occurred_at', models.DateTimeField()),
                    ('outcome', models.CharField(max_length=200)),
                    ('received_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ],
                options={
                    'default_permissions': ('view',),
                    'indexes': [
                        models.Index(fields=['user', '-occurred_at'], name='identity_event_of_user'),
                    ],
                },
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
                    'indexes': [
                        models.Index(fields=['mail'], name='person_mail'),
                        models.Index(django.db.models.functions.text.Lower('mail'), condition=models.Q(('mail_verified_at__isnull', False)), name='person_verified_mail'),
                    ],
                    'constraints': [
                        models.CheckConstraint(condition=models.Q(('mail_verified_at', None), models.Q(('mail', ''), _negated=True), _connector='OR'), name='person_verified_of_a_mail'),
                        models.CheckConstraint(condition=models.Q(('margin_call_percent__range', (1, 100))), name='person_margin_call_percent'),
                    ],
                },
            ),
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
            migrations.CreateModel(
                name='PasswordReset',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('user', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='password_resets', to=settings.AUTH_USER_MODEL)),
                    ('token_hash', models.CharField(max_length=64, unique=True)),
                    ('password_digest', models.CharField(max_length=64)),
                    ('address', models.GenericIPAddressField(null=True)),
                    ('made_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                    ('expires_at', models.DateTimeField()),
                    ('used_at', models.DateTimeField(null=True)),
                ],
                options={
                    'default_permissions': (),
                    'indexes': [
                        models.Index(fields=['user', 'id'], name='password_reset_of_user'),
                        models.Index(fields=['expires_at'], name='password_reset_expiry'),
                    ],
                },
            ),
            migrations.CreateModel(
                name='Closure',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('user', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='closures', to=settings.AUTH_USER_MODEL)),
                    ('closed_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                    ('reopened_at', models.DateTimeField(null=True)),
                    ('reopened_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('reopen_reason', models.CharField(blank=True, max_length=500)),
                    ('erased_at', models.DateTimeField(null=True)),
                    ('erased_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ],
                options={
                    'permissions': [
                        ('reopen_account', 'Can reopen accounts that their owners closed'),
                        ('export_person', 'Can export all that is kept of a person'),
                        ('erase_person', 'Can erase people whose accounts are closed'),
                    ],
                    'default_permissions': ('view',),
                    'indexes': [models.Index(fields=['user', '-id'], name='closure_of_user')],
                    'constraints': [
                        models.UniqueConstraint(condition=models.Q(('reopened_at', None)), fields=('user',), name='closure_open_once_of_user'),
                        models.CheckConstraint(condition=models.Q(('reopened_at', None), ('erased_at', None), _connector='OR'), name='closure_ends_once'),
                    ],
                },
            ),
            migrations.CreateModel(
                name='Verification',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('user', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='verifications', to=settings.AUTH_USER_MODEL)),
                    ('level', models.SmallIntegerField()),
                    ('reason', models.CharField(max_length=500)),
                    ('set_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('set_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ],
                options={
                    'ordering': ['-id'],
                    'permissions': [('set_verification', 'Can set the verification level of traders')],
                    'default_permissions': ('view',),
                    'indexes': [models.Index(fields=['user', '-id'], name='verification_of_user')],
                    'constraints': [
                        models.CheckConstraint(condition=models.Q(('level__gte', 0), ('level__lte', 3)), name='verification_level_known'),
                        models.CheckConstraint(condition=models.Q(('set_by', models.F('user')), _negated=True), name='verification_set_by_another'),
                    ],
                },
            ),
            migrations.CreateModel(
                name='ReferralCode',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('code', models.CharField(max_length=16, unique=True)),
                    ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='referral_codes', to=settings.AUTH_USER_MODEL)),
                    ('made_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                    ('referred_count', models.IntegerField(default=0)),
                    ('paid_units', models.BigIntegerField(default=0)),
                ],
                options={
                    'default_permissions': ('view',),
                },
            ),
            migrations.CreateModel(
                name='Referral',
                fields=[
                    ('user', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, primary_key=True, related_name='referral', serialize=False, to=settings.AUTH_USER_MODEL)),
                    ('referrer', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='referred', to=settings.AUTH_USER_MODEL)),
                    ('code', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='referrals', to='accounts.referralcode')),
                    ('signed_up_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ],
                options={
                    'default_permissions': ('view',),
                    'constraints': [
                        models.CheckConstraint(condition=models.Q(('user', models.F('referrer')), _negated=True), name='referral_of_another'),
                    ],
                },
            ),
        ]),
    ]
