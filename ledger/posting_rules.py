"""⑤ What each event moves between accounts. A pure table: nothing is read, nothing is written.

An event becomes movements; each is one journal entry, and its lines sum to zero. Lines of zero are
left out, and so are movements without lines.

What a user gains or loses is a line of its own on one of the user's accounts, with its kind: profit
and loss, the fee, what the insurance fund takes or pays. The other lines on a user's accounts move
money from one of them to another. So the sum of a user's lines of a kind is what that kind brought,
and the sum of all is what the user has.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from ledger.insurance import insurance_share
from ledger.models import AccountKind, EntryKind, LineKind
from matching.messages.conditional_events import (
    ConditionalAmended,
    CoverChanged,
    OrderAttached,
)
from matching.messages.events import (
    ActivationRejected,
    AmendRejected,
    CancelRejected,
    CommandRejected,
    CountdownSet,
    FundingSettled,
    InsuranceFunded,
    MarginAdjusted,
    MarginAdjustmentRejected,
    MarketConfigured,
    MarketStateChanged,
    MarkPriceChanged,
    OrderAccepted,
    OrderAmended,
    OrderCancelled,
    OrderRefilled,
    OrderRejected,
    OrderRested,
    OrderTriggered,
    OrderWaiting,
    PositionChanged,
    PositionLiquidated,
    PositionSettled,
    Trade,
    TradeLeg,
)
from matching.messages.vocabulary import ExecutionType

# Whose account: a user's id, a market's id, or None for the exchange's own.
Owner = int | str | None


class PostingLine(NamedTuple):
    """One posting to be: above zero raises the account's balance. ``purpose`` is what its owner
    gains or loses by it; None where that is as the entry's kind says."""

    kind: AccountKind
    owner: Owner
    amount_units: int
    purpose: LineKind | None = None


class Movement(NamedTuple):
    """One journal entry to be."""

    kind: EntryKind
    order_id: int | None
    trade_id: int | None
    lines: tuple[PostingLine, ...]


AVAILABLE = AccountKind.AVAILABLE
HELD = AccountKind.HELD
MARGIN = AccountKind.MARGIN
CLEARING = AccountKind.CLEARING
FEES = AccountKind.FEES
INSURANCE = AccountKind.INSURANCE
DEPOSITS = AccountKind.DEPOSITS
ADJUSTMENTS = AccountKind.ADJUSTMENTS
WITHDRAWALS = AccountKind.WITHDRAWALS

# What a leg is called that no order of its account took part in.
FORCED_KINDS = {
    ExecutionType.LIQUIDATION: EntryKind.LIQUIDATION,
    ExecutionType.ADL: EntryKind.ADL,
    ExecutionType.SETTLE: EntryKind.SETTLEMENT,
}


def deposit_movement(user_id: int, amount_units: int) -> Movement:
    return Movement(
        EntryKind.DEPOSIT,
        None,
        None,
        (PostingLine(AVAILABLE, user_id, amount_units), PostingLine(DEPOSITS, None, -amount_units)),
    )


def adjustment_movement(user_id: int, amount_units: int) -> Movement:
    """Above zero from the exchange to the user, below zero back."""
    return Movement(
        EntryKind.ADJUSTMENT,
        None,
        None,
        (
            PostingLine(AVAILABLE, user_id, amount_units),
            PostingLine(ADJUSTMENTS, None, -amount_units),
        ),
    )


def referral_movement(user_id: int, amount_units: int) -> Movement:
    """A share of fees to whoever brought the trader who paid them."""
    return Movement(
        EntryKind.REFERRAL,
        None,
        None,
        (PostingLine(AVAILABLE, user_id, amount_units), PostingLine(FEES, None, -amount_units)),
    )


def withdrawal_movement(user_id: int, amount_units: int) -> Movement:
    """Of money that was held, and has arrived outside."""
    lines = (
        PostingLine(HELD, user_id, -amount_units),
        PostingLine(WITHDRAWALS, None, amount_units),
    )
    return Movement(EntryKind.WITHDRAWAL, None, None, lines)


def withdrawal_back_movement(user_id: int, amount_units: int) -> Movement:
    lines = (
        PostingLine(HELD, user_id, -amount_units),
        PostingLine(AVAILABLE, user_id, amount_units),
    )
    return Movement(EntryKind.WITHDRAWAL_BACK, None, None, lines)


Releasing = (
    OrderAccepted
    | OrderRejected
    | OrderRested
    | OrderCancelled
    | OrderWaiting
    | OrderAmended
    | OrderAttached
    | AmendRejected
    | ActivationRejected
)


def _hold_release(_market_id: str, event: Releasing) -> tuple[Movement, ...]:
    return _release(event.account_id, event.released_units, event.order_id)


def _margin_hold_release(_market_id: str, event: MarginAdjustmentRejected) -> tuple[Movement, ...]:
    return _release(event.account_id, event.released_units, None)


def _release(user_id: int, released_units: int, order_id: int | None) -> tuple[Movement, ...]:
    if not released_units:
        return ()
    lines = (
        PostingLine(HELD, user_id, -released_units),
        PostingLine(AVAILABLE, user_id, released_units),
    )
    return (Movement(EntryKind.HOLD_RELEASE, order_id, None, lines),)


