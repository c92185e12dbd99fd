"""How the API reads JSON: to the last digit, into typed structs, and nothing of it ignored.

A field that its call does not know, or that is given twice, is refused: what a program meant by it
would otherwise be dropped in silence.
"""

import json
import re
from collections.abc import Iterable
from decimal import Decimal, InvalidOperation
from enum import Enum
from typing import Any, TypeVar, get_args

import msgspec
from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from rest_framework.parsers import BaseParser
from rest_framework.request import Request

from common.errors import DomainError, ErrorCode, invalid, unknown

DEPTH_MAX = 32

AnyStruct = TypeVar("AnyStruct", bound=msgspec.Struct)

_decoder = msgspec.json.Decoder(float_hook=Decimal)


class GivenTwice(DomainError):
    """An object of the body has a key twice; ``field`` leads to it."""

    def __init__(self, field: str, known: Iterable[str] = ()) -> None:
        error = unknown(field, f"{field} is given twice: give it once", known)
        super().__init__(error.code, error.message, field)
        self.naming()
        self.path = field

    def among(self, kind: type[msgspec.Struct]) -> "GivenTwice":
        """The same, with what the body knows; items of its lists are read one by one later."""
        outer, _, _ = self.path.rpartition(".")
        return GivenTwice(self.path, () if "[" in outer else _known_at(kind, outer))


def malformed(message: str) -> DomainError:
    return DomainError(ErrorCode.MALFORMED_JSON, message)


def decode_json(body: bytes) -> Any:
    """JSON with numbers kept to the last digit: whole ones as int, others as Decimal.

    Raises DomainError for what is no JSON, for what JSON allows but Postgres can't store, and for a
    key given twice, of which one would be dropped.
    """
    try:
        data = _decoder.decode(body)
    except UnicodeDecodeError as error:
        raise malformed("Send the body in UTF-8.") from error
    except RecursionError as error:
        raise malformed(f"The body is nested more than {DEPTH_MAX} levels deep.") from error
    except (msgspec.DecodeError, InvalidOperation) as error:
        raise malformed(f"The body is not valid JSON: {_short(error)}.") from error
    keys = _count_keys(data)
    if rb"\u0000" in body:  # NUL can't be written otherwise
        _check_text(data)
    # Each pair is written with a colon: with no more of them than keys, no key was given twice.
    if body.count(b":") != keys and (twice := key_given_twice(body)):
        raise GivenTwice(twice)
    return data


def _short(error: Exception) -> str:
    if isinstance(error, InvalidOperation):
        return "a number is too large"
    return str(error).removeprefix("JSON is malformed: ").split(" - at ", maxsplit=1)[0][:200]


def _count_keys(data: Any) -> int:
    """Of all objects in it. Raises DomainError where they are nested too deep."""
    keys = 0
    level = [data] if isinstance(data, (dict, list)) else []
    for _ in range(DEPTH_MAX):
        keys += sum(len(held) for held in level if isinstance(held, dict))
        level = [item for held in level for item in _items(held) if isinstance(item, (dict, list))]
        if not level:
            return keys
    raise malformed(f"The body is nested more than {DEPTH_MAX} levels deep.")


def _items(data: dict[str, Any] | list[Any]) -> Iterable[Any]:
    return data.values() if isinstance(data, dict) else data


def _check_text(data: Any) -> None:
    if isinstance(data, str):
        if "\0" in data:
            raise malformed("Text may not contain the NUL character.")
    elif isinstance(data, dict | list):
        for item in data if isinstance(data, list) else (*data, *data.values()):
            _check_text(item)


class _Pairs(list[tuple[str, Any]]):
    """An object with every key that was written."""


def key_given_twice(body: bytes | str) -> str | None:
    """Where in valid JSON a key is given twice: its path, such as trigger.price."""
    pairs = json.loads(body, object_pairs_hook=_Pairs, parse_int=str, parse_float=str)
    return _twice_in(pairs, "")


def _twice_in(node: Any, path: str) -> str | None:
    inside: list[tuple[str, Any]] = []
    if isinstance(node, _Pairs):
        seen: set[str] = set()
        for key, value in node:
            where = f"{path}.{key[:64]}" if path else key[:64]
            if key in seen:
                return where
            seen.add(key)
            inside.append((where, value))
    elif isinstance(node, list):
        inside = [(f"{path}[{number}]", item) for number, item in enumerate(node)]
    return next((found for where, item in inside if (found := _twice_in(item, where))), None)


