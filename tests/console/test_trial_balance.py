"""The trial balance of now and of any moment before, against a naive sum of the journal."""

import threading
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
import redis
from django.db import connections
from django.test import Client
from django.utils import timezone

from console.money import balances
from console.money.balances import FLOW_KINDS, TrialBalance, trial_balance
from ledger import services
from ledger.balances import kinds
from ledger.balances.models import KindFlow, KindFlowEnd
from ledger.models import AccountKind, JournalEntry, Posting, Wallet
from tests.builders.partitions import POSTINGS, cut_behind
from tests.console.traded import let_money_move
from tests.ledger.prices import FIRST_TIME_MS
from tests.ledger.world import World
from tests.reconcile.session import Session, engine_running

ClientOf = Callable[[str], Client]
Sums = Counter[tuple[str, str | None]]
pytestmark = pytest.mark.django_db(transaction=True)

URL = "/admin/money/"


@pytest.fixture
def traded(session: World) -> World:
    return let_money_move(session)


class Naive:
    """The journal as it is now, which may be added up to many moments."""

    def __init__(self) -> None:
        self._postings = list(
            Posting.objects.values_list(
                "entry__created_at", "account__kind", "account__market_id", "amount_units"
            )
        )

    def until(self, at: datetime | None) -> Sums:
        sums: Sums = Counter()
        for created_at, kind, market_id, amount_units in self._postings:
            if at is None or created_at < at:
                sums[kind, market_id] += amount_units
        return sums


def naive(at: datetime | None = None) -> Sums:
    return Naive().until(at)


def told(at: datetime | None = None) -> Sums:
    return sums_of(trial_balance(at))


def sums_of(trial: TrialBalance) -> Sums:
    known = [balance for balance in trial.balances if balance.units is not None]
    return Counter({(b.kind, b.market_id): b.units for b in known})


def moments() -> list[datetime]:
    """Around everything that happened, whole minutes and not; and well before."""
    times = set(JournalEntry.objects.values_list("created_at", flat=True))
    minutes = {at.replace(second=0, microsecond=0) for at in times}
    around = {minute + timedelta(minutes=step) for minute in minutes for step in (0, 1)}
    just = {at + timedelta(microseconds=step) for at in times for step in (0, 1)}
    return sorted(around | just | {min(around) - timedelta(days=3)})


def is_every_moment_right() -> bool:
    journal = Naive()
    trials = ((trial_balance(at), journal.until(at)) for at in moments())
    return all(sums_of(trial) == right and not trial.sum_units for trial, right in trials)


def test_now_is_the_sum_of_all_postings(traded: World) -> None:
    trial = trial_balance(None)
    assert trial.is_whole
    assert trial.sum_units == 0
    assert told() == naive()
    assert {kind for kind, _ in naive()} == set(AccountKind) - {AccountKind.WITHDRAWALS}


