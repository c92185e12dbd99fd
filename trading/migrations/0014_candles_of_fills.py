"""Candles of the fills that were there before candles were. Workers must not run meanwhile: those
of an older build add fills and no candles.
"""

from django.db import migrations

MARKETS = "SELECT id, (tick_size * lot_size * 1000000)::bigint FROM trading_market ORDER BY id"
MINUTES = """
INSERT INTO trading_candle (market_id, interval_ms, start_ms, open_ticks, high_ticks, low_ticks,
                            close_ticks, volume_lots, quote_units, trade_count)
SELECT %(market_id)s, 60000, start_ms,
       (array_agg(price_ticks ORDER BY trade_id))[1], max(price_ticks), min(price_ticks),
       (array_agg(price_ticks ORDER BY trade_id DESC))[1],
       sum(size_lots), sum(price_ticks::numeric * size_lots) * %(units_per_tick_lot)s, count(*)
  FROM (SELECT trade_id, price_ticks, size_lots,
               (extract(epoch FROM executed_at) * 1000)::bigint / 60000 * 60000 AS start_ms
          FROM trading_fill WHERE market_id = %(market_id)s AND role = 'TAKER' AND execution <> 'ADL') AS trade
 GROUP BY start_ms
"""
LARGER_INTERVALS = """
INSERT INTO trading_candle (market_id, interval_ms, start_ms, open_ticks, high_ticks, low_ticks,
                            close_ticks, volume_lots, quote_units, trade_count)
SELECT %(market_id)s, larger.ms, start_ms / larger.ms * larger.ms,
       (array_agg(open_ticks ORDER BY start_ms))[1], max(high_ticks), min(low_ticks),
       (array_agg(close_ticks ORDER BY start_ms DESC))[1],
       sum(volume_lots), sum(quote_units), sum(trade_count)
  FROM trading_candle,
       unnest('{300000,900000,3600000,14400000,86400000}'::integer[]) AS larger(ms)
 WHERE market_id = %(market_id)s AND interval_ms = 60000
 GROUP BY larger.ms, start_ms / larger.ms
"""


def fill_candles(apps, schema_editor):
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(MARKETS)
        for market_id, units_per_tick_lot in cursor.fetchall():
            values = {'market_id': market_id, 'units_per_tick_lot': units_per_tick_lot}
            cursor.execute(MINUTES, values)
            cursor.execute(LARGER_INTERVALS, values)


class Migration(migrations.Migration):

    dependencies = [
        ('trading', '0013_candles'),
    ]

    operations = [
        migrations.RunPython(fill_candles, migrations.RunPython.noop),
    ]
