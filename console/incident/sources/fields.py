"""Fields of messages in words: their names say their units, so one rule shows all of them."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from console.incident.kept import moment_of
from markets.display import funding_rate, money, percent, price, size
from markets.models import Market

_NAME = re.compile(r"(?<=[a-z])(?=[A-Z])")
_HIDDEN = frozenset({"type", "v", "command_id"})
LIST_SHOWN_MAX = 5


def name_words(name: str) -> str:
    """ "OrderAccepted" → "order accepted"."""
    return _NAME.sub(" ", name).lower()


def fields_words(fields: Mapping[str, Any], market: Market) -> str:
    """As in "order 12, account 5, price 2,500.00 USD"; what is none or nothing is left out."""
    return ", ".join(_each(fields, market))


def _each(fields: Mapping[str, Any], market: Market) -> Iterator[str]:
    for name, value in fields.items():
        if name in _HIDDEN or (value in (None, False, "", [], 0) and not _means_zero(name)):
            continue
        if isinstance(value, Mapping):
            yield f"{_plain(name)} ({fields_words(value, market)})"
        elif isinstance(value, list | tuple):
            yield _list_words(name, value, market)
        elif value is True:
            yield _plain(name)
        else:
            yield _value_words(name, value, market)


def _means_zero(name: str) -> bool:
    """What is left of an order, and a flat position, are news."""
    return name in {"remaining_lots", "position_lots", "left_lots"}


def _list_words(name: str, values: list[Any] | tuple[Any, ...], market: Market) -> str:
    shown = [
        f"({fields_words(value, market)})"
        for value in values[:LIST_SHOWN_MAX]
        if isinstance(value, Mapping)
    ]
    return f"{len(values):,} {_plain(name)} {' '.join(shown)}".strip()


def _value_words(name: str, value: Any, market: Market) -> str:
    if isinstance(value, int):
        for suffix, words in _UNITS.items():
            if name.endswith(suffix):
                return f"{_plain(name.removesuffix(suffix))} {words(value, market)}".strip()
    return f"{_plain(name)} {value}"


def _plain(name: str) -> str:
    return name.removesuffix("_id").replace("_", " ").strip()


def _span_or_moment(value_ms: int) -> str:
    """A year of milliseconds and more is a moment."""
    if value_ms < 31_536_000_000:
        return f"{value_ms:,} ms"
    try:
        return f"{moment_of(value_ms):%Y-%m-%d %H:%M:%S}"
    except OverflowError:
        return f"{value_ms:,} ms"


_UNITS: dict[str, Callable[[int, Market], str]] = {
    "_per_lot_units": lambda value, _: f"per lot {money(value)}",
    "_per_tick_lot": lambda value, _: f"per tick and lot {money(value)}",
    "_ticks": price,
    "_lots": size,
    "_units": lambda value, _: money(value),
    "_ppm": lambda value, _: percent(value),
    "_ppb": lambda value, _: funding_rate(value),
    "_ms": lambda value, _: _span_or_moment(value),
}