def test_so_is_every_moment(traded: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """With nothing summed up yet, a part of it, all of it, and more that came later."""
    assert len(moments()) > 10
    assert is_every_moment_right()
    before = JournalEntry.objects.earliest("pk").pk - 1
    KindFlowEnd.objects.create(pk=1, last_entry_id=before)
    monkeypatch.setattr(kinds, "STRETCH_ENTRIES", 7)
    monkeypatch.setattr(kinds, "STRETCHES_MAX", 1)
    assert kinds.add_new_entries() == 7
    assert is_every_moment_right()
    while kinds.add_new_entries():
        assert KindFlow.objects.exists()
    assert KindFlowEnd.objects.get().last_entry_id == JournalEntry.objects.latest("pk").pk
    assert is_every_moment_right()
    services.deposit(traded.bob.pk, 77, approved=True)
    assert is_every_moment_right()
    journal = Naive()
    assert len({tuple(sorted(journal.until(at).items(), key=str)) for at in moments()}) > 5


def test_the_sums_are_what_is_asked(traded: World) -> None:
    """Else all of the above would hold of the journal alone."""
    kinds.add_new_entries()
    at = timezone.now() + timedelta(minutes=1)
    assert told(at.replace(second=0, microsecond=0)) == naive()
    KindFlow.objects.filter(account_kind=AccountKind.HELD).update(amount_units=1)
    assert trial_balance(at).sum_units != 0


def test_what_is_persisted_late_is_of_its_time(traded: World) -> None:
    """Before and after the sums, days and seconds late."""
    first = min(moments())
    for after in (timedelta(), timedelta(hours=1, seconds=7), timedelta(days=2, milliseconds=3)):
        services.deposit(traded.bob.pk, 1_000, approved=True)
        entry = JournalEntry.objects.latest("pk")
        postings = list(entry.postings.values_list("account_id", "amount_units", "kind"))
        late = JournalEntry.objects.create(kind=entry.kind, created_at=first + after)
        Posting.objects.bulk_create(
            Posting(entry=late, account_id=account, amount_units=units, kind=kind)
            for account, units, kind in postings
        )
        Wallet.objects.filter(user=traded.bob).update(available_units=0)
        assert is_every_moment_right()
        kinds.add_new_entries()
        assert is_every_moment_right()


def test_over_borders_of_partitions(traded: World) -> None:
    with cut_behind(POSTINGS, 1, 2, 3, 2):
        for units in range(1, 7):
            services.deposit(traded.bob.pk, units, approved=True)
        assert is_every_moment_right()
        kinds.add_new_entries()
        assert is_every_moment_right()


def test_a_part_of_a_minute_that_is_too_long_is_said(
    traded: World, client_of: ClientOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    kinds.add_new_entries()
    monkeypatch.setattr(balances, "PART_ENTRIES_MAX", 3)
    within = datetime.fromtimestamp(FIRST_TIME_MS / 1_000, UTC).replace(second=59)
    in_minute = {"created_at__gte": within.replace(second=0), "created_at__lt": within}
    assert JournalEntry.objects.filter(**in_minute).count() > 3
    assert [b.units for b in trial_balance(within).balances if b.units is not None] == []
    page = client_of("viewer").get(f"{URL}?at={within:%Y-%m-%dT%H:%M:%S}").content.decode()
    assert "Too many entries in that part of a minute" in page
    assert "not added up" in page
    whole = within.replace(second=0) + timedelta(minutes=1)
    assert told(whole) == naive(whole)


def test_while_no_worker_sums_up_the_exchange_s_own_accounts_remain(
    traded: World, client_of: ClientOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(balances, "UNSUMMED_ENTRIES_MAX", 3)
    at = timezone.now().replace(second=0, microsecond=0)
    trial = trial_balance(at)
    assert not trial.is_whole
    known = {(b.kind, b.market_id): b.units for b in trial.balances if b.units is not None}
    assert {kind for kind, _ in known} == set(FLOW_KINDS)
    assert Counter(known) == Counter({k: v for k, v in naive(at).items() if k[0] in FLOW_KINDS})
    page = client_of("viewer").get(f"{URL}?at={at:%Y-%m-%dT%H:%M}").content.decode()
    assert "entries that no worker has summed up yet" in page
    assert "not added up" in page
    assert trial_balance(None).is_whole
    kinds.add_new_entries()
    assert trial_balance(at).is_whole


def test_before_anything_happened(market: object) -> None:
    at = datetime(2030, 1, 1, 0, 0, 1, tzinfo=UTC)
    assert trial_balance(at).is_whole
    assert not any(told(at).values())


def test_what_does_not_balance_is_said(traded: World, client_of: ClientOf) -> None:
    client = client_of("viewer")
    assert "does not balance" not in client.get(URL).content.decode()
    Wallet.objects.filter(user=traded.bob).update(available_units=1)
    page = client.get(URL).content.decode()
    assert page.count("does not balance") == 2  # the trial balance, and custody against ledger


def test_while_orders_are_placed_persisted_and_summed_up(
    transactional_db: None, redis_db: redis.Redis
) -> None:
    """By two workers at once: no look at any moment finds half of a movement, or one twice."""
    world, done = Session(redis_db, seed=11), threading.Event()
    wrong: list[object] = []
    looks: list[datetime] = []

    def sum_up() -> None:
        try:
            while not done.is_set():
                kinds.add_new_entries()
        finally:
            connections.close_all()

    def look() -> None:
        try:
            while not done.is_set():
                at = timezone.now()
                for moment in (at, at - timedelta(milliseconds=300), at - timedelta(minutes=1)):
                    looks.append(moment)
                    trial = trial_balance(moment)
                    if trial.sum_units or not trial.is_whole:
                        wrong.append((moment, trial))
        finally:
            connections.close_all()

    with engine_running():
        world.open()
        world.settle()
        threads = [threading.Thread(target=call) for call in (sum_up, sum_up, look)]
        for one in threads:
            one.start()
        try:
            world.trade(40)
            world.settle()
        finally:
            done.set()
            for one in threads:
                one.join()
    kinds.add_new_entries()
    assert wrong == []
    assert len(looks) > 10
    assert is_every_moment_right()
