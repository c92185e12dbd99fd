"""Decimals at the edge ↔ whole ticks, lots and money units inside. Nothing else here rounds.

In: a value must be exactly a multiple of its step, or its sender is told the step. Out: exact, as
plain decimal text without exponent or trailing zeros.
"""

import re
from datetime import datetime, timedelta
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Annotated

import msgspec

from common.decimals import text
from common.errors import ErrorCode, invalid
from common.times import EPOCH, unix_ms
from matching.messages.limits import (
    MAX_MONEY_UNITS,
    MAX_PRICE_TICKS,
    MAX_SIZE_LOTS,
    MAX_TIME_MS,
    MONEY_UNITS_PER_CURRENCY,
)

MONEY_DECIMALS = len(str(MONEY_UNITS_PER_CURRENCY)) - 1
TEXT_LENGTH_MAX = 64

# Wide enough for every product of a bounded number and a step: nothing below is ever inexact.
_EXACT = Context(prec=80)
_MONEY_UNIT = Decimal(1).scaleb(-MONEY_DECIMALS)
MIN_TIME_MS = -62_135_596_800_000  # the calendar begins with the year 1

_Time = Annotated[datetime, msgspec.Meta(tz=True)]
_PART_OF_MS = re.compile(r"\.[0-9]{3}[0-9]*[1-9]")
_PLAIN_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,4})?")


def to_decimal(value: object, field: str) -> Decimal:
    """A finite number of sane length and exponent. Accepts int, Decimal and plain text.

    Floats are refused: they have lost digits already. So are bools. Raises DomainError.
    """
    number = Decimal(value) if _readable(value) else value  # type: ignore[arg-type]
    if not isinstance(number, Decimal) or not number.is_finite():
        raise invalid(field, f"{field} must be a number, such as 12.5.", ErrorCode.INVALID_NUMBER)
    # Looks only at the exponent and the count of digits: 1e9999 costs nothing.
    if number and (not -30 <= number.adjusted() <= 30 or _is_long(value)):
        raise invalid(field, f"{field} is out of any sane range.", ErrorCode.NUMBER_OUT_OF_RANGE)
    return number


def _is_long(value: object) -> bool:
    """Text is bounded by its length, a whole number by its size."""
    return isinstance(value, Decimal) and len(value.as_tuple().digits) > TEXT_LENGTH_MAX


def _readable(value: object) -> bool:
    if isinstance(value, str):
        return len(value) <= TEXT_LENGTH_MAX and bool(_PLAIN_NUMBER.fullmatch(value))
    return isinstance(value, int) and not isinstance(value, bool) and value.bit_length() <= 256


def to_steps(
    value: object, step: Decimal, field: str, *, maximum: int, code: ErrorCode, step_name: str
) -> int:
    """How many steps make the value; it is above zero. Raises DomainError naming the step."""
    number = to_decimal(value, field)
    if number <= 0:
        raise invalid(field, f"{field} must be above zero.", code)
    steps, rest = _EXACT.divmod(number, step)
    if steps > maximum:
        largest = text(_EXACT.multiply(Decimal(maximum), step))
        raise invalid(field, f"{field} must be at most {largest}.", code)
    if rest:
        message = f"{field} must be a multiple of the {step_name} {text(step)}."
        raise invalid(field, message, code)
    return int(steps)


def to_ticks(price: object, tick_size: Decimal, field: str = "price") -> int:
    return to_steps(
        price,
        tick_size,
        field,
        maximum=MAX_PRICE_TICKS,
        code=ErrorCode.INVALID_PRICE,
        step_name="tick",
    )


def to_lots(size: object, lot_size: Decimal, field: str = "qty") -> int:
    return to_steps(
        size, lot_size, field, maximum=MAX_SIZE_LOTS, code=ErrorCode.INVALID_SIZE, step_name="lot"
    )


def to_units(amount: object, field: str = "amount") -> int:
    """Money above zero, with at most six decimals."""
    return to_steps(
        amount,
        _MONEY_UNIT,
        field,
        maximum=MAX_MONEY_UNITS,
        code=ErrorCode.INVALID_AMOUNT,
        step_name="smallest amount",
    )


def to_whole(value: object, field: str) -> int:
    """A whole number, of any sign. Raises DomainError."""
    number = to_decimal(value, field)
    if number != int(number):
        raise invalid(field, f"{field} must be a whole number.", ErrorCode.INVALID_NUMBER)
    return int(number)


