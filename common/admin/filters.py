"""Filters of the admin's lists, and what they may ask."""

from collections.abc import Iterable
from functools import cache
from typing import Any

from django.contrib.admin import SimpleListFilter
from django.contrib.admin.utils import get_fields_from_path
from django.db.models import QuerySet
from django.http import HttpRequest

from common.admin.changes import AnyModelAdmin


def words_filter(name: str, allowed: Iterable[str], title: str = "") -> type[SimpleListFilter]:
    """Filter a field by the words it may have: which of them it has would take reading all rows.
    They are asked for as late as the list is shown."""

    class Filter(SimpleListFilter):
        parameter_name = name

        def lookups(self, _request: HttpRequest, _admin: AnyModelAdmin) -> list[tuple[str, str]]:
            return [(str(word), str(word)) for word in sorted(allowed)]

        def queryset(self, _request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
            asked = self.value()
            if not asked:
                return queryset
            return (
                queryset.filter(**{name: asked}) if asked in map(str, allowed) else queryset.none()
            )

    Filter.title = title or name
    return Filter


@cache
def lookups_of_filter(model: Any, path: str) -> frozenset[str]:
    """What Django's filter of a field may ask: one value of it, or that there is none."""
    field: Any = get_fields_from_path(model, path)[-1]
    related = field.related_model if field.is_relation else None
    one_value = f"{path}__{related._meta.pk.name}__exact" if related else f"{path}__exact"
    return frozenset({one_value, f"{path}__isnull"})
