"""Lists in pages, and whole numbers from query strings."""

import re
from collections.abc import Callable, Collection
from typing import TypeVar

from django.db.models import BigIntegerField, Model, QuerySet
from rest_framework.request import Request

from common.errors import invalid
from common.postgres import keysets

PAGE_LIMIT_DEFAULT = 50
PAGE_LIMIT_MAX = 500
AnyModel = TypeVar("AnyModel", bound=Model)


def query_int(request: Request, name: str, default: int, minimum: int, maximum: int) -> int:
    """A whole number from the query string. Raises DomainError."""
    text = request.query_params.get(name)
    if text is None:
        return default
    if re.fullmatch(r"[0-9]{1,19}", text) and minimum <= int(text) <= maximum:
        return int(text)
    raise invalid(name, f"{name} must be a whole number from {minimum} to {maximum}.")


def query_text(request: Request, name: str, length_max: int) -> str | None:
    """Text that may be asked for in Postgres; None where it isn't given. Raises DomainError."""
    text = request.query_params.get(name)
    if text is not None and not (1 <= len(text) <= length_max and "\0" not in text):
        raise invalid(name, f"{name} must have 1 to {length_max} characters, none of them NUL.")
    return text


def query_words(request: Request, name: str, known: Collection[str]) -> tuple[str, ...]:
    """Words separated by commas; none where the parameter isn't given. Raises DomainError."""
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


def cursor_asked(request: Request) -> int | None:
    """The key below which a page begins. Raises DomainError."""
    if "cursor" not in request.query_params:
        return None
    return query_int(request, "cursor", 0, 1, BigIntegerField.MAX_BIGINT)


def page_of(
    request: Request, read: Callable[[int, int | None], list[AnyModel]], key: str = "pk"
) -> tuple[list[AnyModel], str | None]:
    """One page of rows, newest first, by ``?cursor=`` and ``?limit=``; and the next cursor.

    ``read`` takes how many, and the key below which they begin. The cursor is the key of the last
    row shown: rows that arrive meanwhile don't shift the pages.
    """
    limit = page_limit(request)
    page = read(limit + 1, cursor_asked(request))
    if len(page) <= limit:
        return page, None
    return page[:limit], str(getattr(page[limit - 1], key))


def keyset_page(
    request: Request,
    rows: QuerySet[AnyModel],
    key: str = "pk",
    along: QuerySet[AnyModel] | None = None,
    reached: int | None = None,
) -> tuple[list[AnyModel], str | None]:
    """`page_of` rows by a key: a whole number, unique among the rows and higher for newer ones.

    ``along`` is for rows that no index finds: they are looked for among those of ``along``, which
    one does, `keysets.LOOK_BACK_ROWS` of them per page. ``reached`` is the key down to which all
    rows were found that lie elsewhere. Either page may be short, even empty, and still have a next
    one.
    """
    end = reached

    def read(limit: int, before: int | None) -> list[AnyModel]:
        nonlocal end
        found = rows if before is None else rows.filter(**{f"{key}__lt": before})
        if along is not None:
            looked_to = keysets.key_after(along, keysets.LOOK_BACK_ROWS, key=key, before=before)
            end = max((one for one in (reached, looked_to) if one is not None), default=None)
        if end is not None:
            found = found.filter(**{f"{key}__gte": end})
        return list(found.order_by(f"-{key}")[:limit])

    page, next_cursor = page_of(request, read, key)
    return page, next_cursor or (None if end is None else str(end))
