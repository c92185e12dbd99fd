"""Errors planted behind the exchange's back, one at a time: each must be found, and named."""

import pytest
import redis
from django.db.models import Sum

from ledger.models import Account, Posting, Wallet
from matching.messages.vocabulary import OrderStatus
from persistence.models import MarketCursor
from persistence.reconciliation import Difference, reconcile
from persistence.reconciliation.engine import CHECK as ENGINE
from tests.reconcile.planting import BTC, checks_of, first_of, found, order_with, plant, the
from trading.models import Fill, Order, OutboxCommand, Position


def open_position() -> Position:
    return first_of(Position.objects.filter(market_id=BTC, position_lots__gt=0).order_by("pk"))


def test_a_posting_deleted(session):
    posting = first_of(Posting.objects.filter(account__kind="available").order_by("-pk"))
    plant("DELETE FROM ledger_posting WHERE id = %s", posting.pk)
    differences = found()
    market = posting.entry.market_id or ""
    assert the(differences, "journal entry", market) == Difference(
        "journal entry",
        market,
        f"journal entry {posting.entry_id} ({posting.entry.kind})",
        "postings that sum to 0",
        f"a sum of {-posting.amount_units}",
    )
    assert the(differences, "journal total").found == str(-posting.amount_units)
    wallet = the(differences, "wallet")
    assert wallet.subject == f"available of user {posting.account.user_id}"
    assert int(wallet.found) - int(wallet.expected) == posting.amount_units


def test_all_postings_of_an_entry_deleted(session):
    entry = first_of(Posting.objects.filter(entry__kind="order_hold").order_by("pk")).entry
    plant("DELETE FROM ledger_posting WHERE entry_id = %s", entry.pk)
    assert the(found(), "journal entry", str(entry.market_id)).found == "no postings"


def test_an_entry_deleted_under_its_postings(session):
    entry = first_of(Posting.objects.filter(entry__kind="order_hold").order_by("pk")).entry
    plant("DELETE FROM ledger_journalentry WHERE id = %s", entry.pk)
    assert the(found(), "journal entry").found == "postings without their entry"


def test_a_whole_movement_deleted(session):
    """Entry and postings gone, the books still balance, and the wallet is adjusted to them."""
    order = order_with(status=OrderStatus.OPEN, held_units__gt=0)
    holds = Posting.objects.filter(entry__kind="order_hold", entry__order_id=order.pk)
    entry = first_of(holds).entry
    plant("DELETE FROM ledger_posting WHERE entry_id = %s", entry.pk)
    plant("DELETE FROM ledger_journalentry WHERE id = %s", entry.pk)
    plant(
        "UPDATE ledger_wallet SET available_units = available_units + %s,"
        " held_units = held_units - %s WHERE user_id = %s",
        order.hold_units,
        order.hold_units,
        order.user_id,
        loosened="ledger_wallet.wallet_held_not_negative",
    )
    differences = found()
    assert the(differences, "order's hold", BTC).subject == f"order {order.pk}"
    assert the(differences, "held by orders").subject == f"held of user {order.user_id}"
    assert "wallet" not in checks_of(differences)


@pytest.mark.parametrize(
    ("kind", "bound"),
    [
        ("available", "at least 0"),
        ("held", "at least 0"),
        ("margin", "at least 0"),
        ("insurance", "at least 0"),
        ("withdrawals", "at least 0"),
        ("deposits", "at most 0"),
    ],
)
def test_an_account_on_the_wrong_side_of_zero(session, kind, bound):
    """By one unit, which another account of the exchange's has; none is reported at zero."""
    account = first_of(Account.objects.filter(kind=kind).order_by("pk"))
    total = Posting.objects.filter(account=account).aggregate(t=Sum("amount_units"))["t"] or 0
    over = -1 if bound == "at least 0" else 1
    _move(account, first_of(Account.objects.filter(kind="fees")), total)
    assert "account sign" not in checks_of(found())
    _move(account, first_of(Account.objects.filter(kind="fees")), -over)
    sign = the(found(), "account sign", account.market_id or "")
    whose = f" of user {account.user_id}" if account.user_id else ""
    assert (sign.subject, sign.expected, sign.found) == (f"{kind}{whose}", bound, str(over))


