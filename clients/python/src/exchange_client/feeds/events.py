"""What a feed hands over, one at a time."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import msgspec

from exchange_client.codec import Answer
from exchange_client.feeds.account_events import KnownEvent, OtherEvent
from exchange_client.feeds.book import Book


@dataclass(frozen=True)
class Connected:
    """And subscribed. ``count``: 1 the first time."""

    count: int


@dataclass(frozen=True)
class Disconnected:
    """It comes back by itself."""

    reason: str


@dataclass(frozen=True)
class BookChanged:
    book: Book


@dataclass(frozen=True)
class AccountChanged:
    """All that one entry of a market's output means to the account."""

    market_id: str
    seq: int
    time_ms: int
    events: tuple[KnownEvent | OtherEvent, ...]


@dataclass(frozen=True)
class Gap:
    """What happened to the account between both can't be told. Its view is of a snapshot after
    that by now."""

    market_id: str
    after_seq: int
    next_seq: int


class AlgoChanged(Answer, frozen=True):
    """`number` counts the events of an algo without a gap: leave aside what is not above the last
    one, and ask `algo(algo_id)` where one is missing. They are no part of what is resumed."""

    market_id: str
    event: str
    algo_id: int
    client_algo_id: str | None
    number: int
    state: str
    slice: int | None
    order_id: int | None
    reason: str | None
    time_ms: int
    message: str = ""


class TradeSeen(Answer, frozen=True):
    channel: str
    trade_id: int
    price: Decimal
    qty: Decimal
    taker_side: str
    execution: str
    seq: int
    time_ms: int

    @property
    def market_id(self) -> str:
        return self.channel.partition(":")[2]


class TickerSeen(Answer, frozen=True):
    channel: str
    state: str
    mark_price: Decimal | None
    index_price: Decimal | None
    last_price: Decimal | None
    best_bid: Decimal | None
    best_ask: Decimal | None
    open_interest: Decimal
    seq: int
    time_ms: int

    @property
    def market_id(self) -> str:
        return self.channel.partition(":")[2]


@dataclass(frozen=True)
class ChannelMessage:
    """Of a channel that has no type here; figures are text."""

    channel: str
    type: str
    body: dict[str, Any]


FeedEvent = (
    Connected
    | Disconnected
    | BookChanged
    | AccountChanged
    | AlgoChanged
    | Gap
    | TradeSeen
    | TickerSeen
    | ChannelMessage
)


class Head(msgspec.Struct, frozen=True):
    """What tells messages apart."""

    op: str = ""
    channel: str = ""
    type: str = ""
    code: str = ""
    message: str = ""


class Subscribed(msgspec.Struct, frozen=True):
    channels: list[str]
    seq: dict[str, int] = {}
    epoch: dict[str, str] = {}


class AccountMessage(Answer, frozen=True):
    market_id: str
    epoch: str
    seq: int
    time_ms: int
    events: list[msgspec.Raw]


class GapMessage(Answer, frozen=True):
    market_id: str
    epoch: str
    after_seq: int
    next_seq: int
