"""Reads of money. Each is one consistent look: one statement."""

from dataclasses import dataclass
from http import HTTPStatus

from exchange_site.api import ApiError
from exchange_site.paging import newest_keys
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


def newest_postings_of_user(user_id: int, limit: int, before: int | None) -> list[Posting]:
    """What moved on the user's accounts, newest first, with entry and account; with ids below
    ``before`` only."""
    accounts = {account.pk: account for account in Account.objects.filter(user_id=user_id)}
    of_each = [Posting.objects.filter(account_id=account) for account in accounts]
    if before is not None:
        of_each = [postings.filter(pk__lt=before) for postings in of_each]
    found = Posting.objects.filter(pk__in=newest_keys(of_each, limit))
    postings = list(found.select_related("entry").order_by("-pk"))
    for posting in postings:
        posting.account = accounts[posting.account_id]
    return postings
