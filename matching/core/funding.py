"""Funding: what ties the contract's price to the index.

Theory of operation. Every index price samples the premium of the book over the index. At each
multiple of the interval, the first command past it settles the rate (Binance USDⓈ-M, "funding
rate", with its ±0.05 % clamp around the interest)

    F = premium average + clamp(interest − premium average, ±0.05 %), scaled from 8 h, capped

Longs pay shorts when F > 0. Payments sum to zero exactly: the rate becomes whole units per lot,
Δ = ⌊(carry + F·m·k) / 10⁹⌋, each position pays Q·Δ, Σ Q·Δ = Δ·ΣQ = 0, and what the floor left is
carried to the next settlement. While the index is stale, or the market is halted, settlement waits;
however many intervals passed meanwhile, it happens once.

A position whose margin is less than it owes pays the rest out of its unrealised profit: margin and
entry cost both rise by that much first, which leaves its equity as it was. A liquidation pass
follows.
"""

from matching.core.prices import PPB, is_pricing, next_multiple
from matching.core.state import Account, State, Turn
from matching.messages.commands import MarketConfig
from matching.messages.events import FundingPayment, FundingSettled
from matching.messages.funding import funding_rate_ppb


def is_due(state: State, now_ms: int) -> bool:
    return 0 < state.next_funding_ms <= now_ms and is_pricing(state)


def settle_funding(state: State, config: MarketConfig, turn: Turn) -> None:
    """Every position pays or gets; the interval starts anew."""
    rate = funding_rate_ppb(
        state.premium_sum_ppb,
        state.premium_count,
        config.funding_interval_ms,
        config.funding_interest_ppm,
        config.funding_cap_ppm,
    )
    state.funding_carry += rate * state.mark_price_ticks * config.units_per_tick_lot
    per_lot_units = state.funding_carry // PPB
    state.funding_carry -= per_lot_units * PPB
    funding_time_ms = state.next_funding_ms
    state.funding_rate_ppb = rate
    state.premium_sum_ppb = state.premium_count = 0
    state.next_funding_ms = next_multiple(turn.now_ms, config.funding_interval_ms)
    payments = []
    if per_lot_units:
        for _, account in sorted(state.accounts.items()):
            if account.position_lots:
                payments.append(_pay(state, account, per_lot_units, turn))
    turn.events.append(
        FundingSettled(
            rate_ppb=rate,
            mark_price_ticks=state.mark_price_ticks,
            per_lot_units=per_lot_units,
            carry=state.funding_carry,
            funding_time_ms=funding_time_ms,
            next_funding_ms=state.next_funding_ms,
            payments=tuple(payments),
        )
    )


def _pay(state: State, account: Account, per_lot_units: int, turn: Turn) -> FundingPayment:
    amount = -account.position_lots * per_lot_units
    from_profit = max(0, -(account.margin_units + amount))
    state.set_position(
        account,
        account.position_lots,
        account.entry_cost_units + from_profit,
        account.margin_units + amount + from_profit,
        turn,
    )
    # The event carries the resulting position; a separate PositionChanged would say it twice,
    # unless a liquidation changes it again in this turn.
    del turn.repositioned[account.account_id]
    return FundingPayment(
        account_id=account.account_id,
        amount_units=amount,
        from_profit_units=from_profit,
        entry_cost_units=account.entry_cost_units,
        margin_units=account.margin_units,
    )
