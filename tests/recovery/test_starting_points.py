"""Engines that start, wait and start over: from snapshots, and from Postgres."""

from http import HTTPStatus
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client

from console.health.answer import latest
from console.health.report import exchange_status
from exchange_site.embedded.health import monitor_headers
from matching import RUNNING_BUILD
from matching.messages.codec import encode_entry
from matching.messages.events import OutputEntry
from matching.messages.streams import (
    COMMAND_FIELD,
    ENTRY_FIELD,
    epoch_key,
    input_stream,
    output_stream,
    snapshots_key,
    trimmed_key,
)
from matching.messages.vocabulary import Side
from matching.runtime.applier import Applier
from persistence.faults import handle_fault
from persistence.models import DeadLetter
from persistence.projection.batch import HistoryDiverged
from persistence.reading import persist_market
from persistence.recovery.starting_points import missing_starting_point
from tests.recovery.exchange import MARKET, Exchange, wait_until
from trading.models import Fill, Order


def test_an_engine_waits_for_its_first_starting_point(exchange: Exchange) -> None:
    exchange.engine()
    word = exchange.wait_for_word("no starting point")
    assert "manage.py rebuildengine" in word
    status = exchange_status()
    assert any(word in check.text for _, check in status.problems)
    latest.forget()
    answer = Client(headers=monitor_headers()).get("/health")
    assert answer.status_code == HTTPStatus.SERVICE_UNAVAILABLE
    assert any(word in problem for problem in answer.json()["problems"])
    exchange.settle()
    wait_until(lambda: (b := exchange.heartbeat()) and b.halted == "", "a running engine")
    exchange.assert_sound()


def test_redis_is_wiped_while_the_engine_runs(exchange: Exchange) -> None:
    exchange.start()
    exchange.trade(4)
    exchange.settle()
    exchange.trade(3)  # acknowledged, and on their way when Redis is wiped
    exchange.client.flushdb()
    exchange.wait_for_word("no starting point")
    late = exchange.place(exchange.alice, Side.SHORT, 2)
    exchange.settle()
    exchange.assert_sound()
    assert Order.objects.count() == 7 * 3 + 1
    assert not Order.objects.filter(status__in=["pending", "rejected"]).exists()
    assert Fill.objects.count() == 2 * Fill.objects.values("trade_id").distinct().count()
    assert Order.objects.get(pk=late).status == "open"


def test_redis_is_wiped_while_the_ledger_is_behind(exchange: Exchange) -> None:
    exchange.start()
    exchange.trade(2)
    wait_until(lambda: exchange.published_seq() >= 3 + 6, "an engine ahead of the ledger")
    exchange.client.flushdb()
    exchange.settle()
    exchange.assert_sound()


