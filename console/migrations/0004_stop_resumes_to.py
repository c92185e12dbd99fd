from django.db import migrations, models


def open_as_planned(apps, schema_editor):
    """What was stopped before was to be opened to every order."""
    stops = apps.get_model("console", "MarketStop").objects
    stops.exclude(state="ACTIVE").update(resumes_to="ACTIVE")


class Migration(migrations.Migration):

    dependencies = [
        ('console', '0003_stop'),
    ]

    operations = [
        migrations.AddField(
            model_name='marketstop',
            name='resumes_to',
            field=models.CharField(blank=True, choices=[('PRE_OPEN', 'PRE_OPEN'), ('ACTIVE', 'ACTIVE'), ('POST_ONLY', 'POST_ONLY'), ('REDUCE_ONLY', 'REDUCE_ONLY'), ('CANCEL_ONLY', 'CANCEL_ONLY'), ('HALTED', 'HALTED'), ('SETTLED', 'SETTLED'), ('DELISTED', 'DELISTED')], default='', max_length=16),
            preserve_default=False,
        ),
        migrations.RunPython(open_as_planned, migrations.RunPython.noop),
    ]
