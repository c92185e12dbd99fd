"""A client order id is held by a key beside the orders, from here on."""

import django.contrib.postgres.indexes
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from trading.migrations.rules.names import NAMES_STAY, ORDERS_ARE_NAMED, WRITERS_WAIT
from trading.migrations.rules.orders import REQUIRE_REFERENCES_OF_FILLS


class Migration(migrations.Migration):

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
        ('trading', '0004_partitions_of_fills'),
    ]

    operations = [
        migrations.CreateModel(
            name='OrderName',
            fields=[
                ('pk', models.CompositePrimaryKey('client_order_id', 'user', blank=True, editable=False, primary_key=True, serialize=False)),
                ('user', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('order', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='names', to='trading.order')),
                ('client_order_id', models.CharField(max_length=64)),
            ],
            options={
                'default_permissions': (),
                'indexes': [django.contrib.postgres.indexes.BrinIndex(autosummarize=True, fields=['order'], name='order_name_by_order', pages_per_range=32)],
            },
        ),
        migrations.RunSQL(WRITERS_WAIT),
        migrations.RunSQL(ORDERS_ARE_NAMED),
        migrations.RunSQL(NAMES_STAY),
        migrations.RunSQL(REQUIRE_REFERENCES_OF_FILLS),
    ]
