import common.outgoing.due_rows
import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
    ]

    operations = [
        migrations.CreateModel(
            name='Mail',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('key', models.CharField(max_length=120, unique=True)),
                ('made_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('state', models.CharField(choices=[('waiting', 'waiting'), ('sent', 'sent'), ('failed', 'failed'), ('kept', 'kept')], default=common.outgoing.due_rows.OutgoingState['WAITING'], max_length=7)),
                ('tries', models.SmallIntegerField(default=0)),
                ('due_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('ended_at', models.DateTimeField(null=True)),
                ('last_error', models.CharField(blank=True, max_length=500)),
                ('to', models.EmailField(max_length=254, verbose_name='to')),
                ('subject', models.CharField(max_length=200)),
                ('body', models.TextField()),
                ('sealed', models.BinaryField(null=True)),
            ],
            options={
                'ordering': ['-id'],
                'permissions': [('send_mail_again', 'Can send mails again')],
                'abstract': False,
                'default_permissions': ('view',),
                'indexes': [
                    models.Index(condition=models.Q(('state', common.outgoing.due_rows.OutgoingState['WAITING'])), fields=['due_at'], name='mail_due'),
                    models.Index(condition=models.Q(('ended_at__isnull', False)), fields=['ended_at'], name='mail_ended'),
                    models.Index(fields=['to', '-id'], name='mail_to'),
                ],
            },
        ),
    ]
