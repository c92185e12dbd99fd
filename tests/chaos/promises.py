"""Commands other than orders: what was acknowledged is promised once, and takes effect once.

Each check answers the offending records, in words; an empty list is a pass.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Any

from matching.messages.events import Event, OutputEntry
from tests.chaos.checks import Books
from tests.chaos.load import Request
from tests.chaos.streams import Recorder

# What an engine says to a command that takes effect. CancelAllOrders may find nothing to cancel.
OUTCOMES = {
    "AmendOrder": ("OrderAmended", "AmendRejected"),
    "AmendConditional": ("ConditionalAmended", "AmendRejected"),
    "AdjustMargin": ("MarginAdjusted", "MarginAdjustmentRejected"),
    "SetCountdown": ("CountdownSet", "CommandRejected"),
    "CancelOrder": ("OrderCancelled", "CancelRejected"),
    "ActivateOrder": ("OrderAccepted", "OrderRejected", "OrderCancelled", "ActivationRejected"),
    "FundInsurance": ("InsuranceFunded",),
    "SetMarketState": ("MarketStateChanged", "CommandRejected"),
    "SettleMarket": ("MarketStateChanged", "CommandRejected"),
    "ConfigureMarket": ("MarketConfigured", "CommandRejected"),
}
ABOUT_AN_ORDER = ("AmendOrder", "AmendConditional", "CancelOrder", "ActivateOrder")
PROMISED_FOR = {"amend": "AmendOrder", "margin": "AdjustMargin", "countdown": "SetCountdown"}


def wrong_effects(books: Books, recorder: Recorder) -> list[str]:
    """Not applied, applied elsewhere than recorded, without an outcome, or with two."""
    said: dict[int, list[OutputEntry]] = defaultdict(list)
    for market, record in recorder.records.items():
        for seq, entry in record.entries.items():
            if entry.command_id and seq <= books.cursors[market]:
                said[entry.command_id].append(entry)
    wrong = []
    for row in books.commands:
        expected = OUTCOMES.get(row["command_type"], ())
        order_id = row["payload"]["order_id"] if row["command_type"] in ABOUT_AN_ORDER else None
        effects = [e.seq for e in said[row["id"]] if _outcomes(e, expected, order_id)]
        name = f"{row['command_type']} {row['id']} in {row['market_id']}"
        if row["applied_seq"] is None:
            wrong.append(f"{name}: not applied")
        elif expected and effects != [row["applied_seq"]]:
            wrong.append(f"{name}: applied at {row['applied_seq']}, took effect at {effects}")
    return wrong


def _outcomes(entry: OutputEntry, expected: Iterable[str], order_id: int | None) -> list[Event]:
    """Of this kind and, where the command is about an order, about that one."""
    return [
        event
        for event in entry.events
        if type(event).__name__ in expected
        and (order_id is None or getattr(event, "order_id", order_id) == order_id)
    ]


def lost_or_doubled(books: Books) -> list[str]:
    """At least as many rows as acknowledgements, at most as many more as attempts that may have
    had their effect; each id that was told is a row of that trader, market and kind."""
    rows: Counter[tuple[str, Any, Any]] = Counter()
    by_id = {row["id"]: row for row in books.commands}
    for row in books.commands:
        about = row["payload"].get("order_id") or row["market_id"]
        rows[row["command_type"], row["username"], str(about)] += 1
    least: Counter[tuple[str, Any, Any]] = Counter()
    most: Counter[tuple[str, Any, Any]] = Counter()
    wrong = []
    for kind, command_type in PROMISED_FOR.items():
        for request in books.of(kind):
            key = (command_type, request.trader, request.key)
            least[key] += request.acknowledged is not None
            most[key] += sum(a.status in (0, 202) or a.status >= 500 for a in request.attempts)
            wrong += _misnamed(request, command_type, by_id)
    for key in set(rows) | set(least):
        if key[0] in PROMISED_FOR.values() and not least[key] <= rows[key] <= most[key]:
            wrong.append(f"{key}: {least[key]} to {most[key]} promised, {rows[key]} rows")
    return wrong


def _misnamed(request: Request, command_type: str, by_id: dict[int, Any]) -> list[str]:
    answer = request.acknowledged
    if answer is None or "commandId" not in answer.body:
        return []
    row = by_id.get(answer.body["commandId"])
    told = (command_type, request.trader, request.key)
    found = row and (row["command_type"], row["username"], row["market_id"])
    return [] if found == told else [f"{told} was told row {answer.body}: {row}"]


def wrong_operator_commands(books: Books, told: list[dict[str, Any]]) -> list[str]:
    """Each action the operator saw committed is a row, and there are no more rows than actions
    whose outcome it doesn't know."""
    by_id = {row["id"]: row for row in books.commands if row["username"] is None}
    wrong = [
        f"operator: {line}, row {by_id.get(line['commandId'])}"
        for line in told
        if "commandId" in line
        and by_id.get(line["commandId"], {}).get("command_type") != line["type"]
    ]
    known = {line["commandId"] for line in told if "commandId" in line}
    unknown = [
        row
        for row in by_id.values()
        if row["id"] not in known and row["command_type"] == "FundInsurance"
    ]
    if len(unknown) > sum("ambiguous" in line for line in told):
        wrong.append(f"operator: nobody asked for {unknown}")
    return wrong


def wrong_leverages(books: Books) -> list[str]:
    """The last one acknowledged, or one after it whose answer never came."""
    allowed: dict[tuple[str, str], set[int | None]] = defaultdict(lambda: {None})
    for request in books.of("leverage"):
        key, leverage = (request.trader, request.key), request.sent["leverage"]
        if request.acknowledged:
            allowed[key] = {leverage}
        elif request.ambiguous:
            allowed[key].add(leverage)
    found = {(row["username"], row["market_id"]): row["leverage"] for row in books.leverages}
    return [
        f"leverage of {key}: {found.get(key)}, told {allowed[key]}"
        for key in set(found) | set(allowed)
        if found.get(key) not in allowed[key]
    ]
