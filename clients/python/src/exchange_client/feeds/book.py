"""A market's book, kept by what the channel `book:MARKET` says."""

from decimal import Decimal

from exchange_client.codec import Answer
from exchange_client.models.markets import Level


class BookMessage(Answer, frozen=True):
    """`U` and `u` are the first and the last update in it, `pu` the last of the message before."""

    channel: str
    type: str
    U: int
    u: int
    pu: int
    time_ms: int
    bids: list[Level]
    asks: list[Level]


class Book:
    """Of no use while it isn't `is_synced`: it is empty then."""

    def __init__(self, market_id: str) -> None:
        self.market_id = market_id
        self.is_synced = False
        self.seq = 0
        self.time_ms = 0
        self._bids: dict[Decimal, Decimal] = {}
        self._asks: dict[Decimal, Decimal] = {}

    @property
    def bids(self) -> list[Level]:
        """The best first."""
        return sorted(self._bids.items(), reverse=True)

    @property
    def asks(self) -> list[Level]:
        return sorted(self._asks.items())

    @property
    def best_bid(self) -> Decimal | None:
        return max(self._bids, default=None)

    @property
    def best_ask(self) -> Decimal | None:
        return min(self._asks, default=None)

    @property
    def middle(self) -> Decimal | None:
        """Halfway between the best; None while a side is empty."""
        bid, ask = self.best_bid, self.best_ask
        return None if bid is None or ask is None else (bid + ask) / 2

    def apply(self, message: BookMessage) -> bool:
        """False where a message before this one is missing: ask for the book anew."""
        if message.type == "snapshot":
            self._bids, self._asks = dict(message.bids), dict(message.asks)
            self.is_synced = True
        elif not self.is_synced:
            return True  # of the subscription before; the snapshot is on its way
        elif message.pu != self.seq:
            self.lose()
            return False
        else:
            _change(self._bids, message.bids)
            _change(self._asks, message.asks)
        self.seq, self.time_ms = message.u, message.time_ms
        return True

    def lose(self) -> None:
        self.is_synced = False
        self._bids.clear()
        self._asks.clear()


def _change(levels: dict[Decimal, Decimal], changes: list[Level]) -> None:
    for price, qty in changes:
        if qty:
            levels[price] = qty
        else:
            levels.pop(price, None)
