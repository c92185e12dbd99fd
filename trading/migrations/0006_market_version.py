from decimal import Decimal

import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models

from common.decimals import text
from trading.commands.versions import hash_of


VERSION_RULES = """
CREATE FUNCTION trading_refuse_version_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% on %: versions of rules are append-only', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation',
              CONSTRAINT = 'market_version_append_only',
              TABLE = TG_TABLE_NAME;
END $$;

CREATE TRIGGER market_version_append_only
    BEFORE UPDATE OR DELETE ON trading_marketversion
    FOR EACH STATEMENT EXECUTE FUNCTION trading_refuse_version_change();
"""

UNDO = """
DROP TRIGGER market_version_append_only ON trading_marketversion;
DROP FUNCTION trading_refuse_version_change();
"""

NO_RULES = ("id", "config_version", "created_at", "updated_at")
REASON = "as the rules were when versions began to be kept"


def keep_what_there_is(apps, _schema_editor):
    """One version of each market, of the rules it has now: who made the earlier ones is with their
    commands, and what they said in full is not known any more."""
    version_model = apps.get_model("trading", "MarketVersion")
    command_model = apps.get_model("trading", "OutboxCommand")
    for market in apps.get_model("markets", "Market").objects.all():
        rules = {
            name: text(value) if isinstance(value, Decimal) else value
            for name, value in market.__dict__.items()
            if not name.startswith("_") and name not in NO_RULES
        }
        rows = market.tiers.order_by("floor_units")
        rules["tiers"] = [[t.floor_units, t.max_leverage, t.maintenance_ppm] for t in rows]
        command = command_model.objects.filter(
            market=market,
            command_type="ConfigureMarket",
            payload__config__config_version=market.config_version,
        ).last()
        version_model.objects.create(
            market=market,
            version=market.config_version,
            rules=rules,
            rules_hash=hash_of(rules),
            author_id=command.created_by_id if command else None,
            reason=REASON,
            command=command,
            made_at=command.created_at if command else market.updated_at,
        )


class Migration(migrations.Migration):

    dependencies = [
        ('approvals', '0001_initial'),
        ('markets', '0001_initial'),
        ('trading', '0005_days'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='MarketVersion',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('version', models.BigIntegerField()),
                ('rules', models.JSONField()),
                ('rules_hash', models.CharField(max_length=64)),
                ('reason', models.CharField(blank=True, max_length=500)),
                ('restores', models.BigIntegerField(null=True)),
                ('made_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('approved_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('author', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('command', models.OneToOneField(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='market_version', to='trading.outboxcommand')),
                ('market', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='versions', to='markets.market')),
                ('proposal', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='approvals.proposal')),
            ],
            options={
                'ordering': ['market', '-version'],
                'default_permissions': ('view',),
                'constraints': [models.UniqueConstraint(fields=('market', 'version'), name='market_version_once_per_market'), models.CheckConstraint(condition=models.Q(('approved_by', models.F('author')), _negated=True), name='market_version_approved_by_another'), models.CheckConstraint(condition=models.Q(models.Q(('approved_by__isnull', True), ('proposal__isnull', True)), models.Q(('approved_by__isnull', False), ('proposal__isnull', False)), _connector='OR'), name='market_version_approved_with_its_proposal')],
            },
        ),
        migrations.RunSQL(VERSION_RULES, UNDO),
        migrations.RunPython(keep_what_there_is, migrations.RunPython.noop, elidable=True),
    ]
