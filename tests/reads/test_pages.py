"""Pages at their edges: the last row of a page, and the last row that a page looks back to."""

import pytest
import redis
from django.urls import reverse

from common.admin import lists
from common.postgres import keysets
from tests.trading.client import Trader, make_market, make_trader, set_ticker
from trading.models import Order

pytestmark = pytest.mark.django_db

LOOK_BACK = 4


@pytest.fixture
def trader(redis_db: redis.Redis, monkeypatch: pytest.MonkeyPatch) -> Trader:
    """With orders in two markets; each page looks back along four."""
    monkeypatch.setattr(keysets, "LOOK_BACK_ROWS", LOOK_BACK)
    monkeypatch.setattr(lists, "LOOK_BACK_ROWS", LOOK_BACK)
    for market_id in ("BTC-PERP", "ETH-PERP"):
        make_market(market_id)
        set_ticker(redis_db, market_id)
    return make_trader(100_000_000_000)


def place(trader: Trader, markets: str) -> list[int]:
    """One order by letter, oldest first, in BTC-PERP or ETH-PERP."""
    names = {"b": "BTC-PERP", "e": "ETH-PERP"}
    return [
        trader.place(marketId=names[m], qty="0.01", margin="50").body["orderId"] for m in markets
    ]


def pages(trader: Trader, query: str) -> list[list[int]]:
    found, cursor = [], ""
    while True:
        body = trader.api.get(f"/user/orders?{query}{cursor}").body
        found.append([order["id"] for order in body["orders"]])
        if body["nextCursor"] is None:
            return found
        cursor = f"&cursor={body['nextCursor']}"


def test_the_row_at_the_edge_of_the_look_back_is_on_its_page_once(trader: Trader) -> None:
    ids = place(trader, "bbbeeebeeeb")
    # Along the newest four: e e e b; then e e e b; then b b, and fewer than four are left.
    assert pages(trader, "marketId=BTC-PERP") == [[ids[10]], [ids[6]], [ids[2], ids[1], ids[0]]]


@pytest.mark.parametrize("count", [LOOK_BACK - 1, LOOK_BACK, LOOK_BACK + 1])
def test_around_one_look_back_of_rows(trader: Trader, count: int) -> None:
    """The one wanted is the oldest."""
    ids = place(trader, "b" + "e" * (count - 1))
    found = pages(trader, "marketId=BTC-PERP")
    assert [order_id for page in found for order_id in page] == [ids[0]]
    first_page = found[0]
    assert first_page == ([ids[0]] if count <= LOOK_BACK else [])


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5])
def test_a_full_page_has_a_next_one_only_if_there_is_more(trader: Trader, count: int) -> None:
    ids = place(trader, "b" * count)[::-1]
    expected = [ids[at : at + 2] for at in range(0, count, 2)]
    assert pages(trader, "limit=2") == expected


@pytest.mark.parametrize("count", [LOOK_BACK - 1, LOOK_BACK, LOOK_BACK + 1, LOOK_BACK + 2])
def test_the_admin_finds_each_row_once(trader: Trader, admin_client, count: int) -> None:
    ids = place(trader, "b" * count)
    Order.objects.filter(pk__in=[ids[0], ids[-1]]).update(
        reduce_only=True, hold_units=0, held_units=0
    )
    found, query, turns = [], "?reduce_only__exact=1", 0
    while query:
        url = reverse("admin:trading_order_changelist") + query
        shown = admin_client.get(url).context_data["cl"]
        found += [row.pk for row in shown.result_list]
        query, turns = shown.older_query, turns + 1
    assert found == [ids[-1], ids[0]]
    assert turns <= count // LOOK_BACK + 1
