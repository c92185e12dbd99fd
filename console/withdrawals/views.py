"""Money → Withdrawals: the queue, and one of them."""

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html

from accounts.display import user_link
from accounts.models import User
from common.admin import NOTHING, when
from common.admin.base import Cell, badge, link, way_of, words
from common.errors import DomainError, ErrorCode, invalid
from console.withdrawals import services
from console.withdrawals.facts import Facts, facts_of
from console.withdrawals.forms import OutcomeForm, ReasonOnly
from custody.interface import MANUAL
from ledger.admin.withdrawals import state_badge
from ledger.models import JournalEntry, StopCause, Withdrawal, WithdrawalState
from ledger.models.withdrawal_states import HANDED, UNDECIDED
from ledger.withdrawals import deciding
from ledger.withdrawals.handing import SendOutcome
from ledger.withdrawals.selectors import on_their_way, undecided
from ledger.withdrawals.stops import open_stops
from markets.display import gain_or_loss, money

VIEW = "ledger.view_withdrawal"
STOP = "ledger.stop_sending"
DECIDE = deciding.PERMISSION
SHOWN = 100
Row = list[tuple[str, Cell]]


def queue_view(site: Any, request: HttpRequest) -> HttpResponse:
    """What waits, the oldest first, and what is on its way; stopping, and going on."""
    if not request.user.has_perm(VIEW):
        raise PermissionDenied
    may_stop = request.user.has_perm(STOP)
    form = ReasonOnly(request.POST or None)
    if request.method == "POST":
        if not may_stop:
            raise PermissionDenied
        if form.is_valid() and _stop_or_resume(request, form):
            return HttpResponseRedirect(reverse("admin:withdrawals"))
    stops = list(open_stops())
    context = {
        **site.each_context(request),
        "title": "Withdrawals",
        "stops": [_stop_row(stop) for stop in stops],
        "is_stopped_by_operator": any(stop.cause == StopCause.OPERATOR for stop in stops),
        "may_stop": may_stop,
        "form": form,
        "waiting": [_queue_row(row) for row in undecided().select_related("user")[:SHOWN]],
        "on_their_way": [_queue_row(row) for row in on_their_way().select_related("user")[:SHOWN]],
    }
    return TemplateResponse(request, "console/withdrawals/queue.html", context)


def _stop_or_resume(request: HttpRequest, form: ReasonOnly) -> bool:
    act = services.resume if "resume" in request.POST else services.stop
    try:
        act(request, form.cleaned_data["reason"])
    except DomainError as error:
        form.add_error(None, error.message)
        return False
    return True


def _stop_row(stop: Any) -> Row:
    return [
        ("Since", f"{when(stop.opened_at)} UTC"),
        ("Cause", badge(stop.cause, "bad")),
        ("What", stop.words),
    ]


def _queue_row(row: Withdrawal) -> Row:
    url = reverse("admin:withdrawal", args=[row.pk])
    return [
        ("Withdrawal", format_html('<a href="{}">{}</a>', url, row.pk)),
        ("State", state_badge(row)),
        ("Waits", _age(row)),
        ("Trader", user_link(row.user)),
        ("Amount", money(row.amount_units)),
        ("To", f"{row.address[:16]}… on {row.network}"),
        ("Takes", _approvals(row)),
        ("Flags", "; ".join(row.flags) or NOTHING),
    ]


def _age(row: Withdrawal) -> str:
    minutes = int((timezone.now() - row.requested_at).total_seconds()) // 60
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min"


def _approvals(row: Withdrawal) -> str:
    given = (row.first_by_id is not None) + (row.second_by_id is not None)
    return f"{given} of {row.needed} operators" if row.needed else "nobody"


def withdrawal_view(site: Any, request: HttpRequest, withdrawal_id: int) -> HttpResponse:
    """All it is judged by, and the decision."""
    if not request.user.has_perm(VIEW):
        raise PermissionDenied
    rows = Withdrawal.objects.select_related(
        "user", "entry_in_book", "first_by", "second_by", "refused_by"
    )
    row = rows.filter(pk=withdrawal_id).first() if withdrawal_id < 2**63 else None
    if row is None:
        raise Http404
    by_hand = row.network == MANUAL and row.state in HANDED
    form = (OutcomeForm if by_hand else ReasonOnly)(request.POST or None)
    if request.method == "POST":
        if not request.user.has_perm(DECIDE):
            raise PermissionDenied
        if form.is_valid() and _act(request, row, form, by_hand):
            return HttpResponseRedirect(reverse("admin:withdrawal", args=[row.pk]))
    facts = facts_of(row)
    context = {
        **site.each_context(request),
        "title": f"Withdrawal {row.pk}",
        "withdrawal": row,
        "badge": state_badge(row),
        "form": form,
        "by_hand": by_hand,
        "may_decide": request.user.has_perm(DECIDE),
        "may_approve": row.state in UNDECIDED,
        "may_refuse": row.state in (*UNDECIDED, WithdrawalState.APPROVED),
        "stops": [_stop_row(stop) for stop in open_stops()] if row.end_entry_id is None else [],
        "asked": _asked(row),
        "money": _money(facts),
        "warnings": _warnings(row, facts),
        "steps": [_step(step) for step in row.steps.select_related("operator")],
        "deposits": [_deposit(one) for one in facts.deposits],
        "sessions": [_session(one) for one in facts.sessions],
        "earlier": [_queue_row(one) for one in facts.earlier],
    }
    return TemplateResponse(request, "console/withdrawals/one.html", context)


