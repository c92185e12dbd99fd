"""What fills of a trade are found by, once the key that does it now is gone."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("trading", "0002_fills_in_order")]

    operations = [
        AddIndexConcurrently(
            model_name="fill",
            index=models.Index(fields=["market", "trade_id"], name="fill_by_trade"),
        ),
    ]
