import django.core.validators
import django.db.models.deletion
from decimal import Decimal
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('markets', '0001_initial'),
    ]

    operations = [
        migrations.CreateModel(
            name='PriceSource',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('market', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='price_sources', to='markets.market')),
                ('kind', models.CharField(choices=[('synthetic', 'synthetic'), ('ccxt', 'ccxt')], max_length=16)),
                ('venue', models.CharField(blank=True, max_length=32)),
                ('symbol', models.CharField(blank=True, max_length=64)),
                ('weight', models.IntegerField(default=1, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(1000)])),
                ('enabled', models.BooleanField(default=True)),
                ('api_url', models.CharField(blank=True, max_length=200, validators=[django.core.validators.URLValidator(schemes=['http', 'https'])], verbose_name='API address')),
                ('home_price', models.DecimalField(blank=True, decimal_places=10, max_digits=20, null=True, validators=[django.core.validators.MinValueValidator(Decimal('1E-10'))])),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('updated_at', models.DateTimeField(auto_now=True)),
            ],
            options={
                'ordering': ['market', 'id'],
                'permissions': [('check_pricesource', 'Can ask price sources for a price')],
                'constraints': [
                    models.UniqueConstraint(fields=('market', 'kind', 'venue', 'symbol'), name='price_source_once_per_market', violation_error_message='The market has this source already.'),
                    models.CheckConstraint(condition=models.Q(('weight__gte', 1)), name='price_source_weight_positive'),
                    models.CheckConstraint(condition=models.Q(models.Q(('kind', 'synthetic'), ('symbol', ''), ('venue', '')), models.Q(('kind', 'ccxt'), models.Q(('venue', ''), _negated=True), models.Q(('symbol', ''), _negated=True)), _connector='OR'), name='price_source_of_a_venue_names_it', violation_error_message='A ccxt source needs a venue and a symbol; a synthetic one has neither.'),
                ],
            },
        ),
    ]