def _act(request: HttpRequest, row: Withdrawal, form: Any, by_hand: bool) -> bool:
    said = form.cleaned_data
    try:
        if by_hand:
            outcome = SendOutcome(said["outcome"])
            after = services.enter(request, row, outcome, said["reference"], said["reason"])
        else:
            approves, refuses = "approve" in request.POST, "refuse" in request.POST
            if approves == refuses:
                raise invalid("decision", "Say which: approve or refuse.")
            after = services.decide(request, row, approves, said["reason"])
    except DomainError as error:
        form.add_error(error.field if error.field in form.fields else None, error.message)
        if error.code is ErrorCode.WITHDRAWAL_DECIDED:  # the page has no form any more
            messages.error(request, error.message)
        return False
    messages.success(request, f"Withdrawal {row.pk} is {after.state}.")
    return True


def _asked(row: Withdrawal) -> Row:
    approved = [user_link(one) for one in (row.first_by, row.second_by) if one is not None]
    return [
        ("Trader", user_link(row.user)),
        ("Amount", money(row.amount_units)),
        ("To", format_html('<span class="digest">{}</span> on {}', row.address, row.network)),
        ("In the book since", f"{when(row.entry_in_book.added_at)} UTC"),
        ("Asked", f"{when(row.requested_at)} UTC, {_age(row)} ago"),
        ("From", row.asked_from or NOTHING),
        ("It takes", _approvals(row)),
        ("Approved by", words(*approved) if approved else NOTHING),
        ("Reference", row.reference or NOTHING),
        ("Confirmations", str(row.confirmations)),
        ("Its name at custody", str(row.send_id)),
    ]


def _money(facts: Facts) -> Row:
    return [
        ("Verification level", str(facts.level)),
        ("Asked within 24 hours", f"{money(facts.day_units)} of {money(facts.limits.day_units)}"),
        ("Available", money(facts.available_units)),
        ("Held", money(facts.held_units)),
        ("Came in by custody", money(facts.came_in_units)),
        ("Given by approval or faucet", money(facts.given_units)),
        ("Withdrawn before", money(facts.withdrawn_units)),
        ("Realised profit, less fees", gain_or_loss(facts.profit_units)),
        ("Open positions", str(facts.positions)),
    ]


def _warnings(row: Withdrawal, facts: Facts) -> list[Cell]:
    found: list[Cell] = list(row.flags)
    if not row.user.is_active:
        found.append("the trader is suspended or frozen")
    if not facts.is_known_place:
        found.append("asked from where the trader had not signed in a day before")
    if facts.others:
        links = words(*(user_link(one) for one in facts.others))
        found.append(words("others have withdrawn to this address:", links))
    if facts.withdrawn_units + row.amount_units > facts.came_in_units + max(0, facts.profit_units):
        found.append("more goes out than came in by custody and was gained")
    return found


def _step(step: Any) -> Row:
    return [
        ("Time, UTC", when(step.stepped_at)),
        ("Step", f"{step.before or 'asked'} → {step.after}"),
        ("By", user_link(step.operator) if step.operator else step.by),
        ("Why", step.words or NOTHING),
        ("Journal", link(JournalEntry, step.entry_id)),
    ]


def _deposit(row: Any) -> Row:
    return [
        ("Deposit", link("custody.ChainDeposit", row.pk)),
        ("Amount", money(row.amount_units)),
        ("State", row.state),
        ("Network", row.network),
        ("Seen, UTC", when(row.seen_at)),
    ]


def _session(row: Any) -> Row:
    return [
        ("Session", link("accounts.Session", row.pk)),
        ("Opened, UTC", when(row.opened_at)),
        ("From", row.address or NOTHING),
        ("Client", row.client or NOTHING),
        ("Ended, UTC", when(row.ended_at)),
    ]


def _way(row: Withdrawal) -> Cell:
    url = reverse("admin:withdrawal", args=[row.pk])
    return format_html('<a href="{}">All it is judged by</a>', url)


def _of_trader(user: User) -> Cell:
    newest = Withdrawal.objects.filter(user=user).order_by("-pk").values_list("pk", flat=True)
    pk = newest.first()
    if pk is None:
        return ""
    url = reverse("admin:withdrawal", args=[pk])
    return format_html('<a href="{}">Newest withdrawal</a>', url)


way_of(Withdrawal, _way)
way_of(User, _of_trader, VIEW)
