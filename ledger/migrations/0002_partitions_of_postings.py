"""Postings in partitions by their ids; see `common.postgres.schema.partitioning`."""

from django.conf import settings
from django.db import migrations

from common.postgres.schema.partitioning import PartitionById


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("ledger", "0001_initial")]

    operations = [PartitionById("Posting", lambda: settings.PARTITION_POSTINGS)]
