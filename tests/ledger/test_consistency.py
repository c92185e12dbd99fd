"""⑤ A random session of everything, and then: what Postgres holds is what the engine holds."""

from collections import Counter

import msgspec
import pytest
from django.db.models import Sum

from ledger.models import Account, AccountKind, Posting, Wallet
from markets.models import MarketStatus
from matching.core.market import snapshot
from matching.messages.limits import MONEY_UNITS_PER_CURRENCY
from matching.messages.snapshot import EngineSnapshot
from matching.messages.vocabulary import OrderStatus
from persistence.models import MarketCursor
from persistence.reconciliation import wallet_differences
from persistence.reconciliation.differences import run_check
from persistence.reconciliation.lives import POSITION_LIVES
from persistence.reconciliation.market_checks import POSITIONS
from persistence.recovery.rebuilt_snapshot import engine_snapshot_of_rows
from tests.ledger.candle_rows import differences_of_candles
from tests.ledger.miniature import Miniature
from trading.models import (
    Countdown,
    Fill,
    FundingPayment,
    FundingSettlement,
    Liquidation,
    Order,
    OutboxCommand,
    Position,
    Settlement,
)

STEPS = 500
SINCE_LAST_MARK = (
    "basis",
    "stuck",
    "last_arrival",
)  # begin anew, see `persistence.recovery.rebuilt_snapshot`


def total(rows, field: str) -> int:
    return rows.aggregate(total=Sum(field))["total"] or 0


def posted(kind: AccountKind, **owner) -> int:
    return total(Posting.objects.filter(account__kind=kind, **owner), "amount_units")


def require_same_snapshot(mini: Miniature) -> EngineSnapshot:
    """Answers the snapshot of the rows, which an engine can start from."""
    engine = snapshot.take(mini.engine.state, mini.input_id)
    rows = engine_snapshot_of_rows(MarketCursor.objects.get(market=mini.market))
    assert rows.last_arrival <= engine.last_arrival
    for name in ("recent_orders", "recent_commands"):
        assert set(getattr(rows, name).ids) == set(getattr(engine, name).ids), name
    same = {name: getattr(engine, name) for name in SINCE_LAST_MARK}
    same.update(recent_orders=engine.recent_orders, recent_commands=engine.recent_commands)
    peaks = {row.command.order_id: row.peak_ticks for row in engine.waiting}
    waiting = [
        msgspec.structs.replace(row, peak_ticks=peaks.get(row.command.order_id, 0))
        for row in rows.waiting
    ]
    comparable = msgspec.structs.replace(rows, waiting=waiting, **same)
    for name in EngineSnapshot.__struct_fields__:
        assert getattr(comparable, name) == getattr(engine, name), name
    assert snapshot.digest(snapshot.restore(comparable)) == mini.engine.digest()
    snapshot.restore(rows)
    return rows


def require_money_adds_up(mini: Miniature) -> None:
    assert wallet_differences() == []
    wallets = total(Wallet.objects, "available_units") + total(Wallet.objects, "held_units")
    margin = total(Position.objects, "margin_units")
    cost = total(Position.objects, "entry_cost_units")
    fees, insurance = posted(AccountKind.FEES), posted(AccountKind.INSURANCE)
    deposits = -posted(AccountKind.DEPOSITS)
    assert wallets + margin + fees + insurance - cost == deposits
    assert posted(AccountKind.CLEARING) == -cost
    assert MarketStatus.objects.get(market=mini.market).insurance_units == insurance
    assert total(Fill.objects, "fee_units") == fees
    for account in Account.objects.filter(kind=AccountKind.MARGIN):
        held = total(Position.objects.filter(user=account.user_id), "margin_units")
        assert posted(AccountKind.MARGIN, account=account) == held
    for wallet in Wallet.objects.all():
        held = total(Order.objects.filter(user=wallet.user_id), "held_units")
        assert wallet.held_units == held


def require_history_adds_up(mini: Miniature) -> None:
    """Rows of history are as many as their events, and speak of the same money."""
    seen = mini.seen
    assert Liquidation.objects.count() == seen["PositionLiquidated"]
    assert FundingSettlement.objects.count() == seen["FundingSettled"]
    executions = Counter(Fill.objects.values_list("execution", flat=True))
    assert executions == Counter(
        {
            name.partition(":")[2]: 2 * count
            for name, count in seen.items()
            if name.startswith("Trade:")
        }
    )
    for settlement in FundingSettlement.objects.all():
        payments = FundingPayment.objects.filter(settlement=settlement)
        assert total(payments, "amount_units") == 0
        assert total(payments, "position_lots") == 0
        received = total(payments.filter(amount_units__gt=0), "amount_units")
        assert received == settlement.paid_units
    assert not OutboxCommand.objects.filter(applied_seq__isnull=True).exists()
    assert differences_of_candles() == []
    require_lives_add_up()


def require_lives_add_up() -> None:
    values = {"market": None, "units_per_currency": MONEY_UNITS_PER_CURRENCY}
    assert run_check(POSITION_LIVES, values).shown == []
    assert run_check(POSITIONS, values).shown == []


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_postgres_holds_what_the_engine_holds(transactional_db, redis_db, seed):
    mini = Miniature(redis_db, seed)
    for step in range(STEPS):
        mini.step()
        if step % 100 == 99:
            mini.persist()
            require_same_snapshot(mini)
    mini.deliver_promised()
    mini.persist()
    while mini.promised:
        mini.deliver_promised()
        mini.persist()
    require_same_snapshot(mini)
    require_money_adds_up(mini)
    require_history_adds_up(mini)
    mini.settle()
    mini.persist()
    require_same_snapshot(mini)
    require_money_adds_up(mini)
    require_lives_add_up()
    assert Settlement.objects.count() == mini.seen["PositionSettled"]
    assert not Countdown.objects.exists()
    assert not Position.objects.exclude(position_lots=0).exists()
    assert not Order.objects.filter(
        status__in=[OrderStatus.PENDING, OrderStatus.WAITING, OrderStatus.OPEN]
    ).exists()
    assert total(Wallet.objects, "held_units") == 0
