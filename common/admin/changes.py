"""What an edit changed, from what to what, as the operator log keeps it: "taker fee 0.05 % →
0.06 %"; of a row that was added or deleted, what was in it. A form that was saved as it was leaves
no line.
"""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from decimal import Decimal
from html import unescape
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.models import LogEntry
from django.contrib.admin.utils import label_for_field
from django.db.models import Model
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.duration import duration_string
from django.utils.html import format_html, strip_tags
from django.utils.safestring import SafeString

from common.admin import NOTHING
from common.admin.acts import Act, Verb, tell
from common.admin.record_urls import url_of
from common.decimals import text
from common.errors import DomainError

if TYPE_CHECKING:  # generic to the type checker alone, to which unfold is unknown
    AnyModelAdmin = admin.ModelAdmin[Any]
else:
    from unfold.admin import ModelAdmin as AnyModelAdmin

_PER_CENT = ", %"


class SaysChanges(AnyModelAdmin):
    """Of edits, for the log; of rows, for the page that asks before an action.

    described_by   columns that tell what matters about a row before something is done to it; those
                   of the list if not given
    """

    described_by: Sequence[str] = ()

    def described(self, row: Any) -> list[tuple[str, str | SafeString]]:
        """Names and values of what an operator should know of the row before saying yes."""
        names = self.described_by or self.list_display
        key = row._meta.pk.name
        return [
            (str(label_for_field(name, self.model, self)), self._shown(str(name), row))
            for name in names
            if name != key
        ]

    def _shown(self, name: str, row: Any) -> str | SafeString:
        show = getattr(self, name, None)
        value = show(row) if callable(show) else getattr(row, name)
        return value if isinstance(value, SafeString) else value_words(value)

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """What a form couldn't know is refused as it is saved: somebody else was quicker. Nothing
        is saved then, and the page says why."""
        try:
            return super().changeform_view(request, *args, **kwargs)
        except DomainError as error:
            self.message_user(request, error.message, messages.ERROR)
            return HttpResponseRedirect(request.get_full_path())

    def construct_change_message(
        self, request: HttpRequest, form: Any, formsets: Any, add: bool = False
    ) -> list[dict[str, dict[str, Any]]]:
        """Of what only waits for another operator nothing has changed: a line of its own says so.
        ``request.proposal`` is what a save became then."""
        request.reason = form.cleaned_data.get("reason", "")  # type: ignore[attr-defined]
        proposal = getattr(request, "proposal", None)
        if proposal is not None and not add:
            words = f"proposed: {proposal.differences}"
            self.log_action(request, form.instance, Verb.PROPOSED, words, reason=proposal.reason)
            request.changed_nothing = True  # type: ignore[attr-defined]
            return []
        found = change_message(form, formsets or (), add=add)
        if add:
            more = words_of(found[1:])
            request.added = [*content_words(form), *([more] if more else [])]  # type: ignore[attr-defined]
        request.changed_nothing = not found  # type: ignore[attr-defined]
        return found

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """What wasn't changed isn't written over what others changed meanwhile."""
        if not change or form.has_changed():
            super().save_model(request, obj, form, change)

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> LogEntry:
        entry: LogEntry = super().log_addition(request, obj, message)
        _tell(request, Verb.ADDED, obj, "\n".join(getattr(request, "added", ())))
        return entry

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> LogEntry | None:  # type: ignore[override]
        if message == []:
            return None
        entry: LogEntry = super().log_change(request, obj, message)
        _tell(request, Verb.CHANGED, obj, words_of(message) or entry.get_change_message())
        return entry

    def log_deletions(self, request: HttpRequest, queryset: Any) -> Any:
        """Locks what is about to be deleted before it tells of it, as whoever changes a row does:
        the audit's head is held from then on, and who holds it must not wait for a row. What others
        deleted meanwhile is theirs to tell of."""
        keys = [obj.pk for obj in queryset]
        rows = self.model._default_manager.select_for_update().filter(pk__in=keys).order_by("pk")
        entries = super().log_deletions(request, rows)
        for obj in rows:
            _tell(request, Verb.DELETED, obj, "\n".join(self._content(obj)))
        return entries

    def _content(self, row: Any) -> list[str]:
        """What is in a row that will be there no more."""
        shown = ((name, unescape(strip_tags(value))) for name, value in self.described(row))
        return [" ".join(f"{name} {value}".split()) for name, value in shown if value != NOTHING]

    def log_action(
        self,
        request: HttpRequest,
        obj: Any,
        verb: str,
        said: str,
        *,
        reason: str = "",
        command_id: int | None = None,
    ) -> None:
        """Of what is no edit: ``verb`` is the action's name, ``said`` what it did."""
        super().log_change(request, obj, said)
        tell(
            Act(
                verb=verb,
                request=request,
                obj=obj,
                words=said,
                reason=reason,
                command_id=command_id,
            )
        )

    def response_change(self, request: HttpRequest, obj: Any) -> HttpResponse:
        if proposal := getattr(request, "proposal", None):
            self.message_user(request, proposed_words(proposal), messages.WARNING)
            return self.response_post_save_change(request, obj)
        if not getattr(request, "changed_nothing", False):
            return super().response_change(request, obj)
        self.message_user(request, f"Nothing of {obj} was changed.")
        if "_continue" in request.POST:
            return HttpResponseRedirect(request.path)
        return self.response_post_save_change(request, obj)


