"""Everything one market's engine knows between two commands, and the few ways it changes.

Theory of operation. Money in a market is in four places: held for open orders, margin of positions,
fees taken, and the insurance fund; against it stands the entry cost of all positions. The totals
are kept as the parts change, so that the conservation of money can be checked after every command
at no cost that grows with the market:

    held + margin + fees + insurance − entry cost = what wallets sent in − what went back to them

What is in the middle, margin and insurance less entry cost, is what all positions together with the
fund are worth, at any price, since positions add up to zero: ``worth_units``.

All changes of orders' reserves, of positions and of the insurance fund go through the methods here
and nowhere else. Accounts whose position changed are noted in ``unindexed``: the order in which
they are liquidatable is brought up to date only when the mark price moves.
"""

import heapq
from collections import deque

from matching.core.book.book import Order, OrderBook
from matching.core.book.triggers import TriggerBook, WaitingOrder
from matching.core.market.position import Leg
from matching.core.market.recent import RecentIds
from matching.messages.commands import MarketConfig
from matching.messages.events import Event, OrderCancelled, OrderRefilled
from matching.messages.limits import MAX_MARKET_MONEY_UNITS, highest_price_ticks
from matching.messages.tiers import TierTable
from matching.messages.vocabulary import CancelReason, MarketState

# What a timer is for.
ORDER_EXPIRY = 0
COUNTDOWN = 1

NO_TIERS = TierTable(None)


class Account:
    """One trader's share of the market. Exists only while it has a position, orders or a countdown.

    waiting             conditional orders, oldest first; those that fired and await their hold too
    asleep              attached orders of whose entry nothing is covered
    countdown_due_ms    when its orders go; 0: never
    countdown_protective    waiting orders that only reduce go then, too
    """

    __slots__ = (
        "account_id",
        "asleep",
        "countdown_due_ms",
        "countdown_protective",
        "entry_cost_units",
        "margin_units",
        "open_orders",
        "position_lots",
        "reduce_only_lots",
        "waiting",
    )

    def __init__(self, account_id: int) -> None:
        self.account_id = account_id
        self.position_lots = 0
        self.entry_cost_units = 0
        self.margin_units = 0
        self.open_orders: dict[int, Order] = {}  # by id, oldest first
        self.reduce_only_lots = 0  # Σ remaining over its resting reduce-only orders
        self.waiting: dict[int, WaitingOrder] = {}
        self.asleep: dict[int, WaitingOrder] = {}
        self.countdown_due_ms = 0
        self.countdown_protective = False

    def is_idle(self) -> bool:
        orders = self.open_orders or self.waiting or self.asleep
        return not (self.position_lots or orders or self.countdown_due_ms)


class Turn:
    """One command's turn: its time, what the market was worth before it, the events so far, and the
    accounts it touched, in order."""

    __slots__ = (
        "ended_long",
        "ended_short",
        "events",
        "now_ms",
        "repositioned",
        "touched",
        "worth_before_units",
    )

    def __init__(self, now_ms: int, worth_before_units: int) -> None:
        self.now_ms = now_ms
        self.worth_before_units = worth_before_units
        self.events: list[Event] = []
        self.touched: dict[int, Account] = {}  # may have become idle
        self.repositioned: dict[int, Account] = {}  # whose position changed
        self.ended_long: dict[int, Account] = {}  # whose long position is gone
        self.ended_short: dict[int, Account] = {}


