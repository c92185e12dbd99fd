"""Decimals as text."""

from decimal import Decimal


def text(value: Decimal) -> str:
    """Plain decimal text: no exponent, no trailing zeros, no minus zero."""
    plain = format(value, "f")
    if "." in plain:
        plain = plain.rstrip("0").rstrip(".")
    return "0" if plain in {"-0", ""} else plain
