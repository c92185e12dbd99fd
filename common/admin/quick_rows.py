"""The rows of a list as HTML: what Django's own tag makes of them, at a fraction of its cost.

For each cell Django's tag asks anew what kind of column it is in, and for each row it resolves the
address of the record to see whether the list's filters go with it. Here both are done once a page.
A column is a field of the model or a method of its admin class; no cell can be edited.
"""

from collections.abc import Callable, Iterator
from html import escape
from typing import TYPE_CHECKING, Any

from django.contrib.admin.templatetags.admin_urls import add_preserved_filters
from django.contrib.admin.utils import display_for_field, display_for_value, label_for_field
from django.contrib.admin.views.main import ChangeList
from django.db.models import DateField, Field, ForeignKey, Model, TimeField
from django.utils.safestring import SafeString, mark_safe
from django.utils.text import capfirst
from unfold.templatetags.unfold_list import result_headers

if TYPE_CHECKING:  # generic to the type checker alone
    AnyField = Field[Any, Any]
else:
    AnyField = Field

Cell = Callable[[Model], str]

_NOT_BROKEN = (DateField, TimeField, ForeignKey)


def escaped(cell: object) -> str:
    """As Django's `conditional_escape`, without its search for lazy translations."""
    return cell if isinstance(cell, SafeString) else escape(str(cell))


def cell_start(name: str, css: str = "") -> str:
    """A cell that names its column, as it must where a row is shown as a card."""
    of_class = f'class="{css}" ' if css else ""
    return f'<td {of_class}data-label="{escaped(name)}">'


class QuickRows(ChangeList):
    """What the template reads: ``headers`` and ``rows_in_html``."""

    is_quick = True

    def headers(self) -> Iterator[dict[str, Any]]:
        yield from result_headers(self)

    def rows_in_html(self) -> SafeString:
        cells = list(self._cells())
        rows = ("".join(cell(row) for cell in cells) for row in self.result_list)
        return mark_safe("\n".join(f"<tr>{row}</tr>" for row in rows))  # noqa: S308  escaped below

    def _cells(self) -> Iterator[Cell]:
        fields = {field.name: field for field in self.lookup_opts.fields}
        tag = "th"
        for name in map(str, self.list_display):
            field = fields.get(name)
            show = self._method(name) if field is None else self._field(field)
            css = _css_class(name, field)
            if name in self.list_display_links:
                yield self._linked(tag, css, show)
                tag = "td"  # one heads its row
            else:
                yield _plain(self._label(name), css, show)

    def _label(self, name: str) -> str:
        if name == "action_checkbox":
            return ""
        return capfirst(str(label_for_field(name, self.model, self.model_admin)))

    def _field(self, field: AnyField) -> Callable[[Model], Any]:
        name, empty = field.name, self.model_admin.get_empty_value_display()
        if isinstance(field, ForeignKey):
            return lambda row: display_for_value(getattr(row, name), empty)
        if field.auto_created:  # an id, without separators
            return lambda row: getattr(row, name)
        return lambda row: display_for_field(getattr(row, name), field, empty)

    def _method(self, name: str) -> Callable[[Model], Any]:
        method = getattr(self.model_admin, name)
        empty = getattr(method, "empty_value_display", self.model_admin.get_empty_value_display())
        return lambda row: display_for_value(method(row), empty)

    def _linked(self, tag: str, css: str, show: Callable[[Model], Any]) -> Cell:
        start, query = f'<{tag} class="{css}"><a href="', self._preserved_query()

        def cell(row: Model) -> str:
            url = escaped(self.url_for_result(row) + query)
            return f'{start}{url}">{escaped(show(row))}</a></{tag}>'

        return cell

    def _preserved_query(self) -> str:
        """What brings a reader of a record back to this list as it was filtered."""
        url = self.url_for_result(self.result_list[0])
        context: dict[str, Any] = {"preserved_filters": self.preserved_filters, "opts": self.opts}
        return str(add_preserved_filters(context, url)).removeprefix(url)


def _plain(label: str, css: str, show: Callable[[Model], Any]) -> Cell:
    start = cell_start(label, css)
    return lambda row: f"{start}{escaped(show(row))}</td>"


def _css_class(name: str, field: AnyField | None) -> str:
    if name == "action_checkbox":
        return "action-checkbox"
    return f"field-{name} nowrap" if isinstance(field, _NOT_BROKEN) else f"field-{name}"
