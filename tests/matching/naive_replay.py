"""The recorded input of a market through a second, naive implementation, compared with what was
published.

**Predicted**, from the commands, the book and price–time priority alone, and compared to the last
unit: whether a plain order is taken or refused and why; every fill of it (maker, price, lots, fee,
profit, margin, holds released); makers and takers that can't bear their side; self-trades, the
price band, reduce-only trims, fill-or-kill, what rests and what it holds; the same for orders that
are amended, that fired, and for those a liquidation sends: which makers they meet, at what price,
how much of each, and what the insurance fund gets or pays; whom a deleveraging closes against;
every resulting position.

**Taken as given** from the recorded events, and therefore not proved here: mark prices and
staleness, states of the market, refusals for an id too old, an expiry that is past or too many open
orders, when a conditional order fires and at which size, when orders and countdowns expire,
refusals of amendments, conditional orders and margin changes, that a position is liquidated and
down to which limit, at which cash it is deleveraged, funding payments, settlements. The rules of
those are tested elsewhere in tests/matching.
"""

import copy
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from fractions import Fraction
from math import floor

import msgspec

from matching.messages.commands import (
    ActivateOrder,
    AdjustMargin,
    AmendConditional,
    AmendOrder,
    Command,
    ConfigureMarket,
    PlaceOrder,
)
from matching.messages.conditional_events import ConditionalAmended, CoverChanged, OrderAttached
from matching.messages.events import (
    Event,
    FundingSettled,
    InsuranceFunded,
    MarginAdjusted,
    MarginAdjustmentRejected,
    MarketConfigured,
    MarketStateChanged,
    MarkPriceChanged,
    OrderAccepted,
    OrderAmended,
    OrderCancelled,
    OrderRejected,
    OrderTriggered,
    OrderWaiting,
    PositionChanged,
    PositionLiquidated,
    PositionSettled,
    Trade,
    TradeLeg,
)
from matching.messages.vocabulary import (
    ExecutionType,
    RejectCode,
    SelfTradePrevention,
    Side,
    TimeInForce,
)
from tests.matching.naive_amended import (
    GIVEN_REFUSALS,
    MET_IN_THE_BOOK,
    NaiveAmended,
    amended_condition,
    check_slippage_limit,
    compare_rank,
    expect_an_answer,
    naive_amended,
    terms_as_new,
)
from tests.matching.naive_attached import NaiveAttached
from tests.matching.naive_forced import NaiveForced
from tests.matching.naive_pairs import NaivePairs
from tests.matching.naive_rules import Holding, Resting
from tests.matching.predicted import Differs, comparable


