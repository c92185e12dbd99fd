"""① An order's first step: its money held and its row inserted in one statement, then published.

Orders that arrive together take these steps together: one query for what they are judged by, one
statement, one round trip to Redis. Each has its own result, whatever becomes of the others: what
fails of one order, for any reason, is the result of that order, and what fails of all together is
tried again for each alone (`isolation`). All that can fail of an order alone, its command too, is
made before its money is held.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from dataclasses import replace as replaced
from typing import Any

from django.db import OperationalError, connection, transaction
from msgspec import UNSET
from msgspec.structs import replace

from accounts.law.terms import terms_not_accepted
from common.errors import DomainError, ErrorCode
from common.postgres.outages import is_outage
from markets.rules import MarketRules, market_rules, market_ticker
from matching.messages.codec import encode_command
from matching.messages.commands import Command, PlaceOrder
from matching.messages.vocabulary import OrderStatus
from trading.commands.order_command import command_of_columns
from trading.commands.outbox import NOT_YET
from trading.commands.publisher import publish_committed
from trading.models import Order
from trading.orders.attached.placing import came_with, insert_with
from trading.orders.attached.terms import drafts_with, fields_with
from trading.orders.draft import OrderDraft, draft_order
from trading.orders.hold import account_not_found, insufficient_balance
from trading.orders.insert import (
    ClientOrderIdTaken,
    Inserted,
    NewRow,
    NotEnough,
    NoWallet,
    Outcome,
    insert_orders,
)
from trading.orders.isolation import together_or_alone
from trading.orders.opening import opens, without_terms
from trading.orders.repeats import conflict_with, terms_asked
from trading.orders.request import NewOrder
from trading.orders.terms import read_terms
from trading.selectors import TraderStanding, orders_named, trader_standings


@dataclass(frozen=True, slots=True)
class PlacedOrder:
    """``repeated``: the client order id was known, and this is the first order under it.
    ``attached``: ids of what came with it, by field."""

    order_id: int
    market_id: str
    status: OrderStatus
    repeated: bool = False
    attached: Mapping[str, int] = field(default_factory=dict)


Result = PlacedOrder | Exception


def place_order(user_id: int, new: NewOrder) -> PlacedOrder:
    """Hold the order's money, insert it and send it to its engine. Raises DomainError.

    A client order id used before answers the first order under it, and places nothing.
    """
    (result,) = place_together([(user_id, new)])
    if isinstance(result, Exception):
        raise result
    return result


def place_together(orders: Sequence[tuple[int, NewOrder]]) -> list[Result]:
    """What `place_order` would answer or raise for each of them, users and markets mixed.

    Those of a user are placed in their order, as many as the wallet pays for; those with something
    attached after the others.
    """
    group = _Group([_Asked(user_id, new) for user_id, new in orders])
    try:
        group.draft()
        group.insert([order for order in group.drafted if not order.attached])
        group.insert_each([order for order in group.drafted if order.attached], {})
        group.answer_refused()
    except Exception as error:  # noqa: BLE001  it is everyone's who has no result yet
        group.fail(error)
    if connection.in_atomic_block:
        transaction.on_commit(lambda: publish_committed(group.commands))
    else:
        publish_committed(group.commands)
    return group.results


@dataclass(slots=True, eq=False)
class _Asked:
    user_id: int
    new: NewOrder
    result: Result | None = None


@dataclass(slots=True, eq=False)
class _Drafted:
    """Ready to be inserted. ``command`` lacks its order's id; ``attached`` are orders that must be
    inserted with it."""

    asked: _Asked
    rules: MarketRules
    draft: OrderDraft
    columns: dict[str, Any]
    terms_asked: dict[str, Any] | None
    command: PlaceOrder
    attached: list[OrderDraft]

    @property
    def is_pair(self) -> bool:
        return self.asked.new.other is not None

    @property
    def row(self) -> NewRow:
        return NewRow(self.asked.user_id, self.rules.id, self.columns, self.terms_asked)


@dataclass(slots=True, eq=False)
class _Refused:
    """That is its answer unless it was placed before."""

    asked: _Asked
    refusal: DomainError


class _Group:
    """Orders on their way through the steps."""

    def __init__(self, orders: list[_Asked]) -> None:
        self.orders = orders
        self.drafted: list[_Drafted] = []
        self.refused: list[_Refused] = []
        self.commands: list[tuple[str, Command]] = []

    @property
    def results(self) -> list[Result]:
        return [asked.result or RuntimeError("an order got no answer") for asked in self.orders]

    def draft(self) -> None:
        known: list[tuple[_Asked, MarketRules]] = []
        for asked in self.orders:
            try:
                known.append((asked, market_rules(asked.new.market_id)))
            except Exception as error:
                if is_outage(error):
                    raise
                asked.result = error
        refused = without_terms((asked.user_id, asked.new) for asked, _ in known)
        standings = together_or_alone(known, _standings)
        for (asked, rules), standing in zip(known, standings, strict=True):
            if isinstance(standing, Exception):
                asked.result = standing
            elif asked.user_id in refused and opens(asked.new):
                self.refused.append(_Refused(asked, terms_not_accepted()))
            else:
                self._draft_one(asked, rules, standing)

    def _draft_one(self, asked: _Asked, rules: MarketRules, standing: TraderStanding) -> None:
        try:
            terms = read_terms(rules, asked.new, standing.leverage)
            ticker = market_ticker(rules.id)
            draft = draft_order(rules, ticker, standing, terms)
            attached = drafts_with(rules, ticker, standing, asked.new, terms)
            columns = draft.columns()
            # Remembered where they may be asked for again.
            remembered = None if asked.new.client_order_id is None else terms_asked(asked.new)
            command = command_of_columns(NOT_YET, asked.user_id, columns)
            encode_command(command)  # one that can't travel must not hold money
        except DomainError as error:
            self.refused.append(_Refused(asked, error))
        except Exception as error:  # noqa: BLE001  it is this order's alone
            asked.result = error
        else:
            self.drafted.append(
                _Drafted(asked, rules, draft, columns, remembered, command, attached)
            )

    def insert(self, orders: list[_Drafted]) -> None:
        """In one statement. One by one those of a user whose sum doesn't fit, and all of them if
        the whole statement failed, so that none fails for another's sake."""
        if not orders:
            return
        try:
            outcomes = insert_orders([order.row for order in orders])
        except Exception as error:
            if is_outage(error):
                raise
            if len(orders) == 1:
                orders[0].asked.result = error
            else:
                self.insert_each(orders, {})
            return
        counts = Counter(order.asked.user_id for order in orders)
        short, available = [], {}
        for order, outcome in zip(orders, outcomes, strict=True):
            if isinstance(outcome, NotEnough) and counts[order.asked.user_id] > 1:
                short.append(order)
                available[order.asked.user_id] = outcome.available_units
            else:
                self._settle(order, outcome)
        self.insert_each(short, available)

    def _insert_with_attached(self, order: _Drafted) -> Outcome | None:
        """It and what comes with it, or nothing. Their commands go before its own. Answers what
        became of the entry, None where that isn't known."""
        user_id, market_id = order.asked.user_id, order.rules.id
        columns = [draft.columns() for draft in order.attached]
        rows = [NewRow(user_id, market_id, one, None) for one in columns]
        try:
            *of_attached, of_entry = insert_with(order.row, rows, is_pair=order.is_pair)
        except Exception as error:
            if is_outage(error):
                raise
            order.asked.result = error
            return None
        ids: dict[str, int] = {}
        for field_name, outcome in zip(fields_with(order.asked.new), of_attached, strict=True):
            if isinstance(outcome, Inserted):
                ids[field_name] = outcome.order_id
            elif isinstance(outcome, ClientOrderIdTaken) and isinstance(of_entry, Inserted):
                order.asked.result = _name_taken(f"{field_name}.client_order_id")
                return None
        if isinstance(of_entry, Inserted):
            for one, order_id in zip(columns, ids.values(), strict=True):
                one["other_id" if order.is_pair else "parent_id"] = of_entry.order_id
                self._send(market_id, command_of_columns(order_id, user_id, one), of_entry)
            order.command = replace(order.command, other_id=ids.get("other", UNSET))
        self._settle(order, of_entry)
        if isinstance(order.asked.result, PlacedOrder):
            order.asked.result = replaced(order.asked.result, attached=ids)
        return of_entry

    def _insert_one(self, order: _Drafted) -> Outcome | None:
        if order.attached:
            return self._insert_with_attached(order)
        self.insert([order])
        return None

    def insert_each(self, orders: list[_Drafted], available: dict[int, int]) -> None:
        """One by one. ``available``: what wallets had, where that is known. What is more than is
        left of it costs no statement: else a trader without money would hold everyone up by asking
        much."""
        stuck: dict[int, Exception] = {}
        for order in orders:
            user_id, hold_units = order.asked.user_id, order.draft.hold_units
            left = available.get(user_id)
            if user_id in stuck:  # the wallet stays locked: don't wait for it again
                order.asked.result = stuck[user_id]
            elif left is not None and hold_units > max(0, left):
                self._settle(order, NotEnough(left))
            else:
                outcome = self._insert_one(order)
                if isinstance(order.asked.result, OperationalError):
                    stuck[user_id] = order.asked.result
                elif isinstance(outcome, NotEnough):
                    available[user_id] = outcome.available_units
                elif left is not None and isinstance(order.asked.result, PlacedOrder):
                    available[user_id] = left - hold_units

    def _settle(self, order: _Drafted, outcome: Outcome) -> None:
        try:
            self._answer(order, outcome)
        except Exception as error:  # noqa: BLE001  it is this order's alone
            order.asked.result = error

    def _answer(self, order: _Drafted, outcome: Outcome) -> None:
        asked = order.asked
        match outcome:
            case Inserted(order_id):
                self._send(order.rules.id, replace(order.command, order_id=order_id), outcome)
                asked.result = PlacedOrder(order_id, order.rules.id, OrderStatus.PENDING)
            case NotEnough(available_units):
                refusal = insufficient_balance(order.draft.needed, available_units)
                self.refused.append(_Refused(asked, refusal))
            case NoWallet():
                asked.result = account_not_found()
            case _:  # if the first one is not found either, its transaction is not visible to ours
                message = "An order with this client_order_id is being placed. Try again."
                code = ErrorCode.CLIENT_ORDER_ID_IN_USE
                refusal = DomainError(code, message, "client_order_id")
                self.refused.append(_Refused(asked, refusal))

    def _send(self, market_id: str, command: PlaceOrder, inserted: Inserted) -> None:
        """With the group's, unless others of its market go first (`trading.commands.backlog`)."""
        if not inserted.is_marked:
            self.commands.append((market_id, command))

    def answer_refused(self) -> None:
        """By the first order under their client order ids where there is one, also if the market
        would refuse it now."""
        for refused in self.refused:
            refused.asked.result = refused.refusal
        named = [r.asked for r in self.refused if r.asked.new.client_order_id is not None]
        for asked, first in zip(named, together_or_alone(named, _firsts), strict=True):
            if isinstance(first, Exception):
                asked.result = first
            elif first is not None:
                asked.result = _repeated(first, asked.new)

    def fail(self, error: Exception) -> None:
        """What has no result yet gets this one: what was placed stays placed."""
        for asked in self.orders:
            if asked.result is None:
                asked.result = error


def _name_taken(field_name: str) -> DomainError:
    message = f"{field_name} names another order of yours. Use another."
    code = ErrorCode.CLIENT_ORDER_ID_REUSED
    return DomainError(code, message, field_name).naming(field_name)


def _standings(known: Sequence[tuple[_Asked, MarketRules]]) -> list[TraderStanding]:
    found = trader_standings([(asked.user_id, rules) for asked, rules in known])
    return [found[asked.user_id, rules.id] for asked, rules in known]


def _firsts(named: Sequence[_Asked]) -> list[Order | None]:
    """The orders under their client order ids."""
    return orders_named([(asked.user_id, asked.new.client_order_id or "") for asked in named])


def _repeated(first: Order, new: NewOrder) -> Result:
    try:
        conflict = conflict_with(first, new)
        if conflict is not None:
            return conflict
        attached = came_with(first) if fields_with(new) else {}
        status = OrderStatus(first.status)
        return PlacedOrder(first.pk, first.market_id, status, repeated=True, attached=attached)
    except Exception as error:  # noqa: BLE001  it is this order's alone
        return error
