"""Stretches of time in lists: ``?from=`` and ``?to=`` in milliseconds, half-open.

Three kinds of lists, by what finds a time in them without reading the rows before:

* the times are indexed: `timed_page` pages by time;
* the times rise with the key (one market's rows): `key_since` halves its way to the first key;
* neither: the list is looked along by its own key, as for any filter (`paging.keyset_page`).
"""

import re
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple, TypeVar

from django.db import connection
from django.db.models import Model, Q, QuerySet
from rest_framework.request import Request

from common.errors import invalid
from common.http import paging
from common.http.paging import page_limit, query_int
from common.http.schema import query
from common.times import MAX_TIME_MS

TIME_WINDOW = [
    query("from", "Only from this time on, in milliseconds since 1970.", int),
    query("to", "Only before this time, in milliseconds since 1970.", int),
]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_CURSOR = re.compile(r"([0-9]{1,18})-([0-9]{1,18})")

AnyModel = TypeVar("AnyModel", bound=Model)


class Window(NamedTuple):
    """From ``start`` on and before ``end``; None where there is no bound."""

    start: datetime | None
    end: datetime | None

    @property
    def is_bounded(self) -> bool:
        return self != (None, None)

    def within(self, field: str) -> Q:
        condition = Q()
        if self.start is not None:
            condition &= Q(**{f"{field}__gte": self.start})
        if self.end is not None:
            condition &= Q(**{f"{field}__lt": self.end})
        return condition


def query_window(request: Request) -> Window:
    """Raises DomainError."""
    asked = request.query_params
    start_ms = query_int(request, "from", 0, 0, MAX_TIME_MS)
    end_ms = query_int(request, "to", MAX_TIME_MS, 0, MAX_TIME_MS)
    if start_ms >= end_ms:
        raise invalid("to", "to must be after from: a window is from its start to before its end.")
    return Window(_at(start_ms * 1_000, "from" in asked), _at(end_ms * 1_000, "to" in asked))


def _at(time_us: int, given: bool) -> datetime | None:
    return _EPOCH + timedelta(microseconds=time_us) if given else None


# --- by time --------------------------------------------------------------------------------------


class _Place(NamedTuple):
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
    if (start := _place_of(request)) is not None:
        rows = rows.filter(start.before(field))
        along = None if along is None else along.filter(start.before(field))
    if along is not None:
        last = paging.LOOK_BACK_ROWS - 1
        end = along.order_by(*order).values_list(field, "pk")[last : last + 1].first()
    if end is not None:
        rows = rows.filter(_Place(*end).not_before(field))
    page = list(rows.order_by(*order)[: limit + 1])
    if len(page) > limit:
        shown = page[limit - 1]
        return page[:limit], _Place(getattr(shown, field), shown.pk).text()
    if end is None:
        return page, None
    return page, _Place(*end).text()


def _place_of(request: Request) -> _Place | None:
    text = request.query_params.get("cursor")
    if text is None:
        return None
    found = _CURSOR.fullmatch(text)
    if found is None or int(found[1]) >= (MAX_TIME_MS + 1) * 1_000:
        raise invalid("cursor", "cursor must be the nextCursor of a page of this very list.")
    return _Place(_EPOCH + timedelta(microseconds=int(found[1])), int(found[2]))


# --- by a key that rises with time ----------------------------------------------------------------

# Everything below ``low`` is earlier than asked, everything from ``high`` on is not; keys may have
# gaps, so the row looked at is the first from the middle on. Each look is one row of an index.
_KEY_SINCE = """
SELECT halved.low FROM (
    WITH RECURSIVE halving(low, high) AS (
        (SELECT {key}, (SELECT {key} + 1 FROM {table} WHERE {fixed} ORDER BY {key} DESC LIMIT 1)
           FROM {table} WHERE {fixed} ORDER BY {key} LIMIT 1)
         UNION ALL
        SELECT CASE WHEN middle.at < %(at)s THEN middle.key + 1 ELSE low END,
               CASE WHEN middle.at < %(at)s THEN high ELSE low + (high - low) / 2 END
          FROM halving, LATERAL (
                SELECT {key} AS key, {time} AS at FROM {table}
                 WHERE {fixed} AND {key} >= low + (high - low) / 2 ORDER BY {key} LIMIT 1) middle
         WHERE low < high
    ) SELECT low FROM halving WHERE low >= high) halved
"""


def key_since(model: type[Model], key: str, field: str, at: datetime, **fixed: str) -> int | None:
    """The smallest key that no row before this time has, among rows with these values, whose times
    rise with the key; None where there are no rows."""
    sql = _KEY_SINCE.format(
        table=model._meta.db_table,
        key=key,
        time=field,
        fixed=" AND ".join(f"{column} = %({column})s" for column in fixed),
    )
    with connection.cursor() as cursor:
        cursor.execute(sql, {"at": at, **fixed})
        row = cursor.fetchone()
    return None if row is None else int(row[0])


def window_of_keys(
    rows: QuerySet[AnyModel], window: Window, key: str, field: str, **fixed: str
) -> QuerySet[AnyModel]:
    """The rows within the window, which ``fixed`` describes in columns; see `key_since`."""
    if window.start is not None:
        first = key_since(rows.model, key, field, window.start, **fixed)
        rows = rows.none() if first is None else rows.filter(**{f"{key}__gte": first})
    if window.end is not None:
        beyond = key_since(rows.model, key, field, window.end, **fixed)
        rows = rows.none() if beyond is None else rows.filter(**{f"{key}__lt": beyond})
    return rows
