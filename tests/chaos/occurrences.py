"""What a run was made of, counted from rows and recorded events: a run in which nobody was
liquidated says nothing about liquidations."""

from collections import Counter

from matching.messages.events import (
    Event,
    MarketStateChanged,
    OrderCancelled,
    PositionLiquidated,
    Trade,
)
from tests.chaos.checks import Books
from tests.chaos.streams import Recorder

# What a long run must have seen at least once each.
KINDS = (
    "fills", "liquidations", "liquidations in the book", "liquidations into the fund",
    "liquidations out of the fund", "ADLs", "funding settlements", "orders fired",
    "activations", "amendments", "amendments refused", "margin changes", "margin changes refused",
    "close-position ends", "orders expired", "countdowns over", "price jumps halted",
    "index gone stale", "rules changed", "states changed", "insurance funded",
    "positions settled",
)  # fmt: skip
# A matter of a race that a run may not see.
RARE = (
    "margin changes refused", "index gone stale", "withdrawals cancelled", "deposits taken back",
)  # fmt: skip


def occurrences(books: Books, recorder: Recorder) -> dict[str, int]:
    counts: Counter[str] = Counter()
    for market, record in recorder.records.items():
        for seq, entry in record.entries.items():
            if seq <= books.cursors[market]:
                for event in entry.events:
                    counts.update(_kinds(event))
    counts["fills"] = len(books.fills)
    return {kind: counts[kind] for kind in KINDS}


_BY_NAME = {
    "FundingSettled": "funding settlements",
    "OrderTriggered": "orders fired",
    "OrderAmended": "amendments",
    "ConditionalAmended": "conditions amended",
    "AmendRejected": "amendments refused",
    "MarginAdjusted": "margin changes",
    "MarginAdjustmentRejected": "margin changes refused",
    "MarketConfigured": "rules changed",
    "InsuranceFunded": "insurance funded",
    "PositionSettled": "positions settled",
}
_BY_REASON = {
    "POSITION_CLOSED": "close-position ends",
    "EXPIRED": "orders expired",
    "COUNTDOWN": "countdowns over",
}


def _kinds(event: Event) -> list[str]:
    name = type(event).__name__
    if name in _BY_NAME:
        needs_hold = getattr(event, "needs_hold", False)
        return [_BY_NAME[name], *(["activations"] if needs_hold else [])]
    match event:
        case OrderCancelled(reason=reason) if reason in _BY_REASON:
            return [_BY_REASON[reason]]
        case MarketStateChanged(reason=reason):
            breaker = ["price jumps halted"] if reason == "CIRCUIT_BREAKER" else []
            return ["states changed", *breaker]
        case PositionLiquidated():
            return _of_liquidation(event)
        case Trade(execution="ADL"):
            return ["ADLs"]
    return ["index gone stale"] if getattr(event, "index_stale", False) else []


def _of_liquidation(event: PositionLiquidated) -> list[str]:
    parts = {
        "liquidations in the book": event.filled_lots,
        "liquidations into the fund": event.fee_units,
        "liquidations out of the fund": event.insurance_paid_units,
    }
    return ["liquidations", *(kind for kind, amount in parts.items() if amount)]


def never_happened(counts: dict[str, int]) -> list[str]:
    return [kind for kind, count in counts.items() if not count and kind not in RARE]
