"""Rules, recipients and deliveries, as operators set and see them."""

from typing import Any
from urllib.parse import urlsplit

from django.contrib import admin, messages
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.utils import timezone

from common.admin import NOTHING
from common.admin.actions import ask_then_run
from common.admin.base import BaseAdmin, badge, link, shown, yes_or_no_column
from common.admin.outgoing import OutgoingAdmin
from console.alerts.forms import RecipientForm, RuleForm
from console.alerts.models import AlertRecipient, AlertRule, RecipientKind, WebhookDelivery
from console.alerts.telling import tell_test
from console.alerts.vocabulary import Severity
from console.alerts.webhooks import new_nonce, secret_of
from console.once.guard import SHOWN_ONCE
from markets.models import Market


def _mark(rule: AlertRule, value: int | None) -> str:
    return NOTHING if value is None else rule.about.unit.words(value)


def _alarms(rule: AlertRule) -> str:
    return f"{'≤' if rule.about.is_low_bad else '≥'} {_mark(rule, rule.threshold)}"


@admin.register(AlertRule)
class AlertRuleAdmin(BaseAdmin):
    form = RuleForm
    ordering = ("measure", "market", "pk")
    list_display = (
        "title", "market_link", "grave", "alarms", "critical", "clears", "holds", "on", "told",
    )  # fmt: skip
    list_filter = ("enabled", "severity", "market")
    list_select_related = ("market",)
    search_texts = ("measure", "market")
    search_help_text = "Name of a measure, as in index_age, or a market."
    fieldsets = (
        ("What is measured", {"fields": ("measure", "market", "what", "blind")}),
        (
            "When",
            {
                "fields": (
                    ("threshold", "severity"),
                    ("critical_from", "clears_at"),
                    ("holds_s", "clears_after_s"),
                    "enabled",
                )
            },
        ),
        ("Who is told", {"fields": ("recipients",)}),
    )

    title = shown("measure", lambda rule: rule.about.title)
    market_link = shown(
        "market",
        lambda rule: (
            link(Market, rule.market_id)
            if rule.market_id
            else "all"
            if rule.about.scope.has_markets
            else NOTHING
        ),
    )
    grave = shown("severity", lambda rule: badge(rule.severity, Severity(rule.severity).tone))
    alarms = shown("alarms", _alarms)
    critical = shown("critical", lambda rule: _mark(rule, rule.critical_from))
    clears = shown("clears", lambda rule: _mark(rule, rule.clears_at))
    holds = shown("holds for", lambda rule: f"{rule.holds_s} s")
    on = yes_or_no_column("enabled", "enabled")
    told = shown(
        "told", lambda rule: ", ".join(map(str, rule.recipients.all())) or "all grave enough"
    )
    what = shown("what", lambda rule: rule.about.what if rule.measure else NOTHING)
    blind = shown("can't know", lambda rule: rule.about.blind if rule.measure else NOTHING)

    def get_queryset(self, request: HttpRequest) -> QuerySet[AlertRule]:
        return super().get_queryset(request).prefetch_related("recipients")

    def get_readonly_fields(
        self,
        request: HttpRequest,  # noqa: ARG002  Django passes it
        obj: AlertRule | None = None,
    ) -> Any:
        return ("title", "market_link", "what", "blind") if obj else ("what", "blind")

    def get_fieldsets(self, request: HttpRequest, obj: AlertRule | None = None) -> Any:
        """Who may only look sees the marks in their units."""
        measured = ("What is measured", {"fields": (("title", "market_link"), "what", "blind")})
        if obj is None:
            return super().get_fieldsets(request, obj)
        if self.has_change_permission(request, obj):
            return (measured, *self.fieldsets[1:])
        seen = (("alarms", "grave"), ("critical", "clears"), ("holds_s", "clears_after_s"), "on")
        return (
            measured,
            ("When", {"fields": seen}),
            ("Who is told", {"fields": ("told",)}),
        )


