from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ('ledger', '0009_ascending_indexes'),
    ]

    operations = [
        AddIndexConcurrently(
            model_name='withdrawal',
            index=models.Index(fields=['address'], name='withdrawal_to_address'),
        ),
    ]
