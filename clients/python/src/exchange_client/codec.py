"""JSON in and out, with `decimal.Decimal` for every figure.

Theory of operation. The exchange writes prices, sizes and money as text ("0.5"), and msgspec reads
that text straight into a Decimal: no float comes into being on the way in. On the way out a Decimal
is written as plain text without an exponent, and a float is refused before anything is sent, since
`0.1 + 0.2` is not a price anybody meant.
"""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, TypeVar

import msgspec

from exchange_client.errors import UnexpectedAnswer

T = TypeVar("T")


class Answer(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What the exchange says. Members that this version does not know are left aside."""


class Asked(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """What a client says. What is left at its default is not sent."""


def encode(body: object) -> bytes:
    """Raises TypeError for a float, ValueError for a figure that is no number."""
    return msgspec.json.encode(encodable(body))


def encodable(body: object) -> Any:
    """What `encode` writes, as dicts, lists and text. Raises as it does."""
    return _plain(msgspec.to_builtins(body, builtin_types=(Decimal, datetime)))


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, Decimal):
        return decimal_text(value)
    if isinstance(value, datetime):
        return time_text(value)
    if isinstance(value, float):
        raise TypeError(f"{value!r} is a float: give Decimal({str(value)!r}).")
    return value


def decimal_text(value: Decimal) -> str:
    """Without an exponent. Raises ValueError for infinities and what is no number."""
    if not value.is_finite():
        raise ValueError(f"{value} is no figure the exchange can take.")
    return format(value, "f")


def time_text(value: datetime) -> str:
    """Raises ValueError for a time without a zone: it could be any of many."""
    if value.tzinfo is None:
        raise ValueError(f"{value!r} has no time zone: give one, as datetime.now(UTC) does.")
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z")


def time_ms(value: datetime) -> int:
    """Milliseconds since 1970, rounded down; as filters take them."""
    if value.tzinfo is None:
        raise ValueError(f"{value!r} has no time zone: give one, as datetime.now(UTC) does.")
    return (value - datetime(1970, 1, 1, tzinfo=UTC)) // _MILLISECOND


_MILLISECOND = datetime(1970, 1, 1, 0, 0, 0, 1000) - datetime(1970, 1, 1)


def decode(data: bytes | str, into: type[T]) -> T:
    """Raises UnexpectedAnswer."""
    try:
        return msgspec.json.decode(data, type=into)
    except (msgspec.MsgspecError, UnicodeError) as error:
        name = getattr(into, "__name__", str(into))
        raise UnexpectedAnswer(f"The exchange's answer is no {name}: {error}.") from error
