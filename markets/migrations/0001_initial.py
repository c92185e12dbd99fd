import django.core.validators
import django.db.models.deletion
import django.db.models.expressions
import django.db.models.lookups
import matching.messages.vocabulary
from decimal import Decimal
from django.db import migrations, models

from common.postgres.schema.tables import CreateTables


class Migration(migrations.Migration):

    initial = True

    dependencies = [
    ]

    operations = [
        CreateTables([
            migrations.CreateModel(
                name='Market',
                fields=[
                    ('id', models.CharField(max_length=32, primary_key=True, serialize=False, validators=[django.core.validators.RegexValidator('^[A-Z0-9]+(-[A-Z0-9]+)*$', 'Use capitals, digits and hyphens, as in BTC-PERP.')], verbose_name='market')),
                    ('base_asset', models.CharField(max_length=16)),
                    ('quote_asset', models.CharField(default='USD', max_length=16)),
                    ('tick_size', models.DecimalField(decimal_places=10, max_digits=20, validators=[django.core.validators.MinValueValidator(Decimal('1E-10'))])),
                    ('lot_size', models.DecimalField(decimal_places=10, max_digits=20, validators=[django.core.validators.MinValueValidator(Decimal('1E-10'))])),
                    ('min_size_lots', models.BigIntegerField(default=1, validators=[django.core.validators.MinValueValidator(1)])),
                    ('max_size_lots', models.BigIntegerField(validators=[django.core.validators.MinValueValidator(1)])),
                    ('min_notional_units', models.BigIntegerField(default=0, validators=[django.core.validators.MinValueValidator(0)])),
                    ('price_band_ppm', models.IntegerField(default=100000, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(999999)])),
                    ('max_slippage_ppm', models.IntegerField(db_default=10000, default=10000, help_text='Of market orders that name none; at most the price band.', validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(999999)])),
                    ('maker_fee_ppm', models.IntegerField(default=200, help_text='Of traders without a fee tier; below zero a rebate.', validators=[django.core.validators.MinValueValidator(-1000000), django.core.validators.MaxValueValidator(1000000)])),
                    ('taker_fee_ppm', models.IntegerField(default=500, validators=[django.core.validators.MinValueValidator(0), django.core.validators.MaxValueValidator(1000000)])),
                    ('liquidation_fee_ppm', models.IntegerField(default=5000, validators=[django.core.validators.MinValueValidator(0), django.core.validators.MaxValueValidator(100000)])),
                    ('mark_clamp_ppm', models.IntegerField(default=50000, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(999999)])),
                    ('circuit_breaker_ppm', models.IntegerField(default=200000, validators=[django.core.validators.MinValueValidator(0), django.core.validators.MaxValueValidator(1000000)])),
                    ('index_stale_ms', models.IntegerField(default=10000, validators=[django.core.validators.MinValueValidator(1000), django.core.validators.MaxValueValidator(3600000)])),
                    ('funding_interval_ms', models.IntegerField(default=28800000, validators=[django.core.validators.MinValueValidator(60000), django.core.validators.MaxValueValidator(86400000)])),
                    ('funding_interest_ppm', models.IntegerField(default=100, validators=[django.core.validators.MinValueValidator(0), django.core.validators.MaxValueValidator(1000000)])),
                    ('funding_cap_ppm', models.IntegerField(default=20000, validators=[django.core.validators.MinValueValidator(0), django.core.validators.MaxValueValidator(1000000)])),
                    ('impact_notional_units', models.BigIntegerField(default=10000000000, validators=[django.core.validators.MinValueValidator(0), django.core.validators.MaxValueValidator(100000000000000000)])),
                    ('max_open_orders', models.IntegerField(default=200, validators=[django.core.validators.MinValueValidator(1)], verbose_name='open orders per account')),
                    ('max_open_interest_lots', models.BigIntegerField(validators=[django.core.validators.MinValueValidator(1)])),
                    ('price_quorum', models.IntegerField(db_default=1, default=1, help_text='Of its healthy price sources; with fewer the index is stale.', validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(100)], verbose_name='price sources needed')),
                    ('config_version', models.BigIntegerField(default=1, editable=False)),
                    ('created_at', models.DateTimeField(auto_now_add=True)),
                    ('updated_at', models.DateTimeField(auto_now=True)),
                ],
                options={
                    'ordering': ['id'],
                    'permissions': [
                        ('change_market_state', 'Can pause and resume markets'),
                        ('settle_market', 'Can settle markets for good'),
                    ],
                    'constraints': [
                        models.CheckConstraint(condition=models.Q(('maker_fee_ppm__lte', models.F('taker_fee_ppm'))), name='market_maker_fee_at_most_taker_fee'),
                        models.CheckConstraint(condition=models.Q(('maker_fee_ppm__gte', django.db.models.expressions.CombinedExpression(models.F('taker_fee_ppm'), '*', models.Value(-1)))), name='market_rebate_at_most_taker_fee'),
                        models.CheckConstraint(condition=models.Q(('min_size_lots__lte', models.F('max_size_lots'))), name='market_sizes_in_order'),
                        models.CheckConstraint(condition=models.Q(('max_slippage_ppm__gte', 1), ('max_slippage_ppm__lte', models.F('price_band_ppm'))), name='market_max_slippage_within_price_band'),
                        models.CheckConstraint(condition=models.Q(('price_quorum__gte', 1)), name='market_price_quorum_positive'),
                    ],
                },
            ),
            migrations.CreateModel(
                name='LeverageTier',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('market', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='tiers', to='markets.market')),
                    ('floor_units', models.BigIntegerField(validators=[django.core.validators.MinValueValidator(0), django.core.validators.MaxValueValidator(100000000000000000)])),
                    ('max_leverage', models.IntegerField(validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(1000)])),
                    ('maintenance_ppm', models.IntegerField(validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(999999)])),
                ],
                options={
                    'ordering': ['market', 'floor_units'],
                    'constraints': [
                        models.UniqueConstraint(fields=('market', 'floor_units'), name='leverage_tier_once_per_floor'),
                        models.CheckConstraint(condition=django.db.models.lookups.LessThan(django.db.models.expressions.CombinedExpression(models.F('maintenance_ppm'), '*', models.F('max_leverage')), models.Value(1000000)), name='leverage_tier_maintenance_below_initial_margin'),
                    ],
                },
            ),
            migrations.CreateModel(
                name='MarketStatus',
                fields=[
                    ('market', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, primary_key=True, related_name='status', serialize=False, to='markets.market')),
                    ('state', models.CharField(choices=[('PRE_OPEN', 'PRE_OPEN'), ('ACTIVE', 'ACTIVE'), ('POST_ONLY', 'POST_ONLY'), ('REDUCE_ONLY', 'REDUCE_ONLY'), ('CANCEL_ONLY', 'CANCEL_ONLY'), ('HALTED', 'HALTED'), ('SETTLED', 'SETTLED'), ('DELISTED', 'DELISTED')], default=matching.messages.vocabulary.MarketState['PRE_OPEN'], max_length=16)),
                    ('state_reason', models.CharField(choices=[('OPERATOR', 'OPERATOR'), ('CIRCUIT_BREAKER', 'CIRCUIT_BREAKER'), ('INSURANCE_EXHAUSTED', 'INSURANCE_EXHAUSTED')], db_default=matching.messages.vocabulary.StateReason['OPERATOR'], default=matching.messages.vocabulary.StateReason['OPERATOR'], max_length=24)),
                    ('applied_config_version', models.BigIntegerField(default=0)),
                    ('mark_price_ticks', models.BigIntegerField(default=0)),
                    ('index_price_ticks', models.BigIntegerField(default=0)),
                    ('last_price_ticks', models.BigIntegerField(default=0)),
                    ('mark_price_at', models.DateTimeField(null=True)),
                    ('index_ms', models.BigIntegerField(db_default=0, default=0)),
                    ('index_stale', models.BooleanField(db_default=False, default=False)),
                    ('premium_sum_ppb', models.BigIntegerField(db_default=0, default=0)),
                    ('premium_count', models.BigIntegerField(db_default=0, default=0)),
                    ('funding_rate_ppb', models.BigIntegerField(db_default=0, default=0)),
                    ('funding_carry', models.BigIntegerField(db_default=0, default=0)),
                    ('next_funding_ms', models.BigIntegerField(db_default=0, default=0)),
                    ('funding_since_ms', models.BigIntegerField(db_default=0, default=0)),
                    ('funding_is_split', models.BooleanField(db_default=False, default=False)),
                    ('funding_accrued_ppb', models.BigIntegerField(db_default=0, default=0)),
                    ('breaker_armed', models.BooleanField(db_default=True, default=True)),
                    ('insurance_units', models.BigIntegerField(db_default=0, default=0)),
                ],
                options={
                    'verbose_name_plural': 'market status',
                },
            ),
        ]),
    ]
