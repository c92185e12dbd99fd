"""What of a list is asked for: windows of time, orders, kinds, statuses; page by page."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from common.postgres import keysets
from tests.trading.client import Api, Trader, make_trader
from trading.models import (
    Fill,
    FundingPayment,
    FundingSettlement,
    Order,
    PositionLife,
)

pytestmark = pytest.mark.django_db

START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
START_MS = 1_767_323_045_000


def at(ms: int) -> datetime:
    return START + timedelta(milliseconds=ms)


def add_fill(trader: Trader, order_id: int | None, trade_id: int, **changes: Any) -> Fill:
    values: dict[str, Any] = {
        "market_id": "BTC-PERP",
        "trade_id": trade_id,
        "role": "TAKER",
        "order_id": order_id,
        "user": trader.user,
        "side": "LONG",
        "price_ticks": 249_995,
        "size_lots": 200,
        "fee_units": 1,
        "realized_pnl_units": 0,
        "seq": trade_id,
        "executed_at": at(10 * trade_id),
    }
    return Fill.objects.create(**values | changes)


def pages(api: Api, path: str, name: str, limit: int = 2) -> Iterator[list[dict[str, Any]]]:
    cursor = ""
    while cursor is not None:
        joint = "&" if "?" in path else "?"
        answer = api.get(f"{path}{joint}limit={limit}{cursor and f'&cursor={cursor}'}")
        assert answer.status == 200, answer.body
        yield answer.body[name]
        cursor = answer.body["nextCursor"]


def ids(api: Api, path: str, name: str, key: str = "id") -> list[Any]:
    return [row[key] for page in pages(api, path, name) for row in page]


def window(start: int | None, end: int | None) -> str:
    bounds = {"from": start, "to": end}
    return "&".join(f"{k}={START_MS + v}" for k, v in bounds.items() if v is not None)


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        (None, None, [5, 4, 3, 2, 1]),
        (20, None, [5, 4, 3, 2]),  # from is inside
        (21, None, [5, 4, 3]),
        (None, 30, [2, 1]),  # to is not
        (None, 31, [3, 2, 1]),
        (10, 50, [4, 3, 2, 1]),
        (51, None, []),
        (None, 10, []),
    ],
)
def test_a_window_of_time_over_pages(trader: Trader, start: int, end: int, expected: list) -> None:
    order_id = trader.place().body["orderId"]
    for trade_id in range(1, 6):
        add_fill(trader, order_id, trade_id)
    asked = window(start, end)
    assert ids(trader.api, f"/user/fills?{asked}", "fills", "tradeId") == expected
    assert ids(Api(), f"/markets/BTC-PERP/trades?{asked}", "trades") == expected


def test_fills_of_one_moment_are_neither_lost_nor_shown_twice(trader: Trader) -> None:
    order_id = trader.place().body["orderId"]
    fills = [add_fill(trader, order_id, n, executed_at=at(7)).pk for n in range(1, 8)]
    assert ids(trader.api, f"/user/fills?{window(7, 8)}", "fills") == fills[::-1]


def test_a_window_finds_what_was_recorded_late(trader: Trader) -> None:
    """A market whose persistence stood still writes older fills under newer ids."""
    order_id = trader.place().body["orderId"]
    times = [50, 10, 40, 20, 30]
    for trade_id, ms in enumerate(times, 1):
        add_fill(trader, order_id, trade_id, executed_at=at(ms))
    assert ids(trader.api, f"/user/fills?{window(20, 50)}", "fills", "tradeId") == [3, 5, 4]


def test_trades_of_a_time_are_found_across_gaps(trader: Trader) -> None:
    order_id = trader.place().body["orderId"]
    for trade_id in (3, 4, 9, 40, 41, 90):
        add_fill(trader, order_id, trade_id)
    for start, end in ((0, 2_000), (40, 411), (41, 400), (91, 399), (900, 901), (901, 902)):
        expected = [n for n in (90, 41, 40, 9, 4, 3) if start <= 10 * n < end]
        path = f"/markets/BTC-PERP/trades?{window(start, end)}"
        assert ids(Api(), path, "trades") == expected


def test_fills_and_orders_by_either_id_of_an_order(trader: Trader) -> None:
    mine = trader.place(clientOrderId="mine").body["orderId"]
    other = trader.place(clientOrderId="other").body["orderId"]
    stranger = make_trader()
    theirs = stranger.place(clientOrderId="theirs").body["orderId"]
    for trade_id, order_id in enumerate((mine, other, mine), 1):
        add_fill(trader, order_id, trade_id)
    add_fill(stranger, theirs, 4)

    def found(query: str) -> list[int]:
        return ids(trader.api, f"/user/fills?{query}", "fills", "tradeId")

    assert found(f"orderId={mine}") == found("clientOrderId=mine") == [3, 1]
    assert found(f"orderId={mine}&clientOrderId=mine&marketId=BTC-PERP") == [3, 1]
    assert found(f"orderId={mine}&{window(0, 30)}") == [1]
    for nothing in (
        f"orderId={theirs}",
        "clientOrderId=theirs",
        "clientOrderId=no",
        "orderId=9999",
    ):
        assert found(nothing) == []
    assert found(f"orderId={mine}&clientOrderId=other") == []
    assert ids(trader.api, "/user/orders?clientOrderId=other", "orders") == [other]
    assert ids(trader.api, "/user/orders?clientOrderId=theirs", "orders") == []


def test_orders_of_several_statuses_and_a_window(trader: Trader) -> None:
    orders = [trader.place(qty="0.02", margin="100").body["orderId"] for _ in range(4)]
    for number, (order_id, status) in enumerate(
        zip(orders, ("open", "pending", "filled", "open"), strict=True)
    ):
        values: dict[str, Any] = {"status": status, "created_at": at(number)}
        if status == "filled":
            values |= {"held_units": 0, "filled_lots": 20}
        Order.objects.filter(pk=order_id).update(**values)

    def found(query: str) -> list[int]:
        return ids(trader.api, f"/user/orders?{query}", "orders")

    assert found("status=open,pending") == [orders[3], orders[1], orders[0]]
    assert found("status=filled,open&marketId=BTC-PERP") == [orders[3], orders[2], orders[0]]
    assert found(f"status=open,pending&{window(0, 3)}") == [orders[1], orders[0]]
    assert found(window(1, 3)) == [orders[2], orders[1]]


def test_far_back_in_a_window_is_reached_page_by_page(
    trader: Trader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keysets, "LOOK_BACK_ROWS", 3)
    orders = [trader.place(qty="0.02", margin="100").body["orderId"] for _ in range(8)]
    for number, order_id in enumerate(orders):
        Order.objects.filter(pk=order_id).update(created_at=at(number))
    Order.objects.filter(pk=orders[0]).update(status="filled", held_units=0, filled_lots=20)
    path = f"/user/orders?status=filled&{window(0, 8)}"
    found = list(pages(trader.api, path, "orders"))
    assert [row["id"] for page in found for row in page] == [orders[0]]
    assert len(found) == 3  # 3 + 3 + 2 orders looked at


@pytest.mark.parametrize(
    "query",
    [
        "from=5&to=5",
        "from=6&to=5",
        "from=-1",
        "to=1.5",
        "to=253402300800000",
        "from=2026-01-01",
        "from=",
        f"from=1&cursor={10**19}",
        "from=1&cursor=12",
        "from=1&cursor=999999999999999999-1",
        "clientOrderId=",
        "clientOrderId=a%00b",
        f"clientOrderId={'x' * 65}",
        "orderId=0",
        "orderId=x",
        "orderId=9223372036854775808",
        "marketId=NONE",
    ],
)
def test_what_makes_no_sense_is_refused(trader: Trader, query: str) -> None:
    answer = trader.api.get(f"/user/fills?{query}")
    assert answer.status == (404 if query == "marketId=NONE" else 400)
    assert set(answer.body) >= {"message", "code"}


@pytest.mark.parametrize(
    "path",
    [
        "/user/orders?status=open,shut",
        "/user/orders?status=",
        "/user/ledger?kind=fee,gift",
        "/user/ledger?kind=insurance_topup",
        "/user/ledger?marketId=%00",
        "/user/ledger?orderId=0",
        "/user/positions/history?ending=WON",
        "/user/positions/history?cursor=5",
        "/user/funding?from=2&to=1",
        "/markets/BTC-PERP/trades?from=x",
        "/markets/BTC-PERP/candles?from=2&to=1",
        "/markets/BTC-PERP/funding?to=-5",
        "/markets/BTC-PERP/liquidations?from=9&to=9",
    ],
)
def test_words_and_times_that_are_not_known_are_refused(trader: Trader, path: str) -> None:
    assert trader.api.get(path).status == 400


def test_the_ledger_by_kind_order_and_time(trader: Trader) -> None:
    mine, other = (trader.place().body["orderId"] for _ in range(2))

    def found(query: str) -> list[tuple[str, int | None]]:
        found = pages(trader.api, f"/user/ledger?{query}", "ledger")
        return [(row["kind"], row["orderId"]) for page in found for row in page]

    assert found("kind=order_hold") == [("order_hold", other)] * 2 + [("order_hold", mine)] * 2
    assert found(f"orderId={mine}") == [("order_hold", mine)] * 2
    assert found(f"orderId={mine}&kind=deposit") == []
    assert found(f"orderId={make_trader().place().body['orderId']}") == []
    assert found("marketId=BTC-PERP&kind=deposit,order_hold") == found("kind=order_hold")
    assert {kind for kind, _ in found("kind=deposit")} == {"deposit"}
    assert found("to=1000") == []
    assert found("from=1000") == found("")


def test_the_ledger_is_looked_through_to_its_end(
    trader: Trader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keysets, "LOOK_BACK_ROWS", 3)
    for _ in range(4):
        trader.place(qty="0.02", margin="100")
    found = list(pages(trader.api, "/user/ledger?kind=deposit", "ledger"))
    assert [row["kind"] for page in found for row in page] == ["deposit"]
    assert len(found) > 2


def test_funding_payments_of_all_markets(trader: Trader) -> None:
    settlements = [
        FundingSettlement.objects.create(
            market_id="BTC-PERP",
            seq=seq,
            funding_time=at(seq),
            settled_at=at(seq),
            rate_ppb=123_450,
            mark_price_ticks=250_107,
            per_lot_units=3_087,
            carry=570_915_000,
            paid_units=617_400,
        )
        for seq in (1, 2, 3)
    ]
    stranger = make_trader()
    for settlement in settlements:
        for user, lots in ((trader.user, -200), (stranger.user, 200)):
            FundingPayment.objects.create(
                settlement=settlement, user=user, position_lots=lots, amount_units=-3_087 * lots
            )
    newest = trader.api.get("/user/funding").body["payments"][0]
    newest.pop("id")
    assert newest == {
        "marketId": "BTC-PERP",
        "seq": 3,
        "fundingTime": "2026-01-02T03:04:05.003000Z",
        "settledAt": "2026-01-02T03:04:05.003000Z",
        "rate": "0.00012345",
        "markPrice": "25010.7",
        "amountPerLot": "0.003087",
        "side": "SHORT",
        "qty": "0.2",
        "amount": "0.6174",
        "fromProfit": "0",
    }
    assert ids(trader.api, "/user/funding?marketId=BTC-PERP", "payments", "seq") == [3, 2, 1]
    assert ids(trader.api, f"/user/funding?{window(2, 3)}", "payments", "seq") == [2]
    path = f"/markets/BTC-PERP/funding?{window(2, 4)}"
    (row, _) = Api().get(path).body["settlements"]
    assert (row["amountPerLot"], row["carried"], row["seq"]) == ("0.003087", "0.000000570915", 3)
    assert ids(Api(), path, "settlements", "seq") == [3, 2]


def test_closed_positions_with_all_they_brought(trader: Trader) -> None:
    for number, ending in enumerate(("CLOSED", "LIQUIDATED", "FLIPPED", ""), 1):
        PositionLife.objects.create(
            user=trader.user,
            market_id="BTC-PERP",
            side="LONG",
            opened_seq=number,
            opened_at=at(number),
            closed_seq=number + 1 if ending else None,
            closed_at=at(10 - number) if ending else None,
            ending=ending,
            max_lots=300,
            entry_lots=300,
            entry_units=7_500_600_000,
            exit_lots=300,
            exit_units=7_500_000_000,
            realized_pnl_units=-600_000,
            fee_units=20_000,
            liquidation_fee_units=3_000,
            insurance_units=500,
            loss_share_units=40,
            funding_units=-7,
        )

    def found(query: str) -> list[str]:
        return ids(trader.api, f"/user/positions/history?{query}", "positions", "ending")

    assert found("") == ["CLOSED", "LIQUIDATED", "FLIPPED"]  # by when they closed
    assert found(window(7, 9)) == ["LIQUIDATED", "FLIPPED"]
    assert found("ending=FLIPPED,CLOSED&marketId=BTC-PERP") == ["CLOSED", "FLIPPED"]
    first = trader.api.get("/user/positions/history").body["positions"][0]
    wanted = {
        "side": "LONG",
        "qty": "0.3",
        "maxQty": "0.3",
        "entryPrice": "25002",
        "exitPrice": "25000",
        "realizedPnl": "-0.6",
        "fee": "0.02",
        "liquidationFee": "0.003",
        "insuranceCover": "0.0005",
        "lossShare": "0.00004",
        "funding": "-0.000007",
        "netPnl": "-0.622547",
        "openedAt": "2026-01-02T03:04:05.001000Z",
        "closedAt": "2026-01-02T03:04:05.009000Z",
    }
    assert {name: first[name] for name in wanted} == wanted
    assert make_trader().api.get("/user/positions/history").body["positions"] == []
