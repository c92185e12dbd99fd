"""Conditional orders that wait for a price.

Theory of operation. A waiting order holds no money and is in no queue. By reference price (mark or
last) and direction, the fixed triggers are kept sorted, so that a price change costs by the number
of orders it fires. Trailing stops each follow a best price of their own: they are looked at one by
one when their reference has changed. What fires is taken in order of arrival.
"""

from msgspec import UnsetType
from sortedcontainers import SortedList

from matching.messages.commands import PlaceOrder, Trigger
from matching.messages.limits import PPM
from matching.messages.vocabulary import Side, TriggerBy, TriggerKind


class WaitingOrder:
    """A conditional order.

    peak_ticks      of a trailing stop: the best price since its activation, 0 before it
    is_triggered    its condition came true and it waits for its hold
    parent_id       of the entry it is attached to, 0 of an order of its own
    is_asleep       nothing of its entry is covered yet, and its condition is not looked at
    """

    __slots__ = (
        "arrival",
        "command",
        "is_asleep",
        "is_triggered",
        "parent_id",
        "peak_ticks",
        "trigger",
    )

    def __init__(
        self,
        command: PlaceOrder,
        trigger: Trigger,
        arrival: int,
        peak_ticks: int = 0,
        is_triggered: bool = False,
        is_asleep: bool = False,
    ) -> None:
        self.command = command
        self.trigger = trigger
        self.arrival = arrival
        self.peak_ticks = peak_ticks
        self.is_triggered = is_triggered
        parent_id = command.parent_id
        self.parent_id = 0 if isinstance(parent_id, UnsetType) else parent_id
        self.is_asleep = is_asleep

    @property
    def order_id(self) -> int:
        return self.command.order_id

    @property
    def is_long(self) -> bool:
        return self.command.side is Side.LONG


def fires_rising(trigger: Trigger, is_long: bool) -> bool:
    """Whether a fixed trigger fires at or above its price; else at or below."""
    return (trigger.kind is TriggerKind.STOP) is is_long


def is_true(trigger: Trigger, is_long: bool, reference_ticks: int) -> bool:
    """Whether a fixed trigger's condition holds at this reference price."""
    if fires_rising(trigger, is_long):
        return reference_ticks >= trigger.price_ticks
    return reference_ticks <= trigger.price_ticks


class TriggerBook:
    """All conditional orders of a market: ``orders`` wait for their price, ``fired`` had it and
    wait for their hold, ``asleep`` wait for a fill of their entry. ``attached``: those that sleep
    or wait, by their entry's id."""

    def __init__(self) -> None:
        self.orders: dict[int, WaitingOrder] = {}
        self.fired: dict[int, WaitingOrder] = {}
        self.asleep: dict[int, WaitingOrder] = {}
        self.attached: dict[int, dict[int, WaitingOrder]] = {}
        # By reference: (trigger price, arrival, order id) of fixed triggers.
        self._rising = {by: SortedList() for by in TriggerBy}
        self._falling = {by: SortedList() for by in TriggerBy}
        self._trailing: dict[TriggerBy, dict[int, WaitingOrder]] = {by: {} for by in TriggerBy}
        # The reference price that all trailing stops have followed; 0 where one has not yet.
        self._followed = dict.fromkeys(TriggerBy, 0)

    def find(self, order_id: int) -> WaitingOrder | None:
        return self.orders.get(order_id) or self.fired.get(order_id) or self.asleep.get(order_id)

    def attached_to(self, parent_id: int) -> list[WaitingOrder]:
        """By their ids."""
        found = self.attached.get(parent_id)
        return [found[order_id] for order_id in sorted(found)] if found else []

    def add(self, order: WaitingOrder) -> None:
        if order.is_triggered:
            self.fired[order.order_id] = order
            return
        if order.parent_id:
            self.attached.setdefault(order.parent_id, {})[order.order_id] = order
        if order.is_asleep:
            self.asleep[order.order_id] = order
            return
        self.orders[order.order_id] = order
        trigger = order.trigger
        if trigger.kind is TriggerKind.TRAILING_STOP:
            self._trailing[trigger.by][order.order_id] = order
            self._followed[trigger.by] = 0
        else:
            self._fixed(order).add((trigger.price_ticks, order.arrival, order.order_id))

    def fire(self, order: WaitingOrder) -> None:
        self.remove(order)
        order.is_triggered = True
        self.fired[order.order_id] = order

    def remove(self, order: WaitingOrder) -> None:
        if order.is_triggered:
            del self.fired[order.order_id]
            return
        if order.parent_id:
            attached = self.attached[order.parent_id]
            del attached[order.order_id]
            if not attached:
                del self.attached[order.parent_id]
        if order.is_asleep:
            del self.asleep[order.order_id]
            return
        del self.orders[order.order_id]
        trigger = order.trigger
        if trigger.kind is TriggerKind.TRAILING_STOP:
            del self._trailing[trigger.by][order.order_id]
        else:
            self._fixed(order).remove((trigger.price_ticks, order.arrival, order.order_id))

    def _fixed(self, order: WaitingOrder) -> SortedList:
        rising = fires_rising(order.trigger, order.is_long)
        return (self._rising if rising else self._falling)[order.trigger.by]

    def due(self, by: TriggerBy, reference_ticks: int) -> list[WaitingOrder]:
        """Orders that fire at this reference price, by arrival; trailing stops follow it first."""
        found = []
        for price, _, order_id in self._rising[by]:
            if price > reference_ticks:
                break
            found.append(self.orders[order_id])
        for price, _, order_id in reversed(self._falling[by]):
            if price < reference_ticks:
                break
            found.append(self.orders[order_id])
        if self._followed[by] != reference_ticks:
            self._followed[by] = reference_ticks
            found.extend(
                order for order in self._trailing[by].values() if _follow(order, reference_ticks)
            )
        return sorted(found, key=lambda order: order.arrival)


def _follow(order: WaitingOrder, reference_ticks: int) -> bool:
    """Move a trailing stop's best price; whether it fires."""
    activation = order.trigger.price_ticks
    callback_ppm = order.trigger.callback_ppm
    if order.is_long:  # buys back a short: follows the price down, fires on its way up
        if not order.peak_ticks and activation and reference_ticks > activation:
            return False
        if not order.peak_ticks or reference_ticks < order.peak_ticks:
            order.peak_ticks = reference_ticks
        return is_back(True, callback_ppm, order.peak_ticks, reference_ticks)
    if not order.peak_ticks and activation and reference_ticks < activation:
        return False
    order.peak_ticks = max(order.peak_ticks, reference_ticks)
    return is_back(False, callback_ppm, order.peak_ticks, reference_ticks)


def is_back(is_long: bool, callback_ppm: int, peak_ticks: int, reference_ticks: int) -> bool:
    """Whether the reference price has come back from a trailing stop's best by its callback."""
    if is_long:
        return reference_ticks * PPM >= peak_ticks * (PPM + callback_ppm)
    return reference_ticks * PPM <= peak_ticks * (PPM - callback_ppm)
