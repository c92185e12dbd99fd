"""What a user owns: money in the wallet, and positions at the mark price."""

from dataclasses import dataclass

from common.errors import DomainError, ErrorCode
from ledger.models import Wallet
from markets.models import units_per_tick_lot
from trading.positions.figures import unrealized_pnl_units


@dataclass(frozen=True, slots=True)
class Equity:
    """Unrealised profit is at the mark price; zero while there is none."""

    available_units: int
    held_units: int
    margin_units: int
    unrealized_pnl_units: int

    @property
    def equity_units(self) -> int:
        return (
            self.available_units + self.held_units + self.margin_units + self.unrealized_pnl_units
        )


def equity_of_user(user_id: int) -> Equity:
    """Raises DomainError for an unknown user."""
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
        raise DomainError(ErrorCode.WALLET_NOT_FOUND, "This user has no wallet here.")
    margin_units = pnl_units = 0
    for *_, margin, lots, cost, tick_size, lot_size, mark in rows:
        if margin is not None:
            margin_units += margin
            scale = units_per_tick_lot(tick_size, lot_size)
            pnl_units += unrealized_pnl_units(lots, cost, scale, mark or 0)
    return Equity(rows[0][0], rows[0][1], margin_units, pnl_units)
