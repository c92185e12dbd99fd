"""The end of a market: every position is closed at one price, and all margin goes back.

Theory of operation. At a settlement price S a position is worth what it has, margin and profit:

    worth = M + k·Q·S − V

That is what its owner gets, if it isn't below zero. Where it is, the loss is more than the margin:
the owner pays the margin and nothing else, and what is missing is paid by the insurance fund first.
What the fund can't pay is shared among the positions that are worth something, by their worth, to
the unit: each gives its share rounded down, and the units that leaves over are given one each by
those with the largest remainders, the lower account id first.

**Nobody gives more than the position is worth**, so nothing is ever taken from a wallet. With w the
worth of a position, T the sum over those above zero and D ≤ T what is missing, the exact share is
D·w/T ≤ w, and so is its floor. A further unit is given only where D·w/T is not whole, thus below w
by so much that its floor is at most w − 1. There are enough such positions: the remainders add up
to the units left over, each is below one, so there are more of them above zero than units.

**It always suffices**, D ≤ T: positions add up to zero, so the worth of all of them doesn't depend
on S, Σ worth = Σ M − Σ V, and with the fund it is not below zero after any command (`invariants`
says why, and checks it). With N the sum of what is missing below zero, T − N + fund ≥ 0, thus
D = N − fund ≤ T. In a market somebody tampered with, so that it isn't so, settlement is refused,
nothing changes, and the operator can top up the fund by what is missing.
"""

from matching.core.market.position import Leg
from matching.core.market.state import Account, State, Turn
from matching.core.orders.matcher import trade_leg
from matching.messages.commands import SettleMarket
from matching.messages.events import CommandRejected, MarketStateChanged, PositionSettled
from matching.messages.vocabulary import CancelReason, MarketState, RejectCode, StateReason


def on_settle_market(state: State, command: SettleMarket, turn: Turn) -> None:
    code = None
    if state.config is None or state.market_state.has_ended:
        code = RejectCode.INVALID_TRANSITION
    elif command.price_ticks > state.highest_price_ticks():
        code = RejectCode.PRICE_OUTSIDE_BAND
    elif state.worth_units < 0:
        code = RejectCode.INSURANCE_EXHAUSTED
    if code is not None:
        turn.events.append(CommandRejected(code=code))
        return
    previous, state.market_state = state.market_state, MarketState.SETTLED
    turn.events.append(
        MarketStateChanged(
            state=MarketState.SETTLED, previous_state=previous, reason=StateReason.OPERATOR
        )
    )
    accounts = [account for _, account in sorted(state.accounts.items())]
    for account in accounts:
        state.cancel_all(account, CancelReason.SETTLEMENT, turn, protective=True)
        account.countdown_due_ms = 0
    positions = [account for account in accounts if account.position_lots]
    worths = [_profit(state, a, command.price_ticks) + a.margin_units for a in positions]
    to_fund = payments_to_fund(worths, state.insurance_units)
    # Those who give to the fund first, so that it has what the others take from it.
    order = sorted(range(len(positions)), key=lambda at: (-to_fund[at], at))
    for at in order:
        _settle(state, positions[at], command.price_ticks, to_fund[at], turn)


def payments_to_fund(worths: list[int], fund_units: int) -> list[int]:
    """Per position, by account id, what it gives to the fund (> 0) or takes from it (< 0)."""
    payments = [min(0, worth) for worth in worths]
    missing = -sum(payments) - fund_units
    if missing <= 0:
        return payments
    able = [at for at, worth in enumerate(worths) if worth > 0]
    total = sum(worths[at] for at in able)
    for at in able:
        payments[at] = missing * worths[at] // total
    left_over = missing - sum(payments[at] for at in able)
    by_remainder = sorted(able, key=lambda at: (-(missing * worths[at] % total), at))
    for at in by_remainder[:left_over]:
        payments[at] += 1
    return payments


def _profit(state: State, account: Account, price_ticks: int) -> int:
    return state.tiers.k * account.position_lots * price_ticks - account.entry_cost_units


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
