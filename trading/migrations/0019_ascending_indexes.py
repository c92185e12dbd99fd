from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    """Each new index is there before the old one goes, so that no read is without."""

    atomic = False

    dependencies = [
        ("trading", "0018_unsent_markets"),
    ]

    operations = [
        AddIndexConcurrently(
            model_name="order",
            index=models.Index(fields=["user", "id"], name="order_by_user"),
        ),
        RemoveIndexConcurrently(model_name="order", name="order_of_user"),
        AddIndexConcurrently(
            model_name="order",
            index=models.Index(fields=["user", "created_at", "id"], name="order_by_user_and_time"),
        ),
        RemoveIndexConcurrently(model_name="order", name="order_of_user_by_time"),
        AddIndexConcurrently(
            model_name="order",
            index=models.Index(fields=["market", "id"], name="order_by_market"),
        ),
        RemoveIndexConcurrently(model_name="order", name="order_of_market"),
        AddIndexConcurrently(
            model_name="fill",
            index=models.Index(fields=["user", "id"], name="fill_by_user"),
        ),
        RemoveIndexConcurrently(model_name="fill", name="fill_of_user"),
        AddIndexConcurrently(
            model_name="fill",
            index=models.Index(fields=["user", "executed_at", "id"], name="fill_by_user_and_time"),
        ),
        RemoveIndexConcurrently(model_name="fill", name="fill_of_user_by_time"),
    ]
