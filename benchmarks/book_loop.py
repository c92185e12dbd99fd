"""The engine's order book given a flow of messages: matching without money.

A module of its own so that it can be compiled with the book, as the engine's own loop is.
"""

from collections.abc import Iterator

from benchmarks.flow import AMEND, CANCEL, IMMEDIATE, PLACE, Message
from matching.core.book.book import Order, OrderBook


def new_order(order_id: int, is_long: bool, price_ticks: int, size_lots: int) -> Order:
    return Order(
        order_id=order_id,
        account_id=1,
        is_long=is_long,
        price_ticks=price_ticks,
        remaining_lots=size_lots,
        reserve_per_lot_units=0,
        named_margin_per_lot_units=0,
        leverage=1,
        maker_fee_ppm=0,
        taker_fee_ppm=0,
        reduce_only=False,
        post_only=False,
        expires_ms=0,
        arrival=order_id,
    )


def orders_of(flow: list[Message]) -> Iterator[Order]:
    """One for each message that brings an order. Made beforehand: the book is what is measured."""
    for kind, order_id, is_long, price, size in flow:
        if kind in (PLACE, IMMEDIATE):
            yield new_order(order_id, is_long, price, size)


def run_book(flow: list[Message], orders: Iterator[Order]) -> tuple[int, int, int]:
    """Number of fills, a checksum of them all, and how many orders rest in the end."""
    book = OrderBook()
    known = book.orders
    fills = checksum = 0
    for kind, order_id, is_long, price, size in flow:
        if kind in (PLACE, IMMEDIATE):
            order = next(orders)
        else:
            found = known.get(order_id)
            if found is None:
                continue
            order = found
            if kind == CANCEL:
                book.remove(order)
                continue
            if price == order.price_ticks and size < order.remaining_lots:
                book.reduce(order, order.remaining_lots - size)
                continue
            book.remove(order)
            order.price_ticks = price
        opposite = book.asks if is_long else book.bids
        while order.remaining_lots:
            level = opposite.best
            if level is None:
                break
            at = level.price_ticks
            if at > price if is_long else at < price:
                break
            maker = level.oldest
            lots = min(order.remaining_lots, maker.remaining_lots)
            order.remaining_lots -= lots
            book.reduce(maker, lots)
            fills += 1
            checksum = (checksum * 31 + maker.order_id * lots + at) % 1_000_003
        if order.remaining_lots and kind in (PLACE, AMEND):
            book.append(order)
    return fills, checksum, len(known)
