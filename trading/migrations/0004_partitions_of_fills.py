"""Fills in partitions by their ids, as the journal is."""

from django.conf import settings
from django.db import migrations

from common.postgres.schema.partitioning import PartitionById


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("trading", "0003_fills_by_trade")]

    operations = [
        PartitionById(
            "Fill",
            lambda: settings.PARTITION_FILLS,
            without=["fill_once_per_trade_and_role"],
        ),
    ]
