"""The checks of a chaos run notice what they are for: on books and records made by hand."""

from types import SimpleNamespace
from typing import Any, cast

from matching.messages.events import Event, MarginAdjusted, OutputEntry
from tests.chaos.checks import Books
from tests.chaos.compound import wrong_exits, wrong_pairs
from tests.chaos.load import Attempt, Request
from tests.chaos.promises import lost_or_doubled, wrong_effects, wrong_leverages
from tests.chaos.streams import MarketRecord, Recorder

MARGIN = {"amount_units": 5, "account_id": 1}


def row(command_id: int, applied_seq: int | None = 7, **other: Any) -> dict[str, Any]:
    return {
        "id": command_id, "command_type": "AdjustMargin", "market_id": "BTC-PERP",
        "payload": MARGIN, "applied_seq": applied_seq, "username": "alice",
    } | other  # fmt: skip


def books(requests: list[Request], *commands: dict[str, Any], **other: Any) -> Books:
    made = SimpleNamespace(commands=commands, cursors={"BTC-PERP": 100}, **other)
    made.of = lambda kind: (r for r in requests if r.kind == kind)
    return cast("Books", made)


def request(*answers: tuple[int, dict[str, Any]], kind: str = "margin", **sent: Any) -> Request:
    attempts = [Attempt(0.0, status, body) for status, body in answers]
    return Request("alice", kind, "BTC-PERP", sent, attempts)


def recorder(*seqs: int, command_id: int = 1) -> Recorder:
    effect: Event = MarginAdjusted(account_id=1, amount_units=5, margin_units=9)
    record = MarketRecord("BTC-PERP")
    record.entries = {
        seq: OutputEntry(
            seq=seq, input_id="1-0", time_ms=1, command_id=command_id, events=(effect,)
        )
        for seq in seqs
    }
    return cast("Recorder", SimpleNamespace(records={"BTC-PERP": record}))


def test_an_effect_is_there_once_where_the_row_says() -> None:
    assert wrong_effects(books([], row(1)), recorder(7)) == []
    assert "not applied" in wrong_effects(books([], row(1, None)), recorder(7))[0]
    assert "effect at []" in wrong_effects(books([], row(1)), recorder())[0]
    assert "effect at [8]" in wrong_effects(books([], row(1)), recorder(8))[0]
    assert "effect at [7, 9]" in wrong_effects(books([], row(1)), recorder(7, 9))[0]


def test_what_was_acknowledged_is_promised_once() -> None:
    told = request((202, {"commandId": 1}))
    assert lost_or_doubled(books([told], row(1))) == []
    assert len(lost_or_doubled(books([told]))) == 2  # the id, and the number
    assert lost_or_doubled(books([told], row(1), row(2)))  # one too many
    assert lost_or_doubled(books([told], row(1, username="bob")))


def test_an_answer_that_never_came_may_mean_either() -> None:
    unknown = request((0, {}))
    assert lost_or_doubled(books([unknown])) == []
    assert lost_or_doubled(books([unknown], row(1))) == []
    assert lost_or_doubled(books([unknown], row(1), row(2)))
    refused = request((400, {"code": "NO_POSITION"}))
    assert lost_or_doubled(books([refused], row(1)))


def test_the_leverage_is_the_one_told_last() -> None:
    def found(leverage: int, *requests: Request) -> list[str]:
        rows = [{"username": "alice", "market_id": "BTC-PERP", "leverage": leverage}]
        return wrong_leverages(books(list(requests), leverages=rows))

    first = request((200, {}), kind="leverage", leverage=5)
    second = request((200, {}), kind="leverage", leverage=10)
    unknown = request((0, {}), kind="leverage", leverage=20)
    assert found(10, first, second) == []
    assert found(5, first, second)
    assert found(10, second, unknown) == found(20, second, unknown) == []
    assert found(5)


def pair(one: dict[str, Any], other: dict[str, Any]) -> Books:
    """Orders 1 and 2, which name each other."""
    still = {"filled_lots": 0, "triggered_at": None, "parent_id": None}
    orders = {
        1: {"id": 1, "other_id": 2, "status": "waiting", **still} | one,
        2: {"id": 2, "other_id": 1, "status": "open", **still} | other,
    }
    return books([], orders=orders)


FILLED_A_LOT, FIRED = {"filled_lots": 1}, {"triggered_at": "10:00", "status": "open"}
CANCELLED = {"status": "cancelled"}


def test_of_a_pair_one_lives_on_if_it_decided() -> None:
    assert wrong_pairs(pair({}, {})) == []
    assert wrong_pairs(pair(CANCELLED, FILLED_A_LOT)) == []
    assert wrong_pairs(pair(FIRED, CANCELLED)) == []
    assert wrong_pairs(pair(CANCELLED, {"status": "filled", "filled_lots": 9})) == []
    assert wrong_pairs(pair(CANCELLED, CANCELLED)) == []
    assert wrong_pairs(pair(CANCELLED, {})) == ["order 2 is open, 1 cancelled"]
    assert wrong_pairs(pair({}, FILLED_A_LOT)) == ["order 2 is open, 1 waiting"]
    assert wrong_pairs(pair({}, {"status": "filled", "filled_lots": 9}))
    assert wrong_pairs(pair(FIRED, {})) == ["order 1 is open, 2 open"]
    assert wrong_pairs(pair(FIRED | FILLED_A_LOT, FILLED_A_LOT))
    assert wrong_pairs(pair({"other_id": None}, {})) == []
    assert wrong_pairs(pair({}, {"other_id": 3}))


def test_exits_close_what_their_entry_filled() -> None:
    def with_entry(of_exit: dict[str, Any], of_entry: dict[str, Any]) -> list[str]:
        made = pair(of_exit | {"other_id": None, "parent_id": 2}, of_entry | {"other_id": None})
        return wrong_exits(made)

    assert with_entry({"status": "asleep"}, {}) == []
    assert with_entry({}, CANCELLED | FILLED_A_LOT) == []
    assert with_entry({"status": "asleep"}, CANCELLED) == ["order 1 is asleep, its entry cancelled"]
    assert with_entry(FILLED_A_LOT, FILLED_A_LOT) == []
    assert with_entry({"filled_lots": 2}, FILLED_A_LOT) == ["entry 2: filled 1, its exits 2"]
