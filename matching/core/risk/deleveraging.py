"""Auto-deleveraging: closing a bankrupt position against the accounts that gained from it.

Theory of operation. The bankrupt account's lots are closed against opposite positions, the most
profitable and most leveraged first (`ranking`). The bankrupt account is closed at the cash V − M
that makes its equity exactly zero; each counterparty gets that cash's share of its lots, the last
one the remainder. There is no trading fee. A counterparty this would bankrupt is passed over; when
only such are left, the fund pays what they lack, and when it can't, the market halts and says so.

Why there is somebody to close against: while a market trades there is a price z at which every
position has equity (`invariants`). A long is bankrupt below its bankruptcy price x ≤ z, a short
above its y ≥ z. So no short is bankrupted by buying back at x, however far the mark has gone, nor
a long by selling at y, and as positions add up to zero, there are lots enough. What rounding may
lack of that is a unit, which the fund pays. The halt is for a market somebody tampered with.

A liquidation pass makes one `Counterparties` and asks it for one account after the other, so it
costs by bankrupts and fills, and by the logarithm of the positions.
"""

from matching.core.market.position import Leg, share_of
from matching.core.market.state import Account, State, Turn
from matching.core.orders.matcher import record_trade, trade_leg, trim_reduce_only
from matching.core.risk.position_index import PositionIndex
from matching.core.risk.ranking import Ranking
from matching.messages.events import MarketStateChanged
from matching.messages.vocabulary import ExecutionType, MarketState, Side, StateReason


class Counterparties:
    """The rankings of one liquidation pass, each made when it is first needed."""

    def __init__(self, state: State, index: PositionIndex) -> None:
        self._state = state
        self._index = index
        self._rankings: dict[bool, Ranking] = {}

    def ranking(self, is_long: bool) -> Ranking:
        """Of that side as it is now."""
        changed = self._index.changes(self._state)
        for ranking in self._rankings.values():
            for account in changed:
                ranking.push(account)
        found = self._rankings.get(is_long)
        if found is None:
            found = self._rankings[is_long] = Ranking(self._state, self._index, is_long)
            for account in self._index.unplaced():
                found.push(account)
        return found


def deleverage(
    state: State, counterparties: Counterparties, bankrupt: Account, turn: Turn
) -> tuple[int, int]:
    """Close the bankrupt position. Returns lots closed and units the fund paid."""
    lots_before = abs(bankrupt.position_lots)
    paid = 0
    for fund_helps in (False, True):
        ranking = counterparties.ranking(bankrupt.position_lots < 0)
        passed_over: list[Account] = []
        while bankrupt.position_lots:
            account = ranking.pop()
            if account is None:
                break
            lots = account.position_lots
            paid += _close_against(state, bankrupt, account, fund_helps, turn)
            if account.position_lots == lots:
                passed_over.append(account)
        for account in passed_over:
            ranking.push(account)
        if not bankrupt.position_lots:
            return lots_before, paid
    previous, state.market_state = state.market_state, MarketState.HALTED
    turn.events.append(
        MarketStateChanged(
            state=MarketState.HALTED,
            previous_state=previous,
            reason=StateReason.INSURANCE_EXHAUSTED,
        )
    )
    return lots_before - abs(bankrupt.position_lots), paid


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
