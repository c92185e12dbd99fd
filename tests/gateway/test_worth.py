"""What accounts hear of their worth: each reason that it changed for, also of one moment."""

from types import SimpleNamespace
from typing import Any, cast

import pytest
from asgiref.sync import async_to_sync, sync_to_async

from accounts.models import User
from gateway.orders.leverage import ensure_set, forget_set
from gateway.streams.hub import StreamHub
from gateway.streams.own.worth import Worth
from markets.rules import MarketRules, market_rules
from matching.messages.events import (
    Event,
    FundingSettled,
    MarginAdjusted,
    OutputEntry,
    PositionChanged,
)
from matching.messages.funding import FundingPayment
from persistence.models import MarketCursor
from tests.admin.factories import make_market
from tests.builders.markets import build_market
from trading.positions.leverage import set_leverage

MARKET = "LATE-PERP"


def changed(user_id: int) -> Event:
    return PositionChanged(account_id=user_id, position_lots=1, entry_cost_units=1, margin_units=1)


def paid(user_id: int) -> Event:
    return FundingSettled(
        rate_ppb=1,
        mark_price_ticks=1,
        per_lot_units=1,
        carry=0,
        funding_time_ms=1,
        next_funding_ms=2,
        payments=(FundingPayment(user_id, -1, 0, 1, 1),),
    )


def adjusted(user_id: int) -> Event:
    return MarginAdjusted(account_id=user_id, amount_units=1, margin_units=1)


def hub_of(symbols: dict[str, str], rules: dict[str, MarketRules]) -> StreamHub:
    hub: Any = SimpleNamespace(
        symbols=symbols,
        markets=rules,
        output=SimpleNamespace(positions={}),
        ask=lambda one: sync_to_async(one)(),
    )
    return cast(StreamHub, hub)


@pytest.mark.django_db
def test_every_reason_is_told_to_whom_it_concerns() -> None:
    """A trade and funding that are heard together, as of a market that was found late, or that one
    command brought about."""
    build_market(MARKET).save()
    MarketCursor.objects.filter(market_id=MARKET).update(seq=3)
    one, other = (User.objects.create(username=name).pk for name in ("one", "other"))
    entries: list[tuple[Event, ...]] = [
        (changed(one), paid(one)),
        (paid(other), changed(one)),
        (adjusted(other),),
    ]

    async def script() -> list[tuple[int, str]]:
        worth = Worth(hub_of({}, {}))
        for seq, events in enumerate(entries):
            entry = OutputEntry(
                seq=seq, input_id=f"{seq}-0", time_ms=seq, command_id=0, events=events
            )
            worth.hear(MARKET, entry, {one, other})
        told = await worth.events({one, other})
        assert await worth.events({one, other}) == []
        return [(user_id, event["a"]["m"]) for user_id, event in told]

    assert async_to_sync(script)() == [
        (one, "ORDER"),
        (one, "FUNDING_FEE"),
        (other, "FUNDING_FEE"),
        (other, "MARGIN_TRANSFER"),
    ]


@pytest.mark.django_db
def test_a_first_order_that_writes_the_default_down_changes_no_leverage() -> None:
    make_market(MARKET)
    rules = market_rules(MARKET)
    one = User.objects.create(username="one").pk

    async def script() -> list[list[tuple[int, str, int]]]:
        worth = Worth(hub_of({MARKET: "LATEUSDT"}, {"LATEUSDT": rules}))

        async def told() -> list[tuple[int, str, int]]:
            events = await worth.changes({one})
            return [(user_id, event["ac"]["s"], event["ac"]["l"]) for user_id, event in events]

        seen = [await told()]
        forget_set()
        await sync_to_async(ensure_set)([(one, rules)])
        seen.append(await told())
        await sync_to_async(set_leverage)(one, MARKET, 7)
        return [*seen, await told(), await told()]

    assert async_to_sync(script)() == [[], [], [(one, "LATEUSDT", 7)], []]
