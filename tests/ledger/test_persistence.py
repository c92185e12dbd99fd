import threading
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.db.models import Sum

from ledger import services
from ledger.models import Account, AccountKind, Posting, Wallet
from matching.messages.events import CommandRejected
from matching.messages.streams import dead_letter_stream, output_stream
from matching.messages.vocabulary import RejectCode
from persistence import reading
from persistence.models import DeadLetter, MarketCursor
from persistence.projection.batch import EPOCH, PoisonEntry
from persistence.reading import persist_market
from persistence.reconciliation import wallet_differences
from persistence.writing import bulk
from tests.ledger.prices import mark_price
from tests.ledger.world import (
    DEPOSIT_UNITS,
    FIRST_TIME_MS,
    in_threads,
    make_market,
    rows,
)
from tests.patience import PATIENCE_S
from trading.models import Fill, Order

FIRST_TIME = EPOCH + timedelta(milliseconds=FIRST_TIME_MS)


def at(seq: int):
    return FIRST_TIME + timedelta(milliseconds=seq)


def posted(**account) -> int:
    total = Posting.objects.filter(account=Account.objects.get(**account)).aggregate(
        t=Sum("amount_units")
    )
    return total["t"] or 0


def test_a_session_is_written_to_the_last_digit(session):
    session.publish()
    assert persist_market(session.market_id) == 12
    seen = rows(session)
    assert seen["orders"] == {
        "short": ("filled", "", 10, 0, 0, 5_000_000, at(6)),
        "long": ("filled", "", 6, 0, 0, 3_000_000, at(5)),
        "ioc": ("expired", "IOC_REMAINDER", 4, 5, 0, 2_000_000, at(6)),
        "refused": ("rejected", "MIN_NOTIONAL", 0, 3, 0, 0, at(7)),
        "shrunk": ("cancelled", "USER", 0, 5, 0, 0, at(10)),
        "cover": ("filled", "", 4, 0, 0, 2_200_000, at(12)),
        "reduce": ("filled", "", 4, 0, 0, 2_200_000, at(12)),
    }
    assert seen["fills"] == [
        (1, "TAKER", "long", "bob", "LONG", 1000, 6, 1_500, 0, 5, at(5)),
        (1, "MAKER", "short", "alice", "SHORT", 1000, 6, 600, 0, 5, at(5)),
        (2, "TAKER", "ioc", "carol", "LONG", 1000, 4, 1_000, 0, 6, at(6)),
        (2, "MAKER", "short", "alice", "SHORT", 1000, 4, 400, 0, 6, at(6)),
        (3, "TAKER", "reduce", "bob", "SHORT", 1100, 4, 1_100, 200_000, 12, at(12)),
        (3, "MAKER", "cover", "alice", "LONG", 1100, 4, 440, -200_000, 12, at(12)),
    ]
    assert seen["positions"] == {
        "alice": (-6, -3_000_000, 300_000, -200_000, 12, at(12)),
        "bob": (2, 1_000_000, 100_000, 200_000, 12, at(12)),
        "carol": (4, 2_000_000, 200_000, 0, 6, at(6)),
    }
    # Deposits − margin + realised profit − fees, as nothing is held any more.
    assert seen["wallets"] == {
        "alice": (DEPOSIT_UNITS - 300_000 - 200_000 - 1_440, 0),
        "bob": (DEPOSIT_UNITS - 100_000 + 200_000 - 2_600, 0),
        "carol": (DEPOSIT_UNITS - 200_000 - 1_000, 0),
    }
    assert seen["status"] == ("ACTIVE", 3, 1000, 1001, 1100, at(3))
    assert seen["cursor"] == (12, f"{FIRST_TIME_MS + 12}-0", FIRST_TIME_MS + 12)
    assert seen["commands"] == [(2,)]


