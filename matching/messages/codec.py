"""Bytes ↔ messages. JSON, so that an operator can read the streams with nothing but redis-cli."""

import msgspec

from matching.messages.commands import Command
from matching.messages.events import OutputEntry


class UndecodableMessage(ValueError):
    """The bytes are no message of this contract; the text says where and why."""


_UNDECODABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_encoder = msgspec.json.Encoder()
_command_decoder: msgspec.json.Decoder[Command] = msgspec.json.Decoder(Command)
_entry_decoder = msgspec.json.Decoder(OutputEntry)


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
    """Raises UndecodableMessage."""
    try:
        return _entry_decoder.decode(data)
    except _UNDECODABLE as error:
        raise UndecodableMessage(str(error)) from error
