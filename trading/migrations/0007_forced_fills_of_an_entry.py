from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("trading", "0006_ended_and_halted_markets"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="fill",
            index=models.Index(
                condition=models.Q(("execution", "TRADE"), _negated=True),
                fields=["market", "seq"],
                name="fill_forced_of_entry",
            ),
        ),
    ]
