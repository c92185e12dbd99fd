"""What traders, markets and orders have in files of fills."""

import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models

from trading.migrations.rules.append_only import FILES_APPEND_ONLY

class Migration(migrations.Migration):

    dependencies = [
        ('ledger', '0007_files_of_other_tables'),
        ('markets', '0001_initial'),
        ('trading', '0006_names_of_orders_before'),
    ]

    operations = [
        migrations.CreateModel(
            name='ArchivedMarket',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('row_count', models.BigIntegerField()),
                ('fee_units', models.DecimalField(decimal_places=0, max_digits=40)),
                ('first_trade_id', models.BigIntegerField()),
                ('last_trade_id', models.BigIntegerField()),
                ('last_seq', models.BigIntegerField()),
                ('first_at', models.DateTimeField()),
                ('last_at', models.DateTimeField()),
                ('groups', django.contrib.postgres.fields.ArrayField(base_field=models.IntegerField(), size=None)),
                ('file', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='markets', to='ledger.archivefile')),
                ('market', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='markets.market')),
            ],
            options={
                'default_permissions': (),
                'constraints': [models.UniqueConstraint(fields=('market', 'file'), name='archived_market_once')],
            },
        ),
        migrations.CreateModel(
            name='ArchivedOrder',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('order_id', models.BigIntegerField(verbose_name='order')),
                ('lots', models.BigIntegerField()),
                ('tick_lots', models.DecimalField(decimal_places=0, max_digits=60)),
                ('file', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='orders', to='ledger.archivefile')),
                ('market', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='markets.market')),
            ],
            options={
                'default_permissions': (),
                'constraints': [models.UniqueConstraint(fields=('order_id', 'file'), name='archived_order_once')],
            },
        ),
        migrations.CreateModel(
            name='ArchivedTrader',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('user_id', models.BigIntegerField()),
                ('row_count', models.BigIntegerField()),
                ('last_at', models.DateTimeField()),
                ('groups', django.contrib.postgres.fields.ArrayField(base_field=models.IntegerField(), size=None)),
                ('file', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='traders', to='ledger.archivefile')),
            ],
            options={
                'default_permissions': (),
                'constraints': [models.UniqueConstraint(fields=('user_id', 'file'), name='archived_trader_once')],
            },
        ),
        migrations.RunSQL(FILES_APPEND_ONLY),
    ]
