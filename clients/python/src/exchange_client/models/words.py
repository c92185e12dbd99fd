"""The exchange's words. What is sent is one of these; what is heard is plain text, so that a word
of a newer exchange is no error here."""

from typing import Literal

Side = Literal["LONG", "SHORT"]
OrderType = Literal["limit", "market"]
PriceMatch = Literal["QUEUE", "QUEUE_5", "OPPONENT", "OPPONENT_5"]
TimeInForce = Literal["GTC", "IOC", "FOK", "GTX"]
SelfTradePrevention = Literal["EXPIRE_MAKER", "EXPIRE_TAKER", "EXPIRE_BOTH"]
TriggerKind = Literal["STOP", "TAKE_PROFIT", "TRAILING_STOP"]
TriggerBy = Literal["MARK", "LAST"]
Interval = Literal["1m", "5m", "15m", "1h", "4h", "1d"]
PriceKind = Literal["mark", "index"]

# Of orders that may still fill; "asleep": attached to an entry of which nothing is filled yet.
LIVE_STATUSES = ("pending", "open", "waiting", "asleep")
