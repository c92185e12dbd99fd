"""Each market's trade has each of its sides once, over all partitions of fills.

A unique key of a table in partitions by id would have the id in it, and say nothing. But trades of a
market are numbered one after another, and written down in that order by whoever holds the market's
cursor. So a row of the market says how far it is (`trading.models.LastTrade`), and a statement that
inserts fills must go on behind it, with each side once; it takes the row with it, and whoever comes
at the same time waits for the row and is judged by what is in it then. Ids have to go on, too: what
a range of trades is looked for in is a range of ids (`TradeStretch`).

Within a trade the taker's side is first. What a fill is known by never changes; the two tables are
written to by the trigger alone.
"""

STRETCH_IDS = 1 << 20  # of fills of all markets

_LEG = "2 * trade_id + CASE role WHEN 'MAKER' THEN 1 ELSE 0 END"

# Until the rule has begun. They wait that long at worst: where somebody holds the table for longer,
# as VACUUM by hand does, the migration fails, and is run again after it.
WRITERS_WAIT = """
SET LOCAL lock_timeout = '2s';
LOCK TABLE trading_fill IN SHARE ROW EXCLUSIVE MODE;
"""

FILLS_IN_ORDER = f"""
CREATE FUNCTION trading_require_fills_in_order() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    market text;
    first_leg bigint;
    last_leg bigint;
    is_doubled boolean;
    first_id bigint;
    last_id bigint;
    taker_id bigint;
    is_known boolean;
    is_new_stretch boolean;
BEGIN
    FOR market, first_leg, last_leg, is_doubled, first_id, last_id, taker_id IN
        SELECT market_id, min({_LEG}), max({_LEG}), count(*) > count(DISTINCT {_LEG}),
               min(id), max(id), max(id) FILTER (WHERE role = 'TAKER')
          FROM inserted_fills GROUP BY market_id ORDER BY market_id
    LOOP
        is_known := false;
        LOOP
            UPDATE trading_lasttrade AS last
               SET leg = last_leg, fill_id = last_id,
                   taker_fill_id = COALESCE(taker_id, last.taker_fill_id),
                   stretch_fill_id =
                       CASE WHEN first_id / {STRETCH_IDS} > last.stretch_fill_id / {STRETCH_IDS}
                            THEN first_id ELSE last.stretch_fill_id END
             WHERE last.market_id = market AND last.leg < first_leg AND last.fill_id < first_id
            RETURNING last.stretch_fill_id = first_id INTO is_new_stretch;
            EXIT WHEN FOUND OR is_known;
            INSERT INTO trading_lasttrade
                   (market_id, leg, fill_id, taker_fill_id, stretch_fill_id)
            VALUES (market, -1, -1, 0, -{STRETCH_IDS}) ON CONFLICT (market_id) DO NOTHING;
            is_known := true;
        END LOOP;
        IF is_doubled OR is_new_stretch IS NULL THEN
            RAISE EXCEPTION 'fills % to % of %, from trade % on, do not go on behind trade %',
                first_id, last_id, market, first_leg / 2,
                (SELECT leg / 2 FROM trading_lasttrade WHERE market_id = market)
                USING ERRCODE = 'unique_violation',
                      CONSTRAINT = 'fill_once_per_trade_and_role',
                      TABLE = 'trading_fill',
                      HINT = 'Each side of a trade is there once, and the taker''s first.';
        END IF;
        IF is_new_stretch THEN
            INSERT INTO trading_tradestretch (market_id, first_trade_id, first_fill_id, first_at)
            SELECT market, first_leg / 2, first_id, min(executed_at)
              FROM inserted_fills WHERE market_id = market
                ON CONFLICT (market_id, first_trade_id) DO NOTHING;
        END IF;
    END LOOP;
    RETURN NULL;
END $$;

CREATE TRIGGER fill_once_per_trade_and_role
    AFTER INSERT ON trading_fill
    REFERENCING NEW TABLE AS inserted_fills
    FOR EACH STATEMENT EXECUTE FUNCTION trading_require_fills_in_order();
"""

# Of fills that are there as the rule begins.
LAST_TRADES_OF_BEFORE = """
INSERT INTO trading_lasttrade (market_id, leg, fill_id, taker_fill_id, stretch_fill_id)
SELECT market.id, 2 * newest.trade_id + 1, sides.fill_id, sides.taker_fill_id, 0
  FROM markets_market market
 CROSS JOIN LATERAL (SELECT trade_id FROM trading_fill WHERE market_id = market.id
                      ORDER BY trade_id DESC LIMIT 1) newest
 CROSS JOIN LATERAL (SELECT max(id) AS fill_id,
                            COALESCE(max(id) FILTER (WHERE role = 'TAKER'), 0) AS taker_fill_id
                       FROM trading_fill
                      WHERE market_id = market.id AND trade_id = newest.trade_id) sides;
"""

FILLS_KEEP_THEIR_PLACE = """
CREATE FUNCTION trading_refuse_fill_of_another() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'fills keep their id, market, trade and role'
        USING ERRCODE = 'restrict_violation',
              CONSTRAINT = 'fill_keeps_its_place',
              TABLE = TG_TABLE_NAME;
END $$;

CREATE TRIGGER fill_keeps_its_place
    BEFORE UPDATE OF id, market_id, trade_id, role ON trading_fill
    FOR EACH STATEMENT EXECUTE FUNCTION trading_refuse_fill_of_another();
"""

_WRITTEN_WITH_FILLS = """
CREATE TRIGGER {table}_is_written_with_fills
    BEFORE INSERT OR UPDATE OR DELETE ON trading_{table}
    FOR EACH STATEMENT WHEN (pg_trigger_depth() = 0)
    EXECUTE FUNCTION trading_refuse_write_beside_fills();
"""

WRITTEN_WITH_FILLS = """
CREATE FUNCTION trading_refuse_write_beside_fills() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% on %: it is written as fills are, and not by hand', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation',
              CONSTRAINT = 'written_with_fills',
              TABLE = TG_TABLE_NAME;
END $$;
""" + "".join(_WRITTEN_WITH_FILLS.format(table=table) for table in ("lasttrade", "tradestretch"))