def _move(source: Account, target: Account, units: int) -> None:
    """As an entry that balances."""
    entry = first_of(Posting.objects.order_by("pk")).entry_id
    for account, amount in ((source, -units), (target, units)):
        if amount:
            plant(
                "INSERT INTO ledger_posting (entry_id, account_id, amount_units)"
                " VALUES (%s, %s, %s)",
                entry,
                account.pk,
                amount,
            )


@pytest.mark.parametrize("column", ["available", "held"])
def test_a_wallet_changed_by_one_unit(session, column):
    wallet = first_of(Wallet.objects.order_by("pk"))
    plant(
        f"UPDATE ledger_wallet SET {column}_units = {column}_units + 1 WHERE user_id = %s",
        wallet.pk,
    )
    differences = found()
    units = getattr(wallet, f"{column}_units")
    assert the(differences, "wallet") == Difference(
        "wallet", "", f"{column} of user {wallet.pk}", str(units), str(units + 1)
    )
    assert int(the(differences, "conservation").found) == 5_000_000_000_001


def test_two_wallets_swapped_by_one_unit(session):
    first, second = Wallet.objects.order_by("pk")[:2]
    for user_id, units in ((first.pk, 1), (second.pk, -1)):
        plant(
            "UPDATE ledger_wallet SET available_units = available_units + %s WHERE user_id = %s",
            units,
            user_id,
        )
    differences = found()
    assert [(d.check, d.subject) for d in differences] == [
        ("wallet", f"available of user {first.pk}"),
        ("wallet", f"available of user {second.pk}"),
    ]


def test_a_posting_and_its_wallet_moved_to_another_user(session):
    posting = first_of(
        Posting.objects.filter(
            account__kind="available", entry__kind="order_hold", amount_units__lt=0
        )
    )
    thief = first_of(Wallet.objects.exclude(pk=posting.account.user_id).order_by("pk"))
    plant(
        "UPDATE ledger_posting SET account_id = (SELECT id FROM ledger_account"
        " WHERE kind = 'available' AND user_id = %s) WHERE id = %s",
        thief.pk,
        posting.pk,
    )
    for user_id, units in ((thief.pk, 1), (posting.account.user_id, -1)):
        plant(
            "UPDATE ledger_wallet SET available_units = available_units + %s WHERE user_id = %s",
            units * posting.amount_units,
            user_id,
        )
    differences = found()
    market = posting.entry.market_id or ""
    assert checks_of(differences) == {"order's postings"}
    assert the(differences, "order's postings", market).subject == f"posting {posting.pk}"


def test_a_deposit_larger_than_what_was_credited(session):
    plant("UPDATE ledger_deposit SET amount_units = amount_units + 1 WHERE id = ("
          "SELECT min(id) FROM ledger_deposit)")  # fmt: skip
    assert the(found(), "deposit").found.startswith("1000000000000 to user")


def test_one_fill_removed(session):
    fill = first_of(Fill.objects.filter(market_id=BTC).order_by("pk"))
    plant("DELETE FROM trading_fill WHERE id = %s", fill.pk)
    differences = found()
    assert the(differences, "trade", BTC).subject == f"trade {fill.trade_id}"
    assert the(differences, "order's fills", BTC).subject == f"order {fill.order_id}"
    assert the(differences, "position", BTC).subject == f"position of user {fill.user_id}"
    assert "fees" in checks_of(differences) or not fill.fee_units


def test_both_fills_of_a_trade_removed(session):
    plant("DELETE FROM trading_fill WHERE market_id = %s AND trade_id = 2", BTC)
    differences = found()
    assert the(differences, "trade ids", BTC).subject == "trades 2 to 2"


def test_the_newest_trade_removed(session):
    last = first_of(Fill.objects.filter(market_id=BTC).order_by("-trade_id")).trade_id
    plant("DELETE FROM trading_fill WHERE market_id = %s AND trade_id = %s", BTC, last)
    differences = found()
    assert {"order's fills", "fill's postings"} <= checks_of(differences)
    trade_ids = [d for d in differences if d.subject == "last trade id"]
    assert [(d.expected, d.found) for d in trade_ids] == [(str(last), str(last - 1))]


