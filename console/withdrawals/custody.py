"""Money → Custody: what custody holds beside what the ledger owes, and its cases."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html

from accounts.display import user_link
from approvals.models import Proposal
from common.admin import when
from common.admin.base import Cell, badge, link
from common.admin.changes import proposed_words
from common.admin.record_urls import key_of
from common.errors import DomainError
from console.withdrawals import services
from console.withdrawals.forms import CreditForm, FloatForm, LimitsForm, ReasonOnly
from custody.floats import newest_looks
from custody.models import (
    ChainDeposit,
    ChainDepositState,
    CustodyCase,
    DepositAddress,
    FloatLook,
    FloatMovement,
    PollCursor,
)
from custody.networks import Network, networks
from ledger.models import WithdrawalLimit
from ledger.withdrawals.limits import Limits
from markets.conversions import to_units
from markets.display import money, signed_money

VIEW = "custody.view_floatlook"
ACTS = {
    "resolve": "custody.resolve_case",
    "float": "custody.propose_float",
    "credit": "custody.propose_credit",
    "limits": "ledger.propose_withdrawal_limit",
}
SHOWN = 50
Row = list[tuple[str, Cell]]


def custody_view(site: Any, request: HttpRequest) -> HttpResponse:
    if not request.user.has_perm(VIEW):
        raise PermissionDenied
    forms: dict[str, Any] = {
        "resolve": ReasonOnly(),
        "float": FloatForm(),
        "credit": CreditForm(),
        "limits": LimitsForm(),
    }
    may = {name: request.user.has_perm(permission) for name, permission in ACTS.items()}
    if request.method == "POST":
        name = next((name for name in forms if name in request.POST), "")
        if not may.get(name, any(may.values())):
            raise PermissionDenied
        if name:
            forms[name] = type(forms[name])(request.POST)
            if forms[name].is_valid() and _act(request, name, forms[name]):
                return HttpResponseRedirect(reverse("admin:custody"))
    looks = {look.network: look for look in newest_looks()}
    open_cases = CustodyCase.objects.filter(resolved_at=None).order_by("pk")[:SHOWN]
    coming = ChainDeposit.objects.filter(state=ChainDepositState.SEEN).select_related("user")
    context = {
        **site.each_context(request),
        "title": "Custody",
        "networks": [_network(one, looks.get(one.name)) for one in networks().values()],
        "cases": [(case.pk, _case(case)) for case in open_cases],
        "coming": [_coming(row) for row in coming.order_by("pk")[:SHOWN]],
        "movements": [_movement(row) for row in FloatMovement.objects.all()[:SHOWN]],
        "limits": [_limits(row) for row in WithdrawalLimit.objects.all()],
        "may": may,
        "forms": forms,
        "acted": next((name for name in forms if forms[name].is_bound), ""),
    }
    return TemplateResponse(request, "console/withdrawals/custody.html", context)


def _act(request: HttpRequest, name: str, form: Any) -> bool:
    """False where it was refused, as the form says then."""
    acts: dict[str, Callable[[HttpRequest, dict[str, Any]], object]] = {
        "resolve": _resolve,
        "float": _move_float,
        "credit": _credit,
        "limits": _propose_limits,
    }
    try:
        done = acts[name](request, form.cleaned_data)
    except DomainError as error:
        form.add_error(error.field if error.field in form.fields else None, error.message)
        if name == "resolve":  # the page may have no form of that case any more
            messages.error(request, error.message)
        return False
    if isinstance(done, Proposal):
        messages.warning(request, proposed_words(done))
    else:
        messages.success(request, "Done.")
    return True


def _resolve(request: HttpRequest, said: dict[str, Any]) -> object:
    return services.resolve(request, key_of(request.POST["resolve"]) or 0, said["reason"])


def _move_float(request: HttpRequest, said: dict[str, Any]) -> object:
    return services.move(
        request, said["network"], said["amount_units"], said["reference"], said["reason"]
    )


def _credit(request: HttpRequest, said: dict[str, Any]) -> object:
    return services.credit(
        request, said["trader"], said["amount_units"], said["reference"], said["reason"]
    )


def _propose_limits(request: HttpRequest, said: dict[str, Any]) -> object:
    after = Limits(*(_units(said[name], name) for name in ("day", "automatic", "one")))
    return services.propose_limits(request, said["level"], after, said["reason"])


def _units(amount: Any, field: str) -> int:
    return to_units(amount, field) if amount else 0


def _network(network: Network, look: FloatLook | None) -> dict[str, Any]:
    at_hand = DepositAddress.objects.filter(network=network.name, user=None).count()
    polled = PollCursor.objects.filter(pk=network.name).values_list("seq", flat=True).first()
    about: Row = [
        ("Confirmations", str(network.confirmations)),
        ("Addresses at hand", str(at_hand)),
        ("News known up to", str(polled or 0)),
    ]
    if look is None:
        return {"name": network.name, "badge": badge("balance not known"), "rows": about}
    differs = look.difference_units
    return {
        "name": network.name,
        "badge": badge("agrees", "ok") if not differs else badge("differs", "bad"),
        "rows": [
            ("Custody has", money(look.custody_units)),
            ("Float of the house", money(look.float_units)),
            ("Credited to traders", signed_money(look.credited_units)),
            ("Seen, not credited yet", signed_money(look.coming_units)),
            ("Sent for traders", signed_money(-look.sent_units)),
            ("So there should be", money(look.expected_units)),
            ("Difference", signed_money(differs)),
            ("Looked, UTC", when(look.looked_at)),
            *about,
        ],
    }


def _case(case: CustodyCase) -> Row:
    return [
        ("Case", link(CustodyCase, case.pk)),
        ("Since, UTC", when(case.opened_at)),
        ("Network", case.network),
        ("Kind", badge(case.kind, "bad")),
        ("What", case.words),
    ]


def _coming(row: ChainDeposit) -> Row:
    return [
        ("Deposit", link(ChainDeposit, row.pk)),
        ("Trader", user_link(row.user)),
        ("Amount", money(row.amount_units)),
        ("Network", row.network),
        ("Confirmations", f"{row.confirmations} of {row.needed}"),
        ("Why not", row.problem or "it waits for confirmations"),
    ]


def _movement(row: FloatMovement) -> Row:
    proposal = link(Proposal, row.proposal_id, "by two") if row.proposal_id else ""
    return [
        ("Time, UTC", when(row.moved_at)),
        ("Network", row.network),
        ("Amount", signed_money(row.amount_units)),
        ("Reference", row.reference),
        ("Reason", format_html("{} {}", row.reason, proposal)),
    ]


def _limits(row: WithdrawalLimit) -> Row:
    return [
        ("Level", str(row.level)),
        ("Within 24 hours", money(row.day_units)),
        ("By itself up to", money(row.automatic_units)),
        ("By one operator up to", money(row.one_units)),
        ("Approved", link(Proposal, row.proposal_id) if row.proposal_id else "as delivered"),
    ]
