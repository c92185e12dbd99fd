"""Orders and fills name what is there, and orders stay whose they are.

References are checked for a whole statement at once, as those of the journal: foreign keys looked up
the same user and market again for each order of a batch. Users and markets are held by their
accounts. Orders are never removed, renumbered or given to another.

Of the partitions of orders a plan that is kept opens those alone that have ids between the bounds
which it is told.
"""

REFERENCES_OF_ORDERS = """
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
"""

REQUIRE_REFERENCES_OF_FILLS = """
CREATE OR REPLACE FUNCTION trading_require_references_of_fills() RETURNS trigger LANGUAGE plpgsql
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    wrong record;
    first_id bigint;
    last_id bigint;
BEGIN
    SELECT min(order_id), max(order_id) INTO first_id, last_id FROM inserted_fills;
    SELECT named.what, named.value INTO wrong FROM (
        SELECT 'order' AS what, f.order_id::text AS value
          FROM inserted_fills f
          LEFT JOIN trading_order o ON o.id = f.order_id AND o.id BETWEEN first_id AND last_id
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
"""

REFERENCES_OF_FILLS = f"""
{REQUIRE_REFERENCES_OF_FILLS}
CREATE TRIGGER fill_references_exist
    AFTER INSERT ON trading_fill
    REFERENCING NEW TABLE AS inserted_fills
    FOR EACH STATEMENT EXECUTE FUNCTION trading_require_references_of_fills();
"""

ORDERS_STAY = """
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