@pytest.mark.parametrize("damage", ["a flipped bit", "a cut end", "nothing left"])
def test_a_damaged_snapshot_gives_way_to_the_one_before(
    exchange: Exchange, damage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _with_snapshots(exchange)
    *_, before, newest = exchange.snapshots()
    _damage(exchange, newest, damage)
    applied = _count_applied(monkeypatch)
    assert missing_starting_point(MARKET) == ""
    epoch = exchange.client.get(epoch_key(MARKET))
    exchange.engine()
    exchange.trade(1)
    exchange.settle()
    assert applied[0] == before + 1
    assert exchange.client.get(epoch_key(MARKET)) == epoch
    exchange.assert_sound()


def test_without_a_usable_snapshot_postgres_gives_one(exchange: Exchange) -> None:
    _with_snapshots(exchange)
    for seq in exchange.snapshots():
        _damage(exchange, seq, "a flipped bit")
    exchange.engine()
    exchange.wait_for_word("checksum does not match")
    exchange.trade(1)
    exchange.settle()
    exchange.assert_sound()


def _with_snapshots(exchange: Exchange) -> None:
    engine = exchange.start(snapshot_every=4)
    for _ in range(6):
        exchange.trade(1)
        exchange.settle()
    engine.crash()
    assert len(exchange.snapshots()) == 3


def _damage(exchange: Exchange, seq: int, damage: str) -> None:
    key = snapshots_key(MARKET)
    frame: Any = exchange.client.hget(key, str(seq))
    bad = {
        "a flipped bit": frame[:-9] + bytes([frame[-9] ^ 4]) + frame[-8:],
        "a cut end": frame[: len(frame) // 2],
        "nothing left": b"",
    }[damage]
    exchange.client.hset(key, str(seq), bad)


def _count_applied(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The sequences engines compute from now on."""
    applied: list[int] = []
    apply = Applier.apply

    def counted(self: Applier, input_id: str, fields: dict[bytes, bytes]) -> Any:
        answer = apply(self, input_id, fields)
        applied.append(answer.seq)
        return answer

    monkeypatch.setattr(Applier, "apply", counted)
    return applied


def test_a_restart_replays_no_more_than_follows_a_snapshot(
    exchange: Exchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = exchange.start(snapshot_every=10)
    before = exchange.published_seq()
    for number in range(1, 96):
        exchange.move_index(250_000 + number)
        expected = before + number
        wait_until(lambda seq=expected: exchange.published_seq() >= seq, "the engine")  # type: ignore[misc]
    exchange.settle()
    engine.crash()
    published, newest = exchange.published_seq(), exchange.snapshots()[-1]
    applied = _count_applied(monkeypatch)
    exchange.engine(snapshot_every=10)
    wait_until(lambda: applied[-1:] == [published], "the restarted engine")
    assert applied == list(range(newest + 1, published + 1))
    assert len(applied) <= 10


def test_redis_comes_back_older_and_goes_another_way(exchange: Exchange) -> None:
    """Its lost tail was persisted. The engine goes on from the older state under sequences that are
    taken; the ledger takes none of it and gives it a new starting point."""
    engine = exchange.start(snapshot_every=5)
    exchange.trade(3)
    exchange.settle()
    older = exchange.save()
    exchange.trade(3)
    exchange.settle()
    engine.crash()
    exchange.restore(older)
    cursor = exchange.cursor()
    exchange.engine(snapshot_every=5)
    for number in range(cursor.seq):
        exchange.move_index(251_000 + number)
    wait_until(lambda: exchange.published_seq() > cursor.seq, "an engine past the cursor")
    with pytest.raises(HistoryDiverged, match="not the one that was persisted") as diverged:
        persist_market(MARKET)
    assert exchange.cursor().seq == cursor.seq
    handle_fault(diverged.value)
    exchange.trade(1)
    exchange.settle()
    exchange.assert_sound()
    assert Order.objects.count() == 7 * 3


def test_redis_comes_back_older_and_quiet(exchange: Exchange) -> None:
    engine = exchange.start()
    exchange.trade(2)
    exchange.settle()
    older = exchange.save()
    exchange.trade(2)
    exchange.settle()
    engine.crash()
    exchange.restore(older)
    assert "before the cursor" in missing_starting_point(MARKET)
    exchange.engine()
    exchange.trade(1)  # taken from the older state, unless the ledger is faster
    exchange.settle()
    exchange.assert_sound()


def test_a_lost_input_stream_is_no_end(exchange: Exchange) -> None:
    exchange.start()
    exchange.trade(2)
    exchange.settle()
    exchange.client.delete(input_stream(MARKET))
    exchange.trade(1)
    exchange.settle()
    exchange.assert_sound()


def test_an_engine_refuses_to_start_from_a_gap(exchange: Exchange) -> None:
    engine = exchange.start()
    exchange.trade(2)
    exchange.settle()
    engine.crash()
    exchange.client.set(trimmed_key(MARKET), exchange.cursor().input_id)
    exchange.engine()
    word = exchange.wait_for_word("commands are missing")
    assert exchange.cursor().input_id in word
    exchange.settle()
    wait_until(lambda: (b := exchange.heartbeat()) and b.halted == "", "a running engine")
    exchange.trade(1)
    exchange.settle()
    exchange.assert_sound()


def test_two_engines_and_one_is_killed(exchange: Exchange) -> None:
    first = exchange.start("first", snapshot_every=7)
    exchange.engine("second", snapshot_every=5)
    exchange.trade(6)
    exchange.settle()
    exchange.trade(6)
    first.crash()
    exchange.trade(6)
    exchange.settle()
    exchange.assert_sound()
    inputs: Any = exchange.client.xlen(input_stream(MARKET))
    assert exchange.published_seq() == inputs == exchange.client.xlen(output_stream(MARKET))
    exchange.engine("first")
    exchange.trade(1)
    exchange.settle()
    wait_until(
        lambda: (b := exchange.heartbeat("first")) and b.seq == exchange.published_seq(),
        "the first engine, back again",
    )


def test_other_bytes_under_a_sequence_halt_the_market(exchange: Exchange) -> None:
    engine = exchange.start()
    exchange.trade(1)
    exchange.settle()
    engine.crash()
    seq = exchange.published_seq() + 1
    other = OutputEntry(seq=seq, input_id="1-0", time_ms=1, command_id=0, events=())
    exchange.client.xadd(output_stream(MARKET), {ENTRY_FIELD: encode_entry(other)}, id=f"{seq}-0")
    exchange.trade(1)
    exchange.engine()
    exchange.wait_for_word(f"sequence {seq} differs from what is published")
    call_command("rebuildengine", market=MARKET, force=True)
    exchange.settle()
    exchange.assert_sound()


def test_rubbish_is_set_aside_and_nothing_stops(exchange: Exchange) -> None:
    exchange.start()
    rubbish = [
        {COMMAND_FIELD: b"\xff\xfe\0"},
        {COMMAND_FIELD: b"{"},
        {COMMAND_FIELD: b'{"type":"PlaceOrder","v":1}'},
        {b"other": b"field"},
        {COMMAND_FIELD: b"[" * 100_000},
    ]
    for fields in rubbish:
        exchange.client.xadd(input_stream(MARKET), fields)  # type: ignore[arg-type]
    exchange.trade(2)
    exchange.settle()
    exchange.assert_sound()
    letters = list(DeadLetter.objects.order_by("seq"))
    assert len(letters) == len(rubbish)
    assert all(letter.reason for letter in letters)
    assert bytes(letters[0].payload) == b"\xff\xfe\0"
    assert b"other" in bytes(letters[3].payload)
    assert not exchange.unanswered()


def test_an_engine_says_which_build_of_the_core_it_runs(exchange: Exchange) -> None:
    exchange.start()
    beat = exchange.heartbeat()
    assert beat is not None
    assert beat.build == RUNNING_BUILD
