"""Steps that many orders or cancels share, taken so that none fails for another's sake.

What is asked together is one query or one statement. Where it fails because of one item, whatever
the reason, each is asked alone, and only that one fails. A Postgres that is away is everyone's
fault: whoever came next would only wait for it, too.
"""

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import TypeVar

from django.db import connection, transaction

from common.postgres.outages import is_outage

Item = TypeVar("Item")
Found = TypeVar("Found")


def together_or_alone(
    items: Sequence[Item], step: Callable[[Sequence[Item]], Sequence[Found]]
) -> list[Found | Exception]:
    """What ``step`` finds for each of them, or what it raised for that one alone. It must have
    changed nothing when it raises. Raises what is everyone's."""
    if not items:
        return []
    savepoint = transaction.atomic() if connection.in_atomic_block else nullcontext()
    try:
        with savepoint:
            return list(step(items))
    except Exception as error:
        if is_outage(error):
            raise
        if len(items) == 1:
            return [error]
    return [found for item in items for found in together_or_alone([item], step)]
