"""What one withdrawal is judged by: its trader's money, trading and devices, on one page."""

from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet, Sum
from django.utils import timezone

from accounts.models import Session, User
from accounts.verification.levels import level_of
from custody.models import ChainDeposit, ChainDepositState
from ledger.models import Deposit, DepositStatus, Wallet, Withdrawal, WithdrawalState
from ledger.withdrawals.limits import Limits, limits_of
from ledger.withdrawals.selectors import DAY, units_counted, withdrawals_of, within_day
from trading.models import Position, TraderDay

SHOWN = 10


@dataclass(frozen=True)
class Facts:
    """Units of money. ``came_in`` by custody, ``given`` by approval or faucet. ``profit``:
    realised, less fees. ``others``: traders who withdrew to the same address."""

    level: int
    limits: Limits
    day_units: int
    available_units: int
    held_units: int
    came_in_units: int
    given_units: int
    withdrawn_units: int
    profit_units: int
    positions: int
    deposits: list[ChainDeposit]
    sessions: list[Session]
    is_known_place: bool
    earlier: list[Withdrawal]
    others: list[User]


def facts_of(row: Withdrawal) -> Facts:
    user_id = row.user_id
    level = level_of(user_id)
    wallet = Wallet.objects.get(user_id=user_id)
    mine = withdrawals_of(user_id)
    chain = ChainDeposit.objects.filter(user_id=user_id)
    came_in = _sum(chain.filter(state=ChainDepositState.CREDITED))
    approved = _sum(Deposit.objects.filter(user_id=user_id, status=DepositStatus.APPROVED))
    days = TraderDay.objects.filter(user_id=user_id)
    gained = days.aggregate(pnl=Sum("realized_pnl_units"), fees=Sum("fee_units"))
    sessions = Session.objects.filter(user_id=user_id)
    same_address = Withdrawal.objects.filter(network=row.network, address=row.address)
    others = same_address.exclude(user_id=user_id).values("user_id")
    return Facts(
        level=level,
        limits=limits_of(level),
        day_units=units_counted(within_day(user_id, timezone.now())),
        available_units=wallet.available_units,
        held_units=wallet.held_units,
        came_in_units=came_in,
        given_units=approved - came_in,
        withdrawn_units=_sum(mine.filter(state=WithdrawalState.CONFIRMED)),
        profit_units=int((gained["pnl"] or 0) - (gained["fees"] or 0)),
        positions=Position.objects.filter(user_id=user_id).exclude(position_lots=0).count(),
        deposits=list(chain.order_by("-pk")[:SHOWN]),
        sessions=list(sessions.order_by("-pk")[:SHOWN]),
        is_known_place=_is_known_place(row, sessions),
        earlier=list(mine.exclude(pk=row.pk).order_by("-pk")[:SHOWN]),
        others=list(User.objects.filter(pk__in=others)[:SHOWN]),
    )


def _is_known_place(row: Withdrawal, sessions: QuerySet[Session]) -> bool:
    """Whether the trader had signed in from where it was asked, a day before it or longer ago."""
    if row.asked_from is None:
        return False
    earlier = sessions.filter(opened_at__lt=row.requested_at - DAY)
    return earlier.filter(address=row.asked_from).exists()


def _sum(rows: QuerySet[Any]) -> int:
    return int(rows.aggregate(sum=Sum("amount_units"))["sum"] or 0)
