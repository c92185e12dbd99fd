"""Money that comes and goes without a fill: a position's margin, and the insurance fund.

Taking margin out keeps (a) margin at least the initial margin of the position at the mark, and (b)
margin less the unrealised loss at least that and a tenth of the notional (Hyperliquid, "transfer
requirements").
"""

from matching.core.prices import is_pricing
from matching.core.state import Account, State, Turn
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
    if account is None or not account.position_lots or state.market_state.has_ended:
        code = RejectCode.NO_POSITION
    elif amount < 0:
        code = _removal_refusal(state, account, -amount)
    elif not state.has_room_for(amount):
        code = RejectCode.MARKET_FULL
    if code is not None or account is None:
        turn.events.append(
            MarginAdjustmentRejected(
                account_id=command.account_id,
                code=code or RejectCode.NO_POSITION,
                released_units=max(0, amount),
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


def _removal_refusal(state: State, account: Account, amount: int) -> RejectCode | None:
    if not is_pricing(state):
        return RejectCode.INDEX_STALE
    removable = state.tiers.removable_margin_units(
        account.position_lots,
        account.entry_cost_units,
        account.margin_units,
        state.mark_price_ticks,
    )
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
