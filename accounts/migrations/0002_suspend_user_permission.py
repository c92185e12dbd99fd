from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("accounts", "0001_initial")]

    operations = [
        migrations.AlterModelOptions(
            name="user",
            options={
                "permissions": [("suspend_user", "Can suspend and resume users")],
                "verbose_name": "user",
                "verbose_name_plural": "users",
            },
        ),
    ]
