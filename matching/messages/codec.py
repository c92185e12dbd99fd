"""Bytes ↔ messages. JSON, so that an operator can read the streams with nothing but redis-cli.

Theory of operation. While an exchange is upgraded, parts of two releases read each other. What
happened may say more than its reader knows: fields that it doesn't know are passed over, those it
lacks have their defaults. What is asked may not: half of what somebody asked for is something
else, so a command, or a state to start from, with a field that its reader doesn't know is refused
whole. Nor may an event of an unknown kind be skipped: what it did to the market would be missing.

So within a major version of the contract messages only grow, and what is new is left out of the
bytes where it isn't used: the same commands give the same bytes before and after an upgrade.
"""

from typing import NamedTuple, get_args

import msgspec

from matching.messages.commands import COMMAND_VERSION, Command
from matching.messages.events import EVENT_VERSION, Event, OutputEntry


class Contract(NamedTuple):
    """What a part speaks. Parts of another major don't understand each other; whoever reads must be
    of at least the minor of whoever writes."""

    major: int
    minor: int

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}"


# The minor rises with every release in which a message got a field, a kind or a value.
CONTRACT = Contract(major=COMMAND_VERSION, minor=2)


class UndecodableMessage(ValueError):
    """The bytes are no message of this contract; the text says where and why."""


class _Kind(msgspec.Struct):
    type: str = ""


class _Outline(msgspec.Struct):
    """As much of an entry as one that can't be read may still say of itself."""

    v: int = 0
    events: tuple[_Kind, ...] = ()


_KINDS = frozenset(kind.__struct_config__.tag for kind in get_args(Event))
_UNDECODABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_encoder = msgspec.json.Encoder()
_command_decoder: msgspec.json.Decoder[Command] = msgspec.json.Decoder(Command)
_entry_decoder = msgspec.json.Decoder(OutputEntry)
_outline_decoder = msgspec.json.Decoder(_Outline)


def encode_command(command: Command) -> bytes:
    return _encoder.encode(command)


def decode_command(data: bytes) -> Command:
    """Raises UndecodableMessage; values outside their bounds are undecodable too."""
    try:
        return _command_decoder.decode(data)
    except _UNDECODABLE as error:
        raise UndecodableMessage(str(error)) from error


def encode_entry(entry: OutputEntry) -> bytes:
    return _encoder.encode(entry)


def decode_entry(data: bytes) -> OutputEntry:
    """Raises UndecodableMessage, which says so where a newer release wrote the entry."""
    try:
        return _entry_decoder.decode(data)
    except _UNDECODABLE as error:
        raise UndecodableMessage(_newer(data) or str(error)) from error


def _newer(data: bytes) -> str:
    """What an entry has that this release doesn't know; empty where it is simply no entry."""
    try:
        outline = _outline_decoder.decode(data)
    except _UNDECODABLE:
        return ""
    if outline.v > EVENT_VERSION:
        return f"version {outline.v}, and this release reads {EVENT_VERSION}: upgrade its reader"
    unknown = sorted({event.type for event in outline.events} - _KINDS)
    if unknown:
        return f"{', '.join(unknown)} is unknown to this release: upgrade its reader"
    return ""
