import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('markets', '0001_initial'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
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
            name='ReconcileRun',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('market_id', models.CharField(blank=True, default='', max_length=32, verbose_name='market')),
                ('started_at', models.DateTimeField()),
                ('finished_at', models.DateTimeField()),
                ('difference_count', models.BigIntegerField(verbose_name='differences')),
                ('differences', models.JSONField(default=list)),
                ('compared', models.JSONField(default=list)),
                ('figures', models.JSONField(default=dict)),
            ],
            options={
                'ordering': ['-id'],
            },
        ),
        migrations.CreateModel(
            name='DeadLetter',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('seq', models.BigIntegerField(verbose_name='sequence')),
                ('input_id', models.CharField(max_length=48)),
                ('reason', models.TextField()),
                ('payload', models.BinaryField()),
                ('recorded_at', models.DateTimeField(auto_now_add=True)),
                ('market', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='dead_letters', to='markets.market')),
            ],
            options={
                'ordering': ['-id'],
                'constraints': [models.UniqueConstraint(fields=('market', 'seq'), name='dead_letter_once')],
            },
        ),
        migrations.CreateModel(
            name='EngineSnapshotArchive',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('seq', models.BigIntegerField(verbose_name='sequence')),
                ('input_id', models.CharField(max_length=48)),
                ('frame', models.BinaryField()),
                ('sha256', models.CharField(max_length=64)),
                ('archived_at', models.DateTimeField()),
                ('market', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='archived_snapshots', to='markets.market')),
            ],
            options={
                'verbose_name': 'archived snapshot',
                'ordering': ['-id'],
                'constraints': [models.UniqueConstraint(fields=('market', 'seq'), name='archived_snapshot_once')],
            },
        ),
        migrations.CreateModel(
            name='PersistenceFault',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('seq', models.BigIntegerField(verbose_name='sequence')),
                ('kind', models.CharField(choices=[('PoisonEntry', 'PoisonEntry'), ('SequenceGap', 'SequenceGap')], max_length=16)),
                ('reason', models.TextField()),
                ('payload', models.BinaryField(help_text='The entry as it was published.')),
                ('first_seen', models.DateTimeField()),
                ('last_seen', models.DateTimeField()),
                ('resolved_at', models.DateTimeField(null=True)),
                ('resolution', models.CharField(blank=True, choices=[('persisted', 'persisted'), ('quarantined', 'quarantined'), ('superseded', 'superseded')], max_length=11)),
                ('market', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='persistence_faults', to='markets.market')),
                ('resolved_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'ordering': ['-id'],
                'permissions': [('resolve_fault', 'Can retry and quarantine what stops persistence')],
                'constraints': [models.UniqueConstraint(condition=models.Q(('resolved_at__isnull', True)), fields=('market',), name='persistence_fault_open_once_per_market')],
            },
        ),
        migrations.CreateModel(
            name='QuarantinedEntry',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('seq', models.BigIntegerField(verbose_name='sequence')),
                ('input_id', models.CharField(help_text='Of its command; empty if unreadable.', max_length=48)),
                ('reason', models.TextField()),
                ('payload', models.BinaryField()),
                ('quarantined_at', models.DateTimeField(auto_now_add=True)),
                ('market', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='quarantined_entries', to='markets.market')),
                ('quarantined_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'verbose_name_plural': 'quarantined entries',
                'ordering': ['-id'],
                'constraints': [models.UniqueConstraint(fields=('market', 'seq'), name='quarantined_entry_once')],
            },
        ),
    ]
