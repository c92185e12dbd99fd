"""What the pages of an order, a position and an entry tell, in human units."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client

from common.admin.record_urls import url_of
from ledger.models import JournalEntry, Posting
from markets.models import Market, MarketStatus
from markets.rules import forget_markets, market_rules
from tests.admin.test_pages import get
from trading.http.answers.positions import position_answer
from trading.models import Fill, Order, Position

ClientOf = Callable[[str], Client]

pytestmark = pytest.mark.usefixtures("module_world")


def test_an_order_tells_its_life(client_of: ClientOf, world: Market) -> None:
    order = Order.objects.get(client_order_id__isnull=False)
    page = get(client_of("viewer"), url_of(Order, order.pk))
    fill = Fill.objects.get(order=order)
    other = Fill.objects.exclude(pk=fill.pk).get(trade_id=fill.trade_id)
    for text in (
        "2,500.00 USD",
        "0.5 BTC",
        "0.3 BTC of 0.5 BTC",
        "125.625 USD",
        "placed, 125.625 USD held",
        "filled 0.3 BTC at 2,500.00 USD on average",
        "0.2 BTC left, 50.25 USD still held",
        "-75.375 USD",
        "+75.00 USD",
        "order_hold",
    ):
        assert text in page, text
    entries = JournalEntry.objects.filter(order_id=order.pk)
    position = Position.objects.get(user=order.user)
    linked: list[Any] = [fill, other, other.order, other.user, order.user, position, *entries]
    linked += [p.account for entry in entries for p in entry.postings.all()]
    for row in linked:
        assert f'href="{url_of(type(row), row.pk)}"' in page, row


def test_a_position_is_valued_at_the_mark(client_of: ClientOf, world: Market) -> None:
    client = client_of("viewer")
    long, short = Position.objects.order_by("-position_lots")
    page = get(client, url_of(Position, long.pk))
    for text in ("0.3 BTC", "2,500.00 USD", "2,510.00 USD", "+3.00 USD", "10.04×", "75.00 USD"):
        assert text in page, text
    assert "-3.00 USD" in get(client, url_of(Position, short.pk))
    Position.objects.filter(pk=long.pk).update(leverage=25)
    long.refresh_from_db()
    forget_markets()
    mark_ticks = long.market.status.mark_price_ticks
    as_told = position_answer(long, market_rules(long.market_id), mark_ticks, None)
    page = get(client, url_of(Position, long.pk))
    # One figure for traders and staff.
    for told in (
        as_told.leverage,
        f"{(100 * Decimal(as_told.margin_ratio or 0)).normalize():f} %",
        as_told.initial_margin,
        as_told.removable_margin,
    ):
        assert told is not None
        assert told in page
    assert "25×" in page
    MarketStatus.objects.update(mark_price_ticks=0)
    assert "3.00 USD</span>" not in get(client, url_of(Position, long.pk)).replace("2.50", "")


def test_a_journal_entry_shows_its_zero_sum(client_of: ClientOf, world: Market) -> None:
    entry = JournalEntry.objects.filter(kind="fill").earliest("pk")
    page = get(client_of("viewer"), url_of(JournalEntry, entry.pk))
    for posting in entry.postings.all():
        assert f'href="{url_of(Posting, posting.pk)}"' in page
    for text in ("-75.375 USD", "+75.00 USD", "+0.375 USD", "0.00 USD", "balanced"):
        assert text in page, text
