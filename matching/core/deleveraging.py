"""Auto-deleveraging: closing a bankrupt position against the accounts that gained from it.

Theory of operation. The bankrupt account's lots are closed against opposite positions, the most
profitable and most leveraged first (BitMEX, "ADL ranking"): with u the profit over entry value and
l the notional over equity, the score is u·l for a profit and u/l for a loss, compared as exact
fractions, ties by account id. The bankrupt account is closed at the cash V − M that makes its
equity exactly zero; each counterparty gets that cash's share of its lots, the last one the
remainder. There is no trading fee. A counterparty this would bankrupt is passed over; when only
such are left, the fund pays what they lack, and when it can't, the market halts and says so.
"""

from fractions import Fraction

from matching.core.matcher import record_trade, trade_leg, trim_reduce_only
from matching.core.position import Leg, share_of
from matching.core.state import Account, State, Turn
from matching.messages.events import MarketStateChanged
from matching.messages.vocabulary import ExecutionType, MarketState, Side, StateReason


def adl_score(state: State, account: Account) -> Fraction | None:
    """Rank of a position, the highest first; None for one with no equity of its own."""
    k, mark = state.tiers.k, state.mark_price_ticks
    lots, cost = account.position_lots, account.entry_cost_units
    profit = k * lots * mark - cost
    equity = account.margin_units + profit
    entry_value = abs(cost)
    notional = k * abs(lots) * mark
    if equity <= 0 or not entry_value:
        return None
    if profit > 0:
        return Fraction(profit * notional, entry_value * equity)
    return Fraction(profit * equity, entry_value * notional)


def deleverage(state: State, bankrupt: Account, turn: Turn) -> tuple[int, int]:
    """Close the bankrupt position. Returns lots closed and units the fund paid."""
    lots_before = abs(bankrupt.position_lots)
    paid = 0
    for fund_helps in (False, True):
        for account in ranked_counterparties(state, bankrupt):
            if not bankrupt.position_lots:
                break
            paid += _close_against(state, bankrupt, account, fund_helps, turn)
    if bankrupt.position_lots:
        previous, state.market_state = state.market_state, MarketState.HALTED
        turn.events.append(
            MarketStateChanged(
                state=MarketState.HALTED,
                previous_state=previous,
                reason=StateReason.INSURANCE_EXHAUSTED,
            )
        )
    return lots_before - abs(bankrupt.position_lots), paid


def ranked_counterparties(state: State, bankrupt: Account) -> list[Account]:
    """Opposite positions by score, those without equity last, ties by account id."""
    is_long = bankrupt.position_lots > 0
    opposite = [
        account
        for account in state.accounts.values()
        if account.position_lots and (account.position_lots > 0) is not is_long
    ]
    scored = [(adl_score(state, account), account) for account in opposite]
    return [
        account
        for score, account in sorted(
            scored,
            key=lambda pair: (pair[0] is None, -(pair[0] or Fraction(0)), pair[1].account_id),
        )
    ]


def _close_against(
    state: State, bankrupt: Account, account: Account, fund_helps: bool, turn: Turn
) -> int:
    """One leg each; units the fund paid. Nothing happens where the account can't bear it."""
    held, closes_long = abs(bankrupt.position_lots), bankrupt.position_lots > 0
    lots = min(held, abs(account.position_lots))
    total_cash = bankrupt.entry_cost_units - bankrupt.margin_units
    cash = total_cash * lots // held
    shortfall = max(0, -_payout(account, lots, -cash))
    if shortfall and (not fund_helps or shortfall > state.insurance_units):
        return 0
    bankrupt_leg = _bankrupt_leg(bankrupt, lots, cash)
    account_leg = _counterparty_leg(account, lots, -cash, shortfall)
    state.apply_money(bankrupt, bankrupt_leg, turn)
    state.apply_money(account, account_leg, turn)
    price = max(1, (2 * abs(cash) + state.tiers.k * lots) // (2 * state.tiers.k * lots))
    record_trade(
        state,
        turn,
        ExecutionType.ADL,
        price,
        Side.SHORT if closes_long else Side.LONG,
        trade_leg(0, bankrupt, 0, bankrupt_leg),
        trade_leg(0, account, 0, account_leg),
        lots,
    )
    trim_reduce_only(state, account, turn)
    return shortfall


def _payout(account: Account, lots: int, cash: int) -> int:
    closed_cost, closed_margin = share_of(
        account.position_lots, account.entry_cost_units, account.margin_units, lots
    )
    return closed_margin + cash - closed_cost


def _counterparty_leg(account: Account, lots: int, cash: int, shortfall: int) -> Leg:
    closed_cost, closed_margin = share_of(
        account.position_lots, account.entry_cost_units, account.margin_units, lots
    )
    sign = 1 if account.position_lots > 0 else -1
    return Leg(
        lots,
        account.position_lots - sign * lots,
        account.entry_cost_units - closed_cost,
        account.margin_units - closed_margin,
        0,
        -closed_margin,
        cash - closed_cost,
        0,
        -shortfall,
    )


def _bankrupt_leg(bankrupt: Account, lots: int, cash: int) -> Leg:
    """The cash stays in the margin, which ends at exactly zero with the last leg."""
    closed_cost, _ = share_of(
        bankrupt.position_lots, bankrupt.entry_cost_units, bankrupt.margin_units, lots
    )
    pnl = cash - closed_cost
    sign = 1 if bankrupt.position_lots > 0 else -1
    return Leg(
        lots,
        bankrupt.position_lots - sign * lots,
        bankrupt.entry_cost_units - closed_cost,
        bankrupt.margin_units + pnl,
        0,
        pnl,
        pnl,
        0,
    )
