"""Every message there is, found in the types themselves, and two samples of each.

``least`` has only what a message can't be without, ``most`` has everything, at the largest value
that its bounds allow. Both are text, as they travel.
"""

from typing import Any, get_args

import msgspec
from msgspec import inspect

from matching.messages.commands import Command
from matching.messages.events import Event, OutputEntry
from matching.messages.snapshot import EngineSnapshot
from matching.messages.streams import Depth, Heartbeat, Ticker

LARGEST_INT = 2**63 - 1
TOLD = (OutputEntry, *get_args(Event), Ticker, Depth, Heartbeat)
ASKED = (*get_args(Command), EngineSnapshot)


def parts_of(*messages: type) -> dict[str, type]:
    """The messages and every struct inside them, by name."""
    found: dict[str, type] = {}
    waiting: list[Any] = list(inspect.multi_type_info(messages))
    while waiting:
        kind = waiting.pop()
        if isinstance(kind, inspect.StructType) and kind.cls.__name__ not in found:
            found[kind.cls.__name__] = kind.cls
            waiting += [field.type for field in kind.fields]
        waiting += _inside(kind)
    return dict(sorted(found.items()))


def _inside(kind: Any) -> list[Any]:
    if isinstance(kind, inspect.UnionType):
        return list(kind.types)
    if isinstance(kind, inspect.TupleType):
        return list(kind.item_types)
    if isinstance(kind, inspect.ListType | inspect.VarTupleType):
        return [kind.item_type]
    return []


def struct_of(cls: type) -> inspect.StructType:
    kind = inspect.type_info(cls)
    assert isinstance(kind, inspect.StructType)
    return kind


def least(cls: type) -> str:
    return _sent(cls, most=False)


def most(cls: type) -> str:
    return _sent(cls, most=True)


def _sent(cls: type, most: bool) -> str:
    written = msgspec.json.encode(_value(struct_of(cls), most))
    return again(cls, written.decode())


def again(cls: type, text: str) -> str:
    """Read and written down once more."""
    return msgspec.json.encode(msgspec.json.decode(text.encode(), type=cls)).decode()


def _value(kind: Any, most: bool) -> Any:
    match kind:
        case inspect.StructType():
            return _struct(kind, most)
        case inspect.IntType():
            return _largest(kind) if most else _smallest(kind)
        case inspect.BoolType():
            return most
        case inspect.StrType():
            return "text" if most else ""
        case inspect.EnumType():
            return list(kind.cls)[-1 if most else 0].value
        case inspect.UnionType():
            said = [t for t in kind.types if not isinstance(t, inspect.NoneType)]
            return _value(said[0], most)
        case inspect.TupleType():
            return [_value(item, most) for item in kind.item_types]
        case inspect.ListType() | inspect.VarTupleType():
            count = max(kind.min_length or 0, int(most))
            return [_value(kind.item_type, most) for _ in range(count)]
    raise AssertionError(f"no sample of {kind}")


def _struct(kind: inspect.StructType, most: bool) -> Any:
    fields = [field for field in kind.fields if most or field.required]
    if kind.array_like:
        return [_value(field.type, most) for field in fields]
    tag = {kind.tag_field: kind.tag} if kind.tag_field else {}
    return tag | {field.encode_name: _value(field.type, most) for field in fields}


def _largest(kind: inspect.IntType) -> int:
    if kind.lt is not None:
        return kind.lt - 1
    return LARGEST_INT if kind.le is None else kind.le


def _smallest(kind: inspect.IntType) -> int:
    if kind.gt is not None:
        return kind.gt + 1
    return kind.ge or 0
