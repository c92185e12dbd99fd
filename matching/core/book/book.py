"""The order book: price–time priority.

Theory of operation. Each side keeps a dict of price → level, the best level, and which prices have
one as a map of bits: a page for 32 neighbouring prices, a word for 1,024 neighbouring pages, and so
on up. To open or close a level is to set or clear a bit; the word above changes only with the first
and the last of a page. When the best level goes, the next one is the highest bit left, mostly of
the same page. Of a hundred messages some forty open or close a level. A tree, a heap or a
`SortedDict` would spend most of its time on that, and a sorted list, in one piece or in chunks,
costs more the more levels there are: finding a place in it reads memory all over. Here only the
range of the prices counts, by its logarithm. Pages are small because Python is quick with small
integers, words are large so that prices far apart share them.

A level is a linked list threaded through the orders themselves (arrivals at the tail, fills at the
head), so joining, leaving from anywhere and filling cost the same in a queue of ten and of a
hundred thousand.

Of an iceberg the book shows a part, the rest is hidden: ``remaining_lots − hidden_lots`` counts in
its level and is what one fill may take. Its parts are ``visible_lots`` each, counted from its first
lot, so what it shows follows from what is filled of it. When a part is filled the order joins the
back of the queue with the next one. Lots that are cancelled are taken from the hidden first.

The book knows nothing of money; an order carries what the rest of the engine
needs to know about it.
"""

from collections.abc import Iterator
from typing import Final

from matching.messages.limits import lots_shown
from matching.messages.vocabulary import SelfTradePrevention

PAGE_BITS: Final = 5
PAGE_MASK: Final = 31
WORD_BITS: Final = 10
WORD_MASK: Final = 1_023
TIERS: Final = 4  # 5 bits and 4 times 10 are more than the highest price has


