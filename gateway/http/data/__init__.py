"""Market data: rules, books, trades, candles, prices."""
