"""Rules and states of a market, as the operator sets them."""

from matching.core.market.funding import change_funding_rules
from matching.core.market.state import State, Turn
from matching.messages.commands import ConfigureMarket, MarketConfig, SetMarketState
from matching.messages.events import CommandRejected, MarketConfigured, MarketStateChanged
from matching.messages.limits import highest_price_ticks
from matching.messages.tiers import TierTable, tiers_are_sound
from matching.messages.vocabulary import MarketState, RejectCode, StateReason


def on_configure_market(state: State, command: ConfigureMarket, turn: Turn) -> None:
    config = command.config
    code = _config_refusal(state, config)
    if code is not None:
        turn.events.append(CommandRejected(code=code))
        return
    before, funding = state.config, None
    if before is not None:
        funding = change_funding_rules(state, before, config, turn.now_ms)
    take_config(state, config)
    turn.events.append(
        MarketConfigured(config_version=config.config_version, funding_change=funding)
    )


def take_config(state: State, config: MarketConfig) -> None:
    """The rules hold from now on; other tiers mean other liquidation prices for everyone."""
    state.config = config
    state.tiers = TierTable(config)
    for account in state.accounts.values():
        if account.position_lots:
            state.unindexed[account.account_id] = account


def _config_refusal(state: State, config: MarketConfig) -> RejectCode | None:
    if config.min_size_lots > config.max_size_lots or not tiers_are_sound(config):
        return RejectCode.INVALID_CONFIG
    current = state.config
    if current is None:
        return None
    if config.config_version <= current.config_version:
        return RejectCode.STALE_CONFIG
    if config.units_per_tick_lot != current.units_per_tick_lot and state.accounts:
        return RejectCode.INVALID_CONFIG
    highest = highest_price_ticks(config.units_per_tick_lot, state.open_interest_lots)
    if max(state.index_price_ticks, state.mark_price_ticks) > highest:
        return RejectCode.INVALID_CONFIG
    return None


def on_set_market_state(state: State, command: SetMarketState, turn: Turn) -> None:
    previous, wanted = state.market_state, command.state
    if state.config is None or not _is_allowed(previous, wanted):
        turn.events.append(CommandRejected(code=RejectCode.INVALID_TRANSITION))
        return
    if previous is MarketState.HALTED:
        state.breaker_armed = False  # the operator has seen the jump: the next mark is taken
    state.market_state = wanted
    turn.events.append(
        MarketStateChanged(state=wanted, previous_state=previous, reason=StateReason.OPERATOR)
    )


def _is_allowed(previous: MarketState, wanted: MarketState) -> bool:
    """A market that has ended can only be delisted, and only such a one can."""
    if previous.has_ended or wanted is MarketState.DELISTED:
        return previous is MarketState.SETTLED and wanted is MarketState.DELISTED
    return wanted not in (MarketState.PRE_OPEN, MarketState.SETTLED)