@dataclass
class NaiveReplay(NaiveForced):
    """One market. `follow` takes one entry after the other and raises at the first difference."""

    waiting: dict[int, PlaceOrder] = field(default_factory=dict)
    post_only: set[int] = field(default_factory=set)
    prevention: dict[int, SelfTradePrevention] = field(default_factory=dict)
    fills: int = 0
    published: list[Event] = field(default_factory=list)
    at: int = 0
    command: Command | None = None
    sides: dict[int, bool] = field(default_factory=dict)
    attached: NaiveAttached = field(default_factory=NaiveAttached)
    pairs: NaivePairs = field(default_factory=NaivePairs)
    forced: set[int] = field(default_factory=set)  # accounts whose order was followed in this entry

    def follow(self, command: Command | None, events: Iterable[Event]) -> None:
        """What the engine published for a command; None for one that could not be decoded."""
        self.published, self.at, self.command = list(events), 0, command
        self.forced, self.moved = set(), []
        expect_an_answer(command, self.published, self.seen_orders)
        if isinstance(command, PlaceOrder):
            self.sides.setdefault(command.order_id, command.side is Side.LONG)
        self.attached.follow(self.sides, self.published)
        self.pairs.follow(command, self.published)
        while self.at < len(self.published):
            self._take(self.published[self.at])
        told = {e.account_id for e in self.published if isinstance(e, PositionChanged)}
        if missing := set(self.moved) - told:
            raise Differs(f"positions of {missing} changed, which nobody was told")

    # ---------------------------------------------------------------- one event after the other

    def _take(self, event: Event) -> None:
        match event:
            case OrderAccepted() | OrderRejected():
                self._take_order(event)
            case OrderAmended() | ConditionalAmended():
                self._take_amendment(event)
            case OrderTriggered():
                self._take_trigger(event)
            case OrderCancelled():
                self._take_cancel(event)
            case Trade():
                self._take_forced_trade(event)
            case PositionLiquidated():
                self._take_liquidation(event)
            case PositionChanged():
                self._compare_position(event)
            case MarginAdjusted():
                self._take_adjustment(event)
            case MarginAdjustmentRejected():
                self._take_refused_adjustment(event)
            case _:
                self._take_given(event)

    def _take_given(self, event: Event) -> None:
        self.at += 1
        command = self.command
        match event:
            case MarkPriceChanged():
                self.mark, self.stale = event.mark_price_ticks, event.index_stale
            case MarketStateChanged():
                self.state = event.state
            case MarketConfigured():
                assert isinstance(command, ConfigureMarket)
                self.config = command.config
            case CoverChanged():
                self._resize(event)
            case OrderWaiting() | OrderAttached():
                assert isinstance(command, PlaceOrder)
                self.waiting[command.order_id] = command
            case InsuranceFunded():
                self.insurance += event.amount_units
            case PositionSettled():
                self._hold(event.leg.account_id, Holding())
            case FundingSettled():
                for payment in event.payments:
                    held = self.holding(payment.account_id)
                    self.holdings[payment.account_id] = Holding(
                        held.lots, payment.entry_cost_units, payment.margin_units
                    )

    def _take_adjustment(self, event: MarginAdjusted) -> None:
        self.at += 1
        command = self.command
        assert isinstance(command, AdjustMargin)
        held = self.holding(event.account_id)
        left = held.margin + event.amount_units
        if event.amount_units < 0 and not self.may_keep(held, left, command.leverage):
            raise Differs(f"{held} may not keep {left} alone at {command.leverage}×")
        self._hold(event.account_id, Holding(held.lots, held.cost, left))

    def _take_refused_adjustment(self, event: MarginAdjustmentRejected) -> None:
        """What it says could be taken out could be, and not a unit more."""
        self.at += 1
        command = self.command
        if event.code is not RejectCode.INSUFFICIENT_MARGIN:
            return
        assert isinstance(command, AdjustMargin)
        held = self.holding(event.account_id)
        least = held.margin - event.removable_units
        enough = not event.removable_units or self.may_keep(held, least, command.leverage)
        if not enough or self.may_keep(held, least - 1, command.leverage):
            raise Differs(f"{held} at {command.leverage}×: {event}")
        if -command.amount_units <= event.removable_units:
            raise Differs(f"{command} asks no more than {event} says can be taken out")

    def _hold(self, account_id: int, after: Holding) -> None:
        self.holdings[account_id] = after
        if account_id not in self.moved:
            self.moved.append(account_id)

    def _expect(self, act: Callable[[], None]) -> None:
        """Whatever the act makes happen must be what was published next."""
        self.events = []
        act()
        for expected in self.events:
            self._pass_what_is_attached()
            found = self.published[self.at] if self.at < len(self.published) else None
            if comparable(expected) != (found and comparable(found)):
                raise Differs(f"expected {expected}, published {found}")
            self.fills += isinstance(expected, Trade)
            self.at += 1

    def _pass_what_is_attached(self) -> None:
        """Told between the fills of an entry: proved by `NaiveAttached` and `NaivePairs`."""
        while self.at < len(self.published):
            event = self.published[self.at]
            if isinstance(event, OrderCancelled) and event.order_id in self.waiting:
                del self.waiting[event.order_id]
            elif isinstance(event, CoverChanged):
                self._resize(event)
            else:
                return
            self.at += 1

    def _resize(self, event: CoverChanged) -> None:
        """Asleep it keeps its size."""
        terms = self.waiting[event.order_id]
        size_lots = event.covered_lots or terms.size_lots
        self.waiting[event.order_id] = msgspec.structs.replace(terms, size_lots=size_lots)

    def _take_order(self, event: OrderAccepted | OrderRejected) -> None:
        """A plain order, one that got its hold, or one that fired and holds nothing."""
        terms = self._terms_of(event.order_id)
        if isinstance(event, OrderRejected) and (
            terms.trigger is not None or event.code in GIVEN_REFUSALS
        ):
            self.at += 1
            return
        if terms.time_in_force is TimeInForce.GTX:
            self.post_only.add(terms.order_id)
        self.prevention[terms.order_id] = terms.self_trade_prevention
        self._expect(lambda: self.place(terms))

    def _terms_of(self, order_id: int) -> PlaceOrder:
        command = self.command
        terms = self.waiting.pop(order_id, None)  # also one that fired as it came
        if terms is None:
            assert isinstance(command, PlaceOrder)
            assert command.order_id == order_id
            return command
        # An activation's fills may fire another order in the same entry, which holds nothing.
        hold = 0
        if isinstance(command, ActivateOrder) and command.order_id == order_id:
            hold = command.hold_units
        return msgspec.structs.replace(terms, hold_units=hold, trigger=None)

    def _take_trigger(self, event: OrderTriggered) -> None:
        self.at += 1
        terms = self.waiting[event.order_id]
        price = event.price_ticks or terms.price_ticks
        if terms.trigger is not None and terms.trigger.max_slippage_ppm:
            assert self.config is not None
            check_slippage_limit(terms, price, self.mark, self.config.price_band_ppm)
        self.waiting[event.order_id] = msgspec.structs.replace(
            terms, size_lots=event.size_lots, price_ticks=price
        )

    def _take_cancel(self, event: OrderCancelled) -> None:
        """Of an order that was in nobody's way: asked for, expired, or its account's time is up."""
        if event.reason in MET_IN_THE_BOOK and self._is_of_a_liquidation(event):
            return
        self.at += 1
        if event.order_id in self.waiting:
            del self.waiting[event.order_id]
            return
        found = [order for order in self.book if order.order_id == event.order_id]
        if not found or found[0].left - event.cancelled_lots != event.remaining_lots:
            raise Differs(f"{event} of {found}")
        if event.released_units != found[0].reserve * event.cancelled_lots:
            raise Differs(f"{event} releases something else than {found[0]} holds")
        self.shrink(found[0], event.cancelled_lots)

    # ----------------------------------------------------------------------------- amendments

    def _take_amendment(self, event: OrderAmended | ConditionalAmended) -> None:
        if isinstance(event, ConditionalAmended):
            self.at += 1
            asked, before = self.command, self.waiting[event.order_id]
            assert isinstance(asked, AmendConditional)
            self.waiting[event.order_id] = amended_condition(before, asked, event, self.mark)
            return
        command = self.command
        assert isinstance(command, AmendOrder)
        (order,) = [o for o in self.book if o.order_id == command.order_id]
        after = naive_amended(order, command, event)
        if not after.keeps_place:
            self._expect(lambda: self._replace(order, command, after))
            return
        self.at += 1
        gone = order.left - after.left
        if event.released_units != order.reserve * gone + command.hold_units:
            raise Differs(f"{event} releases something else than {order} held")
        self.shrink(order, gone)
        self.show(order, after.visible)

    def _replace(self, order: Resting, command: AmendOrder, after: NaiveAmended) -> None:
        """The order leaves, and arrives as a new one with what it and the amendment hold."""
        post_only = order.order_id in self.post_only
        held = order.reserve * order.left + command.hold_units
        self.shrink(order, order.left)
        self.arrivals += 1
        left = after.left
        order.arrival, order.price, order.left = self.arrivals, after.price, left
        order.reserve, order.visible = held // left, after.visible
        self.events.append(
            OrderAmended(
                order_id=order.order_id,
                account_id=order.account_id,
                price_ticks=order.price,
                size_lots=after.size,
                remaining_lots=left,
                kept_priority=False,
                brought_units=command.hold_units,
                released_units=held - order.reserve * left,
                visible_lots=command.visible_lots,
            )
        )
        self.meet(order, terms_as_new(order, held, post_only, self.prevention[order.order_id]))

    # --------------------------------------------------------------------------- liquidations

    def _liquidation_ahead(self) -> PositionLiquidated | None:
        ahead = (e for e in self.published[self.at :] if isinstance(e, PositionLiquidated))
        return next(ahead, None)

    def _is_of_a_liquidation(self, event: OrderCancelled) -> bool:
        """A maker that a liquidation met: then what that liquidation does is followed from here."""
        liquidation = self._liquidation_ahead()
        if liquidation is None or liquidation.account_id in self.forced:
            return False  # of an attempt with no other effect, which isn't told again
        trial = copy.deepcopy(self)
        trial.events = []
        trial.force(liquidation)
        if not trial.events or trial.events[0] != event:
            return False
        self._follow_forced(liquidation)
        return True

    def _take_forced_trade(self, event: Trade) -> None:
        liquidation = self._liquidation_ahead()
        if event.execution is ExecutionType.ADL:
            assert self.config is not None
            compare_rank(event, self.holdings, self.config.units_per_tick_lot, self.mark)
            self.at += 1
            self.trades = event.trade_id
            self.fills += 1
            for leg in (event.taker, event.maker):
                self._take_leg(leg, event.size_lots)
            return
        if liquidation is None or liquidation.account_id in self.forced:
            raise Differs(f"nothing leads to {event}")
        self._follow_forced(liquidation)

    def _follow_forced(self, liquidation: PositionLiquidated) -> None:
        self.forced.add(liquidation.account_id)
        self._expect(lambda: self.force(liquidation))

    def _take_leg(self, leg: TradeLeg, lots: int) -> None:
        """A deleveraging's side, as it was published."""
        held = self.holding(leg.account_id)
        sign = 1 if held.lots > 0 else -1
        cost = floor(held.cost * Fraction(lots, abs(held.lots)))
        margin = held.margin + leg.margin_delta_units
        self.insurance += leg.insurance_delta_units
        self._hold(leg.account_id, Holding(held.lots - sign * lots, held.cost - cost, margin))

    def _take_liquidation(self, event: PositionLiquidated) -> None:
        if event.account_id not in self.forced:
            self._follow_forced(event)  # it met nobody, and indeed nobody was there to meet
        if self.published[self.at] is not event:
            return
        self.at += 1
        left = abs(self.holding(event.account_id).lots)
        if left != abs(event.left_lots):
            raise Differs(f"{event}: {left} lots should be left")

    # ------------------------------------------------------------------------------ positions

    def _compare_position(self, event: PositionChanged) -> None:
        self.at += 1
        held = self.holding(event.account_id)
        found = Holding(event.position_lots, event.entry_cost_units, event.margin_units)
        if held != found:
            raise Differs(f"account {event.account_id} has {held}, published {found}")
