"""The order book: price–time priority.

Theory of operation. Each side keeps a dict of price → level and a plain list of the prices that
have one, sorted so that the best price is the last. Trading happens near the best price, so a new
or emptied level mostly touches the list's end; elsewhere `bisect` finds the place. A level is a
linked list threaded through the orders themselves (arrivals at the tail, fills at the head), so
joining, leaving from anywhere and filling cost the same in a queue of ten and of a hundred
thousand. The book knows nothing of money; an order carries what the rest of the engine needs to
know about it.
"""

from bisect import bisect_left, insort
from collections.abc import Iterator


class Order:
    """An order that is being placed or rests.

    price_ticks                 the limit, for a market order the worst price it may fill at
    reserve_per_lot_units       what the wallet still holds for each remaining lot
    named_margin_per_lot_units  margin each lot brings along, 0 where leverage decides
    filled_lots                 so far
    maker_fee_ppm, taker_fee_ppm
    post_only                   must not take when it is amended either
    expires_ms                  0: never
    arrival                     rises with every order of the market: "newer" means larger
    level, newer, older         its place in the book while it rests; level is None elsewhere
    """

    __slots__ = (
        "account_id",
        "arrival",
        "expires_ms",
        "filled_lots",
        "is_long",
        "level",
        "leverage",
        "maker_fee_ppm",
        "named_margin_per_lot_units",
        "newer",
        "older",
        "order_id",
        "post_only",
        "price_ticks",
        "reduce_only",
        "remaining_lots",
        "reserve_per_lot_units",
        "taker_fee_ppm",
    )

    def __init__(
        self,
        *,
        order_id: int,
        account_id: int,
        is_long: bool,
        price_ticks: int,
        remaining_lots: int,
        reserve_per_lot_units: int,
        named_margin_per_lot_units: int,
        leverage: int,
        maker_fee_ppm: int,
        taker_fee_ppm: int,
        reduce_only: bool,
        post_only: bool,
        expires_ms: int,
        arrival: int,
        filled_lots: int = 0,
    ) -> None:
        self.order_id = order_id
        self.account_id = account_id
        self.is_long = is_long
        self.price_ticks = price_ticks
        self.remaining_lots = remaining_lots
        self.reserve_per_lot_units = reserve_per_lot_units
        self.named_margin_per_lot_units = named_margin_per_lot_units
        self.leverage = leverage
        self.maker_fee_ppm = maker_fee_ppm
        self.taker_fee_ppm = taker_fee_ppm
        self.reduce_only = reduce_only
        self.post_only = post_only
        self.expires_ms = expires_ms
        self.filled_lots = filled_lots
        self.arrival = arrival
        self.level: Level | None = None
        self.newer: Order | None = None
        self.older: Order | None = None


class Level:
    """All orders at one price, oldest first, and the sum of their remaining lots."""

    __slots__ = ("newest", "oldest", "price_ticks", "size_lots")

    def __init__(self, price_ticks: int) -> None:
        self.price_ticks = price_ticks
        self.size_lots = 0
        self.oldest: Order | None = None
        self.newest: Order | None = None

    def __iter__(self) -> Iterator[Order]:
        order = self.oldest
        while order is not None:
            yield order
            order = order.newer


class BookSide:
    """Bids or asks. ``_ranks`` holds price for bids, −price for asks: the last is the best."""

    __slots__ = ("_levels", "_ranks", "best", "is_bids")

    def __init__(self, is_bids: bool) -> None:
        self.is_bids = is_bids
        self.best: Level | None = None
        self._levels: dict[int, Level] = {}
        self._ranks: list[int] = []

    def __len__(self) -> int:
        """Number of price levels."""
        return len(self._ranks)

    def levels(self) -> Iterator[Level]:
        """Best first. The side must not change meanwhile."""
        for rank in reversed(self._ranks):
            yield self._levels[abs(rank)]

    def append(self, order: Order) -> None:
        """The order joins the back of the queue at its price."""
        price = order.price_ticks
        level = self._levels.get(price)
        if level is None:
            level = Level(price)
            self._levels[price] = level
            rank = price if self.is_bids else -price
            if not self._ranks or rank > self._ranks[-1]:
                self._ranks.append(rank)
                self.best = level
            else:
                insort(self._ranks, rank)
        newest = level.newest
        if newest is None:
            level.oldest = order
        else:
            newest.newer = order
            order.older = newest
        level.newest = order
        level.size_lots += order.remaining_lots
        order.level = level

    def unlink(self, order: Order) -> None:
        """The order leaves; its level goes with the last one."""
        level = order.level
        if level is None:
            raise ValueError(f"order {order.order_id} is not in the book")
        older, newer = order.older, order.newer
        if older is None:
            level.oldest = newer
        else:
            older.newer = newer
        if newer is None:
            level.newest = older
        else:
            newer.older = older
        level.size_lots -= order.remaining_lots
        order.level = order.older = order.newer = None
        if level.oldest is None:
            self._drop(level)

    def _drop(self, level: Level) -> None:
        ranks = self._ranks
        del self._levels[level.price_ticks]
        if level is self.best:
            ranks.pop()
            self.best = self._levels[abs(ranks[-1])] if ranks else None
        else:
            rank = level.price_ticks if self.is_bids else -level.price_ticks
            del ranks[bisect_left(ranks, rank)]


class OrderBook:
    """Both sides, and every resting order by its id."""

    __slots__ = ("asks", "bids", "orders")

    def __init__(self) -> None:
        self.bids = BookSide(is_bids=True)
        self.asks = BookSide(is_bids=False)
        self.orders: dict[int, Order] = {}

    def side(self, is_long: bool) -> BookSide:
        """Where an order of this direction rests."""
        return self.bids if is_long else self.asks

    def append(self, order: Order) -> None:
        self.side(order.is_long).append(order)
        self.orders[order.order_id] = order

    def remove(self, order: Order) -> None:
        self.side(order.is_long).unlink(order)
        del self.orders[order.order_id]

    def reduce(self, order: Order, size_lots: int) -> None:
        """Take lots off a resting order, which keeps its place; the last lots take it out."""
        if size_lots >= order.remaining_lots:
            self.remove(order)
            order.remaining_lots = 0
        else:
            order.remaining_lots -= size_lots
            level = order.level
            if level is None:
                raise ValueError(f"order {order.order_id} is not in the book")
            level.size_lots -= size_lots

    def best_bid_ticks(self) -> int:
        """0 if there is none."""
        return self.bids.best.price_ticks if self.bids.best else 0

    def best_ask_ticks(self) -> int:
        """0 if there is none."""
        return self.asks.best.price_ticks if self.asks.best else 0
