"""A client order id that comes again: what was asked for under it first, and whether it differs.

What was asked stays with the order's row as it was. It knows nothing of the market: neither an
amendment nor rules that changed since turn a repeat into another order.
"""

from functools import cache
from typing import Any

from msgspec import Struct
from msgspec.structs import fields

from common.decimals import text
from common.errors import DomainError, ErrorCode
from markets.conversions import time_asked_ms, to_decimal
from trading.models import Order
from trading.orders.request import (
    ClosingOrder,
    NewOrder,
    NewOther,
    Number,
    OptionalNumber,
    OptionalTime,
)
from trading.orders.terms import read_time_in_force, time_in_force_of

NUMBERS = (Number, OptionalNumber)


@cache
def _fields_of(kind: type[Struct]) -> list[tuple[str, Any]]:
    """Name and type. Kept: every order asks."""
    return [(field.name, field.type) for field in fields(kind)]


def terms_asked(new: NewOrder) -> dict[str, Any]:
    """All that makes the order, each term in one spelling: numbers as plain text, times in ms, what
    was left out by its default or, where there is none, not at all. Raises DomainError for terms
    that are none."""
    asked = plain_terms(new, NewOrder, "")
    asked.pop("client_order_id", None)
    # Two ways to say the same.
    asked["time_in_force"] = read_time_in_force(new).value
    asked["reduce_only"] = new.reduce_only or new.close_position
    del asked["post_only"]
    if isinstance(new, ClosingOrder) and new.is_whole:
        del asked["qty"]
    if new.other is not None:
        asked["other"] = _plain_other(new.other)
    return asked


def _plain_other(other: NewOther) -> dict[str, Any]:
    """What says the same as its default is left out."""
    plain = plain_terms(other, NewOther, "other.")
    if other.time_in_force is time_in_force_of(other.order_type):
        del plain["time_in_force"]
    plain["reduce_only"] = other.reduce_only and not other.close_position
    return plain


def plain_terms(struct: Struct, of: type[Struct], path: str) -> dict[str, Any]:
    """The fields of that kind: how its sender waits for it is no term of an order."""
    plain: dict[str, Any] = {}
    for name, kind in _fields_of(of):
        value = getattr(struct, name)
        if value is None:
            continue
        if kind in NUMBERS:
            value = text(to_decimal(value, f"{path}{name}"))
        elif kind == OptionalTime:
            value = time_asked_ms(value, f"{path}{name}")
        elif isinstance(value, Struct):
            value = plain_terms(value, type(value), f"{name}.")
        plain[name] = value
    return plain


def terms_that_differ(asked: dict[str, Any], was: dict[str, Any]) -> list[str]:
    return sorted(name for name in asked.keys() | was.keys() if asked.get(name) != was.get(name))


def conflict_with(first: Order, new: NewOrder) -> DomainError | None:
    """What refuses an order that is not the first one again; None for a repeat. Raises
    DomainError."""
    asked, was = terms_asked(new), first.terms_asked
    differing: list[str] = []
    if was is None:
        why = "of which is not known any more what was asked for"
    elif differing := terms_that_differ(asked, was):
        why = f"which differs in {', '.join(differing)}"
    else:
        return None
    message = f"client_order_id names order {first.pk}, {why}. Use another."
    code = ErrorCode.CLIENT_ORDER_ID_REUSED
    return DomainError(code, message, "client_order_id").naming("client_order_id", *differing)