class Order:
    """An order that is being placed or rests.

    price_ticks                 the limit, for a market order the worst price it may fill at
    reserve_per_lot_units       what the wallet still holds for each remaining lot
    named_margin_per_lot_units  margin each lot brings along, 0 where leverage decides
    filled_lots                 so far
    visible_lots                the most the book shows of it, 0 for all; ``hidden_lots``: what it
                                doesn't show now
    maker_fee_ppm, taker_fee_ppm
    post_only                   must not take when it is amended either
    self_trade_prevention       when it is amended into the book
    expires_ms                  0: never
    arrival                     rises with every order of the market: "newer" means larger
    level, newer, older         its place in the book while it rests; level is None elsewhere
    """

    __slots__ = (
        "account_id",
        "arrival",
        "expires_ms",
        "filled_lots",
        "hidden_lots",
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
        "self_trade_prevention",
        "taker_fee_ppm",
        "visible_lots",
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
        self_trade_prevention: SelfTradePrevention = SelfTradePrevention.EXPIRE_MAKER,
        visible_lots: int = 0,
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
        self.self_trade_prevention = self_trade_prevention
        self.expires_ms = expires_ms
        self.filled_lots = filled_lots
        self.arrival = arrival
        self.visible_lots = visible_lots
        self.hidden_lots = 0
        self.level: Level | None = None
        self.newer: Order | None = None
        self.older: Order | None = None


class Level:
    """All orders at one price, oldest first, and the sum of their remaining lots."""

    __slots__ = ("newest", "oldest", "price_ticks", "size_lots")

    def __init__(self, order: Order) -> None:
        self.price_ticks = order.price_ticks
        self.size_lots = order.remaining_lots - order.hidden_lots
        self.oldest = order
        self.newest = order

    def __iter__(self) -> Iterator[Order]:
        order: Order | None = self.oldest
        while order is not None:
            yield order
            order = order.newer


class _Pages:
    """Which pages of prices hold a level.

    ``_tiers[0]``: number // 1024 → a word with a bit for each of those 1,024 pages that does. Each
    further tier says the same of the words before it, which are left out where they would be 0.
    """

    __slots__ = ("_tiers",)

    def __init__(self) -> None:
        self._tiers: list[dict[int, int]] = [{} for _ in range(TIERS)]

    def add(self, number: int) -> None:
        for words in self._tiers:
            bit = 1 << (number & WORD_MASK)
            number >>= WORD_BITS
            word = words.get(number)
            if word is not None:
                words[number] = word | bit
                return
            words[number] = bit

    def discard(self, number: int) -> None:
        """The page must be there."""
        for words in self._tiers:
            bit = 1 << (number & WORD_MASK)
            number >>= WORD_BITS
            word = words[number] ^ bit
            if word:
                words[number] = word
                return
            del words[number]

    def below(self, number: int) -> int:
        """The highest page below this one. There must be one."""
        lower = tier = 0
        for words in self._tiers:
            below = (1 << (number & WORD_MASK)) - 1
            number >>= WORD_BITS
            lower = words.get(number, 0) & below
            if lower:
                break
            tier += 1
        number = (number << WORD_BITS) + lower.bit_length() - 1
        for words in reversed(self._tiers[:tier]):
            number = (number << WORD_BITS) + words[number].bit_length() - 1
        return number


class BookSide:
    """Bids or asks. A price's rank is the price for bids, −price for asks: the highest is best."""

    __slots__ = ("_numbers", "_pages", "best", "by_price", "is_bids")

    def __init__(self, is_bids: bool) -> None:
        self.is_bids = is_bids
        self.best: Level | None = None
        self.by_price: dict[int, Level] = {}
        self._pages: dict[int, int] = {}  # rank // 32 → a bit for each of these that has a level
        self._numbers = _Pages()

    def __len__(self) -> int:
        """Number of price levels."""
        return len(self.by_price)

    def levels(self) -> Iterator[Level]:
        """Best first. The side must not change meanwhile."""
        if self.best is None:
            return
        left = len(self.by_price)
        price = self.best.price_ticks
        number = (price if self.is_bids else -price) >> PAGE_BITS
        while True:
            page = self._pages[number]
            while page:
                highest = page.bit_length() - 1
                page ^= 1 << highest
                left -= 1
                yield self.by_price[abs((number << PAGE_BITS) + highest)]
            if not left:
                return
            number = self._numbers.below(number)

    def open_level(self, order: Order) -> None:
        """The order is the first at its price."""
        price = order.price_ticks
        level = Level(order)
        order.level = level
        self.by_price[price] = level
        best = self.best
        if best is None or (price > best.price_ticks if self.is_bids else price < best.price_ticks):
            self.best = level
        rank = price if self.is_bids else -price
        number = rank >> PAGE_BITS
        page = self._pages.get(number)
        if page is None:
            self._pages[number] = 1 << (rank & PAGE_MASK)
            self._numbers.add(number)
        else:
            self._pages[number] = page | 1 << (rank & PAGE_MASK)

    def close_level(self, level: Level) -> None:
        """Its last order has left."""
        price = level.price_ticks
        del self.by_price[price]
        rank = price if self.is_bids else -price
        number = rank >> PAGE_BITS
        page = self._pages[number] ^ 1 << (rank & PAGE_MASK)
        if page:
            self._pages[number] = page
            if level is self.best:
                best = (number << PAGE_BITS) + page.bit_length() - 1
                self.best = self.by_price[best if self.is_bids else -best]
            return
        del self._pages[number]
        self._numbers.discard(number)
        if level is self.best:
            self.best = self._highest_below(number) if self.by_price else None

    def _highest_below(self, number: int) -> Level:
        """Of the levels on the pages below this one. There must be one."""
        number = self._numbers.below(number)
        best = (number << PAGE_BITS) + self._pages[number].bit_length() - 1
        return self.by_price[best if self.is_bids else -best]


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
        if order.visible_lots:
            shown = lots_shown(order.visible_lots, order.filled_lots, order.remaining_lots)
            order.hidden_lots = order.remaining_lots - shown
        self.orders[order.order_id] = order
        side = self.bids if order.is_long else self.asks
        level = side.by_price.get(order.price_ticks)
        if level is None:
            side.open_level(order)
            return
        newest = level.newest
        newest.newer = order
        order.older = newest
        order.price_ticks = level.price_ticks  # one number for all of them, where it is an object
        order.level = level
        level.newest = order
        level.size_lots += order.remaining_lots - order.hidden_lots

    def remove(self, order: Order) -> None:
        """The order leaves; its level goes with the last one."""
        level = order.level
        if level is None:
            raise ValueError(f"order {order.order_id} is not in the book")
        del self.orders[order.order_id]
        order.level = None
        older, newer = order.older, order.newer
        if older is None:
            if newer is None:
                order.hidden_lots = 0
                (self.bids if order.is_long else self.asks).close_level(level)
                return
            newer.older = None
            level.oldest = newer
        else:
            older.newer = newer
            if newer is None:
                level.newest = older
            else:
                newer.older = older
            order.older = None
        level.size_lots -= order.remaining_lots - order.hidden_lots
        order.hidden_lots = 0
        order.newer = None

    def reduce(self, order: Order, size_lots: int) -> None:
        """Take lots off a resting order, which keeps its place; the last lots take it out."""
        left = order.remaining_lots - size_lots
        if left > 0:
            level = order.level
            if level is None:
                raise ValueError(f"order {order.order_id} is not in the book")
            order.remaining_lots = left
            from_hidden = min(size_lots, order.hidden_lots)
            order.hidden_lots -= from_hidden
            level.size_lots -= size_lots - from_hidden
            return
        self.remove(order)
        order.remaining_lots = 0

    def show(self, order: Order, visible_lots: int) -> None:
        """From now on this is the most that is shown of a resting order, which keeps its place."""
        level = order.level
        if level is None:
            raise ValueError(f"order {order.order_id} is not in the book")
        order.visible_lots = visible_lots
        shown = lots_shown(visible_lots, order.filled_lots, order.remaining_lots)
        level.size_lots += shown - (order.remaining_lots - order.hidden_lots)
        order.hidden_lots = order.remaining_lots - shown

    def fill_shown(self, order: Order, size_lots: int) -> None:
        """Take lots off what a resting iceberg shows: some of it is hidden, so it stays."""
        level = order.level
        if level is None:
            raise ValueError(f"order {order.order_id} is not in the book")
        order.remaining_lots -= size_lots
        level.size_lots -= size_lots

    def best_bid_ticks(self) -> int:
        """0 if there is none."""
        return self.bids.best.price_ticks if self.bids.best else 0

    def best_ask_ticks(self) -> int:
        """0 if there is none."""
        return self.asks.best.price_ticks if self.asks.best else 0
