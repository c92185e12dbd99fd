"""What tests worked by hand share: a batch persisted, and rows as short tuples."""

from datetime import timedelta

from django.utils import timezone

from ledger.models import (
    Account,
    AccountKind,
    EntryKind,
    JournalEntry,
    Posting,
    Wallet,
)
from persistence.projection.batch import EPOCH
from persistence.reading import persist_market
from persistence.reconciliation import wallet_differences
from persistence.reconciliation.differences import run_check
from persistence.reconciliation.money_checks import CONSERVATION
from tests.ledger.world import (
    FIRST_TIME_MS,
    World,
)
from trading.models import (
    Position,
)


def at(seq: int):
    return EPOCH + timedelta(milliseconds=FIRST_TIME_MS + seq)


def persist(world: World) -> None:
    """What wallets say is what their postings sum to, and no unit comes or goes on the way:
    wallets + margin + insurance + fees − entry cost = deposits − withdrawals."""
    known = world.redis_db.xlen(f"orders:output:{{{world.market_id}}}")
    world.publish(*world.entries[known:])
    assert persist_market(world.market_id) == len(world.entries)
    assert wallet_differences() == []
    assert run_check(CONSERVATION, {}).shown == []


def wallet(user) -> tuple[int, int]:
    row = Wallet.objects.get(user=user)
    return row.available_units, row.held_units


def journal(seq: int) -> list[tuple]:
    """Postings of one entry: kind, order, account, whose, amount."""
    return [
        (p.entry.kind, p.entry.order_id, p.account.kind, p.account.user_id, p.amount_units)
        for p in Posting.objects.filter(entry__seq=seq)
        .select_related("entry", "account")
        .order_by("id")
    ]


def hold_more(user, units: int) -> None:
    """What the API does before AmendOrder and AdjustMargin; its postings are not of this test."""
    row = Wallet.objects.get(user=user)
    Wallet.objects.filter(pk=row.pk).update(
        available_units=row.available_units - units, held_units=row.held_units + units
    )
    entry = JournalEntry.objects.create(kind=EntryKind.AMEND_HOLD, created_at=timezone.now())
    accounts = {a.kind: a for a in Account.objects.filter(user=user)}
    Posting.objects.bulk_create(
        Posting(entry=entry, account=accounts[kind], amount_units=amount)
        for kind, amount in ((AccountKind.AVAILABLE, -units), (AccountKind.HELD, units))
    )


def held_position(user) -> tuple[int, int, int, int]:
    row = Position.objects.get(user=user)
    return row.position_lots, row.entry_cost_units, row.margin_units, row.seq
