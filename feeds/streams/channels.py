"""Names of channels, as in ``book:BTC-PERP``, ``candles:BTC-PERP:1m``, ``ticker:*``."""

from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from feeds.protocol import ACCOUNT_CHANNEL, ANNOUNCEMENTS_CHANNEL, OF_NO_MARKET, FeedError
from trading.models import CANDLE_INTERVALS_MS

ALL_MARKETS = "*"
# What a slow subscription may ask for: each is a conflation of its own that all share who ask.
EVERY_MS = (200, 500, 1_000, 2_000, 5_000, 10_000)


class Topic(StrEnum):
    BOOK = "book"
    TRADES = "trades"
    TICKER = "ticker"
    BBO = "bbo"
    CANDLES = "candles"
    LIQUIDATIONS = "liquidations"


OF_ALL_MARKETS = (Topic.TICKER, Topic.BBO, Topic.LIQUIDATIONS)
SLOW = (Topic.BOOK, Topic.TICKER, Topic.BBO)


@dataclass(frozen=True, slots=True)
class Channel:
    """``market_id`` may be `ALL_MARKETS`; ``interval`` of candles only."""

    topic: Topic
    market_id: str
    interval: str = ""


@dataclass(frozen=True, slots=True)
class ListenTerms:
    """Of a subscription. ``every_ms`` 0: as fast as it comes. ``id_text``: the id it was given, as
    JSON; empty for none."""

    every_ms: int = 0
    id_text: str = ""


_NAMES = (
    "book:MARKET, trades:MARKET, ticker:MARKET, bbo:MARKET, candles:MARKET:INTERVAL, "
    f"liquidations:MARKET, {', '.join(f'{topic}:{ALL_MARKETS}' for topic in OF_ALL_MARKETS)}, "
    f"{ANNOUNCEMENTS_CHANNEL} and {ACCOUNT_CHANNEL}"
)


def parse_channel(name: str) -> Channel:
    """Raises FeedError for a name that no channel can have."""
    topic_word, _, rest = name.partition(":")
    try:
        topic = Topic(topic_word)
    except ValueError:
        raise _unknown(name) from None
    market_id, interval = rest, ""
    if topic is Topic.CANDLES:
        market_id, _, interval = rest.rpartition(":")
        if interval not in CANDLE_INTERVALS_MS:
            message = f"candles:MARKET:INTERVAL has one of {', '.join(CANDLE_INTERVALS_MS)}."
            raise FeedError("UNKNOWN_CHANNEL", message)
    if market_id == ALL_MARKETS and topic not in OF_ALL_MARKETS:
        raise _unknown(name)
    return Channel(topic, market_id, interval)


known_channel = lru_cache(maxsize=4_096)(parse_channel)


def _unknown(name: str) -> FeedError:
    message = f"There is no channel {name[:64]!r}. Channels are {_NAMES}."
    return FeedError("UNKNOWN_CHANNEL", message)


def channel_name(topic: Topic, market_id: str) -> str:
    return f"{topic}:{market_id}"


def check_every_ms(every_ms: int | None, channels: list[str]) -> None:
    """Raises FeedError."""
    if every_ms is None:
        return
    if every_ms not in EVERY_MS:
        raise FeedError("INVALID_MESSAGE", f"everyMs is one of {', '.join(map(str, EVERY_MS))}.")
    for name in channels:
        if name in OF_NO_MARKET or parse_channel(name).topic not in SLOW:
            message = f"everyMs is of {', '.join(SLOW)}: subscribe to {name[:64]} without it."
            raise FeedError("INVALID_MESSAGE", message)
