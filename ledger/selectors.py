"""Reads of money. Each is one consistent look: one statement."""

from dataclasses import dataclass
from http import HTTPStatus

from django.db.models import QuerySet

from exchange_site.api import ApiError
from ledger.models import Account, Posting, Wallet
from matching.messages.limits import MONEY_UNITS_PER_CURRENCY


@dataclass(frozen=True, slots=True)
class Equity:
    """What a user owns. Unrealised profit is at the mark price; zero while there is none."""

    available_units: int
    held_units: int
    margin_units: int
    unrealized_pnl_units: int

    @property
    def equity_units(self) -> int:
        return (
            self.available_units + self.held_units + self.margin_units + self.unrealized_pnl_units
        )


def unrealized_pnl_units(
    position_lots: int, entry_cost_units: int, units_per_tick_lot: int, mark_price_ticks: int
) -> int:
    """Value at the mark price minus entry cost; zero without a mark price."""
    if not mark_price_ticks:
        return 0
    return units_per_tick_lot * mark_price_ticks * position_lots - entry_cost_units


def equity_of_user(user_id: int) -> Equity:
    """Raises ApiError for an unknown user."""
    # One row per position, or one row without: a fill between two statements would tear it.
    rows = list(
        Wallet.objects.filter(user_id=user_id).values_list(
            "available_units",
            "held_units",
            "user__positions__margin_units",
            "user__positions__position_lots",
            "user__positions__entry_cost_units",
            "user__positions__market__tick_size",
            "user__positions__market__lot_size",
            "user__positions__market__status__mark_price_ticks",
        )
    )
    if not rows:
        raise ApiError(HTTPStatus.NOT_FOUND, "WALLET_NOT_FOUND", "This user has no wallet here.")
    margin_units = pnl_units = 0
    for *_, margin, lots, cost, tick_size, lot_size, mark in rows:
        if margin is not None:
            margin_units += margin
            scale = int(tick_size * lot_size * MONEY_UNITS_PER_CURRENCY)
            pnl_units += unrealized_pnl_units(lots, cost, scale, mark or 0)
    return Equity(rows[0][0], rows[0][1], margin_units, pnl_units)


def postings_of_user(user_id: int) -> QuerySet[Posting]:
    """All that moved on the user's accounts, with entry and account; order is the caller's."""
    accounts = Account.objects.filter(user_id=user_id).values_list("pk", flat=True)
    return Posting.objects.filter(account_id__in=list(accounts)).select_related("entry", "account")