class State:
    """A market. Amounts in money units, prices in ticks (0: none yet), sizes in lots."""

    def __init__(self) -> None:
        self.seq = 0
        self.clock_ms = 0
        self.market_state = MarketState.PRE_OPEN
        self.config: MarketConfig | None = None
        self.tiers: TierTable = NO_TIERS
        self.book = OrderBook()
        self.triggers = TriggerBook()
        self.pairs: dict[int, int] = {}  # order → the other: see `matching.core.orders.pairs`
        self.timers: list[tuple[int, int, int]] = []  # heap: due ms, what, order or account id
        self.accounts: dict[int, Account] = {}
        self.mark_price_ticks = 0
        self.index_price_ticks = 0
        self.last_price_ticks = 0
        self.index_ms = 0  # when the index price came
        self.index_stale = False
        self.breaker_armed = True  # a jump of the mark halts the market
        self.basis: deque[tuple[int, int]] = deque()  # (ms, 2·(mid − index)), the last 30 s
        self.premium_sum_ppb = 0  # of this funding interval, or its part under the present rules
        self.premium_count = 0
        self.funding_rate_ppb = 0  # of a whole interval, as the last settlement found it
        self.funding_since_ms = 0  # since when the samples count; 0: the interval's beginning
        self.funding_is_split = False  # the rules changed within this interval
        self.funding_accrued_ppb = 0  # what its parts under former rules are charged
        self.funding_carry = 0  # what rounding left, in billionths of a unit per lot
        self.next_funding_ms = 0  # 0: not set yet
        self.last_trade_id = 0
        self.last_arrival = 0
        self.recent_orders = RecentIds()
        self.recent_commands = RecentIds()
        self.held_units = 0
        self.margin_units = 0
        self.entry_cost_units = 0
        self.fees_units = 0
        self.insurance_units = 0
        self.wallets_units = 0  # what wallets sent in, minus what went back
        self.least_to_wallet_units = 0  # that a leg or a release gave; below zero, it took
        self.net_lots = 0  # Σ positions: zero whenever a command is done
        self.open_interest_lots = 0  # Σ long positions
        self.unindexed: dict[int, Account] = {}
        self.stuck: set[int] = set()  # accounts the last liquidation pass left below maintenance

    def has_room_for(self, units: int) -> bool:
        """Whether wallets may send this much more into the market."""
        return units <= 0 or self.wallets_units + units <= MAX_MARKET_MONEY_UNITS

    def highest_price_ticks(self) -> int:
        """That the positions as they are may be valued at. The market has its rules."""
        return highest_price_ticks(self.tiers.k, self.open_interest_lots)

    @property
    def worth_units(self) -> int:
        """What all positions and the insurance fund have together."""
        return self.margin_units - self.entry_cost_units + self.insurance_units

    def account(self, account_id: int, turn: Turn) -> Account:
        """The account, made if need be, and noted as touched by this turn."""
        account = self.accounts.get(account_id)
        if account is None:
            account = Account(account_id)
            self.accounts[account_id] = account
        turn.touched[account_id] = account
        return account

    def take_hold(self, order: Order) -> None:
        """The order's reserve arrives from its wallet."""
        units = order.reserve_per_lot_units * order.remaining_lots
        self.held_units += units
        self.wallets_units += units

    def _give_to_wallet(self, units: int) -> None:
        self.wallets_units -= units
        self.least_to_wallet_units = min(self.least_to_wallet_units, units)

    def rest(self, order: Order, account: Account) -> None:
        self.book.append(order)
        account.open_orders[order.order_id] = order
        if order.reduce_only:
            account.reduce_only_lots += order.remaining_lots

    def lower_reserve(self, order: Order, reserve_per_lot_units: int) -> int:
        """Reserve less per lot from now on; the units that go back to the wallet."""
        units = (order.reserve_per_lot_units - reserve_per_lot_units) * order.remaining_lots
        order.reserve_per_lot_units = reserve_per_lot_units
        self.held_units -= units
        self._give_to_wallet(units)
        return units

    def take_lots(self, order: Order, account: Account, size_lots: int) -> None:
        """Lots leave an order, resting or not, filled or cancelled; its reserve is not touched."""
        if order.level is None:
            order.remaining_lots -= size_lots
            return
        if order.reduce_only:
            account.reduce_only_lots -= size_lots
        self.book.reduce(order, size_lots)
        if not order.remaining_lots:
            del account.open_orders[order.order_id]

    def cancel(
        self,
        order: Order,
        account: Account,
        reason: CancelReason,
        turn: Turn,
        size_lots: int | None = None,
    ) -> None:
        """Cancel the order, or only some of its lots, and give back what they reserved."""
        cancelled = order.remaining_lots if size_lots is None else size_lots
        released = order.reserve_per_lot_units * cancelled
        self.held_units -= released
        self._give_to_wallet(released)
        self.take_lots(order, account, cancelled)
        turn.events.append(
            OrderCancelled(
                order_id=order.order_id,
                account_id=order.account_id,
                reason=reason,
                cancelled_lots=cancelled,
                remaining_lots=order.remaining_lots,
                released_units=released,
            )
        )
        if not order.remaining_lots:
            self._end_with(order.order_id, turn)

    def _end_with(self, order_id: int, turn: Turn) -> None:
        """An order has ended whole without its last fill: what can't be without it ends, too."""
        if self.triggers.attached:
            self.end_entry(order_id, turn)
        if self.pairs:
            self.end_pair(order_id, CancelReason.OTHER_ENDED, turn)

    def end_pair(self, order_id: int, reason: CancelReason, turn: Turn) -> None:
        """Of an order that filled, fired or ended: the other goes, if it is there."""
        other_id = self.pairs.pop(order_id, 0)
        if self.pairs.get(other_id) != order_id:
            return  # it is on its way, and will be refused
        del self.pairs[other_id]
        resting, waiting = self.book.orders.get(other_id), self.triggers.find(other_id)
        if resting is not None:
            self.cancel(resting, self.account(resting.account_id, turn), reason, turn)
        elif waiting is not None:
            account = self.account(waiting.command.account_id, turn)
            self.cancel_waiting(waiting, account, reason, turn)

    def end_entry(self, order_id: int, turn: Turn) -> None:
        """The entry fills no further: what is attached to it and covers nothing goes."""
        for attached in self.triggers.attached_to(order_id):
            if attached.is_asleep:
                account = self.account(attached.command.account_id, turn)
                self.cancel_waiting(attached, account, CancelReason.PARENT_ENDED, turn)

    def apply_leg(self, order: Order, account: Account, leg: Leg, turn: Turn) -> None:
        """Do what was planned: lots, position and money of one side of a fill."""
        order.filled_lots += leg.size_lots
        if order.hidden_lots:
            if order.reduce_only:
                account.reduce_only_lots -= leg.size_lots
            self.book.fill_shown(order, leg.size_lots)
        else:
            self.take_lots(order, account, leg.size_lots)
        self.apply_money(account, leg, turn)

    def refill(self, order: Order, account: Account, turn: Turn) -> None:
        """Nothing of an iceberg is shown any more: its next part goes to the back of the queue, and
        the order with it to the newest of its account."""
        self.book.remove(order)
        self.last_arrival += 1
        order.arrival = self.last_arrival
        self.book.append(order)
        del account.open_orders[order.order_id]
        account.open_orders[order.order_id] = order
        turn.events.append(
            OrderRefilled(
                order_id=order.order_id, account_id=order.account_id, arrival=order.arrival
            )
        )

    def apply_money(self, account: Account, leg: Leg, turn: Turn) -> None:
        """Position and money of one side of a fill or of a forced closing."""
        self.held_units -= leg.hold_released_units
        self.fees_units += leg.fee_units
        self.insurance_units += leg.insurance_delta_units
        self._give_to_wallet(leg.available_delta_units)
        self.set_position(account, leg.position_lots, leg.entry_cost_units, leg.margin_units, turn)

    def set_position(
        self,
        account: Account,
        position_lots: int,
        entry_cost_units: int,
        margin_units: int,
        turn: Turn,
    ) -> None:
        before = account.position_lots
        self.net_lots += position_lots - before
        self.open_interest_lots += max(0, position_lots) - max(0, before)
        self.entry_cost_units += entry_cost_units - account.entry_cost_units
        self.margin_units += margin_units - account.margin_units
        account.position_lots = position_lots
        account.entry_cost_units = entry_cost_units
        account.margin_units = margin_units
        if before > 0 >= position_lots:
            turn.ended_long[account.account_id] = account
        elif before < 0 <= position_lots:
            turn.ended_short[account.account_id] = account
        turn.repositioned[account.account_id] = account
        turn.touched[account.account_id] = account
        self.unindexed[account.account_id] = account

    def add_waiting(self, waiting: WaitingOrder, account: Account) -> None:
        of_account = account.asleep if waiting.is_asleep else account.waiting
        of_account[waiting.order_id] = waiting
        self.triggers.add(waiting)

    def drop_waiting(self, waiting: WaitingOrder, account: Account) -> None:
        """It was cancelled, or fired and goes on as an order."""
        of_account = account.asleep if waiting.is_asleep else account.waiting
        del of_account[waiting.order_id]
        self.triggers.remove(waiting)

    def cancel_waiting(
        self, waiting: WaitingOrder, account: Account, reason: CancelReason, turn: Turn
    ) -> None:
        self.drop_waiting(waiting, account)
        turn.events.append(
            OrderCancelled(
                order_id=waiting.order_id,
                account_id=account.account_id,
                reason=reason,
                cancelled_lots=waiting.command.size_lots,
                remaining_lots=0,
                released_units=0,
                of_whole_position=waiting.command.close_position,
            )
        )
        self._end_with(waiting.order_id, turn)

    def cancel_all(
        self,
        account: Account,
        reason: CancelReason,
        turn: Turn,
        *,
        protective: bool,
        is_long: bool | None = None,
    ) -> int:
        """Resting and waiting orders, of both sides or one; how many. Without ``protective``
        waiting orders that only reduce stay: without them a position would stand unprotected. What
        is attached to an entry that goes and covers nothing goes with it."""
        turn.touched[account.account_id] = account
        before = len(turn.events)
        resting = [o for o in account.open_orders.values() if is_long in (None, o.is_long)]
        waiting = [
            w
            for w in account.waiting.values()
            if is_long in (None, w.is_long) and (protective or not w.command.reduce_only)
        ]
        for order in resting:
            self.cancel(order, account, reason, turn)
        for conditional in waiting:
            if conditional.order_id in account.waiting:  # else it went with its pair
                self.cancel_waiting(conditional, account, reason, turn)
        for _, attached in sorted(account.asleep.items()):
            if protective and is_long in (None, attached.is_long):
                self.cancel_waiting(attached, account, reason, turn)
        return len(turn.events) - before

    def set_timer(self, due_ms: int, what: int, an_id: int) -> None:
        heapq.heappush(self.timers, (due_ms, what, an_id))