def ticks_to_decimal(price_ticks: int, tick_size: Decimal) -> Decimal:
    return _EXACT.multiply(Decimal(price_ticks), tick_size)


def ticks_text(price_ticks: int, tick_size: Decimal) -> str:
    return text(ticks_to_decimal(price_ticks, tick_size))


def lots_to_decimal(size_lots: int, lot_size: Decimal) -> Decimal:
    return _EXACT.multiply(Decimal(size_lots), lot_size)


def lots_text(size_lots: int, lot_size: Decimal) -> str:
    return text(lots_to_decimal(size_lots, lot_size))


def units_text(amount_units: int, decimals: int = 0) -> str:
    """Money as text: 12_500_000 → "12.5", or "12.50" with at least two decimals asked for.

    Works on integers alone: it is called most.
    """
    whole, rest = divmod(abs(amount_units), MONEY_UNITS_PER_CURRENCY)
    sign = "-" if amount_units < 0 else ""
    digits = str(MONEY_UNITS_PER_CURRENCY + rest)[1:]  # with their zeros in front
    fraction = digits.rstrip("0").ljust(decimals, "0")
    return f"{sign}{whole}.{fraction}" if fraction else f"{sign}{whole}"


def ratio_text(numerator_units: int, denominator_units: int) -> str | None:
    """To a millionth; None where there is nothing above zero to divide by."""
    if denominator_units <= 0:
        return None
    ratio = _EXACT.divide(Decimal(numerator_units), Decimal(denominator_units))
    return text(ratio.quantize(_MONEY_UNIT, rounding=ROUND_HALF_EVEN, context=_EXACT))


def ppb_text(rate_ppb: int) -> str:
    """A rate in billionths as a fraction."""
    return text(Decimal(rate_ppb).scaleb(-9, _EXACT))


def carry_text(carry: int) -> str:
    """Billionths of a money unit as money, with all its fifteen decimals that say something."""
    return text(Decimal(carry).scaleb(-9 - MONEY_DECIMALS, _EXACT))


def average_price_text(
    cost_units: int, size_lots: int, units_per_tick_lot: int, tick_size: Decimal
) -> str:
    """Price at which this many lots cost this much, to a millionth of a tick; "0" for no lots."""
    if not size_lots:
        return "0"
    ticks = _EXACT.divide(Decimal(cost_units), Decimal(size_lots * units_per_tick_lot))
    rounded = ticks.quantize(_MONEY_UNIT, rounding=ROUND_HALF_EVEN, context=_EXACT)
    return text(_EXACT.multiply(rounded, tick_size))


def nearest_ticks(price: Decimal, tick_size: Decimal) -> int:
    """The tick nearest to an observed price, at least one. Raises ValueError if out of bounds."""
    if not price.is_finite() or price <= 0:
        raise ValueError(f"a price must be above zero, not {price}")
    ticks = max(1, round(_EXACT.divide(price, tick_size)))
    if ticks > MAX_PRICE_TICKS:
        raise ValueError(f"{text(price)} is more than {MAX_PRICE_TICKS} ticks of {text(tick_size)}")
    return ticks


def to_ms(at: datetime | None) -> int:
    """Milliseconds since the Unix epoch, a part of one dropped; 0 for None."""
    return unix_ms(at) if at is not None else 0


def time_asked_ms(value: object, field: str) -> int:
    """Milliseconds since the Unix epoch, of the text a client sent. Raises DomainError for what is
    no time with its zone, for a part of a millisecond, and for a time that its offset takes out of
    the calendar: no other could tell it in UTC."""
    try:
        time_ms = to_ms(msgspec.convert(value, _Time))
    except msgspec.ValidationError as error:
        message = f"{field} must be a time with its zone, such as 2026-11-22T12:00:00Z."
        raise invalid(field, message) from error
    # Looked for in the text: a datetime is rounded to microseconds already.
    if _PART_OF_MS.search(str(value)):
        raise invalid(field, f"{field} must be a multiple of 1 ms: 3 decimals of a second.")
    if not MIN_TIME_MS <= time_ms <= MAX_TIME_MS:
        raise invalid(field, f"{field} must be from the year 1 to the year 9999 in UTC.")
    return time_ms


def at_ms(time_ms: int) -> datetime:
    return EPOCH + timedelta(milliseconds=time_ms)


def from_ms(time_ms: int) -> datetime | None:
    """None for 0."""
    return at_ms(time_ms) if time_ms else None
