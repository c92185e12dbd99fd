"""The recorded input and output of each market against a naive replay, and rows against both."""

from matching.messages.codec import UndecodableMessage, decode_command
from matching.messages.commands import Command
from matching.messages.events import OutputEntry, Trade
from tests.chaos.checks import Books
from tests.chaos.streams import Recorder
from tests.matching.naive_replay import Differs, NaiveReplay


def naive_differences(books: Books, recorder: Recorder) -> tuple[list[str], list[str]]:
    """Differences, and remarks."""
    differences: list[str] = []
    remarks: list[str] = []
    for market, record in recorder.records.items():
        history, missing = record.history(books.cursors[market])
        if missing:
            remarks.append(f"{market}: input of {len(missing)} sequences was lost with Redis")
            continue
        said_to = remarks if record.is_torn else differences
        naive = NaiveReplay()
        published: dict[tuple[int, str], tuple[int | None, ...]] = {}
        for data, entry in history:
            try:
                command: Command | None = decode_command(data)
            except UndecodableMessage:
                command = None
            try:
                naive.follow(command, entry.events)
            except Differs as difference:
                said = f"{market} at {entry.seq}: {difference}, after {command}"
                said_to.append(said)
                break
            published |= _fills_of(entry)
        else:
            said_to += _row_differences(books, market, published)
        remarks.append(f"{market}: {len(history)} commands, {naive.fills} trades followed")
    return differences, remarks


def _fills_of(entry: OutputEntry) -> dict[tuple[int, str], tuple[int | None, ...]]:
    return {
        (event.trade_id, role): (
            leg.order_id or None, event.price_ticks, event.size_lots, leg.fee_units,
            leg.realized_pnl_units, leg.insurance_delta_units,
        )
        for event in entry.events if isinstance(event, Trade)
        for role, leg in (("TAKER", event.taker), ("MAKER", event.maker))
    }  # fmt: skip


def _row_differences(
    books: Books, market: str, published: dict[tuple[int, str], tuple[int | None, ...]]
) -> list[str]:
    found = {
        (f["trade_id"], f["role"]): (
            f["order_id"], f["price_ticks"], f["size_lots"], f["fee_units"],
            f["realized_pnl_units"], f["insurance_units"],
        )
        for f in books.fills if f["market_id"] == market
    }  # fmt: skip
    return [
        f"{market} trade {key}: published {published.get(key)}, row {found.get(key)}"
        for key in sorted(set(published) | set(found))
        if published.get(key) != found.get(key)
    ]
