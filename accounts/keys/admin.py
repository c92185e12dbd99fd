"""Traders' keys as operators see them: whose, what for, from where, how used; no secret."""

from datetime import UTC, datetime
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.response import TemplateResponse

from accounts.display import user_column
from accounts.keys import services
from accounts.models import ApiKey, User
from accounts.staff.operators import operator_of
from common.admin import NOTHING, when
from common.admin.actions import ask_form_then_run
from common.admin.base import (
    Cell,
    RecordAdmin,
    Table,
    badge,
    link,
    list_link,
    shown,
    table_of,
    time_column,
    words,
)
from common.admin.reasons import ReasonForm
from common.scopes import Scope

_SHOWN = 10
_BEGINNING = 10  # of a key's name in requests, enough to tell it by


def _state(key: ApiKey) -> Cell:
    if key.revoked_at is not None:
        return badge("revoked", "bad")
    if key.expires_at is not None and key.expires_at <= datetime.now(UTC):
        return badge("expired")
    if not key.user.is_active:
        return words(badge("refused", "bad"), "its owner is suspended")
    return badge("good", "ok")


def _permissions(key: ApiKey) -> str:
    return ", ".join(scope for scope in Scope if scope in key.scopes)


def _beginning(key: ApiKey) -> str:
    return f"{key.public_id[:_BEGINNING]}…"


def _addresses(key: ApiKey) -> str:
    return ", ".join(key.addresses) or "any"


def _last_used(key: ApiKey) -> Cell:
    if key.last_used_at is None:
        return NOTHING
    return words(when(key.last_used_at), f"from {key.last_address or 'nowhere known'}")


@admin.register(ApiKey)
class ApiKeyAdmin(RecordAdmin):
    is_personal = is_list_personal = True
    list_display = ("id", "user_name", "name", "key", "may", "last_used", "use_count", "state")
    list_select_related = ("user", "revoked_by")
    search_ids = ("id",)
    search_texts = ("public_id",)
    search_users = ("user",)
    search_help_text = "Id, the whole key as requests name it, or the beginning of a username."
    walked_by = ("user__id__exact",)
    actions = ("revoke",)
    fieldsets = (
        (
            None,
            {
                "fields": (
                    "user_name",
                    ("name", "key", "kind_of"),
                    "state",
                    ("may", "may_from"),
                    ("made", "made_from", "expires"),
                    ("last_used", "use_count"),
                    ("revoked", "revoked_by_name", "revoke_reason"),
                )
            },
        ),
    )

    user_name = user_column()
    key = shown("key", _beginning)
    kind_of = shown("kind", lambda key: key.kind)
    may = shown("permissions", _permissions)
    may_from = shown("addresses", _addresses)
    made = time_column("made_at", "made")
    expires = time_column("expires_at", "expires")
    last_used = shown("last used", _last_used)
    revoked = time_column("revoked_at", "revoked")
    revoked_by_name = user_column("revoked by", "revoked_by")
    state = shown("state", _state)

    def has_revoke_key_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("accounts.revoke_key")

    @admin.action(description="Revoke selected key", permissions=["revoke_key"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> TemplateResponse | None:
        def service(key: ApiKey, said: dict[str, Any]) -> None:
            services.revoke_key(key.pk, operator_of(request), said["reason"])

        return ask_form_then_run(
            self,
            request,
            queryset,
            action="revoke",
            question="Revoke this key?",
            consequence="Its requests are refused within seconds, and feeds it opened close. It "
            "can't be given back; its owner makes another. Orders it placed stay.",
            form_of=ReasonForm,
            service=service,
            done=lambda _: "revoked",
        )


@table_of(User)
def keys_of_trader(user: User) -> Table:
    keys = ApiKey.objects.filter(user=user).select_related("user").order_by("-pk")[:_SHOWN]
    return Table(
        "API keys",
        ApiKey,
        ("key", "name", "permissions", "addresses", "last used", "uses", "state"),
        [
            (
                link(ApiKey, key.pk, _beginning(key)),
                key.name,
                _permissions(key),
                _addresses(key),
                _last_used(key),
                f"{key.use_count:,}",
                _state(key),
            )
            for key in keys
        ],
        note=list_link(ApiKey, f"user__id__exact={user.pk}", "All, with those that were revoked"),
    )
