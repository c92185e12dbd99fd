"""Fills of two markets in narrow partitions, sealed; and partitions that go to files by hand."""

import random
from datetime import timedelta

from django.utils import timezone

from accounts.models import User
from common.postgres.partitions import Partition, partitions_of
from ledger.services import deposit
from markets.models import Market
from persistence.archiving.due import Closed
from persistence.archiving.fills import ArchivedFills
from persistence.archiving.going import archive
from persistence.sealing.models import JournalSeal
from tests.admin.factories import make_liquidation, make_market, make_order, make_user
from tests.builders.fills import START
from tests.builders.partitions import FILLS as TABLE
from trading.models import Fill, Order, Position


def seal_nothing() -> None:
    """A seal there must be, and what it says isn't asked."""
    nothing = dict.fromkeys(
        ("last_entry_id", "last_order_id", "last_life_id", "last_mark_id", "entry_count",
         "posting_count", "fill_count", "order_count", "fee_units"), 0,
    )  # fmt: skip
    JournalSeal.objects.create(id=1, blocks={}, sealed_at=timezone.now(), **nothing)


def archive_first(parts: list[Partition], count: int) -> None:
    for part in partitions_of(TABLE):
        if part.first < parts[count].first:
            archive(Closed(ArchivedFills(), part, ""))


def plant_fills() -> None:
    """Of two markets one is written down late, so that times don't rise with ids; and positions
    that were closed by force, whose entries lie across borders."""
    traders = [make_user(f"planted{number}") for number in range(2)]
    for trader in traders:
        deposit(trader.pk, 1_000_000, approved=True)
    markets = [make_market("BTC-PERP"), make_market("ETH-PERP")]
    orders = [make_order(traders[0], market) for market in markets]
    chance = random.Random(3)
    for number in range(1, 16):
        for market, order in zip(markets, orders, strict=True):
            late_s = 40 if market.pk == "ETH-PERP" else 0
            _plant(market, number, chance.sample(traders, 2), order, number * 7 - late_s)
    liquidated = make_market("SOL-PERP")
    Position.objects.create(
        user=traders[0],
        market=liquidated,
        position_lots=0,
        entry_cost_units=0,
        margin_units=0,
        seq=1,
        updated_at=START,
    )
    for _ in range(3):
        make_liquidation(liquidated, *traders)
    for order in orders:
        lots = sum(order.fills.values_list("size_lots", flat=True))
        Order.objects.filter(pk=order.pk).update(filled_lots=lots)
    seal_nothing()


def _plant(market: Market, trade_id: int, two: list[User], order: Order, at_s: int) -> None:
    Fill.objects.bulk_create(
        Fill(
            market=market,
            trade_id=trade_id,
            role=role,
            order=order if user == order.user else None,
            user=user,
            side=side,
            price_ticks=25_000 + trade_id,
            size_lots=trade_id,
            fee_units=trade_id,
            realized_pnl_units=0,
            seq=trade_id,
            executed_at=START + timedelta(seconds=at_s),
        )
        for role, user, side in zip(("TAKER", "MAKER"), two, ("LONG", "SHORT"), strict=True)
    )