def proposed_words(proposal: Any) -> SafeString:
    return format_html(
        'Nothing has changed yet: <a href="{}">proposal {}</a> waits for another operator.',
        url_of(type(proposal), proposal.pk),
        proposal.pk,
    )


def _tell(request: HttpRequest, verb: Verb, obj: Any, words: str) -> None:
    """``request.command_id``: of the command that a save became, where its page said so;
    ``request.reason``: why, where its form asked."""
    command_id = getattr(request, "command_id", None)
    reason = getattr(request, "reason", "")
    tell(
        Act(verb=verb, request=request, obj=obj, words=words, reason=reason, command_id=command_id)
    )


def words_of(message: Any) -> str:
    """Of a message as `change_message` makes it: what changed, from what to what, a line each."""
    if not isinstance(message, list):
        return str(message)
    lines: list[str] = []
    for ((kind, about),) in (one.items() for one in message):
        whose = f"{about['name']} {about['object']}" if "object" in about else ""
        fields = about.get("fields") or ()
        said = [f"{whose}: {field}" if whose else field for field in fields]
        lines += said or [f"{kind} {whose}"]
    return "\n".join(" ".join(line.split()) for line in lines)


def change_message(
    form: forms.BaseForm, formsets: Iterable[Any], *, add: bool
) -> list[dict[str, dict[str, Any]]]:
    """In the shape Django keeps, with values beside the names of the fields."""
    message: list[dict[str, dict[str, Any]]] = []
    if add:
        message.append({"added": {}})
    elif words := changes_of(form):
        message.append({"changed": {"fields": words}})
    for formset in formsets:
        forms_of = {id(one.instance): one for one in formset.forms}
        message += [{"added": _name(obj)} for obj in formset.new_objects]
        message += [
            {"changed": {**_name(obj), "fields": changes_of(forms_of[id(obj)])}}
            for obj, _ in formset.changed_objects
        ]
        message += [{"deleted": _name(obj)} for obj in formset.deleted_objects]
    return message


def _name(obj: Model) -> dict[str, Any]:
    return {"name": str(obj._meta.verbose_name), "object": str(obj)}


def changes_of(form: Any) -> list[str]:
    """Of a valid form, one text per changed field. Of a secret only that it changed."""
    return [
        f"{name} {before} → {after}" if before else name
        for name, before, after in change_words(form)
    ]


def content_words(form: Any) -> list[str]:
    """Of a valid form of a new row, one text per field that says something. Of a secret only that
    there is one."""
    names = (name for name in form.fields if form.cleaned_data.get(name) is not None)
    found = (_change(form, name) for name in names if name != "reason")  # kept beside the words
    said = [(name, after) for name, _, after in found if after != NOTHING]
    return [" ".join(f"{name} {after}".split()) for name, after in said]


def change_words(form: Any) -> list[tuple[str, str, str]]:
    """Of a valid form, each changed field's name, its value before and after; of a secret the name
    alone. A form's ``unit_of(name)``, if it has one, gives what its numbers are in, and its
    ``is_secret(name)`` says what is one beside passwords."""
    return [_change(form, name) for name in form.changed_data]


def _change(form: Any, name: str) -> tuple[str, str, str]:
    field = form.fields.get(name)
    if field is None or isinstance(field.widget, forms.PasswordInput) or _is_secret(form, name):
        return name, "", ""
    before = _before(field, form.get_initial_for_field(field, name))
    return changed_words(form, name, before, form.cleaned_data.get(name))


def changed_words(form: Any, name: str, before: Any, after: Any) -> tuple[str, str, str]:
    """A field's name and two of its values, as the form shows them, in the field's units."""
    label = str(form.fields[name].label or name.replace("_", " "))
    unit = "%" if label.endswith(_PER_CENT) else form.unit_of(name) if _has_units(form) else ""
    label = label.removesuffix(_PER_CENT)
    words = value_words(before, unit), value_words(after, unit)
    return f"{label[:1].lower()}{label[1:]}", *words


def _is_secret(form: Any, name: str) -> bool:
    return hasattr(form, "is_secret") and form.is_secret(name)


def _has_units(form: Any) -> bool:
    return hasattr(form, "unit_of")


def _before(field: Any, initial: Any) -> Any:
    """A form begins with the key of a row, where it ends with the row."""
    one = isinstance(field, forms.ModelChoiceField)
    if one and not isinstance(field, forms.ModelMultipleChoiceField) and initial is not None:
        return field.queryset.filter(pk=getattr(initial, "pk", initial)).first()
    return initial


def value_words(value: Any, unit: str = "") -> str:
    """A value as an operator reads it; nothing for none."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None or value == "":
        return NOTHING
    if isinstance(value, timedelta):
        return duration_string(value)
    if isinstance(value, Decimal):
        value = text(value)
    elif not isinstance(value, str) and isinstance(value, Iterable):
        return ", ".join(sorted(map(str, value))) or NOTHING
    return f"{value} {unit}".strip()
