"""What the journal says of a record is of that record: beside each entry that belongs there stand
others that differ in one thing, the market, the sequence, the kind, the trade or whose it is."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db.models import Model

from accounts.models import User
from common.admin.base import Table
from ledger.models import AccountKind, EntryKind, JournalEntry
from markets.models import Market
from tests.admin.factories import account, make_market, make_order, make_user, post
from trading.admin.journal import (
    journal_of_fill,
    journal_of_funding,
    journal_of_liquidation,
    journal_of_order,
    journal_of_settlement,
)
from trading.models import Fill, FundingSettlement, Liquidation, Order, Settlement

pytestmark = pytest.mark.django_db

SEQ, TRADE = 77, 5
OTHERS: dict[str, Any] = {"seq": 78, "trade_id": 6}


@pytest.mark.parametrize(
    ("model", "table", "kind", "told_by"),
    [
        (Fill, journal_of_fill, EntryKind.FILL, ("market", "seq", "trade_id", "user")),
        (Liquidation, journal_of_liquidation, EntryKind.LIQUIDATION, ("market", "seq")),
        (FundingSettlement, journal_of_funding, EntryKind.FUNDING, ("market", "seq", "kind")),
        (
            Settlement,
            journal_of_settlement,
            EntryKind.SETTLEMENT,
            ("market", "seq", "kind", "user"),
        ),
    ],
)
def test_entries_of_a_record(
    model: type[Model],
    table: Callable[[Any], Table],
    kind: EntryKind,
    told_by: tuple[str, ...],
) -> None:
    market, other_market = make_market(), make_market("ETH-PERP")
    user, other_user = make_user(), make_user()
    terms: dict[str, Any] = {
        "market": market, "seq": SEQ, "trade_id": TRADE, "kind": kind, "user": user,
    }  # fmt: skip
    others = OTHERS | {
        "market": other_market, "user": other_user, "kind": EntryKind.DEPOSIT,
    }  # fmt: skip
    own = _post(**terms)
    for name in told_by:
        _post(**(terms | {name: others[name]}))
    shown = table(_record(model, market, user))
    assert [str(own.pk) in str(cells[0]) for cells in map(tuple, shown.rows)] == [True]


def test_entries_of_an_order() -> None:
    market, user = make_market(), make_user()
    order, other = make_order(user, market), make_order(user, market)
    for each in (order, other):
        _post(market, 1, TRADE, EntryKind.ORDER_HOLD, user, order_id=each.pk)
    assert len(list(journal_of_order(order).rows)) == 1
    assert Order.objects.count() == 2


def _post(
    market: Market, seq: int, trade_id: int, kind: EntryKind, user: User, **more: Any
) -> JournalEntry:
    lines = {
        account(AccountKind.AVAILABLE, user): -5,
        account(AccountKind.HELD, user): 5,
    }
    return post(kind, lines, market=market, seq=seq, trade_id=trade_id, **more)


def _record(model: type[Model], market: Market, user: User) -> Model:
    """As much of it as its journal is looked up by."""
    values: dict[str, Any] = {"market": market, "seq": SEQ, "user": user, "trade_id": TRADE}
    known = {field.name for field in model._meta.fields}
    return model(**{name: value for name, value in values.items() if name in known})
