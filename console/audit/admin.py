"""Operators → Audit: the rows, and those of one object as its History."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from django.apps import apps
from django.contrib import admin
from django.contrib.admin import SimpleListFilter
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.defaultfilters import linebreaksbr
from django.utils.html import format_html

from accounts.display import user_link
from common.admin import NOTHING
from common.admin.acts import Verb
from common.admin.base import Cell, RecordAdmin, link, shown, time_column
from common.admin.changes import AnyModelAdmin
from common.admin.record_urls import key_of, list_url
from console.audit import chain
from console.audit.models import AuditRow
from trading.models import OutboxCommand


class _KindFilter(SimpleListFilter):
    title = "kind of object"
    parameter_name = "object_kind"

    def lookups(self, _request: HttpRequest, model_admin: AnyModelAdmin) -> list[tuple[str, str]]:
        kinds = {m._meta.label: str(m._meta.verbose_name) for m in model_admin.admin_site._registry}
        return sorted(kinds.items(), key=lambda kind: kind[1])

    def queryset(self, _request: HttpRequest, rows: QuerySet[AuditRow]) -> QuerySet[AuditRow]:
        return rows.filter(object_kind=self.value()) if self.value() else rows


class _VerbFilter(SimpleListFilter):
    title = "verb"
    parameter_name = "verb"

    def lookups(self, _request: HttpRequest, model_admin: AnyModelAdmin) -> list[tuple[str, str]]:
        verbs = {str(verb) for verb in Verb}
        for registered in model_admin.admin_site._registry.values():
            verbs |= {name for name in registered.actions or () if isinstance(name, str)}
        return [(verb, verb.replace("_", " ")) for verb in sorted(verbs)]

    def queryset(self, _request: HttpRequest, rows: QuerySet[AuditRow]) -> QuerySet[AuditRow]:
        return rows.filter(verb=self.value()) if self.value() else rows


class _OperatorFilter(SimpleListFilter):
    title = "operator"
    parameter_name = "operator"

    def lookups(self, _request: HttpRequest, _admin: AnyModelAdmin) -> list[tuple[str, str]]:
        users = apps.get_model("accounts.User")._default_manager.filter(is_staff=True)
        names = users.order_by("username").values_list("pk", "username")
        return [(str(pk), name) for pk, name in names[:200]]

    def queryset(self, _request: HttpRequest, rows: QuerySet[AuditRow]) -> QuerySet[AuditRow]:
        asked = self.value()
        if not asked:
            return rows
        operator_id = key_of(asked)
        if operator_id is None:
            raise IncorrectLookupParameters(asked)
        return rows.filter(operator=operator_id)


def _object(row: AuditRow) -> Cell:
    if not row.object_kind:
        return NOTHING
    try:
        model = apps.get_model(row.object_kind)
    except LookupError:
        return f"{row.object_kind} {row.object_words}"
    name = f"{model._meta.verbose_name} {row.object_words}"
    if model not in admin.site._registry:
        return name
    return link(model, row.object_key, name)


def _operator(row: AuditRow) -> Cell:
    return user_link(row.operator) if row.operator else row.operator_name or NOTHING


def _command(row: AuditRow) -> Cell:
    if row.command_id is None:
        return str(row.sequence) if row.sequence is not None else NOTHING
    command = OutboxCommand.objects.filter(pk=row.command_id).first()
    applied = command.applied_seq if command else None
    answer = f"command {row.command_id}, " + (
        f"applied at sequence {applied}" if applied is not None else "waiting"
    )
    return link(OutboxCommand, row.command_id, answer)


def _what(row: AuditRow) -> str:
    """In one line, as a list has it."""
    said = row.words.replace("\n", "; ")
    return f"{said} — {row.reason}" if row.reason else said


def _hashes(row: AuditRow) -> Cell:
    return format_html("<pre>{}\n{} before it</pre>", row.hash, row.previous_hash)


@admin.register(AuditRow)
class AuditRowAdmin(RecordAdmin):
    list_display = ("id", "time", "operator_cell", "address", "object_link", "verb_word", "what")
    list_filter = (_OperatorFilter, _KindFilter, _VerbFilter)
    walked_by = ("object_key", "operator", "verb", "object_kind")
    search_ids = ("id", "command_id")
    search_texts = ("object_key",)
    search_users = ("operator",)
    search_help_text = "Number, key of the object, or the beginning of the operator's username."
    change_list_template = "console/audit/list.html"
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("time", "operator_cell"),
                    ("address", "session"),
                    ("object_link", "verb_word"),
                    "words_cell",
                    "reason_cell",
                    ("market_word", "command"),
                    "hashes",
                )
            },
        ),
    )

    time = time_column("acted_at", "time")
    operator_cell = shown("operator", _operator)
    object_link = shown("object", _object)
    verb_word = shown("verb", lambda row: row.verb.replace("_", " "))
    words_cell = shown("what", lambda row: linebreaksbr(row.words) or NOTHING)
    reason_cell = shown("reason", lambda row: row.reason or NOTHING)
    what = shown("what", _what)
    market_word = shown("market", lambda row: row.market or NOTHING)
    command = shown("command or sequence", _command)
    hashes = shown("hash", _hashes)

    def get_queryset(self, request: HttpRequest) -> QuerySet[AuditRow]:
        # Who did nothing has no row, so joined, Postgres would rather read all users.
        return super().get_queryset(request).prefetch_related("operator")

    def walks(self, asked: Mapping[str, str]) -> list[Q]:
        """Of one object, of an operator, of a verb: each has an index."""
        kind, key = asked.get("object_kind"), asked.get("object_key")
        if kind and key:
            return [Q(object_kind=kind, object_key=key)]
        return super().walks(asked)

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        return super().changelist_view(
            request, {"head": chain.current_head(), **(extra_context or {})}
        )


def history_view(site: Any, request: HttpRequest, app: str, name: str, key: str) -> HttpResponse:
    """The rows of one object, in the list."""
    try:
        model = apps.get_model(app, name)
        registered = site._registry[model]
    except (LookupError, KeyError) as error:
        raise Http404 from error
    obj = registered.get_object(request, unquote(key))
    if obj is None:
        nowhere: HttpResponse = registered._get_obj_does_not_exist_redirect(
            request, model._meta, key
        )
        return nowhere
    may_rows = site._registry[AuditRow].has_view_permission(request)
    if not (registered.has_view_permission(request, obj) and may_rows):
        raise PermissionDenied
    query = urlencode({"object_kind": model._meta.label, "object_key": str(obj.pk)})
    return HttpResponseRedirect(list_url(AuditRow, query), status=HTTPStatus.FOUND)
