"""Commands in, events out.

Theory of operation. `Engine.apply` takes one decoded command and the time it entered the stream,
and returns all it caused; the sequence rises by one, whatever came of it. There is no other input
and no other output, and no exception but `InvariantBroken`, after which the engine must not be
used further.

Every command goes through the same steps: the clock moves and what has become due happens
(expiries, countdowns, a stale index, funding with its liquidation pass); the command itself; the
conditional orders it fired; the positions that changed, told once each; the invariants.

A command that already took effect causes nothing of its own. A refusal is an event with a
`RejectCode`.
"""

from matching.core.market import snapshot
from matching.core.market.funding import is_due, settle_funding
from matching.core.market.invariants import check_turn
from matching.core.market.prices import is_pricing, mark_stale, take_index_price
from matching.core.market.rules import on_configure_market, on_set_market_state
from matching.core.market.state import State, Turn
from matching.core.orders.amend import on_amend_order
from matching.core.orders.attached import follow_positions
from matching.core.orders.conditional import (
    cancel_orders_of_ended_positions,
    fire_triggers,
    next_timer_ms,
    on_activate_order,
    on_set_countdown,
    run_timers,
)
from matching.core.orders.place import on_cancel_all_orders, on_cancel_order, on_place_order
from matching.core.orders.waiting import on_amend_conditional
from matching.core.risk.liquidation import run_liquidations
from matching.core.risk.margin import on_adjust_margin, on_fund_insurance
from matching.core.risk.position_index import CHANGES_KEPT, PositionIndex
from matching.core.risk.settlement import on_settle_market
from matching.messages.commands import (
    ActivateOrder,
    AdjustMargin,
    AdvanceClock,
    AmendConditional,
    AmendOrder,
    CancelAllOrders,
    CancelOrder,
    Command,
    ConfigureMarket,
    FundInsurance,
    PlaceOrder,
    SetCountdown,
    SetMarketState,
    SettleMarket,
    UpdateIndexPrice,
)
from matching.messages.events import (
    ActivationRejected,
    AmendRejected,
    CancelRejected,
    CommandRejected,
    Event,
    MarginAdjustmentRejected,
    PositionChanged,
)
from matching.messages.vocabulary import MarketState, RejectCode

Amendment = AmendOrder | AmendConditional
OrderCommand = CancelOrder | CancelAllOrders | Amendment | ActivateOrder | SetCountdown
MarketCommand = AdjustMargin | FundInsurance | SettleMarket | ConfigureMarket | SetMarketState
OnceCommand = OrderCommand | MarketCommand