def test_journal_of_a_session_adds_up(session):
    session.publish()
    persist_market(session.market_id)
    assert wallet_differences() == []
    assert posted(kind=AccountKind.FEES) == 1_500 + 600 + 1_000 + 400 + 1_100 + 440
    assert posted(kind=AccountKind.DEPOSITS) == -3 * DEPOSIT_UNITS
    assert posted(kind=AccountKind.CLEARING, market=session.market) == 0
    for user, margin in [
        (session.alice, 300_000),
        (session.bob, 100_000),
        (session.carol, 200_000),
    ]:
        assert posted(kind=AccountKind.MARGIN, user=user) == margin
        assert posted(kind=AccountKind.HELD, user=user) == 0
    assert Posting.objects.aggregate(t=Sum("amount_units"))["t"] == 0
    journal = rows(session)["journal"]
    assert [line for line in journal if line[1] == 12] == [
        ("fill", 12, "reduce", 3, "margin", "bob", None, -200_000),
        ("fill", 12, "reduce", 3, "available", "bob", None, 200_000),
        ("fill", 12, "reduce", 3, "available", "bob", None, -1_100),
        ("fill", 12, "reduce", 3, "available", "bob", None, 200_000),
        ("fill", 12, "reduce", 3, "fees", None, None, 1_100),
        ("fill", 12, "reduce", 3, "clearing", None, "BTC-PERP", -200_000),
        ("fill", 12, "cover", 3, "held", "alice", None, -420_660),
        ("fill", 12, "cover", 3, "margin", "alice", None, -200_000),
        ("fill", 12, "cover", 3, "available", "alice", None, 620_660),
        ("fill", 12, "cover", 3, "held", "alice", None, -440),
        ("fill", 12, "cover", 3, "available", "alice", None, -200_000),
        ("fill", 12, "cover", 3, "fees", None, None, 440),
        ("fill", 12, "cover", 3, "clearing", None, "BTC-PERP", 200_000),
    ]
    own_kinds = Posting.objects.filter(entry__seq=12, kind__isnull=False).order_by("id")
    assert list(own_kinds.values_list("kind", "amount_units")) == [
        ("fee", -1_100),
        ("realized_pnl", 200_000),
        ("fee", -440),
        ("realized_pnl", -200_000),
    ]
    assert [line[1:5] for line in journal if line[0] == "hold_release"] == [
        (seq, name, None, kind)
        for seq, name in [(4, "short"), (6, "ioc"), (7, "refused"), (9, "shrunk"), (10, "shrunk")]
        for kind in ("held", "available")
    ]


def test_any_batch_size_gives_the_same_rows(session, monkeypatch):
    whole = _rows_of_one_batch(session)
    for batch_entries in range(1, 13):
        _put_back(session)
        monkeypatch.setattr(reading, "BATCH_ENTRIES", batch_entries)
        assert persist_market(session.market_id) == 12
        assert rows(session) == whole


def test_a_batch_split_anywhere_gives_the_same_rows(session):
    whole = _rows_of_one_batch(session)
    for split in range(13):
        _put_back(session)
        assert persist_market(session.market_id, up_to_seq=split) == split
        assert rows(session)["cursor"][0] == split
        assert wallet_differences() == []
        assert persist_market(session.market_id) == 12
        assert rows(session) == whole


def _rows_of_one_batch(session):
    session.publish()
    persist_market(session.market_id)
    return rows(session)


def _put_back(session):
    """Undo what persisting did, past the triggers: the table owner may."""
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE ledger_posting DISABLE TRIGGER USER")
        cursor.execute("ALTER TABLE ledger_journalentry DISABLE TRIGGER USER")
        cursor.execute(
            "DELETE FROM ledger_posting p USING ledger_journalentry e"
            " WHERE e.id = p.entry_id AND e.seq IS NOT NULL"
        )
        cursor.execute("DELETE FROM ledger_journalentry WHERE seq IS NOT NULL")
        cursor.execute("ALTER TABLE ledger_posting ENABLE TRIGGER USER")
        cursor.execute("ALTER TABLE ledger_journalentry ENABLE TRIGGER USER")
        cursor.execute("DELETE FROM trading_fill")
        for told in ("trading_lasttrade", "trading_tradestretch"):
            cursor.execute(f"ALTER TABLE {told} DISABLE TRIGGER USER")
            cursor.execute(f"DELETE FROM {told}")
            cursor.execute(f"ALTER TABLE {told} ENABLE TRIGGER USER")
        cursor.execute("DELETE FROM trading_candle")
        cursor.execute("DELETE FROM trading_traderday")
        cursor.execute("DELETE FROM trading_tierday")
        cursor.execute("DELETE FROM ledger_accountflow WHERE market_id IS NOT NULL")
        cursor.execute("DELETE FROM trading_position")
        cursor.execute(
            "UPDATE trading_order SET status = 'pending', reason = '', filled_lots = 0,"
            " cancelled_lots = 0, filled_cost_units = 0, held_units = hold_units"
        )
        cursor.execute("UPDATE trading_outboxcommand SET applied_seq = NULL")
        cursor.execute(
            "UPDATE markets_marketstatus SET state = 'PRE_OPEN', applied_config_version = 0,"
            " mark_price_ticks = 0, index_price_ticks = 0, last_price_ticks = 0,"
            " mark_price_at = NULL"
        )
        cursor.execute(
            "UPDATE persistence_marketcursor SET seq = 0, input_id = '0-0', entry_time_ms = 0"
        )
        for column in ("available", "held"):
            cursor.execute(
                f"UPDATE ledger_wallet w SET {column}_units = COALESCE((SELECT sum(amount_units)"
                " FROM ledger_posting p JOIN ledger_account a ON a.id = p.account_id"
                f" WHERE a.user_id = w.user_id AND a.kind = '{column}'), 0)"
            )


def test_persisting_twice_changes_nothing(session):
    session.publish()
    persist_market(session.market_id)
    once, postings = rows(session), Posting.objects.count()
    assert persist_market(session.market_id) == 12
    assert persist_market(session.market_id, up_to_seq=4) == 12
    assert (rows(session), Posting.objects.count()) == (once, postings)


