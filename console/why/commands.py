"""What became of a command: what the engine answered, as far as its entry or its rows are kept."""

from collections.abc import Sequence
from typing import Any

import msgspec

from common.admin.base import Cell, link
from console.why.causes import cause_of_row
from console.why.chain import Explanation, Subject
from console.why.refusals import REFUSALS
from console.why.rules import AskedTerms, JudgedMoment, Rule, rules_at, said_by, state_before
from console.why.stream import Moment, Streams
from ledger.models import JournalEntry
from markets.models import Market
from matching.messages.commands import AmendOrder, Command
from matching.messages.events import (
    ActivationRejected,
    AmendRejected,
    CancelRejected,
    CommandRejected,
    MarginAdjustmentRejected,
)
from trading.commands.outbox import command_of_row
from trading.models import Order, OutboxCommand

_REFUSING = (
    ActivationRejected,
    AmendRejected,
    CancelRejected,
    CommandRejected,
    MarginAdjustmentRejected,
)


def explain_command(row: OutboxCommand, streams: Streams) -> Explanation:
    market, seq = row.market, row.applied_seq
    told: list[Cell] = [cause_of_row(row).what]
    subject = _subject(row)
    if seq is None:
        first = "waiting: the engine has not answered yet; it is sent again until it does"
        return Explanation(market=market, sentences=[first, *told])
    entry = streams.of_command(seq, row.pk)
    if entry is None:
        moment = _moment_of_rows(market, seq)
        return Explanation(
            market=market,
            sentences=[f"applied at sequence {seq}", *told],
            subject=subject,
            moments=[moment] if moment else [],
            unknown=["what the engine answered: Redis keeps the newest entries only"],
        )
    moments = [Moment(entry.seq, entry.time_ms)]
    refused = [event for event in entry.events if isinstance(event, _REFUSING)]
    if not refused:
        first = f"applied at sequence {seq}" if entry.events else _changed_nothing(seq)
        return Explanation(
            market=market, sentences=[first, *told], moments=moments, subject=subject
        )
    rule, judged = _judged(row, refused[-1], moments[0], streams)
    return Explanation(
        market=market,
        sentences=[f"rejected: {rule.sentence(judged)}", *told],
        subject=subject,
        rules=_rules(rule, judged),
        moments=moments,
        unknown=["the numbers it was judged by: not all that went into them is kept"]
        if rule.misses_numbers(judged)
        else [],
    )


def _subject(row: OutboxCommand) -> Subject:
    """Of a command about a market as a whole, nobody alone."""
    account_id = said_by(row).get("account_id", 0)
    return Subject(account_id if isinstance(account_id, int) else 0)


def _changed_nothing(seq: int) -> str:
    return f"applied at sequence {seq}: nothing changed, for it asked for what was so already"


def _moment_of_rows(market: Market, seq: int) -> Moment | None:
    """The time of the entry, where it moved money."""
    entry = JournalEntry.objects.filter(market=market, seq=seq).order_by("pk").first()
    return Moment.of(seq, entry.created_at) if entry else None


def _judged(
    row: OutboxCommand, event: Any, moment: Moment, streams: Streams
) -> tuple[Rule, JudgedMoment]:
    command = _command(row)
    order_id = getattr(event, "order_id", None)
    order = Order.objects.filter(pk=order_id).first() if order_id else None
    terms = AskedTerms.of(order) if order else None
    if terms is not None and isinstance(command, AmendOrder):
        terms = terms.amended(command)
    judged = JudgedMoment(
        market=row.market,
        rules=rules_at(row.market, moment.seq),
        order=order,
        terms=terms,
        command=command,
        event=event,
        mark_ticks=streams.mark_ticks(moment),
        state=state_before(row.market, moment.seq),
    )
    return REFUSALS[event.code], judged


def _command(row: OutboxCommand) -> Command | None:
    try:
        return command_of_row(row)
    except (msgspec.ValidationError, TypeError):
        return None


def _rules(rule: Rule, judged: JudgedMoment) -> Sequence[tuple[str, Cell]]:
    found: list[tuple[str, Cell]] = [("rule", rule.name), ("code", judged.event.code)]
    if value := rule.value_of(judged):
        found.append(("asked for", value))
    if rule.value or rule.breach:
        found.append(("market’s rules", judged.rules.said))
    if judged.order is not None:
        found.append(("order", link(Order, judged.order.pk, judged.order)))
    return found
