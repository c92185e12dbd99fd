"""Money → Transfers to others, Traders → Share of referrals: what counts, and a form to change
it."""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Model
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse

from accounts.staff.operators import operator_of
from common.admin import when
from common.admin.acts import Act, Verb, tell
from common.admin.widgets import DressedForm
from common.errors import DomainError
from common.reasons import REASON_MAX
from ledger.transfers.models import TransferRule
from ledger.transfers.services import allow_to_others
from markets.display import percent, plain_percent
from matching.messages.limits import PPM
from trading.fees.models import ReferralRule
from trading.fees.paying import set_share

SEE_TRANSFERS, SET_TRANSFERS = "ledger.view_transferrule", "ledger.set_transfer_rule"
SEE_SHARE, SET_SHARE = "trading.view_referralrule", "trading.set_referral_rule"
ROWS_SHOWN = 20


class _Reasoned(DressedForm):
    reason = forms.CharField(label="Reason", max_length=REASON_MAX)


class TransfersForm(_Reasoned):
    field_order = ("value", "reason")
    value = forms.ChoiceField(
        label="Traders may transfer money to others",
        choices=[("yes", "yes"), ("no", "no, within their own accounts only")],
    )


class ShareForm(_Reasoned):
    field_order = ("value", "reason")
    value = forms.DecimalField(
        label="Share of the fees, %",
        min_value=Decimal(0),
        max_value=Decimal(100),
        max_digits=7,
        decimal_places=4,
    )


@dataclass(frozen=True)
class RulePage:
    """``none`` is what counts before anybody set it."""

    page: str
    title: str
    about: str
    see: str
    change: str
    model: type[Model]
    form: type[_Reasoned]
    words: Callable[[Any], str]
    value: Callable[[Any], object]
    none: str
    save: Callable[[Any, str, Any], Model]


TRANSFERS = RulePage(
    page="transfer-rule",
    title="Transfers to others",
    about="Transfers between accounts of one trader are always free. To other traders, by username,"
    " they are as is set here; what was transferred stays.",
    see=SEE_TRANSFERS,
    change=SET_TRANSFERS,
    model=TransferRule,
    form=TransfersForm,
    words=lambda row: "allowed" if row.to_others else "forbidden",
    value=lambda row: "yes" if row is not None and row.to_others else "no",
    none="forbidden",
    save=lambda value, reason, by: allow_to_others(value == "yes", reason, by),
)
SHARE = RulePage(
    page="referral-rule",
    title="Share of referrals",
    about="Of what a referred trader's accounts pay in fees on a day, this share goes to who"
    " brought them, on the day after. What was paid stays.",
    see=SEE_SHARE,
    change=SET_SHARE,
    model=ReferralRule,
    form=ShareForm,
    words=lambda row: percent(row.share_ppm),
    value=lambda row: plain_percent(row.share_ppm if row is not None else 0),
    none="0 %",
    save=lambda value, reason, by: set_share(int(value * PPM / 100), reason, by),
)


def rule_view(request: HttpRequest, site: Any, rule: RulePage) -> HttpResponse:
    if not request.user.has_perm(rule.see):
        raise PermissionDenied
    if request.method not in ("GET", "HEAD", "POST"):
        return HttpResponseNotAllowed(["GET", "HEAD", "POST"])
    may_change = request.user.has_perm(rule.change)
    if request.method == "POST" and not may_change:
        raise PermissionDenied
    rows: list[Any] = list(
        rule.model._default_manager.select_related("set_by").order_by("-pk")[:ROWS_SHOWN]
    )
    newest = rows[0] if rows else None
    form = rule.form(request.POST or None, initial={"value": rule.value(newest)})
    if request.method == "POST" and form.is_valid() and _set(request, rule, form, newest):
        return HttpResponseRedirect(reverse(f"admin:{rule.page}"))
    context = {
        **site.each_context(request),
        "title": rule.title,
        "about": rule.about,
        "now": rule.words(newest) if newest is not None else rule.none,
        "form": form if may_change else None,
        "rows": [(rule.words(row), row.set_by, when(row.set_at), row.reason) for row in rows],
    }
    return TemplateResponse(request, "console/families/rule.html", context)


def _set(request: HttpRequest, rule: RulePage, form: _Reasoned, newest: Any) -> bool:
    said = form.cleaned_data
    before = rule.words(newest) if newest is not None else rule.none
    try:
        with transaction.atomic():
            row = rule.save(said["value"], said["reason"], operator_of(request))
            words = f"{rule.title}: {before} → {rule.words(row)}"
            tell(
                Act(verb=Verb.CHANGED, request=request, obj=row, words=words, reason=said["reason"])
            )
    except DomainError as error:
        form.add_error("reason" if error.field == "reason" else None, error.message)
        return False
    messages.success(request, f"{words}.")
    return True