def _leg(market_id: str, execution: ExecutionType, trade_id: int | None, leg: TradeLeg) -> Movement:
    kind = EntryKind.FILL if leg.order_id else FORCED_KINDS[execution]
    lines = (
        *_own_lines(leg, kind),
        PostingLine(FEES, None, leg.fee_units),
        PostingLine(CLEARING, market_id, -leg.realized_pnl_units),
        PostingLine(INSURANCE, market_id, leg.insurance_delta_units),
    )
    moving = tuple(line for line in lines if line.amount_units)
    return Movement(kind, leg.order_id or None, trade_id, moving)


def _own_lines(leg: TradeLeg, kind: EntryKind) -> tuple[PostingLine, ...]:
    """Gains and losses pass through the account they are settled on: the margin of a position that
    is closed by force, else what is available, save a fee that was held for. What then is left to
    move between the accounts sums to zero."""
    user_id = leg.account_id
    settled_on = AVAILABLE if leg.order_id else MARGIN
    from_hold = 0 < leg.fee_units <= leg.hold_released_units
    is_liquidation = kind is EntryKind.LIQUIDATION
    fund = insurance_share(leg.insurance_delta_units, is_liquidation=is_liquidation)
    gains = (
        PostingLine(HELD if from_hold else settled_on, user_id, -leg.fee_units, LineKind.FEE),
        PostingLine(settled_on, user_id, leg.realized_pnl_units, LineKind.REALIZED_PNL),
        PostingLine(settled_on, user_id, -fund.liquidation_fee_units, LineKind.LIQUIDATION_FEE),
        PostingLine(settled_on, user_id, fund.cover_units, LineKind.INSURANCE_COVER),
        PostingLine(settled_on, user_id, -fund.loss_share_units, LineKind.LOSS_SHARE),
    )
    moved = {
        HELD: -leg.hold_released_units,
        MARGIN: leg.margin_delta_units,
        AVAILABLE: leg.available_delta_units,
    }
    for gain in gains:
        moved[gain.kind] -= gain.amount_units
    return *(PostingLine(account, user_id, amount) for account, amount in moved.items()), *gains


def _fills(market_id: str, trade: Trade) -> tuple[Movement, ...]:
    movements = (
        _leg(market_id, trade.execution, trade.trade_id, trade.taker),
        _leg(market_id, trade.execution, trade.trade_id, trade.maker),
    )
    return tuple(movement for movement in movements if movement.lines)


def _settlement(market_id: str, event: PositionSettled) -> tuple[Movement, ...]:
    movement = _leg(market_id, ExecutionType.SETTLE, None, event.leg)
    return (movement,) if movement.lines else ()


def _funding(market_id: str, event: FundingSettled) -> tuple[Movement, ...]:
    """One entry for all: what some pay is what others get. Profit that pays is realised first."""
    lines = []
    from_profit_units = 0
    for payment in event.payments:
        user_id = payment.account_id
        if payment.amount_units:
            lines.append(PostingLine(MARGIN, user_id, payment.amount_units))
        if payment.from_profit_units:
            from_profit_units += payment.from_profit_units
            realized = payment.from_profit_units
            lines.append(PostingLine(MARGIN, user_id, realized, LineKind.REALIZED_PNL))
    if from_profit_units:
        lines.append(PostingLine(CLEARING, market_id, -from_profit_units))
    return (Movement(EntryKind.FUNDING, None, None, tuple(lines)),) if lines else ()


def _margin(_market_id: str, event: MarginAdjusted) -> tuple[Movement, ...]:
    user_id, amount_units = event.account_id, event.amount_units
    if amount_units > 0:
        lines = (
            PostingLine(HELD, user_id, -amount_units),
            PostingLine(MARGIN, user_id, amount_units),
        )
        return (Movement(EntryKind.MARGIN_ADDED, None, None, lines),)
    if amount_units < 0:
        lines = (
            PostingLine(MARGIN, user_id, amount_units),
            PostingLine(AVAILABLE, user_id, -amount_units),
        )
        return (Movement(EntryKind.MARGIN_REMOVED, None, None, lines),)
    return ()


def _insurance(market_id: str, event: InsuranceFunded) -> tuple[Movement, ...]:
    lines = (
        PostingLine(DEPOSITS, None, -event.amount_units),
        PostingLine(INSURANCE, market_id, event.amount_units),
    )
    return (Movement(EntryKind.INSURANCE_TOPUP, None, None, lines),)


def _moves_nothing(_market_id: str, _event: Any) -> tuple[Movement, ...]:
    return ()


PostingRule = Callable[[str, Any], tuple[Movement, ...]]

POSTING_RULES: dict[type, PostingRule] = {
    OrderAccepted: _hold_release,
    OrderRejected: _hold_release,
    OrderRested: _hold_release,
    OrderCancelled: _hold_release,
    OrderWaiting: _hold_release,
    OrderAttached: _hold_release,
    OrderAmended: _hold_release,
    AmendRejected: _hold_release,
    ActivationRejected: _hold_release,
    Trade: _fills,
    PositionSettled: _settlement,
    FundingSettled: _funding,
    MarginAdjusted: _margin,
    MarginAdjustmentRejected: _margin_hold_release,
    InsuranceFunded: _insurance,
    CancelRejected: _moves_nothing,
    CommandRejected: _moves_nothing,
    ConditionalAmended: _moves_nothing,
    CoverChanged: _moves_nothing,
    MarketConfigured: _moves_nothing,
    MarketStateChanged: _moves_nothing,
    MarkPriceChanged: _moves_nothing,
    PositionChanged: _moves_nothing,
    OrderRefilled: _moves_nothing,
    OrderTriggered: _moves_nothing,
    PositionLiquidated: _moves_nothing,
    CountdownSet: _moves_nothing,
}