class StrictJSONParser(BaseParser):
    """``request.data`` of a JSON body: a dict, by `decode_json`. A larger body is not read."""

    media_type = "application/json"

    def parse(
        self,
        stream: Any,
        media_type: str | None = None,  # noqa: ARG002  DRF passes it
        parser_context: Any = None,  # noqa: ARG002
    ) -> dict[str, Any]:
        limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        announced = getattr(stream, "META", {}).get("CONTENT_LENGTH") or "0"
        if int(announced) > limit:  # a non-number never comes here: DRF sees no body then
            raise RequestDataTooBig
        body = stream.read(limit + 1)
        if len(body) > limit:
            raise RequestDataTooBig
        return _decode_object(body)


def _decode_object(body: bytes) -> dict[str, Any]:
    """As `decode_json`, of a body that must be an object."""
    data = decode_json(body)
    if not isinstance(data, dict):
        raise malformed("Send a JSON object.")
    return data


def parse_body(request: Request, kind: type[AnyStruct]) -> AnyStruct:
    """The body as a typed struct. Raises DomainError naming the field that is wrong."""
    try:
        data = request.data
    except GivenTwice as error:
        raise error.among(kind) from error
    if not data:
        _refuse_unreadable_length(request)
    return to_struct(data, kind)


def read_body(body: bytes, kind: type[AnyStruct]) -> AnyStruct:
    """`parse_body` of the bytes themselves."""
    try:
        return to_struct(_decode_object(body), kind)
    except GivenTwice as error:
        raise error.among(kind) from error


def to_struct(data: Any, kind: type[AnyStruct]) -> AnyStruct:
    """Decoded JSON as a typed struct. Raises DomainError naming the field that is wrong."""
    try:
        return msgspec.convert(data, kind)
    except msgspec.ValidationError as error:
        raise _from_msgspec(str(error), kind) from error


def _refuse_unreadable_length(request: Request) -> None:
    announced = request.META.get("CONTENT_LENGTH") or ""
    if request.META.get("HTTP_TRANSFER_ENCODING") or (announced and not announced.isdecimal()):
        message = "Send the body whole, with its Content-Length."
        raise DomainError(ErrorCode.LENGTH_REQUIRED, message)


_MISSING = re.compile(r"^Object missing required field `([^`]*)`")
_UNKNOWN = re.compile(r"^Object contains unknown field `(.*)`", re.DOTALL)
_EXPECTED = re.compile(r"^Expected `([^`]*)`")
_AT = re.compile(r" - at `\$\.?([^`]*)`$", re.DOTALL)
_IN_WORDS = {
    "str": "text",
    "int": "a whole number",
    "decimal": "a number",
    "bool": "true or false",
    "object": "an object",
    "array": "a list",
    "null": "null",
}


def _from_msgspec(text: str, kind: type[msgspec.Struct]) -> DomainError:
    """msgspec's complaint in the API's words."""
    at = _AT.search(text)
    field = at.group(1) if at else None
    if missing := _MISSING.match(text):
        name = f"{field}.{missing.group(1)}" if field else missing.group(1)
        return invalid(name, f"Give {name}.", ErrorCode.MISSING_FIELD)
    if extra := _UNKNOWN.match(text[: at.start()] if at else text):
        name = f"{field}.{extra.group(1)[:64]}" if field else extra.group(1)[:64]
        return unknown(name, "Unknown field", _known_at(kind, field or ""))
    if field is None:
        return malformed("Send a JSON object.")
    if expected := _EXPECTED.match(text):
        words = [_IN_WORDS.get(word, word) for word in expected.group(1).split(" | ")]
        return invalid(field, f"{field} must be {' or '.join(words)}.")
    if allowed := _allowed_words(kind, field):
        return invalid(field, f"{field} must be one of {', '.join(allowed)}.")
    return invalid(field, f"{field} is not valid: {text[: at.start() if at else None]}.")


def _allowed_words(kind: type[msgspec.Struct], path: str) -> list[str]:
    outer, _, name = path.rpartition(".")
    parts = _types_of(_kind_at(kind, outer), name)
    return [str(word.value) for part in parts if issubclass(part, Enum) for word in part]


def _known_at(kind: type[msgspec.Struct], path: str) -> list[str]:
    return [field.encode_name for field in msgspec.structs.fields(_kind_at(kind, path))]


def _kind_at(kind: type[msgspec.Struct], path: str) -> type[msgspec.Struct]:
    """The struct inside structs that a dotted path leads to."""
    for name in path.split("."):
        kind = next((p for p in _types_of(kind, name) if issubclass(p, msgspec.Struct)), kind)
    return kind


def _types_of(kind: type[msgspec.Struct], name: str) -> list[type]:
    types = [field.type for field in msgspec.structs.fields(kind) if field.encode_name == name]
    return [part for of in types for part in (of, *get_args(of)) if isinstance(part, type)]
