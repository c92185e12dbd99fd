"""⑤ What each event moves between accounts. A pure table: nothing is read, nothing is written.

An event becomes movements; each is one journal entry, and its lines sum to zero. Lines of zero are
left out, and so are movements without lines.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from ledger.models import AccountKind, EntryKind
from matching.messages.events import (
    CancelRejected,
    CommandRejected,
    MarketConfigured,
    MarketStateChanged,
    MarkPriceChanged,
    OrderAccepted,
    OrderCancelled,
    OrderRejected,
    OrderRested,
    PositionChanged,
    Trade,
    TradeLeg,
)

# Whose account: a user's id, a market's id, or None for the exchange's own.
Owner = int | str | None


class Line(NamedTuple):
    """One posting to be: above zero raises the account's balance."""

    kind: AccountKind
    owner: Owner
    amount_units: int


class Movement(NamedTuple):
    """One journal entry to be."""

    kind: EntryKind
    order_id: int | None
    trade_id: int | None
    lines: tuple[Line, ...]


AVAILABLE = AccountKind.AVAILABLE
HELD = AccountKind.HELD
MARGIN = AccountKind.MARGIN
CLEARING = AccountKind.CLEARING
FEES = AccountKind.FEES


def deposit_movement(user_id: int, amount_units: int) -> Movement:
    return Movement(
        EntryKind.DEPOSIT,
        None,
        None,
        (Line(AVAILABLE, user_id, amount_units), Line(AccountKind.DEPOSITS, None, -amount_units)),
    )


def _hold_release(
    _market_id: str, event: OrderAccepted | OrderRejected | OrderRested | OrderCancelled
) -> tuple[Movement, ...]:
    released_units = event.released_units
    if not released_units:
        return ()
    user_id = event.account_id
    lines = (Line(HELD, user_id, -released_units), Line(AVAILABLE, user_id, released_units))
    return (Movement(EntryKind.HOLD_RELEASE, event.order_id, None, lines),)


def _fill(market_id: str, trade_id: int, leg: TradeLeg) -> Movement:
    user_id = leg.account_id
    lines = []
    if leg.hold_released_units:
        lines.append(Line(HELD, user_id, -leg.hold_released_units))
    if leg.margin_delta_units:
        lines.append(Line(MARGIN, user_id, leg.margin_delta_units))
    if leg.fee_units:
        lines.append(Line(FEES, None, leg.fee_units))
    if leg.realized_pnl_units:
        lines.append(Line(CLEARING, market_id, -leg.realized_pnl_units))
    if leg.available_delta_units:
        lines.append(Line(AVAILABLE, user_id, leg.available_delta_units))
    return Movement(EntryKind.FILL, leg.order_id, trade_id, tuple(lines))


def _fills(market_id: str, trade: Trade) -> tuple[Movement, ...]:
    movements = (
        _fill(market_id, trade.trade_id, trade.taker),
        _fill(market_id, trade.trade_id, trade.maker),
    )
    return tuple(movement for movement in movements if movement.lines)


def _moves_nothing(_market_id: str, _event: Any) -> tuple[Movement, ...]:
    return ()


PostingRule = Callable[[str, Any], tuple[Movement, ...]]

POSTING_RULES: dict[type, PostingRule] = {
    OrderAccepted: _hold_release,
    OrderRejected: _hold_release,
    OrderRested: _hold_release,
    OrderCancelled: _hold_release,
    Trade: _fills,
    CancelRejected: _moves_nothing,
    CommandRejected: _moves_nothing,
    MarketConfigured: _moves_nothing,
    MarketStateChanged: _moves_nothing,
    MarkPriceChanged: _moves_nothing,
    PositionChanged: _moves_nothing,
}
