"""The levels of a side, best first, wherever the prices lie."""

from hypothesis import given
from hypothesis import strategies as st

from benchmarks.book_loop import new_order
from matching.core.book.book import OrderBook
from matching.messages.limits import MAX_PRICE_TICKS


def prices_of(book: OrderBook, *, is_long: bool) -> list[int]:
    side = book.side(is_long)
    found = [level.price_ticks for level in side.levels()]
    assert (side.best.price_ticks if side.best else None) == (found[0] if found else None)
    assert len(side) == len(found)
    return found


# Neighbours, the same page or word, and anywhere up to the highest price there can be.
PRICES = st.one_of(
    st.integers(1, 70), st.integers(1_000_000, 1_100_000), st.integers(1, MAX_PRICE_TICKS)
)


@given(
    prices=st.lists(PRICES, unique=True, max_size=60),
    is_long=st.booleans(),
    random=st.randoms(use_true_random=False),
)
def test_levels_are_in_order_while_they_come_and_go(prices, is_long, random):
    book = OrderBook()
    for number, price in enumerate(prices):
        book.append(new_order(number + 1, is_long, price, 1))
    assert prices_of(book, is_long=is_long) == sorted(prices, reverse=is_long)

    left = set(prices)
    for order in random.sample(list(book.orders.values()), len(prices)):
        book.remove(order)
        left.remove(order.price_ticks)
        assert prices_of(book, is_long=is_long) == sorted(left, reverse=is_long)


def test_the_lowest_and_the_highest_price_are_levels_of_one_side():
    for is_long in (True, False):
        book = OrderBook()
        for number, price in enumerate((1, MAX_PRICE_TICKS)):
            book.append(new_order(number + 1, is_long, price, 1))
        assert prices_of(book, is_long=is_long) == sorted((1, MAX_PRICE_TICKS), reverse=is_long)
        best = book.side(is_long).best
        assert best is not None
        book.remove(best.oldest)
        assert len(prices_of(book, is_long=is_long)) == 1
