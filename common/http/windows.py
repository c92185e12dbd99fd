"""Stretches of time in lists: ``?from=`` and ``?to=`` in milliseconds, half-open.

Three kinds of lists, by what finds a time in them without reading the rows before:

* the times are indexed: `timed_page` pages by time;
* the times rise with the key (one market's rows): `key_since` halves its way to the first key;
* neither: the list is looked along by its own key, as for any filter (`paging.keyset_page`).
"""

import re
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from django.db.models import Model, QuerySet
from rest_framework.request import Request

from common.errors import invalid
from common.http.paging import page_limit, query_int
from common.http.schema import query
from common.postgres import keysets
from common.postgres.windows import TimedPlace, Window
from common.times import EPOCH

TIME_WINDOW = [
    query("from", "Only from this time on, in milliseconds since 1970.", int),
    query("to", "Only before this time, in milliseconds since 1970.", int),
]
_CALENDAR_END_MS = (datetime.max.replace(tzinfo=UTC) - EPOCH) // timedelta(milliseconds=1)
_CURSOR = re.compile(r"([0-9]{1,18})-([0-9]{1,18})")
AnyModel = TypeVar("AnyModel", bound=Model)


def query_window(request: Request) -> Window:
    """Raises DomainError."""
    asked = request.query_params
    start_ms = query_int(request, "from", 0, 0, _CALENDAR_END_MS)
    end_ms = query_int(request, "to", _CALENDAR_END_MS, 0, _CALENDAR_END_MS)
    if start_ms >= end_ms:
        raise invalid("to", "to must be after from: a window is from its start to before its end.")
    return Window(_at(start_ms * 1_000, "from" in asked), _at(end_ms * 1_000, "to" in asked))


def _at(time_us: int, given: bool) -> datetime | None:
    return EPOCH + timedelta(microseconds=time_us) if given else None


def timed_page(
    request: Request,
    rows: QuerySet[AnyModel],
    field: str,
    along: QuerySet[Any] | None = None,
    reached: TimedPlace | None = None,
) -> tuple[list[AnyModel], str | None]:
    """One page of rows, newest first by the time in ``field``, then by primary key; and the next
    cursor. ``along`` and ``reached`` as in `paging.keyset_page`."""
    limit = page_limit(request)
    order = (f"-{field}", "-pk")
    end = reached
    if (start := place_asked(request)) is not None:
        rows = rows.filter(start.before(field))
        along = None if along is None else along.filter(start.before(field))
    if along is not None:
        last = keysets.LOOK_BACK_ROWS - 1
        found = along.order_by(*order).values_list(field, "pk")[last : last + 1].first()
        places = [one for one in (reached, found and TimedPlace(*found)) if one is not None]
        end = max(places, default=None)
    if end is not None:
        rows = rows.filter(end.not_before(field))
    page = list(rows.order_by(*order)[: limit + 1])
    if len(page) > limit:
        shown = page[limit - 1]
        return page[:limit], TimedPlace(getattr(shown, field), shown.pk).text()
    return page, None if end is None else end.text()


def place_asked(request: Request) -> TimedPlace | None:
    """Behind which a page of `timed_page` begins. Raises DomainError."""
    text = request.query_params.get("cursor")
    return None if text is None else place_of(text)


def place_of(text: str) -> TimedPlace:
    """Of a cursor that `timed_page` gave. Raises DomainError."""
    found = _CURSOR.fullmatch(text)
    if found is None or int(found[1]) >= (_CALENDAR_END_MS + 1) * 1_000:
        raise invalid("cursor", "cursor must be the nextCursor of a page of this very list.")
    return TimedPlace(EPOCH + timedelta(microseconds=int(found[1])), int(found[2]))
