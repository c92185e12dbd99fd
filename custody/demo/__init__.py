"""The demo's custody: a client of a process that plays a chain (`custody.demo.chain`)."""

from matching.messages.limits import MONEY_UNITS_PER_CURRENCY

# What the chain's hot wallet has when it begins.
FLOAT_UNITS = 1_000_000 * MONEY_UNITS_PER_CURRENCY
