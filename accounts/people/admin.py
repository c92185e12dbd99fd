"""People as operators see them, and accounts that their owners closed."""

from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.response import TemplateResponse

from accounts.display import user_column, user_link
from accounts.models import (
    Closure,
    IdentityEvent,
    Person,
    Session,
    SignInFailure,
    TermsAcceptance,
    User,
)
from accounts.notices.kinds import MUTABLE
from accounts.people.closing import reopen_account
from accounts.people.erasing import propose_or_erase
from accounts.staff.operators import operator_of
from approvals.models import Proposal
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
    way_of,
    words,
)
from common.admin.reasons import ReasonForm
from mails.models import Mail

SEE = "accounts.see_person"
_SHOWN = 10


def _mail(person: Person) -> Cell:
    if not person.mail:
        return NOTHING
    return words(person.mail, badge("verified", "ok") if person.mail_verified_at else badge("not"))


def _told(person: Person) -> str:
    wanted = [kind.replace("_", " ") for kind in MUTABLE if kind not in person.muted]
    return ", ".join(wanted) or NOTHING


@admin.register(Person)
class PersonAdmin(RecordAdmin):
    """For whoever may see personal data; every look is kept."""

    is_personal = is_list_personal = True
    list_display = ("user_name", "mail_shown", "country")
    list_select_related = ("user",)
    search_texts = ("mail",)
    search_users = ("user",)
    search_help_text = "The whole mail address, or the beginning of a username."
    fieldsets = (
        (
            None,
            {
                "fields": (
                    "user_name",
                    ("mail_shown", "new_mail_shown"),
                    ("name", "country"),
                    ("told", "warned_at"),
                )
            },
        ),
    )

    user_name = shown("user", lambda one: one.user.get_username())
    mail_shown = shown("mail", _mail)
    new_mail_shown = shown("mail to be verified", lambda one: one.new_mail or NOTHING)
    told = shown("wants to be told of", _told)
    warned_at = shown("margin call at", lambda one: f"{one.margin_call_percent} %")

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        return request.user.has_perm(SEE)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(SEE)

    def tables(self, obj: Person) -> list[Table]:
        return [_sign_ins(obj.user), _failures(obj.user), _terms(obj.user), _identity(obj.user)]


def _sign_ins(user: User) -> Table:
    rows = Session.objects.filter(user=user).order_by("-pk")[:_SHOWN]
    return Table(
        "Sign-ins",
        Session,
        ("session", "opened", "ended", "address", "client"),
        [
            (
                link(Session, row.pk),
                when(row.opened_at),
                words(when(row.ended_at), row.get_end_reason_display() if row.end_reason else ""),
                row.address or NOTHING,
                row.client or NOTHING,
            )
            for row in rows
        ],
        note=list_link(Session, f"user__id__exact={user.pk}", "All of them"),
    )


def _failures(user: User) -> Table:
    failures = SignInFailure.objects.filter(username__iexact=user.username)
    return Table(
        "Wrong passwords",
        SignInFailure,
        ("failure", "when", "address"),
        [
            (link(SignInFailure, row.pk), when(row.failed_at), row.address or NOTHING)
            for row in failures.order_by("-pk")[:_SHOWN]
        ],
    )


def _terms(user: User) -> Table:
    rows = TermsAcceptance.objects.filter(user=user).select_related("terms").order_by("-pk")
    return Table(
        "Terms accepted",
        TermsAcceptance,
        ("acceptance", "version", "when", "address"),
        [
            (
                link(TermsAcceptance, row.pk),
                str(row.terms.version),
                when(row.accepted_at),
                row.address or NOTHING,
            )
            for row in rows[:_SHOWN]
        ],
    )


def _identity(user: User) -> Table:
    rows = IdentityEvent.objects.filter(user=user).order_by("-pk")
    return Table(
        "Identity",
        IdentityEvent,
        ("event", "said of", "what came of it"),
        [
            (link(IdentityEvent, row.pk, row.event_id), when(row.occurred_at), row.outcome)
            for row in rows[:_SHOWN]
        ],
    )


def _mails_to(person: Person) -> Cell:
    return list_link(Mail, urlencode({"to": person.mail}), "Mails to them") if person.mail else ""


way_of(Person, _mails_to, SEE)


def _state(closure: Closure) -> Cell:
    if closure.erased_at is not None:
        return badge("erased")
    return badge("closed", "bad") if closure.reopened_at is None else badge("reopened", "ok")


@admin.register(Closure)
class ClosureAdmin(RecordAdmin):
    is_personal = True
    list_display = ("id", "user_name", "closed", "state")
    list_select_related = ("user", "reopened_by", "erased_by")
    search_ids = ("id",)
    search_users = ("user",)
    search_help_text = "Number, or the beginning of a username."
    walked_by = ("user__id__exact",)
    actions = ("reopen", "erase")
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("user_name", "state"),
                    "closed",
                    ("reopened", "reopened_by_name", "reopen_reason"),
                    ("erased", "erased_by_name"),
                )
            },
        ),
    )

    user_name = user_column()
    state = shown("state", _state)
    closed = time_column("closed_at", "closed")
    reopened = time_column("reopened_at", "reopened")
    reopened_by_name = user_column("reopened by", "reopened_by")
    erased = time_column("erased_at", "erased")
    erased_by_name = user_column("erased by", "erased_by")

    def has_reopen_account_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("accounts.reopen_account")

    def has_erase_person_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("accounts.erase_person")

    @admin.action(description="Reopen selected account", permissions=["reopen_account"])
    def reopen(self, request: HttpRequest, queryset: QuerySet[Closure]) -> TemplateResponse | None:
        def service(closure: Closure, said: dict[str, Any]) -> None:
            reopen_account(closure.pk, said["reason"], operator_of(request))

        return ask_form_then_run(
            self,
            request,
            queryset,
            action="reopen",
            question="Reopen this account?",
            consequence="Its owner can sign in again, with the password of before. Keys stay "
            "revoked.",
            form_of=ReasonForm,
            service=service,
            done=lambda _: "reopened",
        )

    @admin.action(description="Erase selected person", permissions=["erase_person"])
    def erase(self, request: HttpRequest, queryset: QuerySet[Closure]) -> TemplateResponse | None:
        def service(closure: Closure, said: dict[str, Any]) -> Closure | Proposal:
            return propose_or_erase(closure.pk, said["reason"], operator_of(request))

        return ask_form_then_run(
            self,
            request,
            queryset,
            action="erase",
            question="Erase this person?",
            consequence="Name, mail, sign-ins and keys go for good, and nobody can bring them "
            "back. The number of the user stays, with orders, fills and the books, and the "
            "operators' log keeps what was written into it.",
            form_of=ReasonForm,
            service=service,
            done=lambda _: "erased",
        )


@table_of(User)
def closures_of(user: User) -> Table | None:
    rows = list(Closure.objects.filter(user=user).order_by("-pk")[:_SHOWN])
    if not rows:
        return None
    return Table(
        "Closed by its owner",
        Closure,
        ("closure", "closed", "state"),
        [(link(Closure, row.pk), when(row.closed_at), _state(row)) for row in rows],
    )


def _way_to_person(user: User) -> Cell:
    known = Person.objects.filter(pk=user.pk).exists()
    return link(Person, user.pk, "Personal data") if known else ""


way_of(User, _way_to_person, SEE)
way_of(Person, lambda person: user_link(person.user))
