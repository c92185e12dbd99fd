"""The book as a public benchmark of matching engines asks for it, report by report."""

import hashlib
import struct
import sys

import pytest

from benchmarks import workload
from benchmarks.reported_book import (
    ACCEPTED,
    BUY,
    CANCEL_REFUSED,
    CANCELLED,
    MODIFIED,
    MODIFY_REFUSED,
    SELL,
    TRADED,
    ReportedBook,
)
from benchmarks.workload_child import HEAD, MAGIC, NotAWorkload, read_workload, replay

ALICE, BOB, CAROL = 1, 2, 3  # order ids, by whose they are


@pytest.fixture
def book():
    return ReportedBook()


def trades(book):
    return [report for report in book.reports if report[0] == TRADED]


def test_a_trade_is_at_the_makers_price_with_the_takers_sequence(book):
    book.place(0, ALICE, SELL, 100, 5, False)
    book.place(1, BOB, BUY, 103, 3, False)
    assert book.reports[1:] == [(ACCEPTED, 1, BUY, BOB, 103, 3), (TRADED, 1, 100, 3, ALICE, BOB)]
    assert book.depth_lots(SELL, 100) == 2
    assert book.depth_lots(BUY, 103) == 0


def test_the_queue_keeps_its_order_when_one_in_its_middle_leaves(book):
    for sequence, trader in enumerate((ALICE, BOB, CAROL)):
        book.place(sequence, trader, SELL, 100, 1, False)
    book.cancel(3, BOB)
    book.place(4, 9, BUY, 100, 2, False)
    assert [trade[4] for trade in trades(book)] == [ALICE, CAROL]


def test_a_modify_loses_its_place_and_may_trade(book):
    book.place(0, ALICE, SELL, 100, 1, False)
    book.place(1, BOB, SELL, 100, 1, False)
    book.modify(2, ALICE, 100, 2)
    book.place(3, CAROL, BUY, 100, 1, False)
    assert trades(book) == [(TRADED, 3, 100, 1, BOB, CAROL)]
    book.place(4, CAROL, BUY, 98, 5, False)
    book.modify(5, ALICE, 97, 7)
    assert book.reports[-2:] == [
        (MODIFIED, 5, SELL, ALICE, 97, 7),
        (TRADED, 5, 98, 5, CAROL, ALICE),
    ]
    assert book.depth_lots(SELL, 97) == 2


def test_what_an_immediate_order_leaves_is_cancelled(book):
    book.place(0, ALICE, BUY, 100, 2, False)
    book.place(1, BOB, SELL, 100, 5, True)
    assert book.reports[-1] == (CANCELLED, 1, SELL, BOB, 100)
    book.place(2, CAROL, SELL, 100, 1, True)
    assert book.reports[-1] == (CANCELLED, 2, SELL, CAROL, 100)
    assert book.depth_lots(SELL, 100) == 0


def test_what_is_gone_can_not_be_cancelled_or_modified_but_its_id_used_again(book):
    book.place(0, ALICE, BUY, 100, 2, False)
    book.cancel(1, ALICE)
    book.cancel(2, ALICE)
    book.modify(3, ALICE, 101, 3)
    assert book.reports[-2:] == [(CANCEL_REFUSED, 2, ALICE), (MODIFY_REFUSED, 3, ALICE)]
    book.place(4, ALICE, BUY, 99, 1, False)
    book.place(5, BOB, SELL, 99, 1, False)
    book.cancel(6, ALICE)
    assert book.reports[-1] == (CANCEL_REFUSED, 6, ALICE)


# ---------------------------------------------------------------------------------------- the files

RECORDS = (
    (0, BUY, 0, 0, 2, 0, ALICE, 100, 0),
    (0, SELL, 1, 0, 5, 1, BOB, 100, 0),
    (1, BUY, 0, 0, 2, 2, ALICE, 100, 0),
    (2, BUY, 0, 0, 3, 3, ALICE, 101, 0),
)


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "orders_two-traders_s7_n2.bin"
    records = b"".join(struct.pack("<BBBBIQQqq", *record) for record in RECORDS)
    path.write_bytes(HEAD.pack(MAGIC, 1, len(RECORDS)) + records)
    return path


REPORTS = "0,0,0,1,100,2\n0,1,1,2,100,5\n1,1,100,2,1,2\n2,1,1,2,100\n4,2,1\n5,3,1"
DIGEST = hashlib.sha256(REPORTS.encode()).hexdigest()


def test_a_file_is_replayed_to_the_digest_of_its_reports(file):
    found = replay(file, 1)
    assert (found.messages, found.trades) == (4, 1)
    assert found.digest == DIGEST


def test_a_file_of_another_kind_or_cut_short_is_refused(file):
    whole = file.read_bytes()
    for broken in (b"", b"x" * 100, whole[:-1]):
        file.write_bytes(broken)
        with pytest.raises(NotAWorkload, match=file.name):
            list(read_workload(file))


def test_a_difference_from_the_published_hash_fails(file, tmp_path, monkeypatch, capfd):
    hashes = tmp_path / "correctness_hash.txt"
    monkeypatch.setattr(workload, "builds", lambda sources: {"pure": ""})
    arguments = ["workload", str(file), "--rounds", "1", "--expected", str(hashes)]
    monkeypatch.setattr(sys, "argv", arguments)
    for digest, code in ((DIGEST, 0), ("0" * 64, 1)):
        hashes.write_text(f"{digest}  two-traders_seed7_count2_reports.txt\n")
        with pytest.raises(SystemExit) as exited:
            workload.main()
        assert bool(exited.value.code) == bool(code)
    assert "as published" in capfd.readouterr().out
