"""Commands in, events out.

Theory of operation. `Engine.apply` takes one decoded command and the time it entered the stream,
and returns all it caused; the sequence rises by one, whatever came of it. There is no other input
and no other output, and no exception but `InvariantBroken`, after which the engine must not be
used further.

A command that already took effect returns no events. A refusal is an event with a `RejectCode`.
"""

from matching.core import snapshot
from matching.core.invariants import check_turn
from matching.core.orders import on_cancel_all_orders, on_cancel_order, on_place_order
from matching.core.state import State, Turn
from matching.messages.commands import (
    CancelAllOrders,
    CancelOrder,
    Command,
    ConfigureMarket,
    MarketConfig,
    PlaceOrder,
    SetMarketState,
    UpdateIndexPrice,
)
from matching.messages.events import (
    CancelRejected,
    CommandRejected,
    Event,
    MarketConfigured,
    MarketStateChanged,
    MarkPriceChanged,
    PositionChanged,
)
from matching.messages.vocabulary import MarketState, RejectCode


class Engine:
    """One market."""

    def __init__(self, state: State | None = None) -> None:
        self.state = State() if state is None else state

    @property
    def seq(self) -> int:
        """Of the last command applied."""
        return self.state.seq

    def digest(self) -> str:
        return snapshot.digest(self.state)

    def apply(self, command: Command, now_ms: int) -> tuple[Event, ...]:
        """All that the command causes. The clock never runs backwards: an earlier ``now_ms``
        counts as the latest seen. Raises InvariantBroken."""
        turn = self._begin(now_ms)
        if isinstance(command, PlaceOrder):
            on_place_order(self.state, command, turn)
        elif isinstance(command, UpdateIndexPrice):
            on_update_index_price(self.state, command, turn)
        elif command.command_id not in self.state.recent_commands:
            self._apply_once(command, turn)
        return self._end(turn)

    def reject_undecodable(self, now_ms: int) -> tuple[Event, ...]:
        """An input entry that is no command still takes its place in the sequence."""
        turn = self._begin(now_ms)
        turn.events.append(CommandRejected(code=RejectCode.MALFORMED))
        return self._end(turn)

    def _begin(self, now_ms: int) -> Turn:
        state = self.state
        state.seq += 1
        state.clock_ms = max(state.clock_ms, now_ms)
        return Turn(state.clock_ms)

    def _end(self, turn: Turn) -> tuple[Event, ...]:
        state = self.state
        for account in turn.repositioned.values():
            turn.events.append(
                PositionChanged(
                    account_id=account.account_id,
                    position_lots=account.position_lots,
                    entry_cost_units=account.entry_cost_units,
                    margin_units=account.margin_units,
                )
            )
        check_turn(state, turn)
        for account in turn.touched.values():
            if account.is_idle():
                state.accounts.pop(account.account_id, None)
        return tuple(turn.events)

    def _apply_once(
        self, command: ConfigureMarket | SetMarketState | CancelOrder | CancelAllOrders, turn: Turn
    ) -> None:
        state = self.state
        too_old = state.recent_commands.is_too_old(command.command_id)
        state.recent_commands.add(command.command_id)
        if too_old:
            turn.events.append(_too_old(command))
        elif isinstance(command, CancelOrder):
            on_cancel_order(state, command, turn)
        elif isinstance(command, CancelAllOrders):
            on_cancel_all_orders(state, command, turn)
        elif isinstance(command, ConfigureMarket):
            on_configure_market(state, command, turn)
        else:
            on_set_market_state(state, command, turn)


def _too_old(
    command: ConfigureMarket | SetMarketState | CancelOrder | CancelAllOrders,
) -> Event:
    if isinstance(command, CancelOrder):
        return CancelRejected(
            order_id=command.order_id, account_id=command.account_id, code=RejectCode.TOO_OLD
        )
    return CommandRejected(code=RejectCode.TOO_OLD)


def on_configure_market(state: State, command: ConfigureMarket, turn: Turn) -> None:
    config = command.config
    code = _config_refusal(state, config)
    if code is not None:
        turn.events.append(CommandRejected(code=code))
        return
    state.config = config
    turn.events.append(MarketConfigured(config_version=config.config_version))


def _config_refusal(state: State, config: MarketConfig) -> RejectCode | None:
    if config.maker_fee_ppm > config.taker_fee_ppm or config.min_size_lots > config.max_size_lots:
        return RejectCode.INVALID_CONFIG
    current = state.config
    if current is None:
        return None
    if config.config_version <= current.config_version:
        return RejectCode.STALE_CONFIG
    if config.units_per_tick_lot != current.units_per_tick_lot and state.accounts:
        return RejectCode.INVALID_CONFIG
    return None


def on_set_market_state(state: State, command: SetMarketState, turn: Turn) -> None:
    previous, wanted = state.market_state, command.state
    if (
        state.config is None
        or wanted in (MarketState.PRE_OPEN, MarketState.SETTLED)
        or previous is MarketState.SETTLED
    ):
        turn.events.append(CommandRejected(code=RejectCode.INVALID_TRANSITION))
        return
    state.market_state = wanted
    turn.events.append(MarketStateChanged(state=wanted, previous_state=previous))


def on_update_index_price(state: State, command: UpdateIndexPrice, turn: Turn) -> None:
    if state.market_state in (MarketState.HALTED, MarketState.SETTLED):
        return
    state.index_price_ticks = command.index_price_ticks
    state.mark_price_ticks = command.index_price_ticks
    turn.events.append(
        MarkPriceChanged(
            mark_price_ticks=state.mark_price_ticks, index_price_ticks=state.index_price_ticks
        )
    )
