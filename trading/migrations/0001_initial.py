"""Orders and what the engine made of them, and what Postgres itself enforces about them.

References of orders and fills are checked for a whole statement at once, as those of the journal:
foreign keys looked up the same user and market again for each order of a batch. Users and markets
are held by their accounts. Orders are never removed, renumbered or given to another.
"""

import django.core.validators
import django.db.models.deletion
import django.db.models.expressions
import django.db.models.functions.datetime
import matching.messages.vocabulary
import trading.models.top_up
from django.conf import settings
from django.db import migrations, models


ORDER_RULES = """
CREATE FUNCTION trading_require_references_of_fills() RETURNS trigger LANGUAGE plpgsql
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE
    wrong record;
BEGIN
    SELECT named.what, named.value INTO wrong FROM (
        SELECT 'order' AS what, f.order_id::text AS value
          FROM inserted_fills f LEFT JOIN trading_order o ON o.id = f.order_id
         WHERE f.order_id IS NOT NULL AND o.id IS NULL
        UNION ALL
        SELECT 'user', f.user_id::text
          FROM (SELECT DISTINCT user_id FROM inserted_fills) AS f
          LEFT JOIN accounts_user u ON u.id = f.user_id WHERE u.id IS NULL
        UNION ALL
        SELECT 'market', f.market_id
          FROM (SELECT DISTINCT market_id FROM inserted_fills) AS f
          LEFT JOIN markets_market m ON m.id = f.market_id WHERE m.id IS NULL
    ) AS named LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'a fill names % %, which is not there', wrong.what, wrong.value
            USING ERRCODE = 'foreign_key_violation',
                  CONSTRAINT = 'fill_references_exist',
                  TABLE = 'trading_fill';
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER fill_references_exist
    AFTER INSERT ON trading_fill
    REFERENCING NEW TABLE AS inserted_fills
    FOR EACH STATEMENT EXECUTE FUNCTION trading_require_references_of_fills();

CREATE FUNCTION trading_refuse_order_loss() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% on trading_order: orders are never removed or renumbered', TG_OP
        USING ERRCODE = 'restrict_violation',
              CONSTRAINT = 'order_never_removed',
              TABLE = TG_TABLE_NAME;
END $$;

CREATE TRIGGER order_never_removed
    BEFORE DELETE OR UPDATE OF id ON trading_order
    FOR EACH STATEMENT EXECUTE FUNCTION trading_refuse_order_loss();

CREATE FUNCTION trading_require_references_of_orders() RETURNS trigger LANGUAGE plpgsql
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE
    wrong record;
BEGIN
    SELECT named.what, named.value INTO wrong FROM (
        SELECT 'user' AS what, o.user_id::text AS value
          FROM (SELECT DISTINCT user_id FROM inserted_orders) AS o
          LEFT JOIN accounts_user u ON u.id = o.user_id WHERE u.id IS NULL
        UNION ALL
        SELECT 'market', o.market_id
          FROM (SELECT DISTINCT market_id FROM inserted_orders) AS o
          LEFT JOIN markets_market m ON m.id = o.market_id WHERE m.id IS NULL
    ) AS named LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'an order names % %, which is not there', wrong.what, wrong.value
            USING ERRCODE = 'foreign_key_violation',
                  CONSTRAINT = 'order_references_exist',
                  TABLE = 'trading_order';
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER order_references_exist
    AFTER INSERT ON trading_order
    REFERENCING NEW TABLE AS inserted_orders
    FOR EACH STATEMENT EXECUTE FUNCTION trading_require_references_of_orders();

CREATE FUNCTION trading_refuse_order_of_another() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'order % stays with its user and market', OLD.id
        USING ERRCODE = 'restrict_violation',
              CONSTRAINT = 'order_stays_with_its_owner',
              TABLE = TG_TABLE_NAME;
END $$;

CREATE TRIGGER order_stays_with_its_owner
    BEFORE UPDATE OF user_id, market_id ON trading_order FOR EACH ROW
    WHEN (OLD.user_id <> NEW.user_id OR OLD.market_id <> NEW.market_id)
    EXECUTE FUNCTION trading_refuse_order_of_another();
"""


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('accounts', '0001_initial'),
        ('markets', '0001_initial'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Candle',
            fields=[
                ('pk', models.CompositePrimaryKey('market', 'interval_ms', 'start_ms', blank=True, editable=False, primary_key=True, serialize=False)),
                ('interval_ms', models.IntegerField()),
                ('start_ms', models.BigIntegerField()),
                ('open_ticks', models.BigIntegerField()),
                ('high_ticks', models.BigIntegerField()),
                ('low_ticks', models.BigIntegerField()),
                ('close_ticks', models.BigIntegerField()),
                ('volume_lots', models.DecimalField(decimal_places=0, max_digits=40)),
                ('quote_units', models.DecimalField(decimal_places=0, max_digits=40)),
                ('trade_count', models.BigIntegerField()),
                ('market', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='candles', to='markets.market')),
            ],
            options={
                'ordering': ['-start_ms'],
            },
        ),
        migrations.CreateModel(
            name='FeeTier',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=64, unique=True)),
                ('maker_fee_ppm', models.IntegerField(help_text='Below zero a rebate, at most the taker fee.', validators=[django.core.validators.MinValueValidator(-1000000), django.core.validators.MaxValueValidator(1000000)])),
                ('taker_fee_ppm', models.IntegerField(validators=[django.core.validators.MinValueValidator(0), django.core.validators.MaxValueValidator(1000000)])),
                ('orders_per_s', models.IntegerField(blank=True, null=True, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(100000)])),
                ('cancels_per_s', models.IntegerField(blank=True, null=True, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(100000)])),
                ('reads_per_s', models.IntegerField(blank=True, null=True, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(100000)])),
            ],
            options={
                'ordering': ['name'],
                'constraints': [models.CheckConstraint(condition=models.Q(('maker_fee_ppm__lte', models.F('taker_fee_ppm')), ('maker_fee_ppm__gte', django.db.models.expressions.CombinedExpression(models.F('taker_fee_ppm'), '*', models.Value(-1)))), name='fee_tier_maker_fee_within_taker_fee'), models.CheckConstraint(condition=models.Q(('orders_per_s__isnull', True), ('orders_per_s__range', (1, 100000)), _connector='OR'), name='fee_tier_orders_per_s_in_bounds'), models.CheckConstraint(condition=models.Q(('cancels_per_s__isnull', True), ('cancels_per_s__range', (1, 100000)), _connector='OR'), name='fee_tier_cancels_per_s_in_bounds'), models.CheckConstraint(condition=models.Q(('reads_per_s__isnull', True), ('reads_per_s__range', (1, 100000)), _connector='OR'), name='fee_tier_reads_per_s_in_bounds')],
            },
        ),
        migrations.CreateModel(
            name='FundingSettlement',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('seq', models.BigIntegerField(help_text="Of the engine's output entry.", verbose_name='sequence')),
                ('funding_time', models.DateTimeField(help_text='The end of the interval.')),
                ('settled_at', models.DateTimeField()),
                ('rate_ppb', models.BigIntegerField(help_text="Of the position's value, in billionths.")),
                ('mark_price_ticks', models.BigIntegerField()),
                ('per_lot_units', models.BigIntegerField(help_text='What a long paid per lot.')),
                ('carry', models.BigIntegerField(db_default=0, default=0, help_text='Left by rounding for the next settlement: billionths of a unit per lot.')),
                ('paid_units', models.BigIntegerField(help_text='Sum of what was paid, which was also received.')),
                ('market', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='funding_settlements', to='markets.market')),
            ],
            options={
                'ordering': ['-id'],
            },
        ),
        migrations.CreateModel(
            name='FundingPayment',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('position_lots', models.BigIntegerField(help_text='Long above zero, short below.')),
                ('amount_units', models.BigIntegerField()),
                ('from_profit_units', models.BigIntegerField(db_default=0, default=0)),
                ('user', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='funding_payments', to=settings.AUTH_USER_MODEL)),
                ('settlement', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='payments', to='trading.fundingsettlement')),
            ],
            options={
                'ordering': ['-id'],
            },
        ),
        migrations.CreateModel(
            name='Liquidation',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('seq', models.BigIntegerField(help_text="Of the engine's output entry.", verbose_name='sequence')),
                ('ordinal', models.IntegerField()),
                ('liquidated_at', models.DateTimeField()),
                ('mark_price_ticks', models.BigIntegerField()),
                ('position_lots', models.BigIntegerField(help_text='Before the attempt.')),
                ('entry_cost_units', models.BigIntegerField(help_text='Before the attempt.')),
                ('margin_units', models.BigIntegerField(help_text='Before the attempt.')),
                ('equity_units', models.BigIntegerField()),
                ('maintenance_units', models.BigIntegerField()),
                ('fee_reserve_units', models.BigIntegerField()),
                ('limit_ticks', models.BigIntegerField(help_text='Of the order sent to the book.')),
                ('cancelled_orders', models.IntegerField()),
                ('filled_lots', models.BigIntegerField(help_text='Closed in the book.')),
                ('deleveraged_lots', models.BigIntegerField(help_text='Closed against other positions.')),
                ('fee_units', models.BigIntegerField(help_text='Paid to the insurance fund.')),
                ('insurance_paid_units', models.BigIntegerField(help_text='Paid by the insurance fund.')),
                ('left_lots', models.BigIntegerField(help_text='Still open.')),
                ('returned_units', models.BigIntegerField(help_text='Margin that went back to the trader.')),
                ('market', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='liquidations', to='markets.market')),
                ('user', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='liquidations', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'ordering': ['-id'],
            },
        ),
        migrations.CreateModel(
            name='Order',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('client_order_id', models.CharField(blank=True, max_length=64, null=True)),
                ('side', models.CharField(choices=[('LONG', 'LONG'), ('SHORT', 'SHORT')], max_length=5)),
                ('order_type', models.CharField(choices=[('limit', 'limit'), ('market', 'market')], max_length=16)),
                ('time_in_force', models.CharField(choices=[('GTC', 'GTC'), ('IOC', 'IOC'), ('FOK', 'FOK'), ('GTX', 'GTX')], max_length=3)),
                ('price_ticks', models.BigIntegerField()),
                ('size_lots', models.BigIntegerField()),
                ('max_slippage_ppm', models.IntegerField(db_default=0, default=0)),
                ('margin_units', models.BigIntegerField()),
                ('leverage', models.IntegerField()),
                ('reduce_only', models.BooleanField()),
                ('close_position', models.BooleanField(db_default=False, default=False)),
                ('maker_fee_ppm', models.IntegerField(db_default=0, default=0)),
                ('taker_fee_ppm', models.IntegerField(db_default=0, default=0)),
                ('expires_at', models.DateTimeField(blank=True, null=True)),
                ('trigger_kind', models.CharField(blank=True, choices=[('STOP', 'STOP'), ('TAKE_PROFIT', 'TAKE_PROFIT'), ('TRAILING_STOP', 'TRAILING_STOP')], max_length=13, null=True)),
                ('trigger_by', models.CharField(blank=True, choices=[('MARK', 'MARK'), ('LAST', 'LAST')], max_length=4, null=True)),
                ('trigger_price_ticks', models.BigIntegerField(db_default=0, default=0)),
                ('trigger_callback_ppm', models.IntegerField(db_default=0, default=0)),
                ('triggered_at', models.DateTimeField(blank=True, null=True)),
                ('self_trade_prevention', models.CharField(choices=[('EXPIRE_MAKER', 'EXPIRE_MAKER'), ('EXPIRE_TAKER', 'EXPIRE_TAKER'), ('EXPIRE_BOTH', 'EXPIRE_BOTH')], max_length=16)),
                ('terms_asked', models.JSONField(blank=True, null=True)),
                ('hold_units', models.BigIntegerField()),
                ('held_units', models.BigIntegerField()),
                ('filled_lots', models.BigIntegerField(db_default=0, default=0)),
                ('cancelled_lots', models.BigIntegerField(db_default=0, default=0)),
                ('filled_cost_units', models.BigIntegerField(db_default=0, default=0)),
                ('arrival', models.BigIntegerField(db_default=0, default=0, help_text='Its place in the queue of its price: smaller is first.')),
                ('status', models.CharField(choices=[('pending', 'pending'), ('waiting', 'waiting'), ('open', 'open'), ('filled', 'filled'), ('cancelled', 'cancelled'), ('rejected', 'rejected'), ('expired', 'expired')], db_default=matching.messages.vocabulary.OrderStatus['PENDING'], default=matching.messages.vocabulary.OrderStatus['PENDING'], max_length=9)),
                ('reason', models.CharField(blank=True, db_default='', default='', help_text='Why the order was rejected, cancelled or expired.', max_length=32)),
                ('created_at', models.DateTimeField()),
                ('updated_at', models.DateTimeField()),
                ('market', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='orders', to='markets.market')),
                ('user', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='orders', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'ordering': ['-id'],
                'permissions': [('cancel_order', 'Can cancel orders of traders')],
            },
        ),
        migrations.CreateModel(
            name='Fill',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('trade_id', models.BigIntegerField(help_text='Gapless per market; both sides share it.')),
                ('role', models.CharField(choices=[('MAKER', 'MAKER'), ('TAKER', 'TAKER')], max_length=5)),
                ('execution', models.CharField(choices=[('TRADE', 'TRADE'), ('LIQUIDATION', 'LIQUIDATION'), ('ADL', 'ADL'), ('SETTLE', 'SETTLE')], db_default=matching.messages.vocabulary.ExecutionType['TRADE'], default=matching.messages.vocabulary.ExecutionType['TRADE'], max_length=11)),
                ('side', models.CharField(choices=[('LONG', 'LONG'), ('SHORT', 'SHORT')], max_length=5)),
                ('price_ticks', models.BigIntegerField()),
                ('size_lots', models.BigIntegerField()),
                ('fee_units', models.BigIntegerField(help_text='Paid by the trader; negative is a rebate.')),
                ('realized_pnl_units', models.BigIntegerField(help_text='Before the fee.')),
                ('insurance_units', models.BigIntegerField(db_default=0, default=0)),
                ('seq', models.BigIntegerField(help_text="Of the engine's output entry.", verbose_name='sequence')),
                ('executed_at', models.DateTimeField()),
                ('market', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='fills', to='markets.market')),
                ('user', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='fills', to=settings.AUTH_USER_MODEL)),
                ('order', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='fills', to='trading.order')),
            ],
            options={
                'ordering': ['-id'],
            },
        ),
        migrations.CreateModel(
            name='OutboxCommand',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('command_type', models.CharField(max_length=32)),
                ('payload', models.JSONField(help_text='The command, without its command_id.')),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('idempotency_key', models.CharField(blank=True, help_text="The sender's: the same key again is the same command.", max_length=64, null=True)),
                ('applied_seq', models.BigIntegerField(null=True, verbose_name='applied at sequence')),
                ('created_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='commands', to=settings.AUTH_USER_MODEL)),
                ('market', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='commands', to='markets.market')),
            ],
            options={
                'ordering': ['-id'],
            },
        ),
        migrations.CreateModel(
            name='InsuranceTopUp',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('amount_units', models.BigIntegerField(validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(100000000000000000)])),
                ('reason', models.CharField(max_length=500)),
                ('status', models.CharField(choices=[('requested', 'requested'), ('approved', 'approved'), ('refused', 'refused')], default=trading.models.top_up.TopUpStatus['REQUESTED'], max_length=9)),
                ('requested_at', models.DateTimeField(auto_now_add=True)),
                ('decided_at', models.DateTimeField(null=True)),
                ('decided_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('market', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='top_ups', to='markets.market')),
                ('requested_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('command', models.OneToOneField(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='top_up', to='trading.outboxcommand')),
            ],
            options={
                'verbose_name': 'insurance top-up',
                'ordering': ['-id'],
                'permissions': [('request_top_up', 'Can ask for insurance top-ups'), ('decide_top_up', 'Can approve and refuse insurance top-ups')],
            },
        ),
        migrations.CreateModel(
            name='Position',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('position_lots', models.BigIntegerField(help_text='Long above zero, short below.')),
                ('entry_cost_units', models.BigIntegerField()),
                ('margin_units', models.BigIntegerField()),
                ('leverage', models.IntegerField(db_default=0, default=0)),
                ('realized_pnl_units', models.BigIntegerField(db_default=0, default=0)),
                ('seq', models.BigIntegerField(help_text='Of the last entry that changed it.', verbose_name='sequence')),
                ('updated_at', models.DateTimeField()),
                ('market', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='positions', to='markets.market')),
                ('user', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='positions', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'ordering': ['-updated_at'],
            },
        ),
        migrations.CreateModel(
            name='PositionLife',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('side', models.CharField(choices=[('LONG', 'LONG'), ('SHORT', 'SHORT')], max_length=5)),
                ('opened_seq', models.BigIntegerField(verbose_name='opened at sequence')),
                ('opened_at', models.DateTimeField()),
                ('closed_seq', models.BigIntegerField(null=True, verbose_name='closed at sequence')),
                ('closed_at', models.DateTimeField(null=True)),
                ('ending', models.CharField(blank=True, choices=[('CLOSED', 'CLOSED'), ('FLIPPED', 'FLIPPED'), ('LIQUIDATED', 'LIQUIDATED'), ('ADL', 'ADL'), ('SETTLED', 'SETTLED')], default='', max_length=10)),
                ('max_lots', models.BigIntegerField()),
                ('entry_lots', models.DecimalField(decimal_places=0, max_digits=40)),
                ('entry_units', models.DecimalField(decimal_places=0, max_digits=40)),
                ('exit_lots', models.DecimalField(decimal_places=0, max_digits=40)),
                ('exit_units', models.DecimalField(decimal_places=0, max_digits=40)),
                ('realized_pnl_units', models.BigIntegerField()),
                ('fee_units', models.BigIntegerField()),
                ('liquidation_fee_units', models.BigIntegerField()),
                ('insurance_units', models.BigIntegerField()),
                ('loss_share_units', models.BigIntegerField()),
                ('funding_units', models.BigIntegerField()),
                ('market', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='position_lives', to='markets.market')),
                ('user', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='position_lives', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'verbose_name_plural': 'position lives',
                'ordering': ['-id'],
            },
        ),
        migrations.CreateModel(
            name='Settlement',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('seq', models.BigIntegerField(help_text="Of the engine's output entry.", verbose_name='sequence')),
                ('settled_at', models.DateTimeField()),
                ('price_ticks', models.BigIntegerField()),
                ('position_lots', models.BigIntegerField(help_text='Before; long above zero, short below.')),
                ('realized_pnl_units', models.BigIntegerField()),
                ('insurance_units', models.BigIntegerField(help_text='To the fund; below zero from it.')),
                ('returned_units', models.BigIntegerField(help_text="What went to the trader's wallet.")),
                ('market', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='settlements', to='markets.market')),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='settlements', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'ordering': ['-id'],
            },
        ),
        migrations.CreateModel(
            name='TraderLeverage',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('leverage', models.IntegerField(validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(1000)])),
                ('market', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='markets.market')),
                ('user', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='leverages', to=settings.AUTH_USER_MODEL)),
            ],
        ),
        migrations.CreateModel(
            name='UserFeeTier',
            fields=[
                ('user', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='fee_tier', serialize=False, to=settings.AUTH_USER_MODEL)),
                ('assigned_by', models.ForeignKey(editable=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('tier', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='users', to='trading.feetier')),
            ],
        ),
        migrations.CreateModel(
            name='Countdown',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('due_ms', models.BigIntegerField(help_text="By the engine's clock.")),
                ('protective', models.BooleanField(db_default=False, default=False, help_text='Waiting reduce-only orders go, too.')),
                ('market', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='countdowns', to='markets.market')),
                ('user', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='countdowns', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('user', 'market'), name='countdown_once_per_user_and_market'), models.CheckConstraint(condition=models.Q(('due_ms__gt', 0)), name='countdown_runs')],
            },
        ),
        migrations.AddConstraint(
            model_name='fundingsettlement',
            constraint=models.UniqueConstraint(fields=('market', 'seq'), name='funding_settlement_once_per_entry'),
        ),
        migrations.AddIndex(
            model_name='fundingpayment',
            index=models.Index(fields=['user', '-id'], name='funding_payment_of_user'),
        ),
        migrations.AddIndex(
            model_name='fundingpayment',
            index=models.Index(fields=['settlement', '-id'], name='funding_payment_of_settlement'),
        ),
        migrations.AddConstraint(
            model_name='fundingpayment',
            constraint=models.UniqueConstraint(fields=('settlement', 'user'), name='funding_payment_once_per_settlement'),
        ),
        migrations.AddIndex(
            model_name='liquidation',
            index=models.Index(fields=['user', '-id'], name='liquidation_of_user'),
        ),
        migrations.AddIndex(
            model_name='liquidation',
            index=models.Index(fields=['market', '-id'], name='liquidation_of_market'),
        ),
        migrations.AddConstraint(
            model_name='liquidation',
            constraint=models.UniqueConstraint(fields=('market', 'seq', 'ordinal'), name='liquidation_once_per_entry_and_ordinal'),
        ),
        migrations.AddIndex(
            model_name='order',
            index=models.Index(fields=['user', '-id'], name='order_of_user'),
        ),
        migrations.AddIndex(
            model_name='order',
            index=models.Index(fields=['user', '-created_at', '-id'], name='order_of_user_by_time'),
        ),
        migrations.AddIndex(
            model_name='order',
            index=models.Index(fields=['market', '-id'], name='order_of_market'),
        ),
        migrations.AddIndex(
            model_name='order',
            index=models.Index(condition=models.Q(('status__in', (matching.messages.vocabulary.OrderStatus['PENDING'], matching.messages.vocabulary.OrderStatus['WAITING'], matching.messages.vocabulary.OrderStatus['OPEN']))), fields=['market', 'id'], name='order_live_of_market'),
        ),
        migrations.AddIndex(
            model_name='order',
            index=models.Index(condition=models.Q(('status__in', (matching.messages.vocabulary.OrderStatus['PENDING'], matching.messages.vocabulary.OrderStatus['WAITING'], matching.messages.vocabulary.OrderStatus['OPEN']))), fields=['user', '-id'], name='order_live_of_user'),
        ),
        migrations.AddIndex(
            model_name='order',
            index=models.Index(condition=models.Q(('reason', matching.messages.vocabulary.CancelReason['LIQUIDATION'])), fields=['user', 'market'], name='order_cancelled_by_liquidation'),
        ),
        migrations.AddConstraint(
            model_name='order',
            constraint=models.UniqueConstraint(condition=models.Q(('client_order_id__isnull', False)), fields=('client_order_id', 'user'), name='order_client_order_id_once_per_user'),
        ),
        migrations.AddConstraint(
            model_name='order',
            constraint=models.CheckConstraint(condition=models.Q(('size_lots__gt', 0), ('price_ticks__gt', 0)), name='order_positive'),
        ),
        migrations.AddConstraint(
            model_name='order',
            constraint=models.CheckConstraint(condition=models.Q(('held_units__gte', 0), ('held_units__lte', models.F('hold_units'))), name='order_held_within_hold'),
        ),
        migrations.AddConstraint(
            model_name='order',
            constraint=models.CheckConstraint(condition=models.Q(('filled_lots__gte', 0), ('cancelled_lots__gte', 0), ('filled_lots__lte', django.db.models.expressions.CombinedExpression(models.F('size_lots'), '-', models.F('cancelled_lots')))), name='order_lots_add_up'),
        ),
        migrations.AddConstraint(
            model_name='order',
            constraint=models.CheckConstraint(condition=models.Q(('status__in', (matching.messages.vocabulary.OrderStatus['PENDING'], matching.messages.vocabulary.OrderStatus['WAITING'], matching.messages.vocabulary.OrderStatus['OPEN'])), ('held_units', 0), ('triggered_at__isnull', False), _connector='OR'), name='order_finished_holds_nothing'),
        ),
        migrations.AddConstraint(
            model_name='order',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('trigger_by__isnull', True), ('trigger_kind__isnull', True)), models.Q(('trigger_by__isnull', False), ('trigger_kind__isnull', False)), _connector='OR'), name='order_trigger_whole_or_none'),
        ),
        migrations.AddConstraint(
            model_name='order',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('status', matching.messages.vocabulary.OrderStatus['WAITING']), _negated=True), ('trigger_kind__isnull', False), _connector='OR'), name='order_waits_for_its_trigger'),
        ),
        migrations.AddConstraint(
            model_name='order',
            constraint=models.CheckConstraint(condition=models.Q(('maker_fee_ppm__lte', models.F('taker_fee_ppm')), ('taker_fee_ppm__gte', 0)), name='order_maker_fee_at_most_taker_fee'),
        ),
        migrations.AddIndex(
            model_name='fill',
            index=models.Index(fields=['user', '-id'], name='fill_of_user'),
        ),
        migrations.AddIndex(
            model_name='fill',
            index=models.Index(fields=['user', '-executed_at', '-id'], name='fill_of_user_by_time'),
        ),
        migrations.AddIndex(
            model_name='fill',
            index=models.Index(condition=models.Q(('execution', matching.messages.vocabulary.ExecutionType['TRADE']), _negated=True), fields=['market', 'seq'], name='fill_forced_of_entry'),
        ),
        migrations.AddConstraint(
            model_name='fill',
            constraint=models.UniqueConstraint(fields=('market', 'trade_id', 'role'), name='fill_once_per_trade_and_role'),
        ),
        migrations.AddConstraint(
            model_name='fill',
            constraint=models.CheckConstraint(condition=models.Q(('size_lots__gt', 0), ('price_ticks__gt', 0)), name='fill_positive'),
        ),
        migrations.AddIndex(
            model_name='outboxcommand',
            index=models.Index(condition=models.Q(('applied_seq__isnull', True)), fields=['market', 'id'], name='outbox_not_applied'),
        ),
        migrations.AddIndex(
            model_name='outboxcommand',
            index=models.Index(condition=models.Q(('command_type__in', ('ConfigureMarket', 'SetMarketState', 'SettleMarket', 'FundInsurance'))), fields=['market', '-id'], name='outbox_of_market'),
        ),
        migrations.AddConstraint(
            model_name='outboxcommand',
            constraint=models.UniqueConstraint(condition=models.Q(('idempotency_key__isnull', False)), fields=('created_by', 'idempotency_key'), name='outbox_once_per_sender_and_key'),
        ),
        migrations.AddIndex(
            model_name='insurancetopup',
            index=models.Index(condition=models.Q(('status', trading.models.top_up.TopUpStatus['REQUESTED'])), fields=['id'], name='top_up_waiting'),
        ),
        migrations.AddConstraint(
            model_name='insurancetopup',
            constraint=models.CheckConstraint(condition=models.Q(('amount_units__gt', 0)), name='top_up_positive'),
        ),
        migrations.AddConstraint(
            model_name='insurancetopup',
            constraint=models.CheckConstraint(condition=models.Q(('decided_by', models.F('requested_by')), _negated=True), name='top_up_decided_by_another'),
        ),
        migrations.AddConstraint(
            model_name='insurancetopup',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('command__isnull', True), ('decided_by__isnull', True), ('status', trading.models.top_up.TopUpStatus['REQUESTED'])), models.Q(('command__isnull', False), ('decided_by__isnull', False), ('status', trading.models.top_up.TopUpStatus['APPROVED'])), models.Q(('command__isnull', True), ('decided_by__isnull', False), ('status', trading.models.top_up.TopUpStatus['REFUSED'])), _connector='OR'), name='top_up_decision_is_whole'),
        ),
        migrations.AddIndex(
            model_name='position',
            index=models.Index(condition=models.Q(('position_lots', 0), _negated=True), fields=['market'], name='position_open_of_market'),
        ),
        migrations.AddConstraint(
            model_name='position',
            constraint=models.UniqueConstraint(fields=('user', 'market'), name='position_once_per_user_and_market'),
        ),
        migrations.AddConstraint(
            model_name='position',
            constraint=models.CheckConstraint(condition=models.Q(('margin_units__gte', 0)), name='position_margin_not_negative'),
        ),
        migrations.AddConstraint(
            model_name='position',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('position_lots', 0), _negated=True), models.Q(('margin_units', 0), ('entry_cost_units', 0)), _connector='OR'), name='position_flat_has_no_margin_and_no_cost'),
        ),
        migrations.AddIndex(
            model_name='positionlife',
            index=models.Index(fields=['user', '-id'], name='position_life_of_user'),
        ),
        migrations.AddIndex(
            model_name='positionlife',
            index=models.Index(condition=models.Q(('closed_at__isnull', False)), fields=['user', '-closed_at', '-id'], name='position_life_closed_of_user'),
        ),
        migrations.AddConstraint(
            model_name='positionlife',
            constraint=models.UniqueConstraint(condition=models.Q(('closed_at__isnull', True)), fields=('user', 'market'), name='position_life_open_once'),
        ),
        migrations.AddConstraint(
            model_name='positionlife',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('closed_at__isnull', True), ('closed_seq__isnull', True), ('ending', '')), models.Q(('closed_at__isnull', False), ('closed_seq__isnull', False), models.Q(('ending', ''), _negated=True)), _connector='OR'), name='position_life_ended_whole_or_not'),
        ),
        migrations.AddConstraint(
            model_name='settlement',
            constraint=models.UniqueConstraint(fields=('market', 'user'), name='settlement_once_per_user_and_market'),
        ),
        migrations.AddConstraint(
            model_name='traderleverage',
            constraint=models.UniqueConstraint(fields=('user', 'market'), name='trader_leverage_once_per_user_and_market'),
        ),
        migrations.AddConstraint(
            model_name='userfeetier',
            constraint=models.CheckConstraint(condition=models.Q(('assigned_by', models.F('user')), _negated=True), name='user_fee_tier_assigned_by_another'),
        ),
        migrations.RunSQL(ORDER_RULES),
    ]