@pytest.mark.parametrize(
    ("column", "check"),
    [
        ("price_ticks", "trade"),
        ("size_lots", "trade"),
        ("fee_units", "fill's postings"),
        ("realized_pnl_units", "fill's postings"),
        ("seq", "trade"),
    ],
)
def test_a_fill_edited(session, column, check):
    fill = first_of(Fill.objects.filter(market_id=BTC).order_by("pk"))
    plant(f"UPDATE trading_fill SET {column} = {column} + 1 WHERE id = %s", fill.pk)
    assert the(found(), check, BTC).subject.startswith(f"trade {fill.trade_id}")


@pytest.mark.parametrize(
    ("column", "check", "subject"),
    [
        ("position_lots", "position", "position of user {0}"),
        ("realized_pnl_units", "position", "position of user {0}"),
        ("entry_cost_units", "entry cost", "entry cost of all positions"),
        ("margin_units", "margin", "margin of user {0}"),
    ],
)
def test_a_position_row_edited(session, column, check, subject):
    position = open_position()
    plant(f"UPDATE trading_position SET {column} = {column} + 1 WHERE id = %s", position.pk)
    differences = found()
    market = "" if column == "margin_units" else BTC
    assert the(differences, check, market).subject == subject.format(position.user_id)
    if column != "realized_pnl_units":  # the engine doesn't know it
        engine = the(differences, ENGINE, BTC)
        assert engine.subject == f"position of user {position.user_id}"
        word, value = column.replace("_", " "), getattr(position, column)
        assert (engine.expected, engine.found) == (f"{word} {value}", f"{word} {value + 1}")


def test_entry_cost_moved_between_two_positions(session):
    """The market's sum stays right: only the engine knows whose cost it is."""
    ids = list(Position.objects.filter(market_id=BTC).exclude(position_lots=0).order_by("pk"))
    for position, units in ((ids[0], 1), (ids[1], -1)):
        plant(
            "UPDATE trading_position SET entry_cost_units = entry_cost_units + %s WHERE id = %s",
            units,
            position.pk,
        )
    differences = found()
    assert sorted((d.check, d.subject) for d in differences) == sorted(
        (ENGINE, f"position of user {position.user_id}") for position in ids[:2]
    )


FLIPS = [
    (before, after)
    for before in ("open", "filled", "cancelled", "expired")
    for after in OrderStatus
    if before != after
]


def test_an_order_status_flipped(session):
    """Every flip there is, one after the other."""
    for before, after in FLIPS:
        order = order_with(status=before)
        is_waiting = after is OrderStatus.WAITING
        rule = "order_waits_for_its_trigger" if is_waiting else "order_finished_holds_nothing"
        plant(
            "UPDATE trading_order SET status = %s WHERE id = %s",
            after.value,
            order.pk,
            loosened=f"trading_order.{rule}",
        )
        difference = the(found(), "order status", BTC)
        assert difference.subject == f"order {order.pk}", (before, after)
        assert difference.expected == f"what an order that is {after} can be"
        plant("UPDATE trading_order SET status = %s WHERE id = %s", before, order.pk)
    assert found() == []


@pytest.mark.parametrize(
    "field", ["index_ms", "premium_sum_ppb", "premium_count", "funding_carry", "next_funding_ms"]
)
def test_where_funding_stands_changed(session, field):
    plant(f"UPDATE markets_marketstatus SET {field} = {field} + 1 WHERE market_id = %s", BTC)
    assert the(found(), "engine", BTC).subject == field.replace("_", " ")


def test_an_orders_held_changed(session):
    order = order_with(status=OrderStatus.OPEN, held_units__gt=0)
    plant("UPDATE trading_order SET held_units = held_units - 1 WHERE id = %s", order.pk)
    differences = found()
    assert the(differences, "order's hold", BTC).subject == f"order {order.pk}"
    assert the(differences, "held by orders").subject == f"held of user {order.user_id}"


@pytest.mark.parametrize("column", ["filled_lots", "filled_cost_units"])
def test_what_an_order_filled_changed(session, column):
    order = order_with(status=OrderStatus.EXPIRED)
    plant(
        f"UPDATE trading_order SET {column} = {column} + 1 WHERE id = %s",
        order.pk,
        loosened="trading_order.order_lots_add_up",
    )
    assert the(found(), "order's fills", BTC).subject == f"order {order.pk}"


