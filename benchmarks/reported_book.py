"""The engine's order book, driven message by message, each answered by reports.

What a public benchmark of matching engines asks of a book: a modify is a cancel and a new order in
one, without its place in the queue; what an immediate order leaves is cancelled; a trade is at the
maker's price and carries the taker's sequence. A module of its own so that it can be compiled.
"""

from benchmarks.book_loop import new_order
from matching.core.book.book import Order, OrderBook

ACCEPTED, TRADED, CANCELLED, MODIFIED, CANCEL_REFUSED, MODIFY_REFUSED = range(6)
BUY, SELL = 0, 1

# Its kind, the message's sequence, then as the kind has it:
#   accepted, modified   side, order, price in ticks, lots
#   traded               price in ticks, lots, maker's order, taker's order
#   cancelled            side, order, price in ticks
#   refused              order
Report = tuple[int, ...]


class ReportedBook:
    def __init__(self) -> None:
        self.book = OrderBook()
        self.reports: list[Report] = []

    def place(
        self,
        sequence: int,
        order_id: int,
        side: int,
        price_ticks: int,
        size_lots: int,
        is_immediate: bool,
    ) -> None:
        order = new_order(order_id, side == BUY, price_ticks, size_lots)
        self.reports.append((ACCEPTED, sequence, side, order_id, price_ticks, size_lots))
        self._match(order, sequence)
        if not order.remaining_lots:
            return
        if is_immediate:
            self.reports.append((CANCELLED, sequence, side, order_id, price_ticks))
        else:
            self.book.append(order)

    def cancel(self, sequence: int, order_id: int) -> None:
        order = self.book.orders.get(order_id)
        if order is None:
            self.reports.append((CANCEL_REFUSED, sequence, order_id))
            return
        self.book.remove(order)
        side = BUY if order.is_long else SELL
        self.reports.append((CANCELLED, sequence, side, order_id, order.price_ticks))

    def modify(self, sequence: int, order_id: int, price_ticks: int, size_lots: int) -> None:
        order = self.book.orders.get(order_id)
        if order is None:
            self.reports.append((MODIFY_REFUSED, sequence, order_id))
            return
        self.book.remove(order)
        order.price_ticks = price_ticks
        order.remaining_lots = size_lots
        side = BUY if order.is_long else SELL
        self.reports.append((MODIFIED, sequence, side, order_id, price_ticks, size_lots))
        self._match(order, sequence)
        if order.remaining_lots:
            self.book.append(order)

    def depth_lots(self, side: int, price_ticks: int) -> int:
        level = self.book.side(side == BUY).by_price.get(price_ticks)
        return level.size_lots if level else 0

    def _match(self, order: Order, sequence: int) -> None:
        opposite = self.book.asks if order.is_long else self.book.bids
        wanted, limit = order.remaining_lots, order.price_ticks
        while wanted and (level := opposite.best) is not None:
            price = level.price_ticks
            if price > limit if order.is_long else price < limit:
                break
            maker = level.oldest
            lots = min(wanted, maker.remaining_lots)
            wanted -= lots
            trade = (TRADED, sequence, price, lots, maker.order_id, order.order_id)
            self.book.reduce(maker, lots)
            self.reports.append(trade)
        order.remaining_lots = wanted
