"""What a request is judged by, under the locks of its user and wallet: what refuses it, and what
makes operators look at it."""

from datetime import datetime
from typing import NamedTuple

from django.db.models import QuerySet

from accounts.factors.locks import require_unlocked
from accounts.models import EndReason, Session
from accounts.verification.levels import level_of
from common.errors import DomainError, ErrorCode
from ledger.models import Withdrawal, WithdrawalAddress, WithdrawalState
from ledger.models.withdrawal_states import ENDS
from ledger.withdrawals.book import addresses_of
from ledger.withdrawals.limits import Limits, limits_of
from ledger.withdrawals.selectors import DAY, units_counted, within_day
from ledger.withdrawals.stops import newest_stop_at
from markets.conversions import units_text

OPEN_MAX = 20  # of a trader at once
# More than these within 24 hours, and an operator looks.
USUAL_COUNT = 10
USUAL_ADDRESSES = 3


class Judgement(NamedTuple):
    """``needed``: how many operators it takes."""

    state: WithdrawalState
    needed: int
    flags: list[str]
    entry: WithdrawalAddress


def judge(user_id: int, amount_units: int, network: str, address: str, now: datetime) -> Judgement:
    """Raises DomainError for what is not taken."""
    require_unlocked(user_id)
    entry = _entry_in_book(user_id, network, address, now)
    limits = limits_of(level_of(user_id))
    recent = within_day(user_id, now)
    _require_within_day(recent, amount_units, limits)
    _require_few_open(user_id)
    flags = _flags(user_id, recent, address, now)
    needed = _needed(amount_units, limits, flags)
    if needed:
        return Judgement(WithdrawalState.WAITING, needed, flags, entry)
    is_stopped = newest_stop_at() is not None
    state = WithdrawalState.HELD if is_stopped else WithdrawalState.APPROVED
    return Judgement(state, 0, flags, entry)


def _entry_in_book(user_id: int, network: str, address: str, now: datetime) -> WithdrawalAddress:
    entry = addresses_of(user_id).filter(network=network, address=address).first()
    if entry is None:
        message = f"{address} on {network} is not in your address book: add it there first."
        raise DomainError(ErrorCode.ADDRESS_NOT_IN_BOOK, message, "address")
    if not entry.is_usable(now):
        message = (
            f"This address was added a short while ago: withdraw to it from "
            f"{entry.usable_at:%Y-%m-%d %H:%M} UTC on."
        )
        raise DomainError(ErrorCode.ADDRESS_COOLING, message, "address")
    return entry


def _require_within_day(recent: QuerySet[Withdrawal], amount_units: int, limits: Limits) -> None:
    left = max(0, limits.day_units - units_counted(recent))
    if amount_units > left:
        message = (
            f"Within 24 hours you may withdraw {units_text(limits.day_units)}: "
            f"{units_text(left)} of it is left. A higher verification level has a higher limit."
        )
        raise DomainError(ErrorCode.WITHDRAWAL_LIMIT, message, "amount")


def _require_few_open(user_id: int) -> None:
    if Withdrawal.objects.filter(user_id=user_id).exclude(state__in=ENDS).count() >= OPEN_MAX:
        message = f"{OPEN_MAX} withdrawals of yours are on their way. Ask again once one has ended."
        raise DomainError(ErrorCode.TOO_MANY_REQUESTED, message)


def _flags(user_id: int, recent: QuerySet[Withdrawal], address: str, now: datetime) -> list[str]:
    flags = []
    if (count := recent.count()) >= USUAL_COUNT:
        flags.append(f"{count + 1} withdrawals within 24 hours")
    addresses = {address, *recent.values_list("address", flat=True)}
    if len(addresses) > USUAL_ADDRESSES:
        flags.append(f"to {len(addresses)} addresses within 24 hours")
    replaced = Session.objects.filter(user_id=user_id, end_reason=EndReason.PASSWORD_CHANGED)
    if replaced.filter(ended_at__gt=now - DAY).exists():
        flags.append("password changed within 24 hours")
    return flags


def _needed(amount_units: int, limits: Limits, flags: list[str]) -> int:
    if amount_units > limits.one_units:
        return 2
    return 1 if flags or amount_units > limits.automatic_units else 0
