from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ("trading", "0019_ascending_indexes"),
    ]

    operations = [
        AddIndexConcurrently(
            model_name="outboxcommand",
            index=models.Index(
                condition=models.Q(
                    ("applied_seq__isnull", True),
                    ("command_type__in", ("AmendOrder", "AmendConditional")),
                ),
                fields=["created_by", "id"],
                name="outbox_amending",
            ),
        ),
    ]
