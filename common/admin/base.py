"""What every page of the admin is made of: records that can't be edited, values in human units,
links from one record to the next, tables of what belongs to a record.

A record page explains; it is put together from fields (`price_field` and its like) and `Table`s.
Lists stay cheap on tables of any length, see `common.admin.lists`.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import lru_cache, reduce
from http import HTTPStatus
from operator import or_
from typing import Any, ClassVar, TypeVar

from django.contrib import admin
from django.contrib.admin import SimpleListFilter
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.options import ShowFacets
from django.contrib.admin.views.main import ChangeList
from django.contrib.auth import get_user_model
from django.core.exceptions import SuspiciousOperation, ValidationError
from django.db import transaction
from django.db.models import Model, Q, QuerySet
from django.db.models.functions import Collate, Lower
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

from common.admin import NOTHING, when
from common.admin.acts import Act, Verb, listing, tell
from common.admin.changes import SaysChanges
from common.admin.filters import lookups_of_filter
from common.admin.lists import CappedPaginator, RecordsList
from common.admin.quick_rows import QuickRows, cell_start, escaped
from common.admin.record_urls import key_of, list_url, url_of
from common.admin.widgets import RowByName, dress

USERS_OF_SEARCH_MAX = 20
_DELETE = "delete_selected"
FROM_RECORD = "from_record"  # of an action that was begun on a record's page
TABLE_ROWS_MAX = 100

Cell = str | SafeString
Show = Callable[[Any, Any], Cell]


# --- links ----------------------------------------------------------------------------------------


def link(model: type[Model] | str, pk: int | str | None, text: object = None) -> Cell:
    """A link to a record's page; nothing for no record."""
    if pk is None:
        return NOTHING
    shown_text = escaped(pk if text is None else text)
    return mark_safe(f'<a href="{escaped(url_of(model, pk))}">{shown_text}</a>')  # noqa: S308


def list_link(model: type[Model] | str, query: str, text: str) -> SafeString:
    return format_html('<a href="{}">{}</a>', list_url(model, query), text)


def words(*cells: Cell) -> SafeString:
    """Cells one after the other, each as safe as it was."""
    return format_html_join(" ", "{}", ((cell,) for cell in cells))


@lru_cache(maxsize=1_000, typed=True)
def badge(word: str, tone: str = "plain") -> SafeString:
    """A word in a coloured frame. Tones: ok, warn, bad, plain; the word carries the meaning."""
    return format_html('<span class="badge badge-{}">{}</span>', tone, word)


# --- columns and fields ---------------------------------------------------------------------------


def shown(name: str, show: Callable[[Any], Cell]) -> Show:
    """A column or field under this name."""

    @admin.display(description=name, empty_value=NOTHING)
    def method(self: Any, obj: Any) -> Cell:  # noqa: ARG001  the admin's own instance
        return show(obj)

    return method


def yes_or_no_column(attribute: str, name: str) -> Show:
    """Django's own is a green tick or a red cross, as if "no" were a fault."""
    return shown(name, lambda row: "yes" if getattr(row, attribute) else "no")


def time_column(attribute: str, name: str) -> Show:
    return shown(name, lambda row: when(getattr(row, attribute)))


# --- pages ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Table:
    """Rows that belong to a record, shown under it to those who may view ``model``."""

    title: str
    model: type[Model]
    columns: Sequence[str]
    rows: Sequence[Iterable[Cell]]
    empty: str = "None."
    foot: Sequence[Cell] = field(default_factory=tuple)
    note: Cell = ""

    def body(self) -> SafeString:
        """The rows in HTML, many times sooner than a template would loop over all cells."""
        starts = [cell_start(column) for column in self.columns]
        return mark_safe("\n".join(_row(starts, cells) for cells in self.rows))  # noqa: S308

    def foot_row(self) -> SafeString:
        starts = [cell_start(column) for column in self.columns]
        return mark_safe(_row(starts, self.foot))  # noqa: S308


def _row(starts: Sequence[str], cells: Iterable[Cell]) -> str:
    shown = zip(starts, cells, strict=True)
    return f"<tr>{''.join(f'{start}{escaped(cell)}</td>' for start, cell in shown)}</tr>"


Contribution = Callable[[Any], Table | None]
Contributing = TypeVar("Contributing", bound=Contribution)
_contributed: dict[type[Model], list[Contribution]] = {}


def table_of(model: type[Model]) -> Callable[[Contributing], Contributing]:
    """Adds a table to the record page of another package's model, which needn't know of it; none
    where the record isn't one it is about."""

    def register(make: Contributing) -> Contributing:
        _contributed.setdefault(model, []).append(make)
        return make

    return register


Way = Callable[[Any], Cell]
_ways: dict[type[Model], list[tuple[str, Way]]] = {}


def way_of(model: type[Model], way: Way, permission: str = "") -> None:
    """A link above the record's fields, to a page that needn't be known here: for all who see the
    record, or those of them who have ``permission``. It may be nothing for a record."""
    _ways.setdefault(model, []).append((permission, way))


