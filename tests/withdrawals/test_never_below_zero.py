"""Nobody goes below zero, by any interleaving of withdrawal, order, margin and cancel: many threads
against a real Postgres, and every statement of theirs the real one.

What the engine would give back is given back by hand, as a worker does: under the wallet's lock,
with its journal entry.
"""

import contextlib
import random
import threading
from collections.abc import Callable, Iterator
from http import HTTPStatus

import pytest
import redis
from django.db import OperationalError, connection, transaction
from django.utils import timezone

from common.errors import DomainError
from ledger.holds import NotAvailable, hold
from ledger.models import (
    Account,
    AccountKind,
    EntryKind,
    JournalEntry,
    Posting,
    Wallet,
    Withdrawal,
    WithdrawalLimit,
)
from ledger.services import lock_wallet
from ledger.withdrawals import deciding, handing
from ledger.withdrawals.handing import Report, SendOutcome
from markets.models import Market
from persistence.reconciliation.differences import run_check
from persistence.reconciliation.money_checks import JOURNAL_TOTAL, WALLETS, WITHDRAWALS
from tests.proofs import share
from tests.trading.client import Trader, forget_caches, make_market, make_trader, set_ticker
from tests.withdrawals.world import UNIT, ask, put_in_book

pytestmark = pytest.mark.django_db(transaction=True)
THREADS = 50
ACTS = 6  # of each thread
FUNDS = 6_000  # less than what is asked for


@pytest.fixture
def market(redis_db: redis.Redis) -> Iterator[Market]:
    forget_caches()
    made = make_market()
    set_ticker(redis_db)
    yield made
    forget_caches()


@pytest.mark.parametrize("seed", range(share(1)))
def test_fifty_threads_at_one_wallet(
    market: Market, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ledger.withdrawals.checks.OPEN_MAX", 10_000)
    WithdrawalLimit.objects.update(day_units=10**12, automatic_units=150 * UNIT, one_units=10**12)
    trader = make_trader(FUNDS * UNIT)
    put_in_book(trader.user)
    # What a first order loads is loaded before the race.
    assert trader.place(qty="0.02", margin="20").status == HTTPStatus.ACCEPTED
    done: list[str] = []
    lowest: list[int] = []
    barrier = threading.Barrier(THREADS)

    def run(number: int) -> None:
        rng = random.Random(f"{seed} {number}")
        barrier.wait()
        try:
            for _ in range(ACTS):
                act = rng.choice(_ACTS)
                # Whoever waits too long for the wallet, as on a busy machine, has done nothing.
                with contextlib.suppress(DomainError, NotAvailable, OperationalError):
                    if act(trader, market, rng):
                        done.append(act.__name__)
                wallet = Wallet.objects.get(user=trader.user)
                lowest.append(min(wallet.available_units, wallet.held_units))
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(lowest) == THREADS * ACTS  # none of them died
    assert min(lowest) >= 0
    assert {"_withdraw", "_order"} <= set(done)
    for check in (WALLETS, JOURNAL_TOTAL, WITHDRAWALS):
        assert run_check(check, {}).shown == []
    _nothing_is_lost(trader)


def _withdraw(trader: Trader, _: Market, rng: random.Random) -> bool:
    return bool(ask(trader.user, rng.randint(1, 400)))


def _order(trader: Trader, _: Market, rng: random.Random) -> bool:
    answer = trader.place(qty="0.02", margin=str(rng.randint(20, 450)))
    assert answer.status in (202, 400, 503), answer
    return answer.status == 202


def _margin(trader: Trader, market: Market, rng: random.Random) -> bool:
    """What a request for more margin holds."""
    return hold(trader.user.pk, market.pk, EntryKind.MARGIN_HOLD, rng.randint(1, 200) * UNIT)


def _give_back(trader: Trader, _: Market, rng: random.Random) -> bool:
    """What was held for margin comes back, as after a refusal."""
    with transaction.atomic():
        wallet = lock_wallet(trader.user.pk)
        held = _held_for_margin(trader)
        units = min(held, rng.randint(1, 200) * UNIT)
        if units <= 0:
            return False
        entry = JournalEntry.objects.create(kind=EntryKind.HOLD_RELEASE, created_at=timezone.now())
        accounts = {account.kind: account for account in Account.objects.filter(user=trader.user)}
        Posting.objects.bulk_create(
            Posting(entry=entry, account=accounts[kind], amount_units=amount)
            for kind, amount in ((AccountKind.HELD, -units), (AccountKind.AVAILABLE, units))
        )
        wallet.held_units -= units
        wallet.available_units += units
        wallet.save()
    return True


def _held_for_margin(trader: Trader) -> int:
    rows = Posting.objects.filter(
        account__user=trader.user,
        account__kind=AccountKind.HELD,
        entry__kind__in=(EntryKind.MARGIN_HOLD, EntryKind.HOLD_RELEASE),
    )
    return sum(rows.values_list("amount_units", flat=True))


def _cancel(trader: Trader, _: Market, rng: random.Random) -> bool:
    ids = list(Withdrawal.objects.filter(user=trader.user).values_list("pk", flat=True))
    return bool(ids and deciding.cancel(trader.user.pk, rng.choice(ids)))


def _send(trader: Trader, _: Market, rng: random.Random) -> bool:
    """Custody takes one, and says whatever it says; perhaps twice, perhaps something else."""
    rows = Withdrawal.objects.filter(user=trader.user, payout__isnull=False)
    row = rows.order_by("?").select_related("payout").first()
    if row is None or handing.begin(row.payout) is None:
        return False
    for outcome in rng.choices((SendOutcome.SENT, SendOutcome.CONFIRMED, SendOutcome.FAILED), k=2):
        said = Report(
            send_id=str(row.send_id),
            outcome=outcome,
            amount_units=row.amount_units,
            address=row.address,
        )
        with contextlib.suppress(handing.Impossible):
            handing.report(said)
    return True


_ACTS: tuple[Callable[[Trader, Market, random.Random], bool], ...] = (
    _withdraw, _withdraw, _order, _order, _margin, _give_back, _cancel, _send,
)  # fmt: skip


def _nothing_is_lost(trader: Trader) -> None:
    """What it had is in the wallet, or went out."""
    wallet = Wallet.objects.get(user=trader.user)
    gone = Withdrawal.objects.filter(user=trader.user, state="confirmed")
    out = sum(gone.values_list("amount_units", flat=True))
    assert wallet.available_units + wallet.held_units + out == FUNDS * UNIT
