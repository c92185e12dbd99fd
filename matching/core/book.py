"""The order book: price–time priority.

Theory of operation. Each side keeps a dict of price → level, the best level, and the prices that
have one as a sorted list in chunks, the best price last. Trading happens near the best price, so a
new or emptied level mostly touches the last chunk's end; elsewhere `bisect` finds the place. Of a
hundred messages some forty open or close a level: a tree or a `SortedDict` would spend most of its
time on that, and one plain list moves too much memory once there are tens of thousands of levels.

A level is a linked list threaded through the orders themselves (arrivals at the tail, fills at the
head), so joining, leaving from anywhere and filling cost the same in a queue of ten and of a
hundred thousand. The book knows nothing of money; an order carries what the rest of the engine
needs to know about it.
"""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator
from typing import Final

LOWEST_RANK: Final = -(2**61)  # below every rank: prices are far smaller
CHUNK_RANKS_MAX: Final = 512


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

    def __init__(self, order: Order) -> None:
        self.price_ticks = order.price_ticks
        self.size_lots = order.remaining_lots
        self.oldest = order
        self.newest = order

    def __iter__(self) -> Iterator[Order]:
        order: Order | None = self.oldest
        while order is not None:
            yield order
            order = order.newer


class _Ranks:
    """Distinct integers in order, in chunks, so that a change moves at most a chunk in memory.

    ``_bounds[i]`` is a lower bound of chunk i and above all of chunk i − 1. No chunk is empty but
    the only one.
    """

    __slots__ = ("_bounds", "_chunks")

    def __init__(self) -> None:
        self._chunks: list[list[int]] = [[]]
        self._bounds = [LOWEST_RANK]

    def __reversed__(self) -> Iterator[int]:
        for chunk in reversed(self._chunks):
            yield from reversed(chunk)

    def last(self) -> int:
        """LOWEST_RANK if there is none."""
        chunk = self._chunks[-1]
        return chunk[-1] if chunk else LOWEST_RANK

    def add(self, rank: int) -> None:
        bounds = self._bounds
        at = len(bounds) - 1 if rank >= bounds[-1] else bisect_right(bounds, rank) - 1
        chunk = self._chunks[at]
        if not chunk or rank > chunk[-1]:
            chunk.append(rank)
        else:
            insort(chunk, rank)
        if len(chunk) > CHUNK_RANKS_MAX:
            half = len(chunk) // 2
            self._chunks.insert(at + 1, chunk[half:])
            bounds.insert(at + 1, chunk[half])
            del chunk[half:]

    def discard(self, rank: int) -> None:
        """The rank must be there."""
        bounds = self._bounds
        at = len(bounds) - 1 if rank >= bounds[-1] else bisect_right(bounds, rank) - 1
        chunk = self._chunks[at]
        if rank == chunk[-1]:
            chunk.pop()
        else:
            del chunk[bisect_left(chunk, rank)]
        if not chunk and len(bounds) > 1:
            del self._chunks[at], bounds[at]
            bounds[0] = LOWEST_RANK


class BookSide:
    """Bids or asks. A price's rank is the price for bids, −price for asks: the last is the best."""

    __slots__ = ("_ranks", "best", "by_price", "is_bids")

    def __init__(self, is_bids: bool) -> None:
        self.is_bids = is_bids
        self.best: Level | None = None
        self.by_price: dict[int, Level] = {}
        self._ranks = _Ranks()

    def __len__(self) -> int:
        """Number of price levels."""
        return len(self.by_price)

    def levels(self) -> Iterator[Level]:
        """Best first. The side must not change meanwhile."""
        for rank in reversed(self._ranks):
            yield self.by_price[abs(rank)]

    def open_level(self, order: Order) -> None:
        """The order is the first at its price."""
        price = order.price_ticks
        level = Level(order)
        order.level = level
        self.by_price[price] = level
        best = self.best
        if best is None or (price > best.price_ticks if self.is_bids else price < best.price_ticks):
            self.best = level
        self._ranks.add(price if self.is_bids else -price)

    def close_level(self, level: Level) -> None:
        """Its last order has left."""
        price = level.price_ticks
        del self.by_price[price]
        self._ranks.discard(price if self.is_bids else -price)
        if level is self.best:
            rank = self._ranks.last()
            self.best = None if rank == LOWEST_RANK else self.by_price[abs(rank)]


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
        """The order joins the back of the queue at its price."""
        self.orders[order.order_id] = order
        side = self.bids if order.is_long else self.asks
        level = side.by_price.get(order.price_ticks)
        if level is None:
            side.open_level(order)
            return
        newest = level.newest
        newest.newer = order
        order.older = newest
        order.level = level
        level.newest = order
        level.size_lots += order.remaining_lots

    def remove(self, order: Order) -> None:
        """The order leaves; its level goes with the last one."""
        level = order.level
        if level is None:
            raise ValueError(f"order {order.order_id} is not in the book")
        del self.orders[order.order_id]
        order.level = None
        older, newer = order.older, order.newer
        if older is None and newer is None:
            (self.bids if order.is_long else self.asks).close_level(level)
            return
        level.size_lots -= order.remaining_lots
        if older is not None:
            older.newer = newer
        elif newer is not None:
            level.oldest = newer
        if newer is not None:
            newer.older = older
        elif older is not None:
            level.newest = older
        order.older = order.newer = None

    def reduce(self, order: Order, size_lots: int) -> None:
        """Take lots off a resting order, which keeps its place; the last lots take it out."""
        left = order.remaining_lots - size_lots
        if left <= 0:
            self.remove(order)
            order.remaining_lots = 0
            return
        level = order.level
        if level is None:
            raise ValueError(f"order {order.order_id} is not in the book")
        order.remaining_lots = left
        level.size_lots -= size_lots

    def best_bid_ticks(self) -> int:
        """0 if there is none."""
        return self.bids.best.price_ticks if self.bids.best else 0

    def best_ask_ticks(self) -> int:
        """0 if there is none."""
        return self.asks.best.price_ticks if self.asks.best else 0
