"""Which files stand for partitions of postings, and what accounts have in them."""

import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

from ledger.migrations.rules.append_only import FILES_APPEND_ONLY

class Migration(migrations.Migration):

    dependencies = [
        ('ledger', '0005_partitions_of_entries'),
        ('markets', '0001_initial'),
    ]

    operations = [
        migrations.CreateModel(
            name='ArchiveFile',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('first_id', models.BigIntegerField(verbose_name='first posting')),
                ('end_id', models.BigIntegerField(verbose_name='before posting')),
                ('row_count', models.BigIntegerField(verbose_name='postings')),
                ('first_entry_id', models.BigIntegerField()),
                ('last_entry_id', models.BigIntegerField()),
                ('amount_units', models.DecimalField(decimal_places=0, max_digits=40)),
                ('name', models.CharField(max_length=100)),
                ('size_bytes', models.BigIntegerField()),
                ('sha256', models.CharField(max_length=64)),
                ('footer_sha256', models.CharField(max_length=64)),
                ('schema_version', models.IntegerField()),
                ('seal', models.BigIntegerField()),
                ('made_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                'ordering': ['first_id'],
                'default_permissions': (),
                'constraints': [models.UniqueConstraint(fields=('first_id', 'sha256'), name='archive_file_once')],
            },
        ),
        migrations.CreateModel(
            name='ArchivedHold',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('order_id', models.BigIntegerField(verbose_name='order')),
                ('amount_units', models.BigIntegerField()),
                ('market', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='markets.market')),
                ('file', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='holds', to='ledger.archivefile')),
            ],
            options={
                'default_permissions': (),
                'constraints': [models.UniqueConstraint(fields=('order_id', 'file'), name='archived_hold_once')],
            },
        ),
        migrations.CreateModel(
            name='ArchivedAccount',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('row_count', models.BigIntegerField()),
                ('amount_units', models.BigIntegerField()),
                ('total_units', models.BigIntegerField()),
                ('groups', django.contrib.postgres.fields.ArrayField(base_field=models.IntegerField(), size=None)),
                ('account', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='ledger.account')),
                ('file', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='accounts', to='ledger.archivefile')),
            ],
            options={
                'default_permissions': (),
                'constraints': [models.UniqueConstraint(fields=('account', 'file'), name='archived_account_once')],
            },
        ),
        migrations.CreateModel(
            name='ArchiveStep',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('detached', 'detached'), ('attached', 'attached')], max_length=8)),
                ('at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('file', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='steps', to='ledger.archivefile')),
            ],
            options={
                'default_permissions': (),
                'indexes': [models.Index(fields=['file', 'id'], name='archive_step_of_file')],
            },
        ),
        migrations.RunSQL(FILES_APPEND_ONLY),
    ]
