"""Rows of a TWAP that runs: a slice that was placed, and one that was refused."""

from typing import Any

from accounts.models import User
from markets.models import Market
from matching.messages.vocabulary import Side, TimeInForce
from tests.admin.money_rows import NOW
from trading.algos.models import Algo, AlgoKind, AlgoSlice
from trading.models import Order


def make_algo_rows(user: User, market: Market) -> Algo:
    algo = make_algo(user, market)
    order = Order.objects.filter(user=user, market=market).first()
    if order is not None:
        algo.slices.create(number=1, size_lots=10, order=order, sent_at=NOW)
    AlgoSlice.objects.create(
        algo=algo,
        number=2,
        size_lots=10,
        code="MARKET_NOT_OPEN",
        words="It takes no orders now.",
        is_over=True,
        sent_at=NOW,
    )
    return algo


def make_algo(user: User, market: Market, **fields: Any) -> Algo:
    values: dict[str, Any] = {
        "kind": AlgoKind.TWAP,
        "terms_asked": {},
        "side": Side.LONG,
        "size_lots": 100,
        "time_in_force": TimeInForce.IOC,
        "leverage": 10,
        "reduce_only": False,
        "slices_planned": 10,
        "interval_s": 30,
        "slots_left": 8,
        "slices_sent": 2,
        "next_at": NOW,
        "created_at": NOW,
        "updated_at": NOW,
    }
    return Algo.objects.create(user=user, market=market, **values | fields)
