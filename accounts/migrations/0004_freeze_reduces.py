from django.db import migrations, models


def keep_orders_as_numbers(apps, schema_editor):
    for freeze in apps.get_model("accounts", "Freeze").objects.exclude(reductions={}):
        freeze.reduces = True
        freeze.reductions = {
            market: int(outcome.removeprefix("order "))
            if outcome.removeprefix("order ").isdigit()
            else outcome
            for market, outcome in freeze.reductions.items()
        }
        freeze.save(update_fields=["reduces", "reductions"])


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0003_freeze'),
    ]

    operations = [
        migrations.AddField(
            model_name='freeze',
            name='reduces',
            field=models.BooleanField(default=False),
        ),
        migrations.RunPython(keep_orders_as_numbers, migrations.RunPython.noop),
    ]
