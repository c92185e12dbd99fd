"""Files say of which table they are; those that are there are of postings."""

from django.db import migrations, models

class Migration(migrations.Migration):

    dependencies = [
        ('ledger', '0006_files_of_postings'),
    ]

    operations = [
        migrations.AddField(
            model_name='archivefile',
            name='table',
            field=models.CharField(db_default='ledger_posting', max_length=63),
        ),
        migrations.AlterField(
            model_name='archivefile',
            name='end_id',
            field=models.BigIntegerField(verbose_name='before row'),
        ),
        migrations.AlterField(
            model_name='archivefile',
            name='first_entry_id',
            field=models.BigIntegerField(default=0),
        ),
        migrations.AlterField(
            model_name='archivefile',
            name='first_id',
            field=models.BigIntegerField(verbose_name='first row'),
        ),
        migrations.AlterField(
            model_name='archivefile',
            name='last_entry_id',
            field=models.BigIntegerField(default=0),
        ),
        migrations.AlterField(
            model_name='archivefile',
            name='row_count',
            field=models.BigIntegerField(verbose_name='rows'),
        ),
    ]