def test_ten_threads_at_once_apply_everything_once(session, monkeypatch):
    whole = _rows_of_one_batch(session)
    _put_back(session)
    monkeypatch.setattr(reading, "BATCH_ENTRIES", 2)

    def until_done():
        while MarketCursor.objects.get(market=session.market).seq < 12:
            persist_market(session.market_id)

    assert in_threads(10, until_done) == [None] * 10
    assert rows(session) == whole
    assert wallet_differences() == []


def test_a_market_in_other_hands_is_left_alone(session):
    session.publish()
    held, release = threading.Event(), threading.Event()

    def hold():
        with transaction.atomic():
            MarketCursor.objects.select_for_update().get(market=session.market)
            held.set()
            release.wait(PATIENCE_S)
        connection.close()

    thread = threading.Thread(target=hold)
    thread.start()
    assert held.wait(PATIENCE_S)
    try:
        assert persist_market(session.market_id) is None
    finally:
        release.set()
        thread.join()
    assert persist_market(session.market_id) == 12


def test_wallets_may_change_while_a_batch_is_applied(session, monkeypatch):
    """The batch adds to wallets; what API holds did meanwhile is not written over."""
    session.publish()
    write = bulk.write

    def write_after_a_deposit(*args):
        in_threads(1, lambda: services.deposit(session.alice.pk, 77, approved=True))
        write(*args)

    monkeypatch.setattr(bulk, "write", write_after_a_deposit)
    persist_market(session.market_id)
    alice = Wallet.objects.get(user=session.alice)
    assert alice.available_units == DEPOSIT_UNITS + 77 - 300_000 - 200_000 - 1_440
    assert wallet_differences() == []


@pytest.mark.parametrize(
    "step",
    [
        "insert_journal",
        "update_orders",
        "upsert_positions",
        "add_to_wallets",
        "advance_cursors",
    ],
)
def test_a_crash_before_the_commit_leaves_nothing(session, monkeypatch, step):
    session.publish()
    before = rows(session)

    class Killed(BaseException):
        pass

    def die(*args):
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(bulk, step, die)
        with pytest.raises(Killed):
            persist_market(session.market_id)
    assert rows(session) == before
    assert persist_market(session.market_id) == 12
    assert wallet_differences() == []


def test_rejection_of_an_order_that_is_not_pending_changes_nothing(session):
    session.say(session.rejected("short", 0), session.rejected("refused", 150_750))
    session.publish()
    persist_market(session.market_id, up_to_seq=12)
    before = rows(session)
    assert persist_market(session.market_id) == 13
    after = rows(session)
    assert after.pop("cursor") != before.pop("cursor")
    assert after == before


def test_rejection_of_an_order_nobody_placed_changes_nothing(session):
    rejected = type(session.rejected("short", 1))
    del session.entries[:]
    session.say(
        rejected(
            order_id=10**9, account_id=session.bob.pk, code=RejectCode.TOO_OLD, released_units=9
        )
    )
    session.publish()
    wallets = rows(session)["wallets"]
    assert persist_market(session.market_id) == 1
    assert rows(session)["wallets"] == wallets


def test_dead_letters_are_copied_with_their_reason(world):
    world.say(CommandRejected(code=RejectCode.MALFORMED))
    world.say(CommandRejected(code=RejectCode.STALE_CONFIG))
    world.say(CommandRejected(code=RejectCode.MALFORMED))
    world.publish()
    world.redis_db.xadd(
        dead_letter_stream(world.market_id),
        {"input_id": "5-0", "reason": "no \0 command", "payload": b"\xff\0"},
        id="1-0",
    )
    assert persist_market(world.market_id) == 3
    (letter,) = DeadLetter.objects.all()
    assert (letter.seq, letter.input_id) == (1, world.entries[0].input_id)
    assert (letter.reason, bytes(letter.payload)) == ("no � command", b"\xff\0")


def test_unknown_market_is_an_error(world):
    with pytest.raises(LookupError, match="no market NO-PERP"):
        persist_market("NO-PERP")


def test_orders_of_another_market_are_out_of_reach(session):
    Order.objects.update(market=session.market)
    other = make_market("ETH-PERP")
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")  # no trigger stops us
        Order.objects.filter(pk=session.orders["short"]).update(market=other)
    session.publish()
    with pytest.raises(PoisonEntry, match="not in the database"):
        persist_market(session.market_id)
    assert not Fill.objects.exists()


def test_thousands_of_entries_span_batches(world):
    for price in range(1, 1_201):
        world.say(mark_price(price, price))
    world.publish()
    assert world.redis_db.xlen(output_stream(world.market_id)) == 1_200
    assert persist_market(world.market_id) == 1_200
    assert rows(world)["status"][2] == 1_200
