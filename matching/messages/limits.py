"""Bounds on every number that travels.

Chosen so that no product the engine forms leaves 63 bits: a notional is at most
``MAX_NOTIONAL_UNITS`` (checked for every order), and money is stored as ``bigint``.
"""

MONEY_UNITS_PER_CURRENCY = 1_000_000  # money travels in millionths of the settlement currency
PPM = 1_000_000

MAX_PRICE_TICKS = 10**12
MAX_SIZE_LOTS = 10**12
MAX_MONEY_UNITS = 10**17  # 100 billion of the settlement currency
MAX_NOTIONAL_UNITS = 10**16
MAX_LEVERAGE = 1_000
MAX_ID = 2**63 - 1
MAX_TIME_MS = 253_402_300_799_999  # the end of the year 9999, the last a row can say
