"""What the journal says of a record is of that record: beside each entry that belongs there stand
others that differ in one thing, the market, the sequence, the kind, the trade or whose it is."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db.models import Model

from accounts.models import User
from common.admin import base as admin_base
from common.admin.base import Table
from ledger.models import Account, AccountKind, EntryKind, JournalEntry, Wallet
from ledger.tables import accounts_of_market, accounts_of_user
from markets.models import Market
from tests.admin.factories import make_market, make_order, make_user
from tests.admin.money_rows import account, post
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


def test_accounts_are_those_of_the_user_with_what_the_wallet_has() -> None:
    for name, available, held in (("alice", 7_000_000, 3_000_000), ("bob", 5_000_000, 1_000_000)):
        user = make_user(name)
        Wallet.objects.filter(user=user).update(available_units=available, held_units=held)
    accounts = Account.objects.filter(user__username="bob").order_by("pk")
    rows = list(map(tuple, accounts_of_user(User.objects.get(username="bob")).rows))
    assert len(rows) == 3
    for own, cells in zip(accounts, rows, strict=True):
        assert f"/{own.pk}/" in str(cells[0])
    shown = {account.kind: str(cells[1]) for account, cells in zip(accounts, rows, strict=True)}
    assert ("5" in shown["available"], "1" in shown["held"]) == (True, True)
    assert "5" not in shown["margin"]


def test_accounts_are_those_of_the_market() -> None:
    markets = make_market(), make_market("ETH-PERP")
    for market in markets:
        rows = list(accounts_of_market(market).rows)
        assert len(rows) == Account.objects.filter(market=market).count() > 0
    assert accounts_of_market(Market(id="NONE")).rows == []


@pytest.mark.parametrize(
    ("model", "table"),
    [
        (Order, journal_of_order),
        (Fill, journal_of_fill),
        (Liquidation, journal_of_liquidation),
        (FundingSettlement, journal_of_funding),
        (Settlement, journal_of_settlement),
        (User, accounts_of_user),
        (Market, accounts_of_market),
    ],
)
def test_each_table_stands_on_its_records_page(
    model: type[Model], table: Callable[[Any], Table]
) -> None:
    assert table in admin_base._contributed[model]
