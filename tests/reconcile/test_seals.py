"""Seals: what is behind one is found as if all had been read, what is in one by the full proof."""

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from persistence.models import MarketCursor, ReconcileRun
from persistence.reconciliation import differences_of_seal, reconcile, sealer
from persistence.reconciliation.sealer import seal_stretches
from persistence.sealing.models import CarriedOrder, JournalSeal, SealedMarket, SealedTotal
from tests.reconcile.planting import BTC, first_of, plant
from tests.reconcile.sealed import everything, first_entry, last_entry, seal_half
from trading.models import Order


def seal_differences() -> list[tuple[str, str]]:
    return [(d.market_id, d.subject) for d in everything().differences if d.check == "seal"]


@pytest.mark.parametrize("length", [7, 31, 58, 101])
def test_wherever_stretches_end_sums_and_figures_are_those_of_all_rows(session, length):
    whole = everything()
    assert whole.differences == []
    if first_entry() > 1:  # others had ids before
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sealer, "AT_ONCE_MAX", 1)
            seal_stretches(first_entry() - 1)
    entries = last_entry() - first_entry() + 1
    for count in (1, 2, sealer.AT_ONCE_MAX):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sealer, "AT_ONCE_MAX", count)
            assert len(seal_stretches(length)) <= count
        behind = reconcile()
        assert behind.differences == []
        assert behind.figures == whole.figures
    sealed = JournalSeal.objects.filter(entry_count__gt=0).count()
    assert sealed == min(1 + 2 + sealer.AT_ONCE_MAX, entries // length)
    assert everything().differences == []
    for seal in JournalSeal.objects.all():
        assert differences_of_seal(seal.pk) == []
    assert all(
        sealed.seq <= MarketCursor.objects.get(pk=sealed.market_id).seq
        for sealed in SealedMarket.objects.all()
    )


NEWEST_FILL = "(SELECT max(id) FROM trading_fill)"
NEWEST_POSTING = "(SELECT max(id) FROM ledger_posting)"
BEHIND = {
    "posting deleted": f"DELETE FROM ledger_posting WHERE id = {NEWEST_POSTING}",
    "posting changed": f"UPDATE ledger_posting SET amount_units = amount_units + 1"
    f" WHERE id = {NEWEST_POSTING}",
    "posting of another": f"UPDATE ledger_posting SET account_id = 1 WHERE id = {NEWEST_POSTING}",
    "entry deleted": "DELETE FROM ledger_journalentry"
    " WHERE id = (SELECT max(id) FROM ledger_journalentry)",
    "fill deleted": f"DELETE FROM trading_fill WHERE id = {NEWEST_FILL}",
    "trade deleted": "DELETE FROM trading_fill f WHERE trade_id = (SELECT max(trade_id) - 1"
    " FROM trading_fill WHERE market_id = f.market_id)",
    "fill's fee": f"UPDATE trading_fill SET fee_units = fee_units + 1 WHERE id = {NEWEST_FILL}",
    "fill's price": f"UPDATE trading_fill SET price_ticks = price_ticks + 1"
    f" WHERE id = {NEWEST_FILL}",
    "fill's owner": "UPDATE trading_fill f SET user_id = (SELECT min(user_id) FROM ledger_wallet"
    " WHERE user_id NOT IN (SELECT user_id FROM trading_fill t WHERE t.market_id = f.market_id"
    f" AND t.trade_id = f.trade_id)) WHERE id = {NEWEST_FILL}",
    "fill of a later sequence": f"UPDATE trading_fill SET seq = 99999 WHERE id = {NEWEST_FILL}",
    "wallet": "UPDATE ledger_wallet SET held_units = held_units + 1",
    "position": "UPDATE trading_position SET realized_pnl_units = realized_pnl_units + 1",
    "margin": "UPDATE trading_position SET margin_units = margin_units + 1"
    " WHERE position_lots <> 0",
    "open order": "UPDATE trading_order SET held_units = held_units - 1"
    " WHERE status = 'open' AND held_units > 0",
    "open order's status": "UPDATE trading_order SET status = 'pending' WHERE status = 'open'",
    "order's name": "INSERT INTO trading_ordername (user_id, order_id, client_order_id)"
    " SELECT user_id, id + 1, 'of no order' FROM trading_order ORDER BY id DESC LIMIT 1",
    "nameless": "UPDATE trading_order SET client_order_id = 'mine'"
    " WHERE id = (SELECT max(id) FROM trading_order)",
    "life": "UPDATE trading_positionlife SET fee_units = fee_units + 1 WHERE closed_at IS NULL",
    "life deleted": "DELETE FROM trading_positionlife WHERE closed_at IS NULL",
    "newest life's peak": "UPDATE trading_positionlife SET max_lots = max_lots + 1"
    " WHERE id = (SELECT max(id) FROM trading_positionlife)",
    "cursor": "UPDATE persistence_marketcursor SET seq = 1",
}  # fmt: skip


@pytest.mark.parametrize("what", BEHIND)
def test_what_is_wrong_behind_a_seal_is_found_as_if_all_had_been_read(session, what):
    seal_half()
    plant(BEHIND[what])
    whole = {d for d in everything().differences if d.check != "seal"}
    behind = set(reconcile().differences)
    # Only where the seal stands is known to it alone.
    assert {d for d in behind if d.subject != "sequence of seals"} == whole != set()


def test_an_order_that_had_not_ended_is_looked_at_until_it_has(session):
    """It ends without a trace in the journal, which leaves what it held where it was."""
    seal = seal_half()
    carried = set(CarriedOrder.objects.values_list("pk", flat=True))
    order = first_of(Order.objects.filter(pk__in=carried, status="open", held_units__gt=0))
    assert order.pk <= seal.last_order_id
    ended = Order.objects.filter(status__in=("filled", "cancelled", "rejected"), held_units=0)
    assert not carried & set(ended.values_list("pk", flat=True))
    plant(
        "UPDATE trading_order SET status = 'cancelled', reason = 'USER', held_units = 0,"
        " cancelled_lots = size_lots - filled_lots WHERE id = %s",
        order.pk,
    )
    holds = [d for d in reconcile().differences if d.check == "order's hold"]
    assert [d.subject for d in holds] == [f"order {order.pk}"]


SEALED = {
    "an entry's time": (
        "UPDATE ledger_journalentry SET created_at = created_at + interval '1 second'"
        " WHERE id = {entry}",
        ("", "Seal 1: journal entries {first} to {last} and their postings"),
    ),
    "a posting's kind": (
        "UPDATE ledger_posting SET kind = 'fee' WHERE id = (SELECT min(id) FROM ledger_posting"
        " WHERE entry_id = {entry})",
        ("", "Seal 1: journal entries {first} to {last} and their postings"),
    ),
    "an entry removed with its postings": (
        "WITH gone AS (DELETE FROM ledger_posting WHERE entry_id = {entry})"
        " DELETE FROM ledger_journalentry WHERE id = {entry}",
        ("", "Seal 1: journal entries {first} to {last} and their postings"),
    ),
    "postings added": (
        "INSERT INTO ledger_posting (entry_id, account_id, amount_units)"
        " SELECT {entry}, account_id, units FROM (SELECT account_id FROM ledger_posting"
        " WHERE entry_id = {entry}) AS same, (VALUES (5), (-5)) AS legs(units)",
        ("", "Seal 1: journal entries {first} to {last} and their postings"),
    ),
    "a fill's time": (
        "UPDATE trading_fill SET executed_at = executed_at + interval '1 second'"
        " WHERE market_id = 'BTC-PERP' AND trade_id = 1",
        (BTC, "Seal 1: trades 1 to 100"),
    ),
    "a sum of the seal": (
        "UPDATE persistence_sealedposition SET lots = lots + 1"
        " WHERE id = (SELECT min(id) FROM persistence_sealedposition)",
        None,
    ),
    "a count of the seal": (
        "UPDATE persistence_journalseal SET fill_count = fill_count + 2",
        ("", "Seal 1: fill count"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", SEALED)
def test_what_was_changed_in_a_seal_is_found_by_the_full_proof(session, what):
    seal = seal_half()
    entry_id = first_entry() + 8
    first = (entry_id - 1) // 100 * 100 + 1
    last = min(first + 99, seal.last_entry_id)
    sql, named = SEALED[what]
    plant(sql.format(entry=entry_id))
    found = seal_differences()
    assert found
    if named is not None:
        assert (named[0], named[1].format(first=first, last=last)) in found
    assert [(d.market_id, d.subject) for d in differences_of_seal(1) if d.check == "seal"] == found


def test_a_changed_sum_of_a_seal_stands_out_at_once(session):
    seal_half()
    account_id = SealedTotal.objects.filter(account__kind="available").latest("pk").account_id
    plant(
        "UPDATE persistence_sealedtotal SET total_units = total_units + 1 WHERE account_id = %s",
        account_id,
    )
    assert "wallet" in {d.check for d in reconcile().differences}
    assert ("", f"Seal 1: sum of account {account_id}") in seal_differences()


def test_a_seal_that_was_taken_out_or_written_anew_breaks_the_chain(session):
    seal_stretches(first_entry() + 20)
    seal_stretches(20)
    plant("UPDATE persistence_journalseal SET sha256 = repeat('0', 64) WHERE id = 2")
    assert {("", "Seal 2: hash"), ("", "Seal 3: hash of the seal before it")} <= set(
        seal_differences()
    )
    for part, column in (("sealedmarket", "seal_id"), ("journalseal", "id")):
        plant(f"DELETE FROM persistence_{part} WHERE {column} = 2")
    assert ("", "Seal 3: the seal before it") in seal_differences()


def test_the_command_proves_one_seal_or_all(session, capsys: pytest.CaptureFixture[str]):
    seal = seal_half()
    for arguments in ({}, {"full": True}, {"seal": 1}):
        call_command("reconcile", **arguments)
        out = capsys.readouterr().out
        assert f"Seal 1: up to journal entry {seal.last_entry_id:,}, SHA-256 {seal.sha256}" in out
        assert "No differences" in out
    runs_kept = ReconcileRun.objects.order_by("pk").values_list("is_full", flat=True)
    assert list(runs_kept) == [False, True]
    plant("UPDATE ledger_journalentry SET created_at = now() WHERE id = %s", first_entry())
    call_command("reconcile")  # that is not seen from behind the seal
    for arguments in ({"full": True}, {"seal": 1}):
        with pytest.raises(SystemExit):
            call_command("reconcile", **arguments)
        assert "Seal 1: journal entries " in capsys.readouterr().out
    with pytest.raises(CommandError, match="there is no seal 7"):
        call_command("reconcile", seal=7)
    with pytest.raises(CommandError, match="stands alone"):
        call_command("reconcile", seal=1, full=True)
