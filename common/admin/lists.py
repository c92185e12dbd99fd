"""Lists of the admin, on tables of any length: newest first, page by page, never counted.

A *walk* is a run of rows that an index gives newest first: all rows, those of one user, those a
search names. What is asked beyond that is looked for along the walk, through ``LOOK_BACK_ROWS`` of
it at most; where that doesn't fill a page, the page says how far it looked, and its link goes on
from there. So a page costs the same however long the table is, and hides nothing.

``?p=<key>`` is the page of rows older than that primary key.
"""

from collections.abc import Mapping
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Any, Protocol, cast

from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import PAGE_VAR
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.db import DataError
from django.db.models import BigIntegerField, Q, QuerySet
from django.http import HttpRequest
from django.utils.functional import cached_property

from common.admin.quick_rows import QuickRows
from common.admin.record_urls import url_of
from common.postgres.keysets import key_after, newest_keys

if TYPE_CHECKING:  # generic to the type checker alone
    _Paginator = Paginator[Any]
else:
    _Paginator = Paginator

LOOK_BACK_ROWS = 20_000
COUNT_MAX = 10_000


class CappedPaginator(_Paginator):
    """Counts so far and no further, where Django itself asks: as a name is completed."""

    @cached_property
    def count(self) -> int:
        if not isinstance(self.object_list, QuerySet):
            return len(self.object_list)
        return self.object_list.order_by()[: COUNT_MAX + 1].count()


class _Admin(Protocol):
    """What is asked of the list's admin class."""

    def walks(self, asked: Mapping[str, str]) -> list[Q]: ...
    def search_walks(self, term: str) -> list[Q]: ...


class RecordsList(QuickRows):
    """What the template reads beside Django's own:

    older_query    link to the page after this one; empty at the end
    newest_query   link to the first page; empty there
    looked_back    not every match of these rows was looked for: there may be more further back
    """

    is_keyset = True

    def get_queryset(self, request: HttpRequest, exclude_parameters: Any = None) -> QuerySet[Any]:
        term, self.query = self.query, ""
        self._filtered = super().get_queryset(request, exclude_parameters)
        self.query = term
        if not term.strip():
            return self._filtered
        self._found = cast(_Admin, self.model_admin).search_walks(term.strip())
        return self._filtered.filter(reduce(or_, self._found, Q(pk__in=[])))

    def get_results(self, request: HttpRequest) -> None:  # noqa: ARG002  Django passes it
        try:
            self._take_page()
        except (ValueError, ValidationError, DataError) as error:  # no such value is possible
            raise IncorrectLookupParameters(error) from error

    def _take_page(self) -> None:
        before = min(self.page_num, BigIntegerField.MAX_BIGINT) if self.page_num > 1 else None
        walks = self._walks()
        end = self._end_of_look(walks, before)
        page = self._rows(walks, before, end)
        full = len(page) > self.list_per_page
        self.result_list = page[: self.list_per_page]
        self.result_count = self.full_result_count = len(self.result_list)
        older = self.result_list[-1].pk if full else end or 0  # older than 1 is none
        self.older_query = self.get_query_string({PAGE_VAR: older}) if older > 1 else ""
        self.looked_back = bool(self.older_query) and not full
        self.newest_query = self.get_query_string(remove=[PAGE_VAR]) if before else ""
        self.show_full_result_count = self.can_show_all = self.multi_page = False
        self.show_admin_actions = bool(self.result_list)
        self.look_back_rows = LOOK_BACK_ROWS

    def url_for_result(self, result: Any) -> str:
        return url_of(self.model, result.pk)

    def _walks(self) -> list[Q]:
        if self.query.strip():
            return self._found
        return cast(_Admin, self.model_admin).walks(self.params)

    def _end_of_look(self, walks: list[Q], before: int | None) -> int | None:
        """The oldest key to look at; None where everything is found without looking along.

        Filters that a person clicks have no index of their own. Other parameters come from links
        on our pages, and have.
        """
        clicked = {name for spec in self.filter_specs for name in spec.expected_parameters()}
        walked = {name for walk in walks for name, _ in _leaves(walk)}
        left = set(self.get_filters_params()) - walked
        if not left or not left <= clicked:
            return None
        ends = [
            key_after(self.root_queryset.filter(walk), LOOK_BACK_ROWS, before=before)
            for walk in walks
        ]
        return max((end for end in ends if end is not None), default=None)

    def _rows(self, walks: list[Q], before: int | None, end: int | None) -> list[Any]:
        rows, limit = self._filtered, self.list_per_page + 1
        if before is not None:
            rows = rows.filter(pk__lt=before)
        if end is not None:
            rows = rows.filter(pk__gte=end)
        # First the keys, then what belongs to them: joins don't lead Postgres away from the walk.
        keys = newest_keys([rows.filter(walk) for walk in walks], limit)
        return list(self._filtered.filter(pk__in=keys).order_by("-pk"))


def _leaves(condition: Q) -> list[tuple[str, Any]]:
    return [child for child in condition.children if isinstance(child, tuple)]
