"""Money that comes and goes without a fill: a position's margin, and the insurance fund.

What margin may be taken out is `TierTable.removable_margin_units`: what stays, less the unrealised
loss, covers initial margin at the position's leverage.
"""

from matching.core.market.prices import is_pricing
from matching.core.market.state import Account, State, Turn
from matching.messages.commands import AdjustMargin, FundInsurance
from matching.messages.events import (
    CommandRejected,
    InsuranceFunded,
    MarginAdjusted,
    MarginAdjustmentRejected,
)
from matching.messages.vocabulary import RejectCode


def on_adjust_margin(state: State, command: AdjustMargin, turn: Turn) -> None:
    account = state.accounts.get(command.account_id)
    amount = command.amount_units
    code = None
    removable = 0
    if account is None or not account.position_lots or state.market_state.has_ended:
        code = RejectCode.NO_POSITION
    elif amount < 0:
        removable = _removable_units(state, account, command.leverage)
        code = _removal_refusal(state, -amount, removable)
    elif not state.has_room_for(amount):
        code = RejectCode.MARKET_FULL
    if code is not None or account is None:
        turn.events.append(
            MarginAdjustmentRejected(
                account_id=command.account_id,
                code=code or RejectCode.NO_POSITION,
                released_units=max(0, amount),
                removable_units=removable,
            )
        )
        return
    state.wallets_units += amount
    state.set_position(
        account,
        account.position_lots,
        account.entry_cost_units,
        account.margin_units + amount,
        turn,
    )
    turn.events.append(
        MarginAdjusted(
            account_id=account.account_id,
            amount_units=amount,
            margin_units=account.margin_units,
        )
    )


def _removable_units(state: State, account: Account, leverage: int) -> int:
    """0 while there is no mark to judge by."""
    if not is_pricing(state):
        return 0
    return state.tiers.removable_margin_units(
        account.position_lots,
        account.entry_cost_units,
        account.margin_units,
        state.mark_price_ticks,
        leverage,
    )


def _removal_refusal(state: State, amount: int, removable: int) -> RejectCode | None:
    if not is_pricing(state):
        return RejectCode.INDEX_STALE
    return RejectCode.INSUFFICIENT_MARGIN if amount > removable else None


def on_fund_insurance(state: State, command: FundInsurance, turn: Turn) -> None:
    if not state.has_room_for(command.amount_units):
        turn.events.append(CommandRejected(code=RejectCode.MARKET_FULL))
        return
    state.insurance_units += command.amount_units
    state.wallets_units += command.amount_units
    turn.events.append(
        InsuranceFunded(amount_units=command.amount_units, insurance_units=state.insurance_units)
    )
