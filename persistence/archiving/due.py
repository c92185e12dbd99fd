"""Which partitions may go to files, and why others may not.

One may go once ids have left it, everybody who could still write to it has ended, and whatever its
table asks for besides (`postings`, `fills`): of each, that a seal covers its rows.
"""

from typing import NamedTuple

from common.postgres.horizon import complete_ids
from common.postgres.partitions import Partition, partitions_of
from persistence.archiving.fills import ArchivedFills
from persistence.archiving.kinds import ArchivedKind, ArchiveRefused
from persistence.archiving.postings import ArchivedPostings
from persistence.sealing.scope import newest_seal

KINDS: tuple[ArchivedKind, ...] = (ArchivedPostings(), ArchivedFills())


class Closed(NamedTuple):
    """A partition that ids have left. ``why_not`` is empty where it may go."""

    kind: ArchivedKind
    partition: Partition
    why_not: str


def closed_partitions(kind: ArchivedKind, keep: int) -> list[Closed]:
    """Of a table, but the newest ``keep``, in their order. One after another goes: behind one that
    may not none may. Outside a transaction. Raises ArchiveRefused where it can't be told."""
    table = kind.layout.table
    complete = complete_ids([f"{table}_id_seq"])
    if complete is None:
        raise ArchiveRefused(
            f"a transaction that writes {kind.rows} goes on (pg_stat_activity says which):"
            " try again after it"
        )
    closed = [one for one in partitions_of(table) if one.end is not None and one.end <= complete[0]]
    seal = newest_seal()
    found: list[Closed] = []
    for partition in closed[: max(0, len(closed) - keep)]:
        why_not = kind.why_not(partition, seal) if seal else "there is no seal yet"
        if found and found[-1].why_not and not why_not:
            why_not = f"it comes after {found[-1].partition.name}"
        found.append(Closed(kind, partition, why_not))
    return found
