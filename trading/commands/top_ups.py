"""Top-ups of insurance funds: one operator asks, another decides, and approval is the command."""

from django.db import transaction
from django.utils import timezone

from accounts.models import User
from approvals.actions import may_still
from common.errors import DomainError, ErrorCode, invalid
from common.reasons import reason_of
from markets.conversions import units_text
from markets.models import Market
from matching.messages.commands import FundInsurance
from matching.messages.limits import MAX_MONEY_UNITS
from trading.commands.outbox import NOT_YET, promise_command
from trading.models import InsuranceTopUp, TopUpStatus

REQUEST = "trading.request_top_up"


def fund_insurance(market: Market, amount_units: int, by: User | None) -> int:
    """Put outside money into the market's insurance fund: the id of its command.

    Raises DomainError. Nobody is asked: operators come here through `request_top_up` and
    `approve_top_up`.
    """
    _check_amount(amount_units)
    command = FundInsurance(command_id=NOT_YET, amount_units=amount_units)
    return promise_command(market.pk, command, by.pk if by else None)


def request_top_up(market: Market, amount_units: int, reason: str, by: User) -> InsuranceTopUp:
    """Nothing moves before another operator approves it. Raises DomainError."""
    _check_amount(amount_units)
    return InsuranceTopUp.objects.create(
        market=market, amount_units=amount_units, reason=reason_of(reason), requested_by=by
    )


@transaction.atomic
def approve_top_up(top_up_id: int, by: User) -> InsuranceTopUp:
    """The command commits with the approval. Approving an approved one changes nothing.

    Raises InsuranceTopUp.DoesNotExist, and DomainError for a refused one, one's own, or one of
    whoever may not ask for it any more.
    """
    asked = _lock_for(by, top_up_id, TopUpStatus.APPROVED)
    if asked.status == TopUpStatus.REQUESTED:
        if not may_still(asked.requested_by, REQUEST):
            message = f"{asked.requested_by}, who asked for this, may not any more: refuse it."
            raise DomainError(ErrorCode.FORBIDDEN, message)
        asked.command_id = fund_insurance(asked.market, asked.amount_units, by)
        _decide(asked, TopUpStatus.APPROVED, by)
    return asked


@transaction.atomic
def refuse_top_up(top_up_id: int, by: User) -> InsuranceTopUp:
    """Refusing a refused one changes nothing.

    Raises InsuranceTopUp.DoesNotExist, and DomainError for an approved one or one's own.
    """
    asked = _lock_for(by, top_up_id, TopUpStatus.REFUSED)
    if asked.status == TopUpStatus.REQUESTED:
        _decide(asked, TopUpStatus.REFUSED, by)
    return asked


def _lock_for(by: User, top_up_id: int, wanted: TopUpStatus) -> InsuranceTopUp:
    asked = InsuranceTopUp.objects.select_for_update(of=("self",)).get(pk=top_up_id)
    if asked.requested_by_id == by.pk:
        message = "You asked for this top-up: another operator decides it."
        raise DomainError(ErrorCode.OWN_REQUEST, message)
    if asked.status not in (TopUpStatus.REQUESTED, wanted):
        message = f"{asked} is {asked.status} already and can't be changed."
        raise DomainError(ErrorCode.TOP_UP_ALREADY_DECIDED, message)
    return asked


def _decide(asked: InsuranceTopUp, status: TopUpStatus, by: User) -> None:
    asked.status = status
    asked.decided_by = by
    asked.decided_at = timezone.now()
    asked.save()


def _check_amount(amount_units: int) -> None:
    if not 1 <= amount_units <= MAX_MONEY_UNITS:
        message = f"amount must be above zero and at most {units_text(MAX_MONEY_UNITS)}."
        raise invalid("amount", message, ErrorCode.INVALID_AMOUNT)