@pytest.mark.parametrize("column", ["price_ticks", "leverage", "user_id"])
def test_an_open_order_is_not_the_engines(session, column):
    order = order_with(status=OrderStatus.OPEN)
    plant(f"UPDATE trading_order SET {column} = {column} - 1 WHERE id = %s", order.pk)
    subjects = [d.subject for d in found() if d.check == ENGINE]
    assert f"open order {order.pk}" in subjects


def test_two_orders_changed_places_in_their_queue(session):
    first, second = _two_at_one_price()
    for order, arrival in ((first, second.arrival), (second, first.arrival)):
        plant("UPDATE trading_order SET arrival = %s WHERE id = %s", arrival, order.pk)
    differences = found()
    assert [(d.check, d.expected, d.found) for d in differences] == [
        (ENGINE, f"order {first.pk}", f"order {second.pk}")
    ]


def _two_at_one_price() -> tuple[Order, Order]:
    rows = Order.objects.filter(market_id=BTC, status=OrderStatus.OPEN, side="LONG")
    by_price: dict[int, Order] = {}
    for order in rows.order_by("arrival"):
        if order.price_ticks in by_price:
            return by_price[order.price_ticks], order
        by_price[order.price_ticks] = order
    pytest.fail("the session has no two orders at one price")


def test_an_order_pending_that_the_engine_has_taken(session):
    order = order_with(status=OrderStatus.OPEN)
    plant("UPDATE trading_order SET status = 'pending' WHERE id = %s", order.pk)
    taken = [d for d in found() if d.check == ENGINE and d.subject == f"order {order.pk}"]
    assert [(d.expected, d.found) for d in taken] == [("applied by the engine", "pending")]


def test_a_command_not_applied_that_the_engine_has_taken(session):
    command = first_of(
        OutboxCommand.objects.filter(market_id=BTC, command_type="CancelOrder").order_by("pk")
    )
    plant("UPDATE trading_outboxcommand SET applied_seq = NULL WHERE id = %s", command.pk)
    assert the(found(), ENGINE, BTC).subject == f"command {command.pk}"


def test_a_market_status_edited(session):
    plant("UPDATE markets_marketstatus SET mark_price_ticks = mark_price_ticks + 1,"
          " state = 'HALTED' WHERE market_id = %s", BTC)  # fmt: skip
    subjects = {d.subject for d in found() if d.check == ENGINE}
    assert subjects == {"mark price ticks", "market state"}


@pytest.mark.parametrize("by", [1, -1])
def test_the_cursor_moved(session, by):
    cursor = MarketCursor.objects.get(pk=BTC)
    plant("UPDATE persistence_marketcursor SET seq = seq + %s WHERE market_id = %s", by, BTC)
    moved = the(found(), ENGINE, BTC)
    assert moved.subject == f"cursor at input {cursor.input_id}"
    assert (moved.expected, moved.found) == (
        f"sequence {cursor.seq}",
        f"sequence {cursor.seq + by}",
    )


def test_the_cursor_moved_behind_the_rows(session: redis.Redis):
    session.flushdb()  # the rows alone must tell
    plant("UPDATE persistence_marketcursor SET seq = 2 WHERE market_id = %s", BTC)
    subjects = {d.subject for d in found() if d.check == "sequence"}
    assert {"sequence of fills", "sequence of positions", "sequence of journal entries"} <= subjects


def test_rows_that_describe_no_engine(session):
    plant("UPDATE markets_marketstatus SET state = 'NONSENSE' WHERE market_id = %s", BTC)
    assert "NONSENSE" in the(found(), ENGINE, BTC).found


def test_the_first_are_shown_and_all_are_counted(session, monkeypatch: pytest.MonkeyPatch):
    from persistence.reconciliation import differences

    monkeypatch.setattr(differences, "SHOWN_PER_CHECK_MAX", 2)
    plant("UPDATE ledger_wallet SET available_units = available_units + 1")
    result = reconcile()
    assert len([d for d in result.differences if d.check == "wallet"]) == 2
    assert result.difference_count == 5 + 1  # and conservation
