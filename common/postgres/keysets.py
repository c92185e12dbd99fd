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
