"""Second factors as operators see them: whose, of what kind, since when; nothing that shows one."""

from datetime import UTC, datetime

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.response import TemplateResponse

from accounts.access.unlocking import lift
from accounts.display import user_column, user_link
from accounts.factors.locks import withdrawals_locked_until
from accounts.factors.recovery import codes_left
from accounts.factors.selectors import factors_of
from accounts.models import FactorReset, GuessKind, GuessLock, User
from accounts.staff.operators import operator_of
from approvals.models import Proposal
from common.admin import NOTHING, when
from common.admin.actions import ask_then_run
from common.admin.base import Cell, RecordAdmin, Table, badge, link, shown, table_of, time_column


@table_of(User)
def factors_of_user(user: User) -> Table:
    locked_until = withdrawals_locked_until(user.pk)
    note = f"Recovery codes left: {codes_left(user.pk)}."
    if locked_until is not None:
        note += f" Withdrawals are locked until {when(locked_until)} UTC, after a reset."
    return Table(
        "Second factors",
        User,
        ("kind", "name", "since", "shown last"),
        [
            (row.get_kind_display(), row.name, when(row.made_at), when(row.last_used_at))
            for row in factors_of(user.pk).order_by("pk")
        ],
        empty=note if locked_until is not None else "None.",
        note=note,
    )


@admin.register(FactorReset)
class FactorResetAdmin(RecordAdmin):
    list_display = ("id", "user_name", "reset", "asker", "decider", "locked")
    list_select_related = ("user", "asked_by", "decided_by")
    search_ids = ("id",)
    search_users = ("user",)
    search_help_text = "Id, or the beginning of a username."
    walked_by = ("user__id__exact",)
    fieldsets = (
        (None, {"fields": ("user_name", "why", ("reset", "locked"))}),
        ("Two people", {"fields": (("asker", "decider"), "proposal_link")}),
    )

    user_name = user_column()
    asker = user_column("asked by", "asked_by")
    decider = user_column("decided by", "decided_by")
    reset = time_column("reset_at", "reset")
    locked = time_column("withdrawals_locked_until", "withdrawals locked until")
    why = shown("reason", lambda reset: reset.reason)
    proposal_link = shown("proposal", lambda reset: link(Proposal, reset.proposal_id))


def _whose(lock: GuessLock) -> Cell:
    """A name as it was typed; else the user's."""
    if lock.kind == GuessKind.SIGN_IN:
        return lock.whose
    user_id = lock.whose.partition(" ")[0]
    user = User.objects.filter(pk=user_id).first() if user_id.isdecimal() else None
    return user_link(user) if user is not None else NOTHING


def _state(lock: GuessLock) -> Cell:
    is_locked = lock.locked_until is not None and lock.locked_until > datetime.now(UTC)
    return badge("locked", "bad") if is_locked else badge("counted")


@admin.register(GuessLock)
class GuessLockAdmin(RecordAdmin):
    """Guesses since the last right one: at names, own passwords and second factors."""

    list_display = ("id", "kind_of", "whose_it_is", "attempts", "state", "tried", "locked")
    search_ids = ("id",)
    search_texts = ("whose",)
    search_help_text = "Id, or the name that was typed, in small letters."
    actions = ("lift",)
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("kind_of", "whose_it_is"),
                    ("attempts", "state"),
                    ("tried", "locked", "mailed"),
                )
            },
        ),
    )

    kind_of = shown("guesses at", lambda lock: lock.get_kind_display())
    whose_it_is = shown("whose", _whose)
    state = shown("state", _state)
    tried = time_column("tried_at", "tried last")
    locked = time_column("locked_until", "locked until")
    mailed = time_column("mailed_at", "owner written to")

    def offers(self, action: str, obj: GuessLock) -> bool:  # noqa: ARG002  there is one action
        return obj.kind != GuessKind.SECOND_FACTOR

    def has_lift_lock_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("accounts.lift_lock")

    @admin.action(description="Lift selected locks", permissions=["lift_lock"])
    def lift(self, request: HttpRequest, queryset: QuerySet[GuessLock]) -> TemplateResponse | None:
        return ask_then_run(
            self,
            request,
            queryset,
            action="lift",
            question="Lift these locks?",
            consequence="What was guessed wrong is forgotten: it can be tried again at once, by "
            "its owner and by whoever else guesses.",
            service=lambda lock: lift(lock, operator_of(request)),
            done="lifted",
        )
