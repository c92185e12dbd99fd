"""Persisting changes the rows that its entries name, and no others: two markets with the same
traders, so that a statement that forgets its market or its user meets rows of the other.
"""

from collections.abc import Iterator
from typing import Any

import pytest
import redis
from django.utils import timezone

from ledger.models import Deposit, Wallet
from ledger.services import approve_deposit, deposit, refuse_deposit
from matching.messages import commands as c
from matching.messages.codec import decode_entry
from matching.messages.events import FundingSettled, OutputEntry, PositionSettled, Trade
from matching.messages.streams import ENTRY_FIELD, output_stream
from matching.messages.vocabulary import MarketState
from persistence.faults import note_fault, quarantine_entry, retry_fault
from persistence.models import EngineSnapshotArchive, MarketCursor, PersistenceFault
from persistence.projection.batch import PoisonEntry
from persistence.reading import persist_market
from persistence.recovery.archive import archive_and_trim, progress_of
from tests.changes import Changes, changes, nobody_else_changed, owners_of, watching
from tests.ledger.miniature import Miniature
from tests.ledger.world import make_user
from trading.commands.outbox import NOT_YET, command_of_row
from trading.models import Countdown, OutboxCommand


@pytest.fixture
def watched(transactional_db: None, redis_db: redis.Redis) -> Iterator[redis.Redis]:
    with watching():
        yield redis_db


def two_markets(client: redis.Redis) -> tuple[Miniature, Miniature]:
    one = Miniature(client, seed=26, traders=4, deposits=1_000_000)
    other = Miniature(client, seed=27, market_id="NEXT-PERP", traders_of=one)
    for market in (one, other):
        market.persist()
    return one, other


@pytest.fixture
def quiet_pair(watched: redis.Redis) -> tuple[Miniature, Miniature]:
    """Two markets in which nothing has happened."""
    return two_markets(watched)


@pytest.fixture
def pair(watched: redis.Redis) -> tuple[Miniature, Miniature]:
    """Two markets, the same traders in both, with countdowns, positions and orders in both."""
    one, other = two_markets(watched)
    for market in (one, other):
        for _ in range(60):
            market.step()
        for user in market.traders:
            market.send(
                c.SetCountdown(command_id=NOT_YET, account_id=user.pk, countdown_ms=80_000_000)
            )
        market.persist()
        while market.promised:
            market.deliver_promised()
            market.persist()
        # No engine has seen this one.
        OutboxCommand.objects.create(
            market=market.market, command_type="FundInsurance", payload={"amount_units": 1}
        )
    return one, other


def named(entry: OutputEntry) -> tuple[set[int], set[int]]:
    """Accounts and orders an entry speaks of."""
    accounts: set[int] = set()
    orders: set[int] = set()
    for event in entry.events:
        match event:
            case Trade():
                accounts |= {event.taker.account_id, event.maker.account_id}
                orders |= {event.taker.order_id, event.maker.order_id}
            case FundingSettled():
                accounts |= {payment.account_id for payment in event.payments}
            case PositionSettled():
                accounts.add(event.leg.account_id)
            case _:
                accounts.add(getattr(event, "account_id", 0))
                orders.add(getattr(event, "order_id", 0))
    return accounts, orders


def assert_only_what_it_names(
    found: Changes, market_id: str, entry: OutputEntry, all_countdowns: bool
) -> None:
    accounts, orders = named(entry)
    nobody_else_changed(found, markets={market_id})
    for change in found.seen:
        row = change.row
        if change.table == "trading_order":
            assert row["id"] in orders, change
        elif change.table == "trading_outboxcommand":
            if change.old is not None:  # else promised by this very batch
                assert row["id"] == entry.command_id, change
                assert change.old["applied_seq"] is None, change
        elif change.table == "trading_countdown" and all_countdowns:
            assert change.new is None, change
        else:
            assert owners_of(change)["users"] <= accounts, change


def entries_of(client: redis.Redis, market_id: str, after: int) -> list[OutputEntry]:
    found: Any = client.xrange(output_stream(market_id), min=f"{after + 1}-0")
    return [decode_entry(fields[ENTRY_FIELD]) for _, fields in found]


