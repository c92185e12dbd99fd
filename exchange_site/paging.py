"""Lists in pages, and whole numbers from query strings."""

import re
from collections.abc import Callable, Collection, Sequence
from typing import Any, TypeVar

from django.db.models import Model, QuerySet
from rest_framework.request import Request

from exchange_site.api import invalid
from matching.messages.limits import MAX_ID

PAGE_LIMIT_DEFAULT = 50
PAGE_LIMIT_MAX = 500
LOOK_BACK_ROWS = 10_000

AnyModel = TypeVar("AnyModel", bound=Model)


def query_int(request: Request, name: str, default: int, minimum: int, maximum: int) -> int:
    """A whole number from the query string. Raises ApiError."""
    text = request.query_params.get(name)
    if text is None:
        return default
    if re.fullmatch(r"[0-9]{1,19}", text) and minimum <= int(text) <= maximum:
        return int(text)
    raise invalid(name, f"{name} must be a whole number from {minimum} to {maximum}.")


def query_text(request: Request, name: str, length_max: int) -> str | None:
    """Text that may be asked for in Postgres; None where it isn't given. Raises ApiError."""
    text = request.query_params.get(name)
    if text is not None and not (1 <= len(text) <= length_max and "\0" not in text):
        raise invalid(name, f"{name} must have 1 to {length_max} characters, none of them NUL.")
    return text


def query_words(request: Request, name: str, known: Collection[str]) -> tuple[str, ...]:
    """Words separated by commas; none where the parameter isn't given. Raises ApiError."""
    text = request.query_params.get(name)
    if text is None:
        return ()
    words = tuple(text.split(","))
    if not set(words) <= set(known):
        raise invalid(
            name, f"{name} must be one of {', '.join(known)}, or several separated by commas."
        )
    return words


def page_limit(request: Request) -> int:
    return query_int(request, "limit", PAGE_LIMIT_DEFAULT, 1, PAGE_LIMIT_MAX)


def page_of(
    request: Request, read: Callable[[int, int | None], list[AnyModel]], key: str = "pk"
) -> tuple[list[AnyModel], str | None]:
    """One page of rows, newest first, by ``?cursor=`` and ``?limit=``; and the next cursor.

    ``read`` takes how many, and the key below which they begin. The cursor is the key of the last
    row shown: rows that arrive meanwhile don't shift the pages.
    """
    limit = page_limit(request)
    before = None
    if "cursor" in request.query_params:
        before = query_int(request, "cursor", 0, 1, MAX_ID)
    page = read(limit + 1, before)
    if len(page) <= limit:
        return page, None
    return page[:limit], str(getattr(page[limit - 1], key))


def keyset_page(
    request: Request,
    rows: QuerySet[AnyModel],
    key: str = "pk",
    along: QuerySet[AnyModel] | None = None,
) -> tuple[list[AnyModel], str | None]:
    """`page_of` rows by a key: a whole number, unique among the rows and higher for newer ones.

    ``along`` is for rows that no index finds: they are looked for among those of ``along``, which
    one does, `LOOK_BACK_ROWS` of them per page. Such a page may be short, even empty, and still
    have a next one.
    """
    end: int | None = None

    def read(limit: int, before: int | None) -> list[AnyModel]:
        nonlocal end
        found = rows if before is None else rows.filter(**{f"{key}__lt": before})
        if along is not None:
            end = key_after(along, LOOK_BACK_ROWS, key=key, before=before)
        if end is not None:
            found = found.filter(**{f"{key}__gte": end})
        return list(found.order_by(f"-{key}")[:limit])

    page, next_cursor = page_of(request, read, key)
    return page, next_cursor or (None if end is None else str(end))


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


def newest_keys(runs: Sequence[QuerySet[Any]], limit: int) -> list[int]:
    """Primary keys of the newest rows of several runs together. In one statement, each run by
    itself: given as alternatives of one WHERE, Postgres would collect and sort them all."""
    arms = [run.order_by("-pk").values_list("pk", flat=True)[:limit] for run in runs]
    if not arms:
        return []
    keys = arms[0].union(*arms[1:]) if len(arms) > 1 else arms[0]
    return sorted(keys, reverse=True)[:limit]


def key_after_in_runs(runs: Sequence[QuerySet[Any]], count: int) -> int | None:
    """`key_after` of several runs together, merged as they are read; None where all have fewer."""
    arms = [run.order_by("-pk").values_list("pk", flat=True)[:count] for run in runs]
    if len(arms) < 2:
        return key_after(runs[0], count) if runs else None
    merged = arms[0].union(*arms[1:], all=True).order_by("-pk")
    return next(iter(merged[count - 1 : count]), None)
