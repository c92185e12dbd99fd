"""Django's log of operators finds what was done to a record."""

from django.db import migrations


class Migration(migrations.Migration):
    initial = True

    dependencies = [("admin", "0003_logentry_add_action_flag_choices")]

    operations = [
        migrations.RunSQL(
            "CREATE INDEX operator_log_of_object ON django_admin_log (object_id)",
            "DROP INDEX operator_log_of_object",
        ),
    ]
