"""References of fills, checked for a whole statement at once rather than row by row: see the ledger's
migration of the same name. Orders can't be deleted from here on; users and markets are held by
their accounts.
"""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


FORWARD = """
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
          LEFT JOIN trading_market m ON m.id = f.market_id WHERE m.id IS NULL
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
"""

BACKWARD = """
DROP TRIGGER order_never_removed ON trading_order;
DROP FUNCTION trading_refuse_order_loss();
DROP TRIGGER fill_references_exist ON trading_fill;
DROP FUNCTION trading_require_references_of_fills();
"""


class Migration(migrations.Migration):

    dependencies = [
        ('trading', '0008_price_sources'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AlterField(
            model_name='fill',
            name='market',
            field=models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='fills', to='trading.market'),
        ),
        migrations.AlterField(
            model_name='fill',
            name='order',
            field=models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='fills', to='trading.order'),
        ),
        migrations.AlterField(
            model_name='fill',
            name='user',
            field=models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='fills', to=settings.AUTH_USER_MODEL),
        ),
        migrations.RunSQL(FORWARD, BACKWARD),
    ]
