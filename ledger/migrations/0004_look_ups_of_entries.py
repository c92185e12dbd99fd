"""What names a journal entry looks it up as in a table of partitions, which it comes to be."""

import django.db.models.deletion
from django.db import migrations, models

from ledger.migrations.rules.deposits import ENTRIES_OF_DEPOSITS
from ledger.migrations.rules.flows import ADD_TO_FLOWS
from ledger.migrations.rules.journal import REQUIRE_BALANCED_ENTRIES


class Migration(migrations.Migration):
    dependencies = [("ledger", "0003_flows_of_kinds")]

    operations = [
        migrations.RunSQL(REQUIRE_BALANCED_ENTRIES),
        migrations.RunSQL(ADD_TO_FLOWS),
        migrations.RunSQL(
            ENTRIES_OF_DEPOSITS,
            state_operations=[
                migrations.AlterField(
                    model_name="deposit",
                    name="entry",
                    field=models.OneToOneField(
                        db_constraint=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="deposit",
                        to="ledger.journalentry",
                    ),
                ),
            ],
        ),
    ]
