"""Rows by their keys, newest first, looked at as far back as a request may."""

from collections.abc import Sequence
from typing import Any

from django.db.models import QuerySet

LOOK_BACK_ROWS = 10_000


def newest_keys(runs: Sequence[QuerySet[Any]], limit: int) -> list[int]:
    """Primary keys of the newest rows of several runs together. In one statement, each run by
    itself: given as alternatives of one WHERE, Postgres would collect and sort them all."""
    arms = [run.order_by("-pk").values_list("pk", flat=True)[:limit] for run in runs]
    if not arms:
        return []
    keys = arms[0].union(*arms[1:]) if len(arms) > 1 else arms[0]
    return sorted(keys, reverse=True)[:limit]


def key_after(
    rows: QuerySet[Any], count: int, *, key: str = "pk", before: int | None = None
) -> int | None:
    """The key of the ``count``-th of the rows, newest first, beginning below ``before``; None where
    there are fewer."""
    if before is not None:
        rows = rows.filter(**{f"{key}__lt": before})
    found: int | None = (
        rows.order_by(f"-{key}").values_list(key, flat=True)[count - 1 : count].first()
    )
    return found


def key_after_in_runs(runs: Sequence[QuerySet[Any]], count: int) -> int | None:
    """`key_after` of several runs together, merged as they are read; None where all have fewer."""
    arms = [run.order_by("-pk").values_list("pk", flat=True)[:count] for run in runs]
    if len(arms) < 2:
        return key_after(runs[0], count) if runs else None
    merged = arms[0].union(*arms[1:], all=True).order_by("-pk")
    return next(iter(merged[count - 1 : count]), None)
