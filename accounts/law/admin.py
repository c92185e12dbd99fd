"""Terms of service, who accepted them, and what a provider of identities told."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils import timezone

from accounts.display import user_column
from accounts.law.terms import publish_terms, terms_in_force
from accounts.models import IdentityEvent, TermsAcceptance, TermsVersion
from accounts.staff.operators import operator_of
from common.admin.base import BaseAdmin, Cell, RecordAdmin, badge, shown, time_column


def _state(terms: TermsVersion) -> Cell:
    if terms.in_force_at > timezone.now():
        return badge("to come")
    in_force = terms_in_force()
    is_newest = in_force is not None and in_force.pk == terms.pk
    return badge("in force", "ok") if is_newest else badge("replaced")


@admin.register(TermsVersion)
class TermsVersionAdmin(BaseAdmin):
    """Published once, never changed: a new text is a new version."""

    list_display = ("version", "published", "author", "in_force", "state")
    list_select_related = ("published_by",)
    search_ids = ("version",)
    search_help_text = "Number of a version."
    readonly_fields = ("version_shown", "published", "author", "state")
    fieldsets = (
        (None, {"fields": ("in_force_at", "text")}),
        ("Published", {"fields": (("version_shown", "state"), ("published", "author"))}),
    )

    version_shown = shown("version", lambda terms: str(terms.version or ""))
    state = shown("state", lambda terms: _state(terms) if terms.pk else "")
    published = time_column("published_at", "published")
    in_force = time_column("in_force_at", "in force from")
    author = user_column("by", "published_by")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        return False

    def get_fieldsets(self, request: HttpRequest, obj: TermsVersion | None = None) -> Any:
        fieldsets = super().get_fieldsets(request, obj)
        return fieldsets[:1] if obj is None else fieldsets

    def save_model(
        self,
        request: HttpRequest,
        obj: TermsVersion,
        form: Any,  # noqa: ARG002
        change: bool,  # noqa: ARG002
    ) -> None:
        publish_terms(obj, operator_of(request))


@admin.register(TermsAcceptance)
class TermsAcceptanceAdmin(RecordAdmin):
    is_personal = is_list_personal = True
    list_display = ("id", "user_name", "version", "accepted")
    list_select_related = ("user", "terms")
    search_ids = ("id",)
    search_users = ("user",)
    search_help_text = "Number, or the beginning of a username."
    walked_by = ("user__id__exact",)
    fieldsets = ((None, {"fields": ("user_name", "version", ("accepted", "address"))}),)

    user_name = user_column()
    version = shown("version", lambda row: str(row.terms.version))
    accepted = time_column("accepted_at", "accepted")


@admin.register(IdentityEvent)
class IdentityEventAdmin(RecordAdmin):
    is_personal = is_list_personal = True
    list_display = ("id", "user_name", "level", "occurred", "outcome")
    list_select_related = ("user",)
    search_ids = ("id",)
    search_texts = ("event_id",)
    search_users = ("user",)
    search_help_text = "Number, the provider's id, or the beginning of a username."
    walked_by = ("user__id__exact",)
    fieldsets = (
        (
            None,
            {"fields": ("user_name", "event_id", ("level", "outcome"), ("occurred", "received"))},
        ),
    )

    user_name = user_column()
    occurred = time_column("occurred_at", "occurred")
    received = time_column("received_at", "received")
