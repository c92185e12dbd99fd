"""What one writes first: a dict of price → deque, the best price remembered.

It is right, and quick while few levels come and go. When the best level empties the next one is
sought among all prices; a cancel seeks its order in the queue.
"""

from collections import deque
from collections.abc import Iterator

from benchmarks.flow import AMEND, CANCEL, IMMEDIATE, PLACE, Message
from matching.core.book.book import Order


class Side:
    def __init__(self, is_bids: bool) -> None:
        self.is_bids = is_bids
        self.queues: dict[int, deque[Order]] = {}
        self.best: int | None = None

    def append(self, order: Order) -> None:
        price = order.price_ticks
        queue = self.queues.get(price)
        if queue is not None:
            queue.append(order)
            return
        self.queues[price] = deque((order,))
        if self.best is None or (price > self.best) is self.is_bids:
            self.best = price

    def drop_level(self, price: int) -> None:
        del self.queues[price]
        if price == self.best:
            best_of = max if self.is_bids else min
            self.best = best_of(self.queues) if self.queues else None


def run_baseline(flow: list[Message], orders: Iterator[Order]) -> tuple[int, int, int]:
    """As `book_loop.run_book`."""
    known: dict[int, Order] = {}
    bids, asks = Side(True), Side(False)
    fills = checksum = 0
    for kind, order_id, is_long, price, size in flow:
        own, opposite = (bids, asks) if is_long else (asks, bids)
        if kind in (PLACE, IMMEDIATE):
            order = next(orders)
        else:
            found = known.get(order_id)
            if found is None:
                continue
            order = found
            if kind == AMEND and price == order.price_ticks and size < order.remaining_lots:
                order.remaining_lots = size
                continue
            queue = own.queues[order.price_ticks]
            queue.remove(order)
            del known[order_id]
            if not queue:
                own.drop_level(order.price_ticks)
            if kind == CANCEL:
                continue
            order.price_ticks = price
        while order.remaining_lots:
            at = opposite.best
            if at is None or (at > price if is_long else at < price):
                break
            queue = opposite.queues[at]
            maker = queue[0]
            lots = min(order.remaining_lots, maker.remaining_lots)
            order.remaining_lots -= lots
            maker.remaining_lots -= lots
            fills += 1
            checksum = (checksum * 31 + maker.order_id * lots + at) % 1_000_003
            if not maker.remaining_lots:
                queue.popleft()
                del known[maker.order_id]
                if not queue:
                    opposite.drop_level(at)
        if order.remaining_lots and kind in (PLACE, AMEND):
            own.append(order)
            known[order_id] = order
    return fills, checksum, len(known)
