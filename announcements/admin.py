"""Announcements, as operators write them and take them back."""

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.utils import timezone

from announcements import services
from announcements.models import Announcement, AnnouncementLevel
from common.admin.actions import ask_then_run
from common.admin.base import BaseAdmin, Cell, badge, link, shown, time_column

if TYPE_CHECKING:  # generic to the type checker alone
    _ModelForm = forms.ModelForm[Announcement]
else:
    _ModelForm = forms.ModelForm

_TONES = {AnnouncementLevel.WARNING: "warn", AnnouncementLevel.MAINTENANCE: "bad"}


class AnnouncementForm(_ModelForm):
    class Meta:
        model = Announcement
        fields = (
            "text", "level", "shown_from", "shown_until",
            "work_from", "work_until", "stops_markets",
        )  # fmt: skip
        labels = {"shown_from": "Shown from, UTC", "shown_until": "Shown until, UTC"}
        labels |= {"work_from": "Work begins, UTC", "work_until": "Work ends, UTC"}
        help_texts = {
            "text": "Plain text, to traders and operators alike.",
            "shown_until": "Empty: until it is taken back.",
            "work_from": "Of maintenance alone.",
        }


def _state(one: Announcement) -> Cell:
    now = timezone.now()
    if one.is_shown(now):
        return badge("shown", "ok")
    return badge("to come") if now < one.shown_from else badge("over")


@admin.register(Announcement)
class AnnouncementAdmin(BaseAdmin):
    form = AnnouncementForm
    list_display = ("id", "text", "tone", "state", "start", "end", "author")
    list_filter = ("level",)
    list_select_related = ("made_by",)
    search_ids = ("id",)
    search_help_text = "Number of an announcement."
    actions = ("take_back",)
    readonly_fields = ("state", "author")
    fieldsets = (
        (None, {"fields": ("text", "level", "shown_from", "shown_until")}),
        ("Maintenance", {"fields": ("work_from", "work_until", "stops_markets")}),
    )

    tone = shown(
        "level", lambda one: badge(one.level, _TONES.get(AnnouncementLevel(one.level), "plain"))
    )
    state = shown("state", _state)
    start = time_column("shown_from", "shown from")
    end = time_column("shown_until", "shown until")
    author = shown("by", lambda one: link("accounts.User", one.made_by_id, one.made_by))

    def get_readonly_fields(self, request: HttpRequest, obj: Announcement | None = None) -> Any:
        """Once it has begun, the planned resume is under Stop."""
        fixed = ("work_from", "work_until", "stops_markets") if obj and obj.begun_at else ()
        return (*super().get_readonly_fields(request, obj), *fixed)

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        return {"shown_from": timezone.now().replace(second=0, microsecond=0)} | dict(
            super().get_changeform_initial_data(request)
        )

    def save_model(self, request: HttpRequest, obj: Announcement, form: Any, change: bool) -> None:
        if not change:
            obj.made_by_id = request.user.pk  # type: ignore[assignment]  # staff are users
        super().save_model(request, obj, form, change)

    @admin.action(description="Take back selected announcements", permissions=["change"])
    def take_back(
        self, request: HttpRequest, queryset: QuerySet[Announcement]
    ) -> TemplateResponse | None:
        return ask_then_run(
            self,
            request,
            queryset,
            action="take_back",
            question="Take these announcements back?",
            consequence="They are shown to nobody any more, from now on.",
            service=services.take_back,
            done="taken back",
        )
