"""Lists of what leaves the house; see `common.outgoing.due_rows`."""

from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.response import TemplateResponse

from common.admin import NOTHING, when
from common.admin.actions import ask_then_run
from common.admin.base import RecordAdmin, badge, shown, time_column
from common.admin.filters import words_filter
from common.outgoing.due_rows import TRIES_MAX, OutgoingState

_TONES = {OutgoingState.SENT: "ok", OutgoingState.FAILED: "bad", OutgoingState.WAITING: "warn"}


class OutgoingAdmin(RecordAdmin):
    """``again``: the permission to send again what was given up."""

    again: ClassVar[str]
    list_filter = (words_filter("state", OutgoingState),)
    actions = ("send_again",)

    made = time_column("made_at", "made")
    due = shown(
        "next try", lambda row: when(row.due_at) if row.state == OutgoingState.WAITING else NOTHING
    )
    ended = time_column("ended_at", "ended")
    state_badge = shown("state", lambda row: badge(row.state, _TONES.get(row.state, "plain")))
    why = shown("last error", lambda row: row.last_error or NOTHING)
    tries = shown("tries", lambda row: f"{row.tries} of {TRIES_MAX}")

    def has_again_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(self.again)

    @admin.action(description="Send selected ones again", permissions=["again"])
    def send_again(self, request: HttpRequest, queryset: QuerySet[Any]) -> TemplateResponse | None:
        return ask_then_run(
            self,
            request,
            queryset,
            action="send_again",
            question="Send these again?",
            consequence="Each is tried anew from now on. A receiver may have one already: it keeps "
            "its id.",
            service=lambda row: row.send_again(),
            done="sent again",
        )
