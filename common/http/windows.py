"""Stretches of time in lists: ``?from=`` and ``?to=`` in milliseconds, half-open.

Three kinds of lists, by what finds a time in them without reading the rows before:

* the times are indexed: `timed_page` pages by time;
* the times rise with the key (one market's rows): `key_since` halves its way to the first key;
* neither: the list is looked along by its own key, as for any filter (`paging.keyset_page`).
"""

import re
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple, TypeVar

from django.db.models import Model, Q, QuerySet
from rest_framework.request import Request

from common.errors import invalid
from common.http.paging import page_limit, query_int
from common.http.schema import query
from common.postgres import keysets
from common.postgres.windows import Window

TIME_WINDOW = [
    query("from", "Only from this time on, in milliseconds since 1970.", int),
    query("to", "Only before this time, in milliseconds since 1970.", int),
]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_CALENDAR_END_MS = (datetime.max.replace(tzinfo=UTC) - _EPOCH) // timedelta(milliseconds=1)
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
    return _EPOCH + timedelta(microseconds=time_us) if given else None


class TimedPlace(NamedTuple):
    """Where a row stands in a list by time."""

    at: datetime
    key: int

    def text(self) -> str:
        return f"{(self.at - _EPOCH) // timedelta(microseconds=1)}-{self.key}"

    # Both begin with a bound that an index by time can start at.
    def before(self, field: str) -> Q:
        earlier = Q(**{f"{field}__lt": self.at}) | Q(pk__lt=self.key)
        return Q(**{f"{field}__lte": self.at}) & earlier

    def not_before(self, field: str) -> Q:
        later = Q(**{f"{field}__gt": self.at}) | Q(pk__gte=self.key)
        return Q(**{f"{field}__gte": self.at}) & later


def timed_page(
    request: Request, rows: QuerySet[AnyModel], field: str, along: QuerySet[Any] | None = None
) -> tuple[list[AnyModel], str | None]:
    """One page of rows, newest first by the time in ``field``, then by primary key; and the next
    cursor. ``along`` as in `paging.keyset_page`."""
    limit = page_limit(request)
    order = (f"-{field}", "-pk")
    end = None
    if (start := place_asked(request)) is not None:
        rows = rows.filter(start.before(field))
        along = None if along is None else along.filter(start.before(field))
    if along is not None:
        last = keysets.LOOK_BACK_ROWS - 1
        end = along.order_by(*order).values_list(field, "pk")[last : last + 1].first()
    if end is not None:
        rows = rows.filter(TimedPlace(*end).not_before(field))
    page = list(rows.order_by(*order)[: limit + 1])
    if len(page) > limit:
        shown = page[limit - 1]
        return page[:limit], TimedPlace(getattr(shown, field), shown.pk).text()
    if end is None:
        return page, None
    return page, TimedPlace(*end).text()


def place_asked(request: Request) -> TimedPlace | None:
    """Behind which a page of `timed_page` begins. Raises DomainError."""
    text = request.query_params.get("cursor")
    return None if text is None else place_of(text)


def place_of(text: str) -> TimedPlace:
    """Of a cursor that `timed_page` gave. Raises DomainError."""
    found = _CURSOR.fullmatch(text)
    if found is None or int(found[1]) >= (_CALENDAR_END_MS + 1) * 1_000:
        raise invalid("cursor", "cursor must be the nextCursor of a page of this very list.")
    return TimedPlace(_EPOCH + timedelta(microseconds=int(found[1])), int(found[2]))
