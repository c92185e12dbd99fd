import announcements.models
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Announcement',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('text', models.CharField(max_length=500)),
                ('level', models.CharField(choices=[('info', 'info'), ('warning', 'warning'), ('maintenance', 'maintenance')], max_length=11)),
                ('shown_from', models.DateTimeField()),
                ('shown_until', models.DateTimeField(blank=True, null=True)),
                ('work_from', models.DateTimeField(blank=True, null=True)),
                ('work_until', models.DateTimeField(blank=True, null=True)),
                ('stops_markets', models.BooleanField(default=False, help_text='Open markets pause when the work begins, and resume when it ends.', verbose_name='pause all markets meanwhile')),
                ('begun_at', models.DateTimeField(editable=False, null=True)),
                ('made_by', models.ForeignKey(editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('made_at', models.DateTimeField(auto_now_add=True)),
            ],
            options={
                'ordering': ['-id'],
                'indexes': [models.Index(fields=['shown_until'], name='announcement_shown')],
                'constraints': [
                    models.CheckConstraint(condition=models.Q(('shown_until__isnull', True), ('shown_until__gt', models.F('shown_from')), _connector='OR'), name='announcement_ends_after_it_begins', violation_error_message='It must end after it begins.'),
                    models.CheckConstraint(condition=models.Q(models.Q(('level', announcements.models.AnnouncementLevel['MAINTENANCE']), ('work_from__isnull', False), ('work_until__gt', models.F('work_from')), ('work_until__isnull', False)), models.Q(models.Q(('level', announcements.models.AnnouncementLevel['MAINTENANCE']), _negated=True), ('stops_markets', False), ('work_from', None), ('work_until', None)), _connector='OR'), name='announcement_of_maintenance_says_when', violation_error_message='Maintenance says from when until when the exchange is worked on, in that order; nothing else does, or pauses markets.'),
                ],
            },
        ),
    ]
