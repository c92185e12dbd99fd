"""What a request asks: the pairs of its query and its body, for every method alike.

Clients put them into either, whatever the method, and some send JSON un-encoded inside a form. So
both are read as they came, once; where a name is in both the query's counts, as on the venue. Names
are told apart without regard to case, since clients spell some in more than one way. What a call
doesn't know is left alone: clients send more than they need.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from gateway.words.errors import (
    DUPLICATED_PARAMETER,
    ILLEGAL_CHARACTERS,
    TOO_MANY_PARAMETERS,
    GatewayRefusal,
    malformed,
    missing,
)
from matching.messages.limits import MAX_ID, MAX_TIME_MS

PARAMETERS_MAX = 100
TEXT_LENGTH_MAX = 64
SIGNATURE = "signature"

_WHOLE = re.compile(r"-?[0-9]{1,19}", re.ASCII)
_DECIMAL = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,4})?", re.ASCII)
_CLIENT_ID = re.compile(r"[.A-Z:/a-z0-9_-]{1,36}", re.ASCII)
_FLAGS = {"true": True, "false": False}


@dataclass(frozen=True, slots=True)
class Params:
    """Values by name in small letters."""

    values: dict[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, query: bytes, body: bytes) -> "Params":
        """Raises GatewayRefusal for what can't be told apart."""
        return cls(_pairs(body) | _pairs(query))

    @classmethod
    def of_item(cls, item: Any) -> "Params":
        """Of one of a batch, which is JSON. Raises GatewayRefusal."""
        if not isinstance(item, dict) or len(item) > PARAMETERS_MAX:
            raise missing("batchOrders")
        return cls({name.lower(): text_of(value) for name, value in item.items()})

    def given(self, name: str) -> bool:
        return bool(self.values.get(name.lower()))

    def text(self, name: str, default: str = "") -> str:
        """Raises GatewayRefusal for what no text of ours may have in it."""
        value = self.values.get(name.lower()) or default
        if "\0" in value:
            raise GatewayRefusal(ILLEGAL_CHARACTERS)
        return value

    def required(self, name: str) -> str:
        value = self.text(name)
        if not value:
            raise missing(name)
        return value

    def decimal(self, name: str) -> str | None:
        """As it was sent: whoever takes it reads it without loss. None where it wasn't."""
        value = self.text(name)
        if not value:
            return None
        if len(value) > TEXT_LENGTH_MAX or not _DECIMAL.fullmatch(value):
            raise missing(name)
        return value

    def whole(self, name: str, default: int, least: int = 0, most: int = MAX_ID) -> int:
        value = self.text(name)
        if not value:
            return default
        if not _WHOLE.fullmatch(value):
            raise missing(name)
        if not least <= int(value) <= most:
            raise malformed(name, f"It must be from {least} to {most}.")
        return int(value)

    def time_ms(self, name: str) -> int | None:
        """None where it wasn't given."""
        return self.whole(name, 0, 0, MAX_TIME_MS) if self.given(name) else None

    def limit(self, default: int, most: int) -> int:
        """More than there may be is as much as there may be, as on the venue."""
        return min(self.whole("limit", default, 1), most)

    def flag(self, name: str, default: bool = False) -> bool:
        value = self.text(name)
        if not value:
            return default
        known = _FLAGS.get(value.lower())
        if known is None:
            raise missing(name)
        return known

    def word(self, name: str, known: Collection[str], default: str = "") -> str:
        value = self.text(name, default).upper()
        if not value:
            raise missing(name)
        if value not in known:
            raise malformed(name, f"Known are {', '.join(known)}.")
        return value

    def client_id(self, name: str) -> str | None:
        value = self.text(name)
        if not value:
            return None
        if not _CLIENT_ID.fullmatch(value):
            raise GatewayRefusal(
                ILLEGAL_CHARACTERS._replace(
                    msg=f"Illegal characters found in parameter '{name}'; "
                    "legal range is '^[.A-Z:/a-z0-9_-]{1,36}$'."
                )
            )
        return value

    def items(self, name: str, most: int) -> list[Any]:
        """A JSON array. Raises GatewayRefusal, also for more than there may be."""
        found = _json(name, self.required(name))
        if not isinstance(found, list) or not found:
            raise missing(name)
        if len(found) > most:
            raise malformed(name, f"Send at most {most}.")
        return found


def _pairs(raw: bytes) -> dict[str, str]:
    try:
        pairs = parse_qsl(
            raw.decode("utf-8"), keep_blank_values=True, max_num_fields=PARAMETERS_MAX
        )
    except UnicodeDecodeError as error:
        raise GatewayRefusal(ILLEGAL_CHARACTERS) from error
    except ValueError as error:
        raise GatewayRefusal(TOO_MANY_PARAMETERS) from error
    found: dict[str, str] = {}
    for name, value in pairs:
        if name.lower() in found:
            raise GatewayRefusal(DUPLICATED_PARAMETER)
        found[name.lower()] = value
    return found


def _json(name: str, text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
        raise missing(name) from error


def text_of(value: Any) -> str:
    """Of a value in JSON, as if it had come in a query; what is none is nobody's parameter."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return value
    if isinstance(value, int | float | Decimal):
        return str(value)
    return ""
