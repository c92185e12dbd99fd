"""References of orders, checked for a whole statement at once, as those of fills in 0009: foreign
keys looked up the same user and market again for each order of a batch. Users and markets are held
by their accounts. As nothing looks at an update, none may give an order to another.
"""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


FORWARD = """
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
          LEFT JOIN trading_market m ON m.id = o.market_id WHERE m.id IS NULL
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

BACKWARD = """
DROP TRIGGER order_stays_with_its_owner ON trading_order;
DROP FUNCTION trading_refuse_order_of_another();
DROP TRIGGER order_references_exist ON trading_order;
DROP FUNCTION trading_require_references_of_orders();
"""


class Migration(migrations.Migration):

    dependencies = [
        ('trading', '0011_payments_of_a_settlement'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AlterField(
            model_name='order',
            name='market',
            field=models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='orders', to='trading.market'),
        ),
        migrations.AlterField(
            model_name='order',
            name='user',
            field=models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='orders', to=settings.AUTH_USER_MODEL),
        ),
        migrations.RunSQL(FORWARD, BACKWARD),
    ]
