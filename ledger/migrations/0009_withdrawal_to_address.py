from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ('ledger', '0008_withdrawals'),
    ]

    operations = [
        AddIndexConcurrently(
            model_name='withdrawal',
            index=models.Index(fields=['address'], name='withdrawal_to_address'),
        ),
    ]
