"""Pages of old fills, by any road to them, show what they showed; so do lists by time."""

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from accounts.models import User
from common.admin.record_urls import list_url, url_of
from common.postgres import keysets
from common.postgres.partitions import Partition
from ledger.archive import parquet
from ledger.archive.rows import Stored
from tests.admin.conftest import make_operator
from tests.admin.factories import make_order
from tests.archive.planting import archive_first
from tests.archive.test_operators import body
from tests.archive.told import get, traders, user_trades
from tests.archive.told_fills import Known
from tests.builders.fills import START
from tests.reconcile.planting import plant
from trading.models import Fill, Liquidation, Order, Position
from trading.trades import first_trade_since

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def operator() -> Client:
    client = Client()
    client.force_login(make_operator("superuser"))
    return client


def paths(fills: list[int]) -> list[str]:
    liquidations = Liquidation.objects.order_by("pk").values_list("pk", flat=True)
    return [
        *(url_of(Fill, pk) for pk in fills[::9]),
        *(f"/admin/why/fill/{pk}/" for pk in fills[::11]),
        *(url_of(Order, order.pk) for order in Order.objects.all()),
        *(f"/admin/why/order/{order.pk}/" for order in Order.objects.all()),
        *(url_of(Position, position.pk) for position in Position.objects.all()),
        *(url_of(Liquidation, pk) for pk in liquidations),
        *(f"/admin/why/liquidation/{pk}/" for pk in liquidations),
    ]


def test_pages_show_the_same(operator: Client, planted: list[Partition]) -> None:
    fills = list(Fill.objects.order_by("pk").values_list("pk", flat=True))
    assert fills[-1] >= planted[4].first
    before = {path: body(operator, path) for path in paths(fills)}
    for count in (2, 4):
        archive_first(planted, count)
        for path, page in before.items():
            assert body(operator, path) == page, (count, path)
    assert Fill.objects.count() == len([one for one in fills if one >= planted[4].first])


def test_lists_by_time_are_the_same(planted: list[Partition]) -> None:
    """Of a trader in several markets, whose times don't rise with ids."""
    known = Known()
    start, end = known.moments[0], known.moments[-1]
    asked = [
        f"/user/fills?limit={limit}&from={at}&to={end}{also}"
        for limit in (3, 500)
        for at in (start, *known.moments[1:3])
        for also in ("", "&marketId=ETH-PERP")
    ]

    def told() -> dict[str, Any]:
        found = {
            f"{user} {path}": _all_pages(user, path) for user in known.traders for path in asked
        }
        return found | {
            f"since {market} {at}": first_trade_since(market, at)
            for market in known.markets
            for at in (START + timedelta(seconds=second) for second in range(-60, 120, 5))
        }

    before = told()
    for count in (1, 3):
        archive_first(planted, count)
        now = told()
        for name, answer in before.items():
            assert now[name] == answer, (count, name)


def _all_pages(user: User, path: str) -> list[bytes]:
    found, cursor = [], ""
    while True:
        found.append(get(user, f"{path}{cursor}"))
        following = json.loads(found[-1])["nextCursor"]
        if following is None:
            return found
        cursor = f"&cursor={following}"


def test_the_list_of_fills_says_where_older_ones_are(
    operator: Client, planted: list[Partition]
) -> None:
    assert b"lie in files" not in body(operator, list_url(Fill, ""))
    archive_first(planted, 2)
    said = body(operator, list_url(Fill, "")).decode()
    assert f"Fills before {planted[1].end:,} lie in files" in said


@pytest.mark.parametrize(
    ("ask", "query"),
    [
        (get, "/user/fills?marketId=ETH-PERP"),
        (get, "/user/fills?marketId=ETH-PERP&to=4000000000000"),
        (user_trades, "limit=50"),
    ],
)
def test_a_partition_that_goes_between_two_looks_takes_no_row_along(
    planted: list[Partition],
    monkeypatch: pytest.MonkeyPatch,
    ask: Callable[[User, str], Any],
    query: str,
) -> None:
    """The first look is how far back a page goes, the second at its rows."""
    monkeypatch.setattr(keysets, "LOOK_BACK_ROWS", 25)
    user = traders()[0]
    good = ask(user, query)
    looked_back = keysets.key_after
    reached: list[int] = []

    def moving(*args: Any, **kwargs: Any) -> int | None:
        found = looked_back(*args, **kwargs)
        if not reached:
            archive_first(planted, 2)
            reached.append(found or 0)
        return found

    monkeypatch.setattr(keysets, "key_after", moving)
    assert ask(user, query) == good
    end = planted[1].end or 0
    assert "to=" in query or 0 < reached[0] < end


def _opened(monkeypatch: pytest.MonkeyPatch, ask: Callable[[], Any]) -> list[str]:
    """Which files are, by whoever asks."""
    opened: set[str] = set()
    metadata = parquet._metadata

    def noted(stored: Stored) -> Any:
        opened.add(stored.path.stem)
        return metadata(stored)

    with monkeypatch.context() as patch:
        patch.setattr(parquet, "_metadata", noted)
        ask()
    return sorted(opened)


def test_no_file_is_opened_that_has_nothing_of_a_page(
    planted: list[Partition], monkeypatch: pytest.MonkeyPatch
) -> None:
    user = traders()[0]
    last = Fill.objects.filter(market="ETH-PERP").latest("trade_id").trade_id
    young, old = _order_since(user, planted[3].first), _order_of(user)
    archive_first(planted, 3)
    first, second, third = (part.name for part in planted[:3])

    def opened(path: str) -> list[str]:
        return _opened(monkeypatch, lambda: get(user, path))

    def opened_of_venue(query: str) -> list[str]:
        return _opened(monkeypatch, lambda: user_trades(user, query))

    assert opened(f"/user/fills?limit=1&cursor={planted[2].first}") == [second]
    of_market = f"/user/fills?limit=1&marketId=ETH-PERP&cursor={planted[2].first}"
    assert opened(of_market) == [second]
    assert opened(f"/user/fills?limit=1&marketId=BTC-PERP&to={_ms(START) + 85_000}") == [third]
    trades = "/markets/BTC-PERP/trades?limit=1&cursor=8"
    assert _opened(monkeypatch, lambda: Client().get(trades)) == [second]
    assert opened("/user/fills?limit=500") == [first, second, third]
    assert opened(f"/user/fills?from={_ms(Fill.objects.latest('executed_at').executed_at)}") == []
    assert opened(f"/user/fills?to={_ms(START) - 60_000}") == []
    assert opened(f"/user/fills?orderId={young.pk}") == []
    assert opened("/user/fills?clientOrderId=nobody") == []
    assert opened(f"/user/fills?orderId={old.pk}") != []
    assert opened_of_venue(f"limit=5&fromId={last}") == []
    assert opened_of_venue(f"limit=1&startTime={_ms(START) - 60_000}") == [first]


def _order_of(user: User) -> Order:
    return Order.objects.filter(user=user, filled_lots__gt=0).earliest("pk")


def _order_since(user: User, first_id: int) -> Order:
    """All of whose fills are young."""
    fill = Fill.objects.filter(user=user, pk__gte=first_id, market="BTC-PERP").latest("pk")
    order = make_order(user, fill.market, filled_lots=fill.size_lots)
    plant("UPDATE trading_fill SET order_id = %s WHERE id = %s", order.pk, fill.pk)
    return order


def _ms(at: datetime) -> int:
    return int(at.timestamp() * 1000)
