"""Stretches of time, half-open, and rows found by a key that rises with their time."""

from datetime import datetime, timedelta
from typing import Any, NamedTuple, TypeVar

from django.db import connection
from django.db.models import Model, Q, QuerySet

from common.times import EPOCH

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


EVER = Window(None, None)


class TimedPlace(NamedTuple):
    """Where a row stands in a list by time."""

    at: datetime
    key: int

    def text(self) -> str:
        return f"{(self.at - EPOCH) // timedelta(microseconds=1)}-{self.key}"

    # Both begin with a bound that an index by time can start at.
    def before(self, field: str) -> Q:
        earlier = Q(**{f"{field}__lt": self.at}) | Q(pk__lt=self.key)
        return Q(**{f"{field}__lte": self.at}) & earlier

    def not_before(self, field: str) -> Q:
        later = Q(**{f"{field}__gt": self.at}) | Q(pk__gte=self.key)
        return Q(**{f"{field}__gte": self.at}) & later


class KeyRange(NamedTuple):
    """Keys among which one is looked for, and between which ids their rows are: from the first on
    and before the end, of ids None where they have none."""

    first: int
    end: int
    first_id: int
    end_id: int | None


# Everything below ``low`` is earlier than asked, everything from ``high`` on is not; keys may have
# gaps, so the row looked at is the first from the middle on. Each look is one row of an index.
_KEY_SINCE = """
SELECT halved.low FROM (
    WITH RECURSIVE halving(low, high) AS (
        ({range})
         UNION ALL
        SELECT CASE WHEN middle.at < %(at)s THEN middle.key + 1 ELSE low END,
               CASE WHEN middle.at < %(at)s THEN high ELSE low + (high - low) / 2 END
          FROM halving LEFT JOIN LATERAL (
                SELECT {key} AS key, {time} AS at FROM {table}
                 WHERE {fixed} AND {key} >= low + (high - low) / 2 ORDER BY {key} LIMIT 1) middle
                 ON true
         WHERE low < high
    ) SELECT low FROM halving WHERE low >= high) halved
"""
_WHOLE_RANGE = """
        SELECT {key}, (SELECT {key} + 1 FROM {table} WHERE {fixed} ORDER BY {key} DESC LIMIT 1)
          FROM {table} WHERE {fixed} ORDER BY {key} LIMIT 1
"""
_RANGE = "SELECT %(first)s::bigint, %(end)s::bigint"


def key_since(
    model: type[Model],
    key: str,
    field: str,
    at: datetime,
    among: KeyRange | None = None,
    /,
    **fixed: str,
) -> int | None:
    """The smallest key that no row before this time has, among rows with these values, whose times
    rise with the key; None where there are no rows. ``among``: keys that it is known to be one of,
    or the one behind."""
    conditions = [f"{column} = %({column})s" for column in fixed]
    values: dict[str, Any] = {"at": at, **fixed}
    if among is not None:
        values |= among._asdict()
        conditions += ["id >= %(first_id)s", *["id < %(end_id)s"] * (among.end_id is not None)]
    parts = {
        "table": model._meta.db_table,
        "key": key,
        "time": field,
        "fixed": " AND ".join(conditions) or "true",
    }
    whole = _WHOLE_RANGE.format(**parts)
    sql = _KEY_SINCE.format(range=whole if among is None else _RANGE, **parts)
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
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
