"""Money that comes and goes without a fill: a position's margin, the insurance fund, settlement.

Taking margin out keeps (a) margin at least the initial margin of the position at the mark, and (b)
margin less the unrealised loss at least that and a tenth of the notional (Hyperliquid, "transfer
requirements").

Settlement closes every position at one price and gives all margin back. Where a margin doesn't
cover its loss the insurance fund pays; what the fund can't pay is taken from the profits of the
others, pro rata, the last one by account id bearing the remainder. All of it is in the events, leg
by leg.
"""

from matching.core.matcher import trade_leg
from matching.core.position import Leg
from matching.core.prices import is_pricing
from matching.core.state import Account, State, Turn
from matching.messages.commands import AdjustMargin, FundInsurance, SettleMarket
from matching.messages.events import (
    CommandRejected,
    InsuranceFunded,
    MarginAdjusted,
    MarginAdjustmentRejected,
    MarketStateChanged,
    PositionSettled,
)
from matching.messages.vocabulary import CancelReason, MarketState, RejectCode, StateReason


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


def on_settle_market(state: State, command: SettleMarket, turn: Turn) -> None:
    if state.config is None or state.market_state.has_ended:
        turn.events.append(CommandRejected(code=RejectCode.INVALID_TRANSITION))
        return
    if command.price_ticks > state.highest_price_ticks():
        turn.events.append(CommandRejected(code=RejectCode.PRICE_OUTSIDE_BAND))
        return
    previous, state.market_state = state.market_state, MarketState.SETTLED
    turn.events.append(
        MarketStateChanged(
            state=MarketState.SETTLED, previous_state=previous, reason=StateReason.OPERATOR
        )
    )
    accounts = [account for _, account in sorted(state.accounts.items())]
    for account in accounts:
        state.cancel_all(account, CancelReason.SETTLEMENT, turn)
        account.countdown_due_ms = 0
    positions = [account for account in accounts if account.position_lots]
    shares = _shares_of_losses(state, positions, command.price_ticks)
    # Those who give to the fund first, so that it has what the others take from it.
    for account in sorted(positions, key=lambda a: (-shares[a.account_id], a.account_id)):
        _settle(state, account, command.price_ticks, shares[account.account_id], turn)


def _profit(state: State, account: Account, price_ticks: int) -> int:
    return state.tiers.k * account.position_lots * price_ticks - account.entry_cost_units


def _shares_of_losses(state: State, accounts: list[Account], price_ticks: int) -> dict[int, int]:
    """Per account what it gives to the fund (> 0) or takes from it (< 0) at settlement."""
    shares = {}
    missing = -state.insurance_units
    for account in accounts:
        shortfall = min(0, account.margin_units + _profit(state, account, price_ticks))
        shares[account.account_id] = shortfall
        missing -= shortfall
    if missing <= 0:
        return shares
    winners = [a for a in accounts if _profit(state, a, price_ticks) > 0]
    profits = sum(_profit(state, a, price_ticks) for a in winners)
    for account in winners:
        profit = _profit(state, account, price_ticks)
        given = missing if account is winners[-1] else missing * profit // profits
        shares[account.account_id] += given
        missing -= given
        profits -= profit
    return shares


def _settle(state: State, account: Account, price_ticks: int, to_fund: int, turn: Turn) -> None:
    lots, margin = account.position_lots, account.margin_units
    leg = Leg(abs(lots), 0, 0, 0, 0, -margin, _profit(state, account, price_ticks), 0, to_fund)
    state.apply_money(account, leg, turn)
    turn.events.append(
        PositionSettled(
            price_ticks=price_ticks,
            position_lots=lots,
            leg=trade_leg(0, account, 0, leg),
        )
    )
