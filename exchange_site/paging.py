"""Lists in pages, and whole numbers from query strings."""

import re
from typing import TypeVar

from django.db.models import Model, QuerySet
from rest_framework.request import Request

from exchange_site.api import invalid
from matching.messages.limits import MAX_ID

PAGE_LIMIT_DEFAULT = 50
PAGE_LIMIT_MAX = 500

AnyModel = TypeVar("AnyModel", bound=Model)


def query_int(request: Request, name: str, default: int, minimum: int, maximum: int) -> int:
    """A whole number from the query string. Raises ApiError."""
    text = request.query_params.get(name)
    if text is None:
        return default
    if re.fullmatch(r"[0-9]{1,19}", text) and minimum <= int(text) <= maximum:
        return int(text)
    raise invalid(name, f"{name} must be a whole number from {minimum} to {maximum}.")


def keyset_page(
    request: Request, rows: QuerySet[AnyModel], key: str = "pk"
) -> tuple[list[AnyModel], str | None]:
    """One page of rows, newest first, by ``?cursor=`` and ``?limit=``; and the next cursor.

    The cursor is the key of the last row shown: rows that arrive meanwhile don't shift the pages.
    The key is a whole number that is unique among the rows and higher for newer ones.
    """
    limit = query_int(request, "limit", PAGE_LIMIT_DEFAULT, 1, PAGE_LIMIT_MAX)
    if "cursor" in request.query_params:
        rows = rows.filter(**{f"{key}__lt": query_int(request, "cursor", 0, 1, MAX_ID)})
    page = list(rows.order_by(f"-{key}")[: limit + 1])
    if len(page) <= limit:
        return page, None
    return page[:limit], str(getattr(page[limit - 1], key))