class Engine:
    """One market."""

    def __init__(self, state: State | None = None) -> None:
        self.state = State() if state is None else state
        self.position_index = PositionIndex()

    @property
    def seq(self) -> int:
        """Of the last command applied."""
        return self.state.seq

    @property
    def next_due_ms(self) -> int:
        """When something happens by the clock alone: an order or a countdown ends, the index goes
        stale, funding is settled. 0: nothing will. Whoever feeds the engine sees to it that a
        command, if need be `AdvanceClock`, comes then."""
        state, config = self.state, self.state.config
        due = [next_timer_ms(state)]
        if config is not None and state.mark_price_ticks and not state.index_stale:
            due.append(state.index_ms + config.index_stale_ms + 1)
            if is_pricing(state):
                due.append(state.next_funding_ms)
        return min((ms for ms in due if ms), default=0)

    def digest(self) -> str:
        return snapshot.digest(self.state)

    def apply(self, command: Command, now_ms: int) -> tuple[Event, ...]:
        """All that the command causes. The clock never runs backwards: an earlier ``now_ms``
        counts as the latest seen. Raises InvariantBroken."""
        turn = self._begin(now_ms)
        if isinstance(command, PlaceOrder):
            on_place_order(self.state, command, turn)
        elif isinstance(command, UpdateIndexPrice):
            self._on_update_index_price(command, turn)
        elif isinstance(command, AdvanceClock):
            pass  # to begin the turn was all
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
        turn = Turn(state.clock_ms, state.worth_units)
        run_timers(state, turn)
        config = state.config
        if config is not None and state.index_ms:
            if turn.now_ms - state.index_ms > config.index_stale_ms:
                mark_stale(state, turn)
            if is_due(state, turn.now_ms):
                settle_funding(state, config, turn)
                run_liquidations(state, config, self.position_index, turn)
        return turn

    def _on_update_index_price(self, command: UpdateIndexPrice, turn: Turn) -> None:
        state, config = self.state, self.state.config
        market_state = state.market_state
        if config is None or market_state is MarketState.HALTED or market_state.has_ended:
            return
        if take_index_price(state, config, command.index_price_ticks, turn):
            run_liquidations(state, config, self.position_index, turn)

    def _end(self, turn: Turn) -> tuple[Event, ...]:
        state = self.state
        fire_triggers(state, turn)
        if turn.repositioned:
            cancel_orders_of_ended_positions(state, turn)
            if state.triggers.attached:
                follow_positions(state, turn)
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
        if len(state.unindexed) >= CHANGES_KEPT:
            self.position_index.update(state)
        return tuple(turn.events)

    def _apply_once(self, command: OnceCommand, turn: Turn) -> None:
        state = self.state
        too_old = state.recent_commands.is_too_old(command.command_id)
        state.recent_commands.add(command.command_id)
        if too_old:
            turn.events.append(_too_old(command))
        elif isinstance(command, OrderCommand):
            _apply_to_orders(state, command, turn)
        else:
            was_halted = state.market_state is MarketState.HALTED
            _apply_to_market(state, command, turn)
            if was_halted and state.config is not None and is_pricing(state):
                # A pass that halted the market is finished before anybody trades.
                run_liquidations(state, state.config, self.position_index, turn)


def _apply_to_orders(state: State, command: OrderCommand, turn: Turn) -> None:
    match command:
        case CancelOrder():
            on_cancel_order(state, command, turn)
        case CancelAllOrders():
            on_cancel_all_orders(state, command, turn)
        case AmendOrder():
            on_amend_order(state, command, turn)
        case AmendConditional():
            on_amend_conditional(state, command, turn)
        case ActivateOrder():
            on_activate_order(state, command, turn)
        case SetCountdown():
            on_set_countdown(state, command, turn)


def _apply_to_market(state: State, command: MarketCommand, turn: Turn) -> None:
    match command:
        case AdjustMargin():
            on_adjust_margin(state, command, turn)
        case FundInsurance():
            on_fund_insurance(state, command, turn)
        case SettleMarket():
            on_settle_market(state, command, turn)
        case ConfigureMarket():
            on_configure_market(state, command, turn)
        case SetMarketState():
            on_set_market_state(state, command, turn)


def _too_old(command: OnceCommand) -> Event:
    """A refusal of the command's own kind, which gives back what it brought."""
    code = RejectCode.TOO_OLD
    match command:
        case CancelOrder(order_id=order_id, account_id=account_id):
            return CancelRejected(order_id=order_id, account_id=account_id, code=code)
        case AmendOrder(order_id=order_id, account_id=account_id, hold_units=hold):
            return AmendRejected(
                order_id=order_id, account_id=account_id, code=code, released_units=hold
            )
        case AmendConditional(order_id=order_id, account_id=account_id):
            return AmendRejected(
                order_id=order_id, account_id=account_id, code=code, released_units=0
            )
        case ActivateOrder(order_id=order_id, account_id=account_id, hold_units=hold):
            return ActivationRejected(
                order_id=order_id, account_id=account_id, code=code, released_units=hold
            )
        case AdjustMargin(account_id=account_id, amount_units=amount):
            return MarginAdjustmentRejected(
                account_id=account_id, code=code, released_units=max(0, amount)
            )
    return CommandRejected(code=code)
