"""Funding: what ties the contract's price to the index.

Theory of operation. Every index price samples the premium of the book over the index. At each
multiple of the interval, the first command past it settles the rate (Binance USDⓈ-M, "funding
rate", with its ±0.05 % clamp around the interest)

    F = premium average + clamp(interest − premium average, ±0.05 %), scaled from 8 h, capped

Longs pay shorts when F > 0. Payments sum to zero exactly: the rate becomes whole units per lot,
Δ = ⌊(carry + F·m·k) / 10⁹⌋, each position pays Q·Δ, Σ Q·Δ = Δ·ΣQ = 0, and what the floor left is
carried to the next settlement. While the index is stale, or the market is halted, settlement waits;
however many intervals passed meanwhile, it happens once.

**Other rules within an interval.** Time that is gone is charged by the rules it ran under: with a
new interval, interest or cap the interval is split. What the samples so far say of a whole interval
is accrued for the time they cover, in billionths, rounded down:

    accrued += F(samples, old rules) · (now − since) ÷ old interval

and sampling starts anew under the new rules. The next settlement is at the next multiple of the new
interval, and charges accrued + F(samples, new rules) · (due − since) ÷ new interval. Each part is
capped by its own rules, scaled to its time, like everything else. Time after a settlement that is
overdue (a stale index, a halt) isn't charged twice: the part of the old rules ends when it was due.
An interval that isn't split is charged whole, also the first one of a market. The last rate, which
the mark price uses, is scaled to the new interval and its cap.

A position whose margin is less than it owes pays the rest out of its unrealised profit: margin and
entry cost both rise by that much first, which leaves its equity as it was. A liquidation pass
follows.
"""

from matching.core.market.prices import PPB, is_pricing, next_multiple
from matching.core.market.state import Account, State, Turn
from matching.messages.commands import MarketConfig
from matching.messages.events import FundingSettled
from matching.messages.funding import (
    PPB_PER_PPM,
    FundingChange,
    FundingPayment,
    funding_rate_ppb,
    part_ppb,
    sum_of_parts_ppb,
)


def is_due(state: State, now_ms: int) -> bool:
    return 0 < state.next_funding_ms <= now_ms and is_pricing(state)


def change_funding_rules(
    state: State, before: MarketConfig, after: MarketConfig, now_ms: int
) -> FundingChange | None:
    """Split the interval where the rules of funding change within it."""
    if not state.next_funding_ms or _funding_rules(before) == _funding_rules(after):
        return None
    interval_ms = before.funding_interval_ms
    due_ms = state.next_funding_ms
    since_ms = state.funding_since_ms or due_ms - interval_ms
    part = part_ppb(_sampled_rate_ppb(state, before), min(now_ms, due_ms) - since_ms, interval_ms)
    state.funding_accrued_ppb = sum_of_parts_ppb(state.funding_accrued_ppb, part)
    state.funding_since_ms = now_ms
    state.funding_is_split = True
    state.premium_sum_ppb = state.premium_count = 0
    if after.funding_interval_ms != interval_ms:
        state.next_funding_ms = next_multiple(now_ms, after.funding_interval_ms)
    cap = after.funding_cap_ppm * PPB_PER_PPM
    scaled = state.funding_rate_ppb * after.funding_interval_ms // interval_ms
    state.funding_rate_ppb = max(-cap, min(cap, scaled))
    return FundingChange(
        since_ms=now_ms,
        accrued_ppb=state.funding_accrued_ppb,
        rate_ppb=state.funding_rate_ppb,
        next_funding_ms=state.next_funding_ms,
    )


def _funding_rules(config: MarketConfig) -> tuple[int, int, int]:
    return config.funding_interval_ms, config.funding_interest_ppm, config.funding_cap_ppm


def _sampled_rate_ppb(state: State, config: MarketConfig) -> int:
    """Of a whole interval, by the samples since the rules are these."""
    return funding_rate_ppb(
        state.premium_sum_ppb,
        state.premium_count,
        config.funding_interval_ms,
        config.funding_interest_ppm,
        config.funding_cap_ppm,
    )


def _end_interval(state: State, config: MarketConfig) -> int:
    """The rate that is charged; what the next interval begins with is set."""
    rate = sampled = _sampled_rate_ppb(state, config)
    if state.funding_is_split:
        lasted_ms = state.next_funding_ms - state.funding_since_ms
        part = part_ppb(sampled, lasted_ms, config.funding_interval_ms)
        rate = sum_of_parts_ppb(state.funding_accrued_ppb, part)
    if state.premium_count or not state.funding_is_split:
        state.funding_rate_ppb = sampled
    state.premium_sum_ppb = state.premium_count = 0
    state.funding_since_ms = state.funding_accrued_ppb = 0
    state.funding_is_split = False
    return rate


def settle_funding(state: State, config: MarketConfig, turn: Turn) -> None:
    """Every position pays or gets; the interval starts anew."""
    rate = _end_interval(state, config)
    state.funding_carry += rate * state.mark_price_ticks * config.units_per_tick_lot
    per_lot_units = state.funding_carry // PPB
    state.funding_carry -= per_lot_units * PPB
    funding_time_ms = state.next_funding_ms
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
            interval_rate_ppb=None if state.funding_rate_ppb == rate else state.funding_rate_ppb,
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
