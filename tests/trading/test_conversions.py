"""Decimals and whole steps, back and forth, and what is refused on the way."""

from collections.abc import Callable
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.decimals import text as text_of
from common.errors import DomainError
from common.http.statuses import status_of
from markets import conversions as c
from matching.messages.limits import (
    MAX_MONEY_UNITS,
    MAX_PRICE_TICKS,
    MAX_SIZE_LOTS,
    MONEY_UNITS_PER_CURRENCY,
)

TICK, LOT = Decimal("0.1"), Decimal("0.0010000000")


@pytest.mark.parametrize(
    ("value", "ticks"),
    [("25000", 250_000), (25000, 250_000), (Decimal("0.1"), 1), ("2.5e4", 250_000), ("+.1", 1)],
)
def test_prices_become_ticks(value: object, ticks: int) -> None:
    assert c.to_ticks(value, TICK) == ticks


@pytest.mark.parametrize(
    "value",
    [
        *(True, False, None, [], {}, 1.5, b"1", object()),
        *("", " ", "abc", "NaN", "-NaN", "sNaN", "Infinity", "-inf", "1_000", " 1", "1 ", "1,5"),
        *("0x10", "１２", "1e", "e5", ".", "--1", "1e99999", "1e-99999", "1e400", "1e-400"),
        *("9" * 65, "0." + "1" * 65, 10**400, 10**60, Decimal("1e400"), Decimal("1e-400")),
        *(Decimal("NaN"), Decimal("Infinity"), Decimal("0e400"), "0", "-0", "-1", Decimal(-5), 0),
    ],
)
@pytest.mark.parametrize(
    "read", [lambda v: c.to_ticks(v, TICK), lambda v: c.to_lots(v, LOT), c.to_units]
)
def test_rubbish_is_refused(value: object, read: Callable[[object], int]) -> None:
    with pytest.raises(DomainError) as caught:
        read(value)
    assert status_of(caught.value) == 400
    assert caught.value.message
    assert caught.value.field


def test_what_is_off_the_step_is_told_the_step() -> None:
    with pytest.raises(DomainError, match=r"price must be a multiple of the tick 0\.1\."):
        c.to_ticks("25000.05", TICK)
    with pytest.raises(DomainError, match=r"qty must be a multiple of the lot 0\.001\."):
        c.to_lots("0.0005", LOT)
    with pytest.raises(DomainError, match=r"amount must be a multiple of .* 0\.000001\."):
        c.to_units("0.0000001")


def test_what_is_too_much_is_told_the_most() -> None:
    with pytest.raises(DomainError, match="price must be at most 100000000000"):
        c.to_ticks("100000000000.1", TICK)
    assert c.to_ticks("100000000000", TICK) == MAX_PRICE_TICKS
    assert c.to_lots("1000000000", LOT) == MAX_SIZE_LOTS
    with pytest.raises(DomainError, match="amount must be at most 100000000000"):
        c.to_units("100000000000.000001")


@given(st.integers(1, MAX_PRICE_TICKS), st.integers(0, 10), st.integers(1, 999))
def test_ticks_come_back_the_same(ticks: int, places: int, mantissa: int) -> None:
    tick_size = Decimal(mantissa).scaleb(-places)
    text = c.ticks_text(ticks, tick_size)
    assert "E" not in text
    assert "e" not in text
    assert Decimal(text) == ticks * tick_size
    assert c.to_ticks(text, tick_size) == ticks


@given(st.integers(1, MAX_MONEY_UNITS))
def test_units_come_back_the_same(units: int) -> None:
    text = c.units_text(units)
    assert c.to_units(text) == units
    assert Decimal(text) * MONEY_UNITS_PER_CURRENCY == units
    assert c.units_text(-units) == f"-{text}"


@pytest.mark.parametrize(
    ("units", "text"),
    [(0, "0"), (1, "0.000001"), (-1, "-0.000001"), (12_500_000, "12.5"), (10**16, "10000000000")],
)
def test_money_leaves_as_plain_text(units: int, text: str) -> None:
    assert c.units_text(units) == text


def test_money_with_cents() -> None:
    assert c.units_text(12_500_000, decimals=2) == "12.50"
    assert c.units_text(12_000_000, decimals=2) == "12.00"
    assert c.units_text(12_345_678, decimals=2) == "12.345678"


@pytest.mark.parametrize(
    ("cost_units", "lots", "text"),
    [(0, 0, "0"), (250_000_00, 1, "25000"), (-250_000_00, -1, "25000"), (100, 3, "0.0333333")],
)
def test_average_price(cost_units: int, lots: int, text: str) -> None:
    assert c.average_price_text(cost_units, lots, 100, TICK) == text


def test_whole_numbers() -> None:
    assert c.to_whole("10", "leverage") == c.to_whole(10, "leverage") == 10
    assert c.to_whole(Decimal("10.0"), "leverage") == 10
    for value in ("1.5", True, "x", Decimal("1e400")):
        with pytest.raises(DomainError):
            c.to_whole(value, "leverage")


@pytest.mark.parametrize(
    ("value", "text"),
    [("1e3", "1000"), ("0.10", "0.1"), ("-0", "0"), ("0.00", "0"), ("1E-7", "0.0000001")],
)
def test_text_is_normalised(value: str, text: str) -> None:
    assert text_of(Decimal(value)) == text
