"""Acts of operators on withdrawals and at custody, each with its row in the audit."""

from django.contrib.auth.models import AbstractUser
from django.db import transaction
from django.db.models import Model
from django.http import HttpRequest

from accounts.models import User
from accounts.staff.operators import operator_of
from approvals.models import Proposal
from common.admin.acts import Act, Verb, tell
from custody import cases
from custody.floats import move_float
from custody.manual.crediting import credit_by_hand
from custody.manual.sending import enter_outcome
from custody.models import ChainDeposit, CustodyCase, FloatMovement
from ledger.models import Withdrawal
from ledger.withdrawals import deciding, limits, stops
from ledger.withdrawals.handing import SendOutcome
from markets.display import money


@transaction.atomic
def decide(request: HttpRequest, row: Withdrawal, approves: bool, reason: str) -> Withdrawal:
    by = operator_of(request)
    before = row.state
    act = deciding.approve if approves else deciding.refuse
    after = act(row.pk, reason, by)
    verb = Verb.WITHDRAWAL_APPROVED if approves else Verb.WITHDRAWAL_REFUSED
    words = f"{money(row.amount_units)}: {before} → {after.state}"
    _tell(request, verb, after, words, reason)
    return after


@transaction.atomic
def enter(
    request: HttpRequest, row: Withdrawal, outcome: SendOutcome, reference: str, reason: str
) -> Withdrawal:
    before = row.state
    after = enter_outcome(row, outcome, reference, reason, operator_of(request))
    words = f"{money(row.amount_units)}: {before} → {after.state}, {after.reference}"
    _tell(request, Verb.WITHDRAWAL_ENTERED, after, words, reason)
    return after


@transaction.atomic
def stop(request: HttpRequest, reason: str) -> None:
    made = stops.stop_sending(reason, operator_of(request))
    _tell(request, Verb.SENDING_STOPPED, made, "nothing goes by itself", reason)


@transaction.atomic
def resume(request: HttpRequest, reason: str) -> None:
    by = operator_of(request)
    stops.resume_sending(reason, by)
    _tell(request, Verb.SENDING_RESUMED, None, "the operators' stop is ended", reason)


@transaction.atomic
def resolve(request: HttpRequest, case_id: int, reason: str) -> CustodyCase:
    case = cases.resolve_case(case_id, reason, operator_of(request))
    _tell(request, Verb.CASE_RESOLVED, case, case.words, reason)
    return case


@transaction.atomic
def move(
    request: HttpRequest, network: str, amount_units: int, reference: str, reason: str
) -> FloatMovement | Proposal:
    done = move_float(network, amount_units, reference, reason, operator_of(request))
    if not isinstance(done, Proposal):
        words = f"{money(amount_units)} on {network}: {reference}"
        _tell(request, Verb.FLOAT_MOVED, None, words, reason)
    return done


@transaction.atomic
def credit(
    request: HttpRequest, user: User, amount_units: int, reference: str, reason: str
) -> ChainDeposit | Proposal:
    done = credit_by_hand(user, amount_units, reference, reason, operator_of(request))
    if not isinstance(done, Proposal):
        words = f"{money(amount_units)}: {reference}"
        _tell(request, Verb.CREDITED, user, words, reason)
    return done


def propose_limits(request: HttpRequest, level: int, after: limits.Limits, reason: str) -> Proposal:
    by: AbstractUser = operator_of(request)
    return limits.propose_limits(level, after, reason, by)


def _tell(request: HttpRequest, verb: Verb, obj: Model | None, words: str, reason: str) -> None:
    tell(Act(verb=verb, request=request, obj=obj, words=words, reason=reason))
