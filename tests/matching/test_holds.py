"""Rounding of what an order must carry, on products that don't divide: always against the trader,
per lot, by one unit and not two."""

import pytest

from matching.messages.holds import (
    TAKING_SHORT_CUSHION_PPM,
    band_edges,
    ceil_div,
    fee_units,
    margin_per_lot,
    open_loss_per_lot,
    reserve_per_lot,
    worst_price_ticks,
)
from matching.messages.vocabulary import OrderType, Side

LONG, SHORT = Side.LONG, Side.SHORT


@pytest.mark.parametrize(
    ("numerator", "denominator", "quotient"),
    [(0, 7, 0), (6, 7, 1), (7, 7, 1), (8, 7, 2), (-6, 7, 0), (-7, 7, -1), (-8, 7, -1)],
)
def test_quotients_go_up(numerator: int, denominator: int, quotient: int) -> None:
    assert ceil_div(numerator, denominator) == quotient


@pytest.mark.parametrize(
    ("k", "price", "lots", "ppm", "fee"),
    [
        (100, 10_000, 1, 500, 500),
        (100, 10_001, 1, 500, 501),  # 500.05
        (1, 1, 1, 1, 1),  # a millionth of a unit
        (1, 1_999, 1, 500, 1),  # 0.9995
        (1, 2_000, 1, 500, 1),
        (1, 2_001, 1, 500, 2),
        (1, 2_001, 3, 500, 4),  # 3.0015: once for the fill, not 2 for each lot
        (1, 2_001, 1, -500, -1),  # a rebate of 1.0005: the maker gets 1
        (1, 1_999, 1, -500, 0),
        (7, 13, 11, 0, 0),
    ],
)
def test_a_fee_goes_up(k: int, price: int, lots: int, ppm: int, fee: int) -> None:
    assert fee_units(k, price, lots, ppm) == fee


def test_margin_goes_up_and_a_named_one_is_taken_as_it_is() -> None:
    assert margin_per_lot(7, 100, 0, 10) == 70
    assert margin_per_lot(7, 101, 0, 10) == 71  # 70.7
    assert margin_per_lot(7, 101, 1, 10) == 1
    assert margin_per_lot(7, 100, 0, 1) == 700


def test_the_band_is_inside_its_edges() -> None:
    assert band_edges(1_000, 100_000) == (900, 1_100)
    assert band_edges(1_001, 100_000) == (901, 1_101)  # 900.9 and 1101.1
    assert band_edges(9, 100_000) == (9, 9)  # 8.1 and 9.9
    assert band_edges(1, 999_999) == (1, 1)
    assert band_edges(10, 1_000_000) == (1, 20)


def test_an_open_loss_is_on_its_side_only() -> None:
    assert open_loss_per_lot(7, LONG, 103, 100) == 21
    assert open_loss_per_lot(7, LONG, 100, 100) == open_loss_per_lot(7, LONG, 97, 100) == 0
    assert open_loss_per_lot(7, SHORT, 97, 100) == 21
    assert open_loss_per_lot(7, SHORT, 100, 100) == open_loss_per_lot(7, SHORT, 103, 100) == 0


def test_the_worst_price() -> None:
    limit, market = OrderType.LIMIT, OrderType.MARKET
    assert worst_price_ticks(LONG, limit, 100, 90, 95) == 100
    assert worst_price_ticks(LONG, market, 100, 90, 95) == 100
    assert worst_price_ticks(SHORT, limit, 100, 200, 0) == 100  # the mark is no bid
    assert worst_price_ticks(SHORT, limit, 100, 90, 99) == 100
    assert TAKING_SHORT_CUSHION_PPM == 5_000
    assert worst_price_ticks(SHORT, limit, 100, 90, 100) == 101  # 100.5
    assert worst_price_ticks(SHORT, limit, 100, 90, 1_000) == 1_005
    assert worst_price_ticks(SHORT, limit, 100, 90, 1_001) == 1_007  # 1006.005
    assert worst_price_ticks(SHORT, market, 100, 1_000, 0) == 1_005
    assert worst_price_ticks(SHORT, market, 100, 1_000, 1_200) == 1_206


def test_a_reserve_is_the_sum_of_its_parts_each_gone_up() -> None:
    """At 1,001 ticks of 7 units: margin 7,007 / 3 = 2,335.7, open loss 7, fee 7.007."""
    values = {
        "units_per_tick_lot": 7,
        "taker_fee_ppm": 1_000,
        "worst_ticks": 1_001,
        "named_margin_per_lot_units": 0,
        "leverage": 3,
    }
    assert reserve_per_lot(side=LONG, mark_ticks=1_000, **values) == 2_336 + 7 + 8
    assert reserve_per_lot(side=SHORT, mark_ticks=1_000, **values) == 2_336 + 8
    assert reserve_per_lot(side=SHORT, mark_ticks=1_002, **values) == 2_336 + 7 + 8
    named = values | {"named_margin_per_lot_units": 5_000}
    assert reserve_per_lot(side=LONG, mark_ticks=1_001, **named) == 5_000 + 8
