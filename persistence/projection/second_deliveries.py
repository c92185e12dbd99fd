"""⑤ Commands that were delivered again after they took effect."""

from matching.messages.events import (
    OutputEntry,
)
from matching.messages.vocabulary import RejectCode
from persistence.projection.batch import Batch


def is_second_delivery(batch: Batch, entry: OutputEntry, code: RejectCode) -> bool:
    """A command refused as too old after it took effect: what it brought is not there twice."""
    if code is not RejectCode.TOO_OLD:
        return False
    first_seq = batch.applied_commands.get(entry.command_id, entry.seq)
    return first_seq != entry.seq or entry.command_id in batch.perps.applied_before


def too_old_commands_of(entries: list[OutputEntry]) -> list[int]:
    """Commands of which it must be known whether an earlier batch saw them."""
    return [
        entry.command_id
        for entry in entries
        for event in entry.events
        if getattr(event, "code", None) is RejectCode.TOO_OLD and entry.command_id
    ]
