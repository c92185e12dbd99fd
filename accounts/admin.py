"""Who may do what: users, groups, their sign-ins, and what operators did."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.db import transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Collate, Lower
from django.db.models.lookups import StartsWith
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.html import format_html
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from accounts import services
from accounts.access import sessions
from accounts.display import user_column
from accounts.factors import admin as factors_admin  # noqa: F401  registers locks and resets
from accounts.factors.locks import lock_after_password
from accounts.factors.resets import PROPOSE as PROPOSE_RESET
from accounts.factors.resets import propose_reset
from accounts.keys import admin as keys_admin  # noqa: F401  registers keys
from accounts.law import admin as law_admin  # noqa: F401  registers terms
from accounts.models import Session, SignInFailure, User
from accounts.people import admin as people_admin  # noqa: F401  registers people
from accounts.staff.admin import QuickChoices
from accounts.staff.operators import operator_of
from accounts.staff.powers import (
    Powers,
    powers_of,
    propose_powers,
    takes_two,
    waiting_powers,
)
from accounts.verification.admin import ask_level
from common.admin import NOTHING
from common.admin.actions import ask_form_then_run, ask_then_run
from common.admin.base import (
    Cell,
    RecordAdmin,
    badge,
    shown,
    time_column,
    words,
    yes_or_no_column,
)
from common.admin.reasons import ReasonedForm, ReasonForm

if TYPE_CHECKING:  # generic to the type checker alone
    _UserAdmin = DjangoUserAdmin[User]
else:
    _UserAdmin = DjangoUserAdmin


def _status(user: User) -> Cell:
    state = badge("active", "ok") if user.is_active else badge("suspended", "bad")
    return words(state, badge("operator")) if user.is_staff else state


_POWERS = ("is_staff", "is_superuser", "groups", "user_permissions")


class UserForm(ReasonedForm, UserChangeForm):  # type: ignore[misc]  # of unfold, untyped
    """``powers``: what the user is to be allowed, of a valid form that asks for it; else None."""

    powers: Powers | None = None

    def clean(self) -> dict[str, Any]:
        said: dict[str, Any] = super().clean() or self.cleaned_data
        if not set(_POWERS) <= set(self.fields) or not set(_POWERS) <= set(said):
            return said
        many = {n: sorted(row.pk for row in said[n]) for n in ("groups", "user_permissions")}
        after = {n: said[n] for n in ("is_staff", "is_superuser")} | many
        user = User.objects.get(pk=self.instance.pk)
        if takes_two(powers_of(user), after):
            self.require_second(waiting_powers(user))
            if set(self.changed_data) - set(_POWERS):
                self.add_error(None, "Change what an operator may in a save of its own.")
            self.powers = after
        return said


class SetPasswordForm(AdminPasswordChangeForm):  # type: ignore[misc]  # of unfold, untyped
    """Of another: whoever set it could be them, and takes no money out before they may notice."""

    def save(self, commit: bool = True) -> User:
        user: User = super().save(commit)
        lock_after_password(user)
        return user


_POWERS_READ: tuple[str, dict[str, Any]] = (
    "What an operator may",
    {"fields": ("is_operator", "may_everything", "groups", "user_permissions")},
)


@admin.register(User)
class UserAdmin(QuickChoices, _UserAdmin):
    """Suspending goes through its action, which also ends what the user is signed in to."""

    is_personal = True
    form = UserForm
    add_form = UserCreationForm
    change_password_form = SetPasswordForm
    list_display = ("id", "username", "status", "joined", "last_seen")
    list_display_links = ("id", "username")
    list_filter = ("is_active", "is_staff", "groups")
    search_ids = ("id",)
    search_help_text = "User id, or the beginning of a username."
    walked_by = ("groups__id__exact",)
    ordering = ("-pk",)
    actions = ("suspend", "resume", "propose_reset", "set_level")
    readonly_fields = ("status", "joined", "last_seen")
    fieldsets = (
        (None, {"fields": (("username", "status"), ("joined", "last_seen"))}),
        ("Password", {"fields": ("password",), "classes": ("collapse",)}),
        (
            "Operator",
            {
                "fields": (*_POWERS, "reason"),
                "classes": ("collapse",),
            },
        ),
    )

    status = shown("status", _status)
    is_operator = yes_or_no_column("is_staff", "operator")
    may_everything = yes_or_no_column("is_superuser", "superuser")
    joined = time_column("date_joined", "joined")
    last_seen = time_column("last_login", "last sign-in here")

    def walks(self, asked: Mapping[str, str]) -> list[Q]:
        """Operators and the suspended are few, and have indexes."""
        few = {"is_active__exact": "0", "is_staff__exact": "1"}
        for name, value in few.items():
            if asked.get(name) == value:
                return [Q(**{name: value})]
        return super().walks(asked)

    def search_walks(self, term: str) -> list[Q]:
        return [
            *super().search_walks(term),
            Q(StartsWith(Collate(Lower("username"), "C"), term.lower())),
        ]

    def get_fieldsets(self, request: HttpRequest, obj: User | None = None) -> Any:
        """Readers see who somebody is, not the hash of the password."""
        fieldsets = super().get_fieldsets(request, obj)
        if obj is None:
            return fieldsets
        hidden = set() if self.has_change_permission(request, obj) else {"Password"}
        if not self._may_give_powers(request, obj):
            hidden.add("Operator")
            fieldsets = (*fieldsets, _POWERS_READ)  # type: ignore[arg-type]
        return [fieldset for fieldset in fieldsets if fieldset[0] not in hidden]

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> Any:
        if obj is None or self._may_give_powers(request, obj):
            return self.readonly_fields
        return (*self.readonly_fields, *_POWERS, *_POWERS_READ[1]["fields"])

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """Whoever sets an operator's password can be that operator: superusers only. Nobody signs
        in to a sub-account."""
        is_operator = obj is not None and (obj.is_staff or obj.is_superuser)
        is_signed_in_to = obj is None or obj.parent_id is None
        return (
            is_signed_in_to
            and super().has_change_permission(request, obj)
            and (not is_operator or operator_of(request).is_superuser)
        )

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        """What operators may is left as it is, where another superuser has to approve it."""
        after = getattr(form, "powers", None)
        if change and after is not None:
            user = User.objects.get(pk=obj.pk)
            request.proposal = propose_powers(  # type: ignore[attr-defined]
                user, after, form.cleaned_data["reason"], operator_of(request)
            )
            obj.is_staff, obj.is_superuser = user.is_staff, user.is_superuser
            for name in ("groups", "user_permissions"):
                form.cleaned_data[name] = getattr(user, name).all()
        super().save_model(request, obj, form, change)

    def user_change_password(
        self, request: HttpRequest, id: str, form_url: str = ""
    ) -> HttpResponse:
        with transaction.atomic():
            return super().user_change_password(request, id, form_url)

    def _may_give_powers(self, request: HttpRequest, user: User) -> bool:
        """Only a superuser says what operators may do, and nobody what they may themselves."""
        operator = operator_of(request)
        may_change = super().has_change_permission(request, user)
        return may_change and operator.is_superuser and user.pk != operator.pk

    def offers(self, action: str, obj: User) -> bool:
        return {"suspend": obj.is_active, "resume": not obj.is_active}.get(action, True)

    def has_suspend_user_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("accounts.suspend_user")

    @admin.action(description="Suspend selected users", permissions=["suspend_user"])
    def suspend(self, request: HttpRequest, queryset: QuerySet[User]) -> TemplateResponse | None:
        return ask_then_run(
            self,
            request,
            self._within_reach(request, queryset).filter(is_active=True),
            action="suspend",
            question="Suspend these users?",
            consequence="They are signed out and refused everywhere within a minute. Their orders "
            "stay in the book and their positions stay open; cancel orders from the list of "
            "orders. Operators and you yourself are left out.",
            service=services.suspend_user,
            done="suspended",
        )

    def has_set_verification_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("accounts.set_verification")

    @admin.action(
        description="Set the verification level of selected users",
        permissions=["set_verification"],
    )
    def set_level(self, request: HttpRequest, queryset: QuerySet[User]) -> TemplateResponse | None:
        return ask_level(self, request, queryset)

    @admin.action(description="Resume selected users", permissions=["suspend_user"])
    def resume(self, request: HttpRequest, queryset: QuerySet[User]) -> TemplateResponse | None:
        return ask_then_run(
            self,
            request,
            self._within_reach(request, queryset).filter(is_active=False),
            action="resume",
            question="Resume these users?",
            consequence="They can sign in and trade again within a minute.",
            service=services.resume_user,
            done="resumed",
        )

    def has_propose_factor_reset_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(PROPOSE_RESET)

    @admin.action(
        description="Propose to reset the second factor", permissions=["propose_factor_reset"]
    )
    def propose_reset(
        self, request: HttpRequest, queryset: QuerySet[User]
    ) -> TemplateResponse | None:
        return ask_form_then_run(
            self,
            request,
            queryset,
            action="propose_reset",
            question="Propose to reset this second factor?",
            consequence="Make sure who asked. Once another operator approves, the password alone "
            "lets them in: all sessions end, and withdrawals are locked for 24 hours.",
            form_of=ReasonForm,
            service=lambda user, said: propose_reset(user, said["reason"], operator_of(request)),
            done=lambda _: "proposed",
        )

    def _within_reach(self, request: HttpRequest, users: QuerySet[User]) -> QuerySet[User]:
        """Only a superuser suspends operators, and nobody themselves; the same of sub-accounts."""
        by = operator_of(request)
        users = users.exclude(Q(pk=by.pk) | Q(parent=by))
        if by.is_superuser:
            return users
        operators = User.objects.filter(Q(is_staff=True) | Q(is_superuser=True))
        return users.exclude(Q(pk__in=operators) | Q(parent__in=operators))


def _state(session: Session) -> Cell:
    if session.ended_at is not None:
        return words(badge("ended"), session.get_end_reason_display())
    return badge("open", "ok") if session.expires_at > datetime.now(UTC) else badge("expired")


@admin.register(Session)
class SessionAdmin(RecordAdmin):
    """Sign-ins of traders. The hash is of no use to anybody, and no field."""

    is_personal = is_list_personal = True
    list_display = ("id", "user_name", "opened", "renewed", "expires", "address", "state")
    list_select_related = ("user",)
    search_ids = ("id",)
    search_users = ("user",)
    search_help_text = "Id, or the beginning of a username."
    walked_by = ("user__id__exact",)
    actions = ("end",)
    fieldsets = (
        (
            None,
            {
                "fields": (
                    "user_name",
                    "state",
                    ("opened", "renewed", "expires", "ended"),
                    ("address", "client"),
                )
            },
        ),
    )

    user_name = user_column()
    opened = time_column("opened_at", "opened")
    renewed = time_column("renewed_at", "renewed")
    expires = time_column("expires_at", "expires")
    ended = time_column("ended_at", "ended")
    state = shown("state", _state)

    def has_end_session_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("accounts.end_session")

    @admin.action(description="End selected sessions", permissions=["end_session"])
    def end(self, request: HttpRequest, queryset: QuerySet[Session]) -> TemplateResponse | None:
        return ask_then_run(
            self,
            request,
            queryset,
            action="end",
            question="End these sessions?",
            consequence="Their tokens are refused within seconds. The users can sign in again.",
            service=sessions.end_session,
            done="ended",
        )


@admin.register(SignInFailure)
class SignInFailureAdmin(RecordAdmin):
    """Wrong passwords and second factors, at both doors."""

    list_display = ("id", "username", "door_of", "step_of", "address", "failed")
    search_ids = ("id",)
    search_texts = ("username",)
    search_help_text = "Id, or the name that was typed."
    fieldsets = ((None, {"fields": ("username", ("door_of", "step_of"), "address", "failed")}),)

    door_of = shown("door", lambda failure: failure.get_door_display())
    step_of = shown("wrong", lambda failure: failure.get_step_display())
    failed = time_column("failed_at", "failed")


def _object_of(entry: LogEntry) -> Cell:
    url = entry.get_admin_url()
    name = f"{entry.content_type} {entry.object_repr}"
    return format_html('<a href="{}">{}</a>', url, name) if url else name or NOTHING


@admin.register(LogEntry)
class OperatorLogAdmin(RecordAdmin):
    list_display = ("id", "time", "operator", "what", "object_link")
    list_filter = ("action_flag", "content_type")
    list_select_related = ("user", "content_type")
    search_ids = ("id",)
    search_texts = ("object_id",)
    search_users = ("user",)
    search_help_text = "Id of the object, or the beginning of the operator's username."
    fieldsets = ((None, {"fields": ("time", "operator", "object_link", "what")}),)

    time = time_column("action_time", "time")
    operator = user_column("operator")
    what = shown(
        "what", lambda entry: entry.get_change_message() or entry.get_action_flag_display()
    )
    object_link = shown("object", _object_of)
