import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from common.postgres.schema.append_only import only_add_to, refuse_changes
from common.postgres.schema.tables import CreateTables


# A seal and its parts are only ever added, as the journal is.
SEAL_RULES = refuse_changes(
    "persistence_refuse_seal_change", "seals are", "seal_append_only"
) + "".join(
    only_add_to(f"persistence_{part}", "seal_append_only", "persistence_refuse_seal_change")
    for part in ("journalseal", "sealedmarket", "sealedtotal", "sealedposition")
)


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('ledger', '0001_initial'),
        ('markets', '0001_initial'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        CreateTables([
            migrations.CreateModel(
                name='MarketCursor',
                fields=[
                    ('market', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, primary_key=True, related_name='cursor', serialize=False, to='markets.market')),
                    ('seq', models.BigIntegerField(default=0, verbose_name='sequence')),
                    ('input_id', models.CharField(default='0-0', max_length=48)),
                    ('entry_time_ms', models.BigIntegerField(default=0)),
                    ('applied_at', models.DateTimeField(null=True)),
                ],
            ),
            migrations.CreateModel(
                name='DeadLetter',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('market', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='dead_letters', to='markets.market')),
                    ('seq', models.BigIntegerField(verbose_name='sequence')),
                    ('input_id', models.CharField(max_length=48)),
                    ('reason', models.TextField()),
                    ('payload', models.BinaryField()),
                    ('recorded_at', models.DateTimeField(auto_now_add=True)),
                ],
                options={
                    'ordering': ['-id'],
                    'constraints': [
                        models.UniqueConstraint(fields=('market', 'seq'), name='dead_letter_once'),
                    ],
                },
            ),
            migrations.CreateModel(
                name='PersistenceFault',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('market', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='persistence_faults', to='markets.market')),
                    ('seq', models.BigIntegerField(verbose_name='sequence')),
                    ('kind', models.CharField(choices=[('PoisonEntry', 'PoisonEntry'), ('SequenceGap', 'SequenceGap')], max_length=16)),
                    ('reason', models.TextField()),
                    ('payload', models.BinaryField(help_text='The entry as it was published.')),
                    ('first_seen', models.DateTimeField()),
                    ('last_seen', models.DateTimeField()),
                    ('resolved_at', models.DateTimeField(null=True)),
                    ('resolution', models.CharField(blank=True, choices=[('persisted', 'persisted'), ('quarantined', 'quarantined'), ('superseded', 'superseded')], max_length=11)),
                    ('resolved_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ],
                options={
                    'ordering': ['-id'],
                    'permissions': [
                        ('resolve_fault', 'Can retry and quarantine what stops persistence'),
                    ],
                    'constraints': [
                        models.UniqueConstraint(condition=models.Q(('resolved_at__isnull', True)), fields=('market',), name='persistence_fault_open_once_per_market'),
                    ],
                },
            ),
            migrations.CreateModel(
                name='QuarantinedEntry',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('market', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='quarantined_entries', to='markets.market')),
                    ('seq', models.BigIntegerField(verbose_name='sequence')),
                    ('input_id', models.CharField(help_text='Of its command; empty if unreadable.', max_length=48)),
                    ('reason', models.TextField()),
                    ('payload', models.BinaryField()),
                    ('quarantined_at', models.DateTimeField(auto_now_add=True)),
                    ('quarantined_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ],
                options={
                    'verbose_name_plural': 'quarantined entries',
                    'ordering': ['-id'],
                    'constraints': [
                        models.UniqueConstraint(fields=('market', 'seq'), name='quarantined_entry_once'),
                    ],
                },
            ),
            migrations.CreateModel(
                name='EngineSnapshotArchive',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('market', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='archived_snapshots', to='markets.market')),
                    ('seq', models.BigIntegerField(verbose_name='sequence')),
                    ('input_id', models.CharField(max_length=48)),
                    ('frame', models.BinaryField()),
                    ('sha256', models.CharField(max_length=64)),
                    ('archived_at', models.DateTimeField()),
                ],
                options={
                    'verbose_name': 'archived snapshot',
                    'ordering': ['-id'],
                    'constraints': [
                        models.UniqueConstraint(fields=('market', 'seq'), name='archived_snapshot_once'),
                    ],
                },
            ),
            migrations.CreateModel(
                name='ReconcileRun',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('market_id', models.CharField(blank=True, default='', max_length=32, verbose_name='market')),
                    ('is_full', models.BooleanField(db_default=False, default=False, verbose_name='full proof')),
                    ('started_at', models.DateTimeField()),
                    ('finished_at', models.DateTimeField()),
                    ('difference_count', models.BigIntegerField(verbose_name='differences')),
                    ('differences', models.JSONField(default=list)),
                    ('compared', models.JSONField(default=list)),
                    ('figures', models.JSONField(default=dict)),
                ],
                options={
                    'ordering': ['-id'],
                    'permissions': [('run_reconciliation', 'Can ask for a run of reconciliation')],
                },
            ),
            migrations.CreateModel(
                name='DailyFile',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('market', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='daily_files', to='markets.market')),
                    ('kind', models.CharField(choices=[('trades', 'trades'), ('candles', 'candles')], max_length=8)),
                    ('day', models.DateField()),
                    ('row_count', models.BigIntegerField(default=0)),
                    ('size_bytes', models.BigIntegerField(default=0)),
                    ('sha256', models.CharField(blank=True, default='', max_length=64)),
                    ('fault', models.TextField(blank=True, default='')),
                    ('made_at', models.DateTimeField(null=True)),
                ],
                options={
                    'ordering': ['-id'],
                    'default_permissions': ('view',),
                    'indexes': [
                        models.Index(condition=models.Q(('fault', ''), _negated=True), fields=['day'], name='daily_file_failed'),
                    ],
                    'constraints': [
                        models.UniqueConstraint(fields=('market', 'kind', 'day'), name='one_file_a_day'),
                    ],
                },
            ),
            migrations.CreateModel(
                name='JournalSeal',
                fields=[
                    ('id', models.BigIntegerField(primary_key=True, serialize=False, verbose_name='number')),
                    ('last_entry_id', models.BigIntegerField(verbose_name='last entry')),
                    ('last_order_id', models.BigIntegerField(verbose_name='last order')),
                    ('last_life_id', models.BigIntegerField()),
                    ('last_mark_id', models.BigIntegerField()),
                    ('entry_count', models.BigIntegerField(verbose_name='entries')),
                    ('posting_count', models.BigIntegerField(verbose_name='postings')),
                    ('fill_count', models.BigIntegerField(verbose_name='fills')),
                    ('order_count', models.BigIntegerField(verbose_name='orders')),
                    ('fee_units', models.DecimalField(decimal_places=0, max_digits=40)),
                    ('blocks', models.JSONField()),
                    ('previous_sha256', models.CharField(blank=True, max_length=64)),
                    ('sha256', models.CharField(max_length=64)),
                    ('sealed_at', models.DateTimeField()),
                ],
                options={
                    'ordering': ['-id'],
                    'default_permissions': (),
                },
            ),
            migrations.CreateModel(
                name='SealedMarket',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('seal', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='markets', to='persistence.journalseal')),
                    ('market', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='markets.market')),
                    ('seq', models.BigIntegerField(verbose_name='sequence')),
                    ('trade_id', models.BigIntegerField()),
                ],
                options={
                    'default_permissions': (),
                    'constraints': [
                        models.UniqueConstraint(fields=('seal', 'market'), name='sealed_market_once'),
                    ],
                },
            ),
            migrations.CreateModel(
                name='SealedTotal',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('seal', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='totals', to='persistence.journalseal')),
                    ('account', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='ledger.account')),
                    ('total_units', models.BigIntegerField()),
                ],
                options={
                    'default_permissions': (),
                    'constraints': [
                        models.UniqueConstraint(fields=('account', 'seal'), name='sealed_total_once'),
                    ],
                },
            ),
            migrations.CreateModel(
                name='SealedPosition',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('seal', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='positions', to='persistence.journalseal')),
                    ('market', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='markets.market')),
                    ('user_id', models.BigIntegerField()),
                    ('lots', models.BigIntegerField()),
                    ('realized_pnl_units', models.BigIntegerField()),
                    ('life_count', models.BigIntegerField()),
                    ('life_row_id', models.BigIntegerField(null=True)),
                    ('life', models.JSONField(null=True)),
                ],
                options={
                    'default_permissions': (),
                    'constraints': [
                        models.UniqueConstraint(fields=('user_id', 'market', 'seal'), name='sealed_position_once'),
                    ],
                },
            ),
            migrations.CreateModel(
                name='CarriedOrder',
                fields=[
                    ('order_id', models.BigIntegerField(primary_key=True, serialize=False)),
                ],
                options={
                    'default_permissions': (),
                },
            ),
        ]),
        migrations.RunSQL(SEAL_RULES),
    ]
