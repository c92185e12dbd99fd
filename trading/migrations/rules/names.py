"""A client order id names one order of its trader, for ever (`trading.models.OrderName`).

A unique key of orders would have their id in it, once they are in partitions by it. So the keys have
a table of their own. Whoever takes orders writes the key first and lets the order follow it, which
spares him the refusal; for everybody else a trigger does it: of orders without a key it makes one,
or their statement is refused as any unique key would refuse it. So none is there without, whatever
wrote it, COPY and an older release, too.

What an order is called never changes, nor does its key.
"""

# Until the rule has begun; they wait that long at worst. See `rules.fills`.
WRITERS_WAIT = """
SET LOCAL lock_timeout = '2s';
LOCK TABLE trading_order IN SHARE ROW EXCLUSIVE MODE;
"""

ORDERS_ARE_NAMED = """
CREATE FUNCTION trading_name_orders() RETURNS trigger LANGUAGE plpgsql
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
BEGIN
    INSERT INTO trading_ordername (user_id, order_id, client_order_id)
    SELECT o.user_id, o.id, o.client_order_id
      FROM inserted_orders o
     WHERE o.client_order_id IS NOT NULL
       AND NOT EXISTS (SELECT FROM trading_ordername named
                        WHERE named.client_order_id = o.client_order_id
                          AND named.user_id = o.user_id AND named.order_id = o.id);
    RETURN NULL;
END $$;

CREATE TRIGGER order_is_named
    AFTER INSERT ON trading_order
    REFERENCING NEW TABLE AS inserted_orders
    FOR EACH STATEMENT EXECUTE FUNCTION trading_name_orders();
"""

NAMES_STAY = """
CREATE FUNCTION trading_refuse_another_name() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'order % keeps its client order id', OLD.id
        USING ERRCODE = 'restrict_violation',
              CONSTRAINT = 'order_keeps_its_name',
              TABLE = TG_TABLE_NAME;
END $$;

CREATE TRIGGER order_keeps_its_name
    BEFORE UPDATE OF client_order_id ON trading_order FOR EACH ROW
    WHEN (OLD.client_order_id IS DISTINCT FROM NEW.client_order_id)
    EXECUTE FUNCTION trading_refuse_another_name();

CREATE FUNCTION trading_refuse_name_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% on trading_ordername: a client order id is used once, for ever', TG_OP
        USING ERRCODE = 'restrict_violation',
              CONSTRAINT = 'order_name_append_only',
              TABLE = TG_TABLE_NAME;
END $$;

CREATE TRIGGER order_name_append_only
    BEFORE UPDATE OR DELETE ON trading_ordername
    FOR EACH STATEMENT EXECUTE FUNCTION trading_refuse_name_change();
"""

# Of orders of before the rule; each has one, as the index that was there held. A range of ids.
NAMES_OF_BEFORE = """
INSERT INTO trading_ordername (user_id, order_id, client_order_id)
SELECT user_id, id, client_order_id FROM trading_order
 WHERE id > %s AND id <= %s AND client_order_id IS NOT NULL
 ORDER BY id
    ON CONFLICT (user_id, client_order_id) DO NOTHING
"""
