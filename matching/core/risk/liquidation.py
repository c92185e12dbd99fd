"""Closing positions that no longer hold their maintenance margin.

Theory of operation. `PositionIndex` keeps accounts sorted by the price at which they become
liquidatable, longs and shorts apart, so a new mark price finds them at a cost that grows with their
number and not with that of all positions. They are taken worst first, by equity over maintenance,
then by account id; each is judged again when its turn comes. Per position:

1. its orders in this market are cancelled; 2. equity > 0: a reduce-only immediate order, no worse
than the bankruptcy price. What closing yields stays in the margin; the fee goes to the insurance
fund, as far as there is margin. What is left of a position closed whole returns to the trader; 3.
still short of maintenance: tried again at the next mark price; 4. equity ≤ 0: an immediate order
down to the band's edge; where a fill's share of the margin doesn't cover its loss, the fund pays,
as long as it can; 5. the rest is deleveraged at once (`deleveraging`), and so is what rule 2 left
without equity, as fees that round up may: after a pass every position has equity at the mark.

Every fill stays inside the price band and is published with its execution type, so that no
liquidation eats a market unseen.
"""

from matching.core.book.book import Order
from matching.core.market.position import Leg, share_of
from matching.core.market.prices import is_pricing
from matching.core.market.state import Account, State, Turn
from matching.core.orders.matcher import Taker, match
from matching.core.risk.deleveraging import Counterparties, deleverage
from matching.core.risk.position_index import PositionIndex
from matching.messages.commands import MarketConfig
from matching.messages.events import PositionLiquidated
from matching.messages.holds import band_edges, fee_units
from matching.messages.limits import PPM
from matching.messages.vocabulary import CancelReason, ExecutionType, SelfTradePrevention


def run_liquidations(state: State, config: MarketConfig, index: PositionIndex, turn: Turn) -> None:
    """One pass at the current mark price."""
    index.update(state)
    due = [state.accounts[account_id] for account_id in index.due(state.mark_price_ticks)]
    counterparties = Counterparties(state, index)
    stuck = set()
    for account in sorted(due, key=lambda a: _urgency(state, a)):
        if not is_pricing(state):
            break  # a deleveraging that nobody could pay for halted the market
        if _is_liquidatable(state, account):
            _liquidate(state, config, counterparties, account, turn)
            if account.position_lots:
                stuck.add(account.account_id)
    state.stuck = stuck


def _is_liquidatable(state: State, account: Account) -> bool:
    return state.tiers.is_liquidatable(
        account.position_lots,
        account.entry_cost_units,
        account.margin_units,
        state.mark_price_ticks,
    )


def equity_units(state: State, account: Account) -> int:
    """M + Q·k·m − V."""
    value = state.tiers.k * account.position_lots * state.mark_price_ticks
    return account.margin_units + value - account.entry_cost_units


def _urgency(state: State, account: Account) -> tuple[int, int]:
    """Equity over maintenance margin, in billionths, then the account."""
    notional = state.tiers.k * abs(account.position_lots) * state.mark_price_ticks
    maintenance_ppm = state.tiers.maintenance_ppm(notional)
    return equity_units(state, account) * PPM * 10**9 // maintenance_ppm, account.account_id


