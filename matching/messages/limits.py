"""Bounds on every number that travels, and why none of them leaves 64 bits.

Money is stored as ``bigint`` and the streams carry whole numbers of 64 bits (B = 2⁶³ ≈ 9.2·10¹⁸).
The bounds below are those of single fields, which `commands` declares, and of what the engine adds
up, which it enforces. k is money units per tick and lot, Q the open interest, W is
`MAX_OPEN_VALUE_UNITS`. Inside a computation Python's integers have no bound; what is said here is
of what is published, kept in a snapshot, or written to a row.

======================= ============= ==============================================================
what                    at most       because
======================= ============= ==============================================================
notional of an order    10¹⁶          `orders`, `amend`: INVALID_SIZE
value of open interest  10¹⁶          at the mark, with what an arriving order opens; `orders`:
                                      MAX_OPEN_INTEREST
the same, as prices go  W = 5·10¹⁶    k·max(Q, 1)·index: a higher index is not taken and counts as
                                      stale (`prices`), a higher settlement price is refused, new
                                      rules under which it would be higher are invalid
a lot, or Q, at a fill  4 W           mark < 2 · index (the clamp is below 1), a fill < 2 · mark
                                      (so is the price band)
entry cost of all       5.7·10¹⁸      of the lots open now the i-th oldest was filled while at least
longs; of all shorts                  i were open, so it cost at most 4 W / i; of Q ≤ 10¹² lots
                                      that is 4 W · (1 + ln 10¹²). Funding paid out of profit leaves
                                      an entry cost below the position's value
money in the market     10¹⁸          `orders`, `amend`, `money`: MARKET_FULL to what would bring
(wallets_units)                       more in
margin + held + fees    6.7·10¹⁸      = wallets_units + the entry cost of longs − that of shorts
+ insurance, each alone
a leg's money           6.7·10¹⁸      part of the above: what a position holds and is owed is in it
fee, liquidation fee,   2·10¹⁷        at most the value it is a rate of
maintenance margin
premium sample          ±10⁹ ppb      `prices` clamps it to the index itself
premium_sum_ppb         10¹⁸          of at most 10⁹ samples: an interval's further ones don't count
per_lot_units           10¹⁷          funding: rate ≤ 1, k · mark ≤ 2 W
funding payments        10¹⁷          the same times Q
basis                   4·10¹²        twice the difference of two prices
time                    2.6·10¹⁴      the year 9999; `runtime.applier` stops the clock there
sequence, arrival,      rises by one  2⁶³ steps are never taken
trade id
======================= ============= ==============================================================

Sums over time that no market carries (volume of candles) are ``numeric`` in Postgres. A wallet
takes deposits up to `MAX_MONEY_UNITS`; for gains to lift one past B would take the money of ninety
wallets that are full.
"""

MONEY_UNITS_PER_CURRENCY = 1_000_000  # money travels in millionths of the settlement currency
PPM = 1_000_000

MAX_PRICE_TICKS = 10**12
MAX_SIZE_LOTS = 10**12
MAX_MONEY_UNITS = 10**17  # 100 billion of the settlement currency
MAX_NOTIONAL_UNITS = 10**16
MAX_OPEN_INTEREST_UNITS = 10**16
MAX_OPEN_VALUE_UNITS = 5 * 10**16
MAX_MARKET_MONEY_UNITS = 10**18
MAX_ICEBERG_PARTS = 100  # a taker meets each on its own
MAX_PREMIUM_PPB = 10**9
MAX_PREMIUM_SAMPLES = 10**9
MAX_LEVERAGE = 1_000
MAX_ID = 2**63 - 1
MAX_COUNTDOWN_MS = 86_400_000
MAX_TIME_MS = 253_402_300_799_999  # the end of the year 9999, the last a row can say


def lots_shown(visible_lots: int, filled_lots: int, remaining_lots: int) -> int:
    """What the book shows of an order that shows at most ``visible_lots``, or all of itself (0):
    what is not filled yet of the part it is at. Parts are counted from its first lot."""
    if not visible_lots:
        return remaining_lots
    return min(remaining_lots, visible_lots - filled_lots % visible_lots)


def highest_price_ticks(units_per_tick_lot: int, open_interest_lots: int) -> int:
    """The highest index or settlement price at which the market's open interest, or a single lot,
    is within `MAX_OPEN_VALUE_UNITS`; 0 if none is."""
    lots = max(1, open_interest_lots)
    return min(MAX_PRICE_TICKS, MAX_OPEN_VALUE_UNITS // (units_per_tick_lot * lots))