ListWay = Callable[[HttpRequest], Cell]
_list_ways: dict[type[Model], list[ListWay]] = {}


def list_way_of(model: type[Model], way: ListWay) -> None:
    """The same above a list; nothing for who may not go there."""
    _list_ways.setdefault(model, []).append(way)


class BaseAdmin(SaysChanges):
    """Lists, search and record pages in the way of this exchange.

    walked_by       query parameters whose index gives the rows newest first, the narrowest first
    linked_by       further query parameters, of links on our own pages
    search_ids      whole-number fields a search for a number looks in
    search_texts    text fields that must equal what is searched for
    search_users    paths to users; a search finds rows of users whose name begins with it
    search_help     what can be searched for, in words
    is_personal     who looked at a record is kept; is_list_personal: and who looked at the list
    """

    is_personal = False
    is_list_personal = False

    empty_value_display = NOTHING
    show_full_result_count = False
    show_facets = ShowFacets.NEVER
    paginator = CappedPaginator
    list_per_page = 50
    list_max_show_all = 200
    sortable_by: ClassVar[tuple[str, ...]] = ()
    ordering: ClassVar[tuple[str, ...]] = ("-pk",)
    change_form_template = "admin/record.html"
    change_list_template = "admin/record_list.html"
    walked_by: Sequence[str] = ()
    linked_by: Sequence[str] = ()
    search_ids: Sequence[str] = ()
    search_texts: Sequence[str] = ()
    search_users: Sequence[str] = ()

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        return False

    def lookup_allowed(self, lookup: str, value: str, request: Any = None) -> bool:  # noqa: ARG002
        """What a filter or a link of ours asks, and nothing else. Django allows every lookup on
        every field: a reader could guess letter by letter what no page shows."""
        return lookup in self.declared_lookups(request)

    def declared_lookups(self, request: Any) -> set[str]:
        declared = {*self.walked_by, *self.linked_by}
        for item in self.get_list_filter(request):
            if isinstance(item, type) and issubclass(item, SimpleListFilter):
                declared.add(str(item.parameter_name))
            elif isinstance(item, str):
                declared |= lookups_of_filter(self.model, item)  # type: ignore[arg-type]
        return declared

    def response_action(
        self, request: HttpRequest, queryset: QuerySet[Any], *args: Any, **kwargs: Any
    ) -> HttpResponse | None:
        """Django's own asks Postgres for whatever was posted as the keys of the selected rows. What
        was begun on a record's page leads back to it."""
        key = self.model._meta.pk
        try:
            for text in request.POST.getlist(ACTION_CHECKBOX_NAME):
                key.to_python(text)
        except ValidationError as error:
            raise SuspiciousOperation("no key of a row") from error
        # Django's deletion logs first and deletes then; actions of ours have a transaction per row.
        deletes = _DELETE in request.POST.getlist("action")
        with transaction.atomic() if deletes else nullcontext():
            response = super().response_action(request, queryset, *args, **kwargs)
        if FROM_RECORD not in request.POST or not isinstance(response, HttpResponseRedirect):
            return response
        chosen = queryset.filter(pk__in=request.POST.getlist(ACTION_CHECKBOX_NAME)).first()
        return response if chosen is None else redirect(url_of(self.model, chosen.pk))

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        made = [way(request) for way in _list_ways.get(self.model, ())]
        ways = {"ways": [way for way in made if way]}
        response = super().changelist_view(request, {**ways, **(extra_context or {})})
        if self.is_list_personal and response.status_code == HTTPStatus.OK:
            tell(listing(request, str(self.opts.verbose_name_plural)))
        return response

    def action_checkbox(self, obj: Model) -> SafeString:
        """As Django's own, without a template per row."""
        return format_html(
            '<input type="checkbox" name="{}" value="{}" class="action-select"'
            ' aria-label="Select this object for an action - {}">',
            ACTION_CHECKBOX_NAME,
            obj.pk,
            obj,
        )

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any
    ) -> Any:
        form = super().get_form(request, obj, change=change, **kwargs)
        dress(form.base_fields.values())
        return form

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name in self.autocomplete_fields:
            kwargs["widget"] = RowByName(db_field, self.admin_site)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """What a list shows of related rows, a record shows, too: joined, not asked one by one."""
        rows, joined = super().get_queryset(request), self.list_select_related
        return rows.select_related(*joined) if isinstance(joined, tuple) else rows

    def get_changelist(
        self,
        request: HttpRequest,  # noqa: ARG002  Django passes them
        **kwargs: Any,  # noqa: ARG002
    ) -> type[ChangeList]:
        newest_first = self.ordering == ("-pk",)  # what is ordered otherwise is few
        return RecordsList if newest_first else QuickRows

    def walks(self, asked: Mapping[str, str]) -> list[Q]:
        """The runs of rows, newest first, among which those asked for are; by query parameters."""
        for name in self.walked_by:
            if name in asked:
                return [Q(**{name: asked[name]})]
        return [Q()]

    def get_search_fields(self, request: HttpRequest) -> list[str] | tuple[str, ...]:
        own = (*self.search_ids, *self.search_texts, *self.search_users)
        return own or super().get_search_fields(request)

    def walks_searches(self) -> bool:
        return bool(self.search_ids or self.search_texts or self.search_users)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        if not self.walks_searches():
            return super().get_search_results(request, queryset, search_term)
        if not search_term.strip():
            return queryset, False
        alternatives = self.search_walks(search_term.strip())
        return queryset.filter(reduce(or_, alternatives, Q(pk__in=[]))), False

    def search_walks(self, term: str) -> list[Q]:
        """What a search may mean, each alternative by itself: it can use an index then."""
        walks = [Q(**{name: term}) for name in self.search_texts]
        if (number := key_of(term)) is not None:
            walks += [Q(**{name: number}) for name in self.search_ids if name != "seq"]
            if "seq" in self.search_ids:  # numbers of a market each
                owner = self.model._meta.get_field("market").related_model
                markets = owner._default_manager.values_list("pk", flat=True)
                walks += [Q(market=market, seq=number) for market in markets]
        if self.search_users:
            users = _users_named(term)
            for path in self.search_users:
                walks += self._walks_of_users(path, users)
        return walks

    def _walks_of_users(self, path: str, users: list[int]) -> list[Q]:
        """Through another table its rows are named, so that the index on the key to it serves."""
        name, _, rest = path.partition("__")
        if not rest:
            return [Q(**{name: user}) for user in users]
        related = self.model._meta.get_field(name).related_model
        rows = related._default_manager.filter(**{f"{rest}__in": users})
        return [Q(**{name: key}) for key in rows.values_list("pk", flat=True)]

    def tables(self, obj: Any) -> Iterable[Table]:  # noqa: ARG002  for subclasses
        """What belongs to the record; tables the reader may not see are left out."""
        return ()

    def render_change_form(
        self,
        request: HttpRequest,
        context: dict[str, Any],
        add: bool = False,
        change: bool = False,
        form_url: str = "",
        obj: Any = None,
    ) -> HttpResponse:
        if obj is not None:
            contributed = (make(obj) for make in _contributed.get(self.model, ()))
            made = [*self.tables(obj), *(table for table in contributed if table is not None)]
            context["tables"] = [t for t in made if self._may_view(request, t.model)]
            context["ways"] = self._ways_from(request, obj)
            context["acts"] = self._acts_of_record(request, obj)
            context |= {"acts_url": list_url(self.model, ""), "checkbox": ACTION_CHECKBOX_NAME}
            if self.is_personal and request.method in ("GET", "HEAD"):
                tell(Act(verb=Verb.VIEWED, request=request, obj=obj))
        return super().render_change_form(request, context, add, change, form_url, obj)

    def offers(self, action: str, obj: Any) -> bool:  # noqa: ARG002  for subclasses
        """Whether the page of this record has a button for the action of its list: not where it
        would do nothing."""
        return True

    def offers_to(self, request: HttpRequest, action: str, obj: Any) -> bool:  # noqa: ARG002
        """The same, where it depends on who asks."""
        return self.offers(action, obj)

    def _acts_of_record(self, request: HttpRequest, obj: Any) -> list[tuple[str, str]]:
        """What one may do to rows of the list, and so to this one: (action, in words). A record is
        deleted by a button of its own."""
        acts = {name: act for name, act in self.get_actions(request).items() if act}
        offered = {name: act for name, act in acts.items() if self.offers_to(request, name, obj)}
        return [(name, _of_one(act[2])) for name, act in offered.items() if name != _DELETE]

    def _ways_from(self, request: HttpRequest, obj: Any) -> list[Cell]:
        ways = _ways.get(self.model, ())
        shown = [
            way(obj)
            for permission, way in ways
            if not permission or request.user.has_perm(permission)
        ]
        return [way for way in shown if way]

    def _may_view(self, request: HttpRequest, model: type[Model]) -> bool:
        registered = self.admin_site._registry.get(model)
        return registered is not None and registered.has_view_permission(request)


def _of_one(description: str) -> str:
    """ "Cancel selected orders" is "Cancel" on the page of an order."""
    verb = description.replace(" the selected ", " selected ").partition(" selected ")[0]
    return verb.removesuffix(" of")


class RecordAdmin(BaseAdmin):
    """Of rows that only the exchange itself writes: they can be read, and nothing else."""

    def has_add_permission(self, request: HttpRequest) -> bool:  # noqa: ARG002
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        return False


def _users_named(beginning: str) -> list[int]:
    """Users whose name begins so, by name: whoever is called exactly so is the first."""
    users = get_user_model()._default_manager.annotate(name=Collate(Lower("username"), "C"))
    begun = users.filter(name__startswith=beginning.lower()).order_by("name")
    return list(begun.values_list("pk", flat=True)[:USERS_OF_SEARCH_MAX])
