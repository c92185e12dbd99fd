"""Levels as operators see and set them."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.response import TemplateResponse

from accounts.display import user_column, user_link
from accounts.models import User, Verification
from accounts.staff.operators import operator_of
from accounts.verification.levels import LEVELS, level_of, set_level
from common.admin import when
from common.admin.actions import ask_form_then_run
from common.admin.base import BaseAdmin, RecordAdmin, Table, link, shown, table_of, time_column
from common.admin.filters import words_filter
from common.reasons import REASON_MAX

PERMISSION = "accounts.set_verification"
_SHOWN = 10


class LevelForm(forms.Form):
    level = forms.TypedChoiceField(
        label="Level", coerce=int, choices=[(level, str(level)) for level in LEVELS]
    )
    reason = forms.CharField(
        label="Reason", max_length=REASON_MAX, help_text="What was looked at, and where it is kept."
    )

    def __init__(self, data: Any, user: User) -> None:
        super().__init__(data, initial={"level": level_of(user.pk)})


def ask_level(
    model_admin: BaseAdmin, request: HttpRequest, users: QuerySet[User]
) -> TemplateResponse | None:
    return ask_form_then_run(
        model_admin,
        request,
        users,
        action="set_level",
        question="Set the verification level of this trader?",
        consequence="How much they may withdraw goes by it, from now on.",
        form_of=LevelForm,
        service=lambda user, said: set_level(
            user.pk, said["level"], said["reason"], operator_of(request)
        ),
        done=lambda said: f"level {said['level']}",
    )


@admin.register(Verification)
class VerificationAdmin(RecordAdmin):
    list_display = ("id", "user_name", "level", "reason", "setter", "set_time")
    list_select_related = ("user", "set_by")
    list_filter = (words_filter("level", [str(level) for level in LEVELS]),)
    walked_by = ("user__id__exact",)
    search_ids = ("id",)
    search_users = ("user",)
    search_help_text = "Number, or the beginning of a username."
    fieldsets = ((None, {"fields": (("user_name", "level"), "reason", ("setter", "set_time"))}),)

    user_name = user_column()
    setter = shown("set by", lambda row: user_link(row.set_by))
    set_time = time_column("set_at", "time")


@table_of(User)
def levels_of_user(user: User) -> Table:
    rows = Verification.objects.filter(user=user).select_related("set_by")[:_SHOWN]
    return Table(
        "Verification",
        Verification,
        ("setting", "level", "reason", "set by", "time"),
        [
            (link(Verification, row.pk), str(row.level), row.reason, user_link(row.set_by),
             when(row.set_at))
            for row in rows
        ],
        empty="Level 0: nobody has set another.",
    )  # fmt: skip
