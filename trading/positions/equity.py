"""What a user owns: money in the wallet, and positions at the mark price."""

from collections.abc import Mapping
from dataclasses import dataclass

from common.errors import DomainError, ErrorCode
from ledger.models import Wallet
from markets.models import units_per_tick_lot
from markets.rules import market_tickers
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


@dataclass(frozen=True, slots=True)
class OwnedPosition:
    """``recorded_mark_ticks``: as the ledger recorded it with the position; 0 without one."""

    market_id: str
    position_lots: int
    entry_cost_units: int
    margin_units: int
    units_per_tick_lot: int
    recorded_mark_ticks: int


@dataclass(frozen=True, slots=True)
class Holdings:
    """Of one moment, before positions are valued."""

    available_units: int
    held_units: int
    positions: tuple[OwnedPosition, ...]

    def equity(self, marks: Mapping[str, int] | None = None) -> Equity:
        """At these mark prices, in ticks by market; where there is none, as recorded. Beside
        positions it must be theirs: a newer mark makes another profit of it."""
        marks = marks or {}
        pnl_units = sum(
            unrealized_pnl_units(
                one.position_lots,
                one.entry_cost_units,
                one.units_per_tick_lot,
                marks.get(one.market_id, one.recorded_mark_ticks),
            )
            for one in self.positions
        )
        margin_units = sum(one.margin_units for one in self.positions)
        return Equity(self.available_units, self.held_units, margin_units, pnl_units)


def equity_of_user(user_id: int) -> Equity:
    """At the mark prices that positions are shown at. Raises DomainError for an unknown user."""
    holdings = holdings_of_user(user_id)
    tickers = market_tickers({one.market_id for one in holdings.positions if one.position_lots})
    return holdings.equity({id: ticker.mark_price_ticks for id, ticker in tickers.items()})


def holdings_of_user(user_id: int) -> Holdings:
    """Raises DomainError for an unknown user."""
    # One row per position, or one row without: a fill between two statements would tear it.
    rows = list(
        Wallet.objects.filter(user_id=user_id).values_list(
            "available_units",
            "held_units",
            "user__positions__market_id",
            "user__positions__position_lots",
            "user__positions__entry_cost_units",
            "user__positions__margin_units",
            "user__positions__market__tick_size",
            "user__positions__market__lot_size",
            "user__positions__market__status__mark_price_ticks",
        )
    )
    if not rows:
        raise DomainError(ErrorCode.WALLET_NOT_FOUND, "This user has no wallet here.")
    positions = tuple(
        OwnedPosition(
            market_id, lots, cost, margin, units_per_tick_lot(tick_size, lot_size), mark or 0
        )
        for _, _, market_id, lots, cost, margin, tick_size, lot_size, mark in rows
        if market_id is not None
    )
    return Holdings(rows[0][0], rows[0][1], positions)
