"""Journal entries in partitions by their ids, as postings are."""

from django.conf import settings
from django.db import migrations

from common.postgres.schema.partitioning import PartitionById


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("ledger", "0004_look_ups_of_entries")]

    operations = [
        # Orders lock wallets, and then draw the ids of their entries.
        PartitionById("JournalEntry", lambda: settings.PARTITION_ENTRIES, before=["Wallet"]),
    ]