def _where(recipient: AlertRecipient) -> str:
    if recipient.kind == RecipientKind.MAIL:
        return recipient.address
    return urlsplit(recipient.address).hostname or NOTHING


@admin.register(AlertRecipient)
class AlertRecipientAdmin(BaseAdmin):
    """An address of a webhook can be a secret: its host is shown, and no page shows it again."""

    form = RecipientForm
    ordering = ("name",)
    list_display = ("name", "kind", "where", "least_severity", "on")
    list_filter = ("kind", "enabled")
    search_texts = ("name",)
    search_help_text = "The whole name."
    actions = ("send_test", "renew_secret")
    readonly_fields = ("where", "on")

    where = shown("address", _where)
    on = yes_or_no_column("enabled", "enabled")

    def get_readonly_fields(
        self,
        request: HttpRequest,  # noqa: ARG002  Django passes it
        obj: AlertRecipient | None = None,
    ) -> Any:
        return ("kind", "where", "on") if obj else ()

    def get_fields(self, request: HttpRequest, obj: AlertRecipient | None = None) -> Any:
        if obj is None:
            return ("name", "kind", "address", "least_severity", "enabled")
        may = self.has_change_permission(request, obj)
        return ("name", "kind", "where", "least_severity", "enabled" if may else "on")

    def save_model(
        self, request: HttpRequest, obj: AlertRecipient, form: Any, change: bool
    ) -> None:
        if not change:
            obj.nonce = new_nonce()
        super().save_model(request, obj, form, change)
        if not change and obj.kind == RecipientKind.WEBHOOK:
            _show_secret(request, obj)

    @admin.action(description="Send selected recipients a test", permissions=["change"])
    def send_test(
        self, request: HttpRequest, queryset: QuerySet[AlertRecipient]
    ) -> TemplateResponse | None:
        now = f"{timezone.now():%Y%m%d%H%M%S%f}"
        return ask_then_run(
            self,
            request,
            queryset,
            action="send_test",
            question="Send these a test?",
            consequence="Mails and Webhooks, under System, show what became of it.",
            service=lambda one: tell_test(one, f"test-{one.pk}-{now}"),
            done="sent a test",
        )

    @admin.action(description="Give selected webhooks a new secret", permissions=["change"])
    def renew_secret(
        self, request: HttpRequest, queryset: QuerySet[AlertRecipient]
    ) -> TemplateResponse | None:
        def renew(one: AlertRecipient) -> None:
            one.nonce = new_nonce()
            one.save(update_fields=["nonce"])
            transaction.on_commit(lambda: _show_secret(request, one))

        return ask_then_run(
            self,
            request,
            queryset.filter(kind=RecipientKind.WEBHOOK),
            action="renew_secret",
            question="Give these webhooks a new secret?",
            consequence="Whoever checks signatures by the old one refuses what comes from now on. "
            "The new one is shown once.",
            service=renew,
            done="given a new secret",
        )


def _show_secret(request: HttpRequest, recipient: AlertRecipient) -> None:
    secret = secret_of(recipient)
    words = f"The secret of {recipient}, shown this once: {secret}"
    messages.warning(request, words, extra_tags=SHOWN_ONCE)


@admin.register(WebhookDelivery)
class WebhookDeliveryAdmin(OutgoingAdmin):
    again = "console.send_webhook_again"
    list_display = ("id", "made", "recipient_link", "key", "state_badge", "tries", "why")
    list_select_related = ("recipient",)
    search_ids = ("id",)
    search_texts = ("key",)
    search_help_text = "Number or key."
    fieldsets = (
        (None, {"fields": (("made", "key"), "recipient_link", "text")}),
        ("Sending", {"fields": (("state_badge", "tries"), ("due", "ended"), "why")}),
    )

    recipient_link = shown(
        "recipient", lambda row: link(AlertRecipient, row.recipient_id, row.recipient)
    )
    text = shown("body", lambda row: row.body)
