"""What custody should hold, kept as it changes: as true as the rows, at the cost of what is new."""

import contextlib
import itertools
import threading
from collections import Counter
from collections.abc import Callable
from functools import partial

import pytest
from django.db import connection, transaction

from custody.deposits import follow_deposit
from custody.floats import Expected, expected_at
from custody.interface import News, NewsKind, NewsState
from custody.models import (
    ChainDeposit,
    ChainDepositState,
    CustodyNews,
    DepositAddress,
    FloatMovement,
    FloatPart,
)
from ledger.models import Withdrawal
from ledger.withdrawals import handing
from ledger.withdrawals.handing import Report, SendOutcome
from persistence.reconciliation.differences import run_check
from persistence.reconciliation.money_checks import FLOATS
from tests.trading.client import Trader, make_trader
from tests.withdrawals.world import NETWORK, UNIT, ask

IN = "dm1in"
_numbers = itertools.count(1)


def news(name: str, state: NewsState, confirmations: int = 0) -> News:
    return News(
        seq=next(_numbers),
        kind=NewsKind.DEPOSIT,
        id=name,
        address=IN,
        amount_units=7 * UNIT,
        state=state,
        confirmations=confirmations,
    )


def follow(name: str, state: NewsState, confirmations: int = 0) -> None:
    follow_deposit(NETWORK, 3, news(name, state, confirmations))


def say(row: Withdrawal, outcome: SendOutcome) -> None:
    handing.report(
        Report(
            send_id=str(row.send_id),
            outcome=outcome,
            amount_units=row.amount_units,
            address=row.address,
        )
    )


def begin(row: Withdrawal) -> None:
    handing.begin(row.payout)


def units() -> tuple[int, ...]:
    """Movements, credited, coming and sent."""
    return expected_at(NETWORK, 0)[2:]


def rows_read() -> Counter[str]:
    """By table, in this transaction."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname, seq_tup_read + coalesce(idx_tup_fetch, 0)"
            " FROM pg_stat_xact_user_tables"
        )
        return Counter(dict(cursor.fetchall()))


@pytest.fixture
def address(trader: Trader) -> DepositAddress:
    return DepositAddress.objects.create(network=NETWORK, address=IN, user=trader.user)


def test_each_row_counts_while_it_counts(trader: Trader, address: DepositAddress) -> None:
    FloatMovement.objects.create(network=NETWORK, amount_units=50 * UNIT, reference="in")
    FloatMovement.objects.create(network=NETWORK, amount_units=-8 * UNIT, reference="out")
    assert units() == (42 * UNIT, 0, 0, 0)
    follow("one", NewsState.SEEN)
    follow("two", NewsState.SEEN)
    assert units() == (42 * UNIT, 0, 14 * UNIT, 0)
    follow("two", NewsState.ORPHANED)
    follow("one", NewsState.SEEN, 3)
    assert units() == (42 * UNIT, 7 * UNIT, 0, 0)
    back, gone = ask(trader.user, 100), ask(trader.user, 20)
    begin(back)
    begin(gone)
    assert units()[3] == 0
    say(back, SendOutcome.SENT)
    say(gone, SendOutcome.CONFIRMED)
    assert units()[3] == 120 * UNIT
    say(back, SendOutcome.FAILED)
    assert units() == (42 * UNIT, 7 * UNIT, 0, 20 * UNIT)
    assert run_check(FLOATS, {}).shown == []
    assert FloatPart.objects.count() == 1


def test_what_was_rolled_back_counts_for_nothing(address: DepositAddress) -> None:
    with contextlib.suppress(ZeroDivisionError), transaction.atomic():
        follow("one", NewsState.SEEN)
        assert units() == (0, 0, 7 * UNIT, 0)
        _ = 1 / 0
    assert units() == (0, 0, 0, 0)


def test_a_look_reads_what_is_new(trader: Trader, address: DepositAddress) -> None:
    ChainDeposit.objects.bulk_create(
        ChainDeposit(
            network=NETWORK, reference=f"old{n}", user=trader.user, address=IN, amount_units=UNIT,
            state=ChainDepositState.SEEN, needed=3,
        )
        for n in range(300)
    )  # fmt: skip
    first = rows_read()
    assert units() == (0, 0, 300 * UNIT, 0)
    together = rows_read()
    follow("new", NewsState.SEEN)
    before = rows_read()
    assert units() == (0, 0, 307 * UNIT, 0)
    after = rows_read()
    assert (together - first)["custody_floatpart"] >= 300
    assert (after - before)["custody_floatpart"] < 10
    for table in ("custody_chaindeposit", "ledger_withdrawal", "custody_floatmovement"):
        assert (after - before)[table] == 0


def test_news_that_is_not_applied_is_known(db: None) -> None:
    CustodyNews.objects.create(network=NETWORK, seq=5, body={})
    assert [expected_at(NETWORK, known).is_behind for known in (4, 5)] == [False, True]
    assert not expected_at("manual", 5).is_behind


def apart(act: Callable[[], object]) -> threading.Thread:
    """On a connection of its own."""

    def run() -> None:
        try:
            act()
        finally:
            connection.close()

    return threading.Thread(target=run)


def see_and_credit(writer: int) -> None:
    for number in range(12):
        follow(f"{writer}-{number}", NewsState.SEEN)
        follow(f"{writer}-{number}", NewsState.SEEN, 3)


@pytest.mark.django_db(transaction=True)
def test_looks_beside_each_other_and_beside_who_writes() -> None:
    """No look sees half of a change, and none is lost or counted twice."""
    DepositAddress.objects.create(network=NETWORK, address=IN, user=make_trader().user)
    seen: list[Expected] = []
    done = threading.Event()

    def look() -> None:
        while not done.is_set():
            seen.append(expected_at(NETWORK, 0))

    writers = [apart(partial(see_and_credit, number)) for number in range(4)]
    readers = [apart(look) for _ in range(3)]
    for thread in [*readers, *writers]:
        thread.start()
    for thread in writers:
        thread.join()
    done.set()
    for thread in readers:
        thread.join()
    assert units() == (0, 48 * 7 * UNIT, 0, 0)
    assert run_check(FLOATS, {}).shown == []
    assert all(min(one.credited_units, one.coming_units) >= 0 for one in seen)
    assert {(one.credited_units + one.coming_units) % (7 * UNIT) for one in seen} <= {0}
