from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    """The new index is there before the old one goes, so that no read is without."""

    atomic = False

    dependencies = [
        ("ledger", "0008_withdrawals"),
    ]

    operations = [
        AddIndexConcurrently(
            model_name="posting",
            index=models.Index(fields=["account", "id"], name="posting_by_account"),
        ),
        RemoveIndexConcurrently(model_name="posting", name="posting_of_account"),
    ]
