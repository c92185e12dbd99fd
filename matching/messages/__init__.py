"""The contract between all parts: commands, events, reject codes, codec, stream names.

Every process of the exchange (API, engine, ledger, feeds) speaks through these types and nothing
else. The package imports nothing of ours, so that any part may import it.

Units, everywhere in the contract:

==================  =============================================================================
``*_ticks``         price as a whole number of the market's ticks
``*_lots``          size as a whole number of the market's lots
``*_units``         money as a whole number of millionths of the settlement currency
``*_ppm``           a rate in parts per million
``*_ms``            milliseconds since the Unix epoch, by the clock of the input stream
==================  =============================================================================

Prices and sizes are never negative. Signed are: positions (long > 0 > short), entry cost (what a
long paid, minus what a short received), realised profit, and every ``*_delta_units`` (> 0 is a gain
of the account named).
"""