def _liquidate(
    state: State,
    config: MarketConfig,
    counterparties: Counterparties,
    account: Account,
    turn: Turn,
) -> None:
    before = (account.position_lots, account.entry_cost_units, account.margin_units)
    mark = state.mark_price_ticks
    equity = equity_units(state, account)
    notional = state.tiers.k * abs(account.position_lots) * mark
    cancelled = state.cancel_all(account, CancelReason.LIQUIDATION, turn, protective=True)
    closes_long = account.position_lots > 0
    lower, upper = band_edges(mark, config.price_band_ppm)
    limit = lower if closes_long else upper
    if equity > 0:
        bankruptcy = state.tiers.bankruptcy_price_ticks(*before)
        limit = max(limit, bankruptcy) if closes_long else min(limit, bankruptcy)
    taker = LiquidationTaker(account, limit, is_solvent=equity > 0)
    match(state, config, taker, turn)
    filled = abs(before[0]) - abs(account.position_lots)
    deleveraged = paid_by_fund = 0
    # Judged again: bids above the mark may have left the rest with equity of its own, and fees
    # one that had equity without.
    if account.position_lots and equity_units(state, account) <= 0:
        deleveraged, paid_by_fund = deleverage(state, counterparties, account, turn)
    if not (filled or deleveraged or cancelled) and account.account_id in state.stuck:
        return  # nothing new to say: the book had nothing, as at the last mark price
    turn.events.append(
        PositionLiquidated(
            account_id=account.account_id,
            mark_price_ticks=mark,
            position_lots=before[0],
            entry_cost_units=before[1],
            margin_units=before[2],
            equity_units=equity,
            maintenance_units=state.tiers.maintenance_units(notional),
            fee_reserve_units=-(-notional * config.liquidation_fee_ppm // PPM),
            limit_ticks=limit,
            cancelled_orders=cancelled,
            filled_lots=filled,
            deleveraged_lots=deleveraged,
            fee_units=taker.fee_units,
            insurance_paid_units=taker.paid_by_fund_units + paid_by_fund,
            left_lots=account.position_lots,
            returned_units=taker.returned_units,
        )
    )


class LiquidationTaker(Taker):
    """The order that closes a position by force; plans its legs by rules 2 and 4 above."""

    def __init__(self, account: Account, limit_ticks: int, is_solvent: bool) -> None:
        order = Order(
            order_id=0,
            account_id=account.account_id,
            is_long=account.position_lots < 0,
            price_ticks=limit_ticks,
            remaining_lots=abs(account.position_lots),
            reserve_per_lot_units=0,
            named_margin_per_lot_units=0,
            leverage=1,
            maker_fee_ppm=0,
            taker_fee_ppm=0,
            reduce_only=True,
            post_only=False,
            expires_ms=0,
            arrival=0,
        )
        super().__init__(
            order, account, SelfTradePrevention.EXPIRE_MAKER, ExecutionType.LIQUIDATION
        )
        self.is_solvent = is_solvent
        self.fee_units = 0
        self.paid_by_fund_units = 0
        self.returned_units = 0

    def plan(self, state: State, price_ticks: int, size_lots: int) -> Leg | None:
        return plan_forced_leg(state, self.account, price_ticks, size_lots, self.is_solvent)

    def filled(self, leg: Leg) -> None:
        self.returned_units += leg.available_delta_units
        if leg.insurance_delta_units > 0:
            self.fee_units += leg.insurance_delta_units
        else:
            self.paid_by_fund_units -= leg.insurance_delta_units


def plan_forced_leg(
    state: State, account: Account, price_ticks: int, size_lots: int, is_solvent: bool
) -> Leg | None:
    """Close lots at this price with the cash kept in the margin; None where nobody can pay."""
    position, cost, margin = account.position_lots, account.entry_cost_units, account.margin_units
    closed_cost, closed_margin = share_of(position, cost, margin, size_lots)
    sign = 1 if position > 0 else -1
    pnl = sign * state.tiers.k * size_lots * price_ticks - closed_cost
    to_fund = 0
    left_margin = margin + pnl
    if is_solvent:
        if left_margin < 0:
            return None
        fee = fee_units(state.tiers.k, price_ticks, size_lots, state.tiers.fee_ppm)
        to_fund = min(fee, left_margin)
        left_margin -= to_fund
    elif closed_margin + pnl < 0:
        to_fund = closed_margin + pnl  # below zero: the fund pays
        if state.insurance_units + to_fund < 0:
            return None
        left_margin = margin - closed_margin
    left_lots = position - sign * size_lots
    if not left_lots:
        left_margin = 0  # returns to the trader: what the identity of a leg leaves for available
    return Leg(
        size_lots,
        left_lots,
        cost - closed_cost,
        left_margin,
        0,
        left_margin - margin,
        pnl,
        0,
        to_fund,
    )