def test_an_entry_changes_what_it_names(
    pair: tuple[Miniature, Miniature],
    watched: redis.Redis,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    one, other = pair
    unseen = OutboxCommand.objects.get(market=one.market, applied_seq__isnull=True)
    cursor = MarketCursor.objects.get(pk=one.market.pk)
    with monkeypatch.context() as patch:
        patch.setattr(one, "persist", lambda: None)
        for _ in range(150):
            one.step()
    twice = OutboxCommand.objects.filter(market=one.market).exclude(pk=unseen.pk).latest("pk")
    one.say(command_of_row(twice))
    one.send(c.SetMarketState(command_id=NOT_YET, state=MarketState.HALTED))
    one.settle()
    assert Countdown.objects.filter(market=one.market).exists()
    kept = list(Countdown.objects.filter(market=other.market).order_by("pk").values())
    assert kept
    for entry in entries_of(watched, one.market.pk, cursor.seq):
        is_end = entry.seq == one.engine.seq
        with changes() as found:
            persist_market(one.market.pk, up_to_seq=entry.seq)
        assert_only_what_it_names(found, one.market.pk, entry, all_countdowns=is_end)
    assert not Countdown.objects.filter(market=one.market).exists()
    assert list(Countdown.objects.filter(market=other.market).order_by("pk").values()) == kept
    unseen.refresh_from_db()
    assert unseen.applied_seq is None
    assert {"FundingSettled", "PositionSettled", "OrderTriggered"} <= set(one.seen)


def test_a_countdown_stopped_is_that_of_one_trader_in_one_market(
    pair: tuple[Miniature, Miniature],
) -> None:
    one, _ = pair
    before = set(Countdown.objects.values_list("market_id", "user_id"))
    alice = one.traders[0].pk
    one.send(c.SetCountdown(command_id=NOT_YET, account_id=alice, countdown_ms=0))
    one.persist()
    gone = before - set(Countdown.objects.values_list("market_id", "user_id"))
    assert gone == {(one.market.pk, alice)}
    one.send(c.SetCountdown(command_id=NOT_YET, account_id=alice, countdown_ms=77_000_000))
    one.persist()
    assert set(Countdown.objects.values_list("market_id", "user_id")) == before
    due = Countdown.objects.get(market=one.market, user=alice).due_ms
    assert due == one.now_ms + 77_000_000


def test_faults_of_another_market_stay_open(quiet_pair: tuple[Miniature, Miniature]) -> None:
    one, other = quiet_pair
    for market in quiet_pair:
        market.say(c.UpdateIndexPrice(index_price_ticks=market.index_ticks))
        seq = MarketCursor.objects.get(pk=market.market.pk).seq + 1
        note_fault(PoisonEntry(market.market.pk, seq, "planted"))
    ours = PersistenceFault.objects.get(market=one.market)
    theirs = PersistenceFault.objects.get(market=other.market)
    operator = make_user("operator", 0)
    with changes() as found:
        note_fault(PoisonEntry(one.market.pk, ours.seq, "another reason"))
    nobody_else_changed(found, markets={one.market.pk})
    assert len(found.of("persistence_persistencefault")) == 2
    again = PersistenceFault.objects.get(market=one.market, resolved_at__isnull=True)
    with changes() as found:
        retry_fault(again.pk, operator.pk)
    nobody_else_changed(found, markets={one.market.pk})
    again.refresh_from_db()
    ours.refresh_from_db()
    assert (again.resolution, again.resolved_by_id) == ("persisted", operator.pk)
    assert (ours.resolution, ours.resolved_by_id) == ("superseded", None)
    with changes() as found:
        quarantine_entry(theirs.pk, operator.pk)
    nobody_else_changed(found, markets={other.market.pk})


def test_a_fault_further_on_is_not_closed_by_what_comes_before(
    quiet_pair: tuple[Miniature, Miniature],
) -> None:
    """Persisted up to it: still open. Persisted with it: closed."""
    one, _ = quiet_pair
    for ticks in (1, 2):
        one.say(c.UpdateIndexPrice(index_price_ticks=one.index_ticks + ticks))
    seq = one.engine.seq
    now = timezone.now()
    fault = PersistenceFault.objects.create(
        market=one.market, seq=seq, kind="PoisonEntry", reason="planted", payload=b"",
        first_seen=now, last_seen=now,
    )  # fmt: skip
    persist_market(one.market.pk, up_to_seq=seq - 1)
    fault.refresh_from_db()
    assert fault.resolved_at is None
    persist_market(one.market.pk)
    fault.refresh_from_db()
    assert fault.resolution == "persisted"


def test_archives_of_another_market_are_kept(quiet_pair: tuple[Miniature, Miniature]) -> None:
    """The five newest of each: a market that archives much takes none from one that rests."""
    one, other = quiet_pair
    for market in quiet_pair:
        archive_and_trim(*progress_of([market.market.pk]))
    (kept,) = EngineSnapshotArchive.objects.filter(market=other.market)
    archive = EngineSnapshotArchive.objects.get(market=one.market)
    for number in range(1, 8):
        archive.pk = None
        archive.seq, archive.sha256 = 1_000 + number, f"{number:064}"
        archive.save(force_insert=True)
    with changes() as found:
        archive_and_trim(*progress_of([one.market.pk]))
    nobody_else_changed(found, markets={one.market.pk})
    seqs = EngineSnapshotArchive.objects.filter(market=one.market).order_by("seq")
    assert list(seqs.values_list("seq", flat=True)) == [1_003, 1_004, 1_005, 1_006, 1_007]
    assert EngineSnapshotArchive.objects.filter(market=other.market).get() == kept


def test_money_of_another_stays(watched: redis.Redis) -> None:
    alice, bob = make_user("alice"), make_user("bob")
    operator = make_user("operator", 0)
    for user in (alice, bob):
        Deposit.objects.create(user=user, amount_units=5, idempotency_key="key")
    with changes() as found:
        deposit(alice.pk, 7, approved=True)
    nobody_else_changed(found, users={alice.pk})
    assert found.tables == {
        "ledger_accountflow", "ledger_deposit", "ledger_journalentry", "ledger_posting",
        "ledger_wallet",
    }  # fmt: skip
    with changes() as found:
        approve_deposit(Deposit.objects.get(user=alice, idempotency_key="key").pk, operator.pk)
    nobody_else_changed(found, users={alice.pk})
    with changes() as found:
        refuse_deposit(Deposit.objects.get(user=bob, idempotency_key="key").pk, operator.pk)
    nobody_else_changed(found, users={bob.pk})
    assert found.tables == {"ledger_deposit"}
    assert Wallet.objects.get(user=alice).available_units == 10_000_012
    assert Wallet.objects.get(user=bob).available_units == 10_000_000
