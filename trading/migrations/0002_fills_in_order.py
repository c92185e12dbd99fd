"""That a trade has each side once is held by what a row of its market says, and no more by a key."""

import django.db.models.deletion
from django.db import migrations, models

from trading.migrations.rules.fills import (
    FILLS_IN_ORDER,
    FILLS_KEEP_THEIR_PLACE,
    LAST_TRADES_OF_BEFORE,
    WRITERS_WAIT,
    WRITTEN_WITH_FILLS,
)


class Migration(migrations.Migration):

    dependencies = [
        ('markets', '0001_initial'),
        ('trading', '0001_initial'),
    ]

    operations = [
        migrations.CreateModel(
            name='LastTrade',
            fields=[
                ('market', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, primary_key=True, related_name='+', serialize=False, to='markets.market')),
                ('leg', models.BigIntegerField()),
                ('fill_id', models.BigIntegerField()),
                ('taker_fill_id', models.BigIntegerField()),
                ('stretch_fill_id', models.BigIntegerField()),
            ],
            options={
                'default_permissions': (),
            },
        ),
        migrations.CreateModel(
            name='TradeStretch',
            fields=[
                ('pk', models.CompositePrimaryKey('market', 'first_trade_id', blank=True, editable=False, primary_key=True, serialize=False)),
                ('market', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='markets.market')),
                ('first_trade_id', models.BigIntegerField()),
                ('first_fill_id', models.BigIntegerField()),
                ('first_at', models.DateTimeField()),
            ],
            options={
                'default_permissions': (),
            },
        ),
        migrations.RunSQL(WRITERS_WAIT),
        migrations.RunSQL(FILLS_IN_ORDER),
        migrations.RunSQL(LAST_TRADES_OF_BEFORE),
        migrations.RunSQL(FILLS_KEEP_THEIR_PLACE),
        migrations.RunSQL(WRITTEN_WITH_FILLS),
    ]
