"""The command that caused an entry: what it was, when it was sent, and by whom."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.html import format_html

from accounts.display import user_link
from accounts.models import User
from accounts.people.names import with_names
from common.admin import when
from common.admin.base import Cell, link, words
from console.why.rules import said_by
from console.why.stream import Moment, Streams
from markets.display import money, percent, price, size
from markets.models import Market
from matching.messages import commands as c
from matching.messages.events import MarkPriceChanged, OutputEntry
from trading.models import Order, OutboxCommand


@dataclass(frozen=True)
class Cause:
    """``row``: of the outbox or the order, if it has one; ``by`` and ``sent`` in words."""

    what: Cell
    by: Cell = ""
    sent: str = ""
    row: OutboxCommand | Order | None = None

    def cells(self) -> list[tuple[str, Cell]]:
        found = [("command", self.what), ("by", self.by), ("sent", self.sent)]
        return [(name, cell) for name, cell in found if cell]


NOT_KEPT = Cause(
    "not kept: orders that are not this record’s, index prices and the clock have no row as "
    "commands, and Redis keeps the newest only"
)
_EXCHANGE = "the exchange itself"


def cause_of(
    streams: Streams,
    market: Market,
    moment: Moment,
    entry: OutputEntry | None,
    placed: Order | None = None,
) -> Cause:
    """``placed``: the order whose placing it was, where rows leave no other possibility."""
    row = OutboxCommand.objects.filter(market=market, applied_seq=moment.seq).first()
    if row is not None:
        return cause_of_row(row)
    command = streams.command(entry) if entry is not None else None
    if command is not None:
        return _of_stream(market, command)
    if placed is not None:
        return _placing(placed)
    if entry is not None and any(isinstance(event, MarkPriceChanged) for event in entry.events):
        return Cause("an index price, or the clock that found it stale", "the prices process")
    return NOT_KEPT


def cause_of_row(row: OutboxCommand) -> Cause:
    said = COMMANDS.get(row.command_type)
    (what,) = with_names([said(row.market, said_by(row)) if said else ""])
    named = link(OutboxCommand, row.pk, row)
    return Cause(
        format_html("{}: {}", named, what) if what else named,
        _sender(row),
        f"{when(row.created_at)} UTC",
        row,
    )


def _sender(row: OutboxCommand) -> Cell:
    user: User | None = row.created_by
    if user is None:
        return _EXCHANGE
    if said_by(row).get("account_id") == user.pk:
        return words("trader", user_link(user))
    return words("operator", user_link(user)) if user.is_staff else user_link(user)


def _of_stream(market: Market, command: c.Command) -> Cause:
    if isinstance(command, c.PlaceOrder):
        order = Order.objects.filter(pk=command.order_id).select_related("user").first()
        return _placing(order) if order else NOT_KEPT
    if isinstance(command, c.UpdateIndexPrice):
        at = price(command.index_price_ticks, market) if command.index_price_ticks else "none"
        return Cause(f"UpdateIndexPrice: {at}", "the prices process")
    if isinstance(command, c.AdvanceClock):
        return Cause("AdvanceClock: something was due", "the engine")
    return Cause(type(command).__name__)


def _placing(order: Order) -> Cause:
    what = words("PlaceOrder:", link(Order, order.pk, order))
    # Who closed a frozen trader's position is in the audit: the order is the trader's all the same.
    return Cause(
        what, words("trader", user_link(order.user)), f"{when(order.created_at)} UTC", order
    )


def _order(payload: Mapping[str, Any]) -> str:
    return f"order {payload.get('order_id')}"


def _amend(market: Market, payload: Mapping[str, Any]) -> str:
    asked = f"{size(payload['size_lots'], market)} at {price(payload['price_ticks'], market)}"
    return f"{_order(payload)} to {asked}, {money(payload['hold_units'])} more held"


def _amend_conditional(market: Market, payload: Mapping[str, Any]) -> str:
    """Only what changes is not zero."""
    said = {"price_ticks": "limit {}", "trigger_price_ticks": "trigger {}"}
    parts = [text.format(price(payload[n], market)) for n, text in said.items() if payload.get(n)]
    if size_lots := payload.get("size_lots"):
        parts.append(size(size_lots, market))
    if callback_ppm := payload.get("callback_ppm"):
        parts.append(f"callback {percent(callback_ppm)}")
    return f"{_order(payload)}, which waits, to {', '.join(parts)}"


def _activate(_market: Market, payload: Mapping[str, Any]) -> str:
    held = payload["hold_units"]
    brought = (
        f"with a hold of {money(held)}" if held else "without a hold: the wallet had too little"
    )
    return f"{_order(payload)}, whose condition came true, {brought}"


def _cancel_all(_market: Market, payload: Mapping[str, Any]) -> str:
    which = payload.get("side") or "all"
    kept = "" if payload.get("protective") else ", but for those that protect a position"
    return f"{which} orders of user {payload.get('account_id')}{kept}"


def _margin(_market: Market, payload: Mapping[str, Any]) -> str:
    amount = payload["amount_units"]
    verb = "put into" if amount > 0 else "taken out of"
    return f"{money(abs(amount))} {verb} the position of user {payload.get('account_id')}"


def _unless_broken(say: Callable[[Market, Mapping[str, Any]], str]) -> Callable[..., str]:
    """A row nobody here wrote says nothing rather than fail the page."""

    def said(market: Market, payload: Any) -> str:
        try:
            return say(market, payload)
        except (KeyError, TypeError, ValueError, AttributeError):
            return ""

    return said


COMMANDS: Mapping[str, Callable[..., str]] = {
    name: _unless_broken(say)
    for name, say in {
        "ConfigureMarket": lambda _m, p: f"version {p['config']['config_version']} of the rules",
        "SetMarketState": lambda _m, p: f"to {p['state']}",
        "SettleMarket": lambda m, p: f"at {price(p['price_ticks'], m)}",
        "FundInsurance": lambda _m, p: money(p["amount_units"]),
        "ActivateOrder": _activate,
        "AmendOrder": _amend,
        "AmendConditional": _amend_conditional,
        "CancelOrder": lambda _m, p: f"{_order(p)}, reason {p.get('reason', 'USER')}",
        "CancelAllOrders": _cancel_all,
        "SetCountdown": lambda _m, p: f"{p['countdown_ms'] / 1_000:g} s",
        "AdjustMargin": _margin,
    }.items()
}
