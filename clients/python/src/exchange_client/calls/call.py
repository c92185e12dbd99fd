"""One call of the HTTP API."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any, Generic, TypeVar
from urllib.parse import quote, urlencode

from exchange_client.codec import decimal_text, time_ms

T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True)
class Call(Generic[T_co]):
    """``may_repeat``: doing it twice is doing it once. ``is_public``: sent without a name.
    ``of_account``: may be asked for a sub-account; else it is the trader's."""

    method: str
    path: str
    answer: type[T_co]
    query: Mapping[str, str] | None = None
    body: object | None = None
    may_repeat: bool = True
    is_public: bool = False
    of_account: bool = True

    @property
    def target(self) -> str:
        """Path and query, without the version."""
        return f"{self.path}?{urlencode(self.query)}" if self.query else self.path

    def after(self, page: object) -> "Call[T_co] | None":
        """What asks for the page after this one; None after the last, and of what has no pages."""
        cursor = getattr(page, "next_cursor", None)
        return (
            None
            if cursor is None
            else replace(self, query={**(self.query or {}), "cursor": cursor})
        )


def path_of(template: str, *parts: str | int) -> str:
    """Each part quoted into its `{}`."""
    return template.format(*(quote(str(part), safe="") for part in parts))


def query_of(**named: Any) -> dict[str, str]:
    """As the API writes names and values; what is None is left out. `from_` is `from`."""
    return {_camel(name): _text(value) for name, value in named.items() if value is not None}


def _camel(name: str) -> str:
    first, *others = name.rstrip("_").split("_")
    return first + "".join(word.capitalize() for word in others)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return str(time_ms(value))
    if isinstance(value, Decimal):
        return decimal_text(value)
    if isinstance(value, float):
        raise TypeError(f"{value!r} is a float: give Decimal({str(value)!r}).")
    if isinstance(value, list | tuple):
        return ",".join(map(_text, value))
    return str(value)


def body_of(**named: Any) -> dict[str, Any]:
    return {_camel(name): value for name, value in named.items() if value is not None}
