"""Figures in and out: as text, exact, never a float."""

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import msgspec
import pytest
from exchange_client import NewOrder, NewOther, NewTrigger, UnexpectedAnswer, calls
from exchange_client.codec import decode, encode
from exchange_client.models.markets import Depth


@pytest.mark.parametrize(
    ("figure", "written"),
    [
        ("0.1", b'"0.1"'),
        ("1E+3", b'"1000"'),
        ("1E-7", b'"0.0000001"'),
        ("123456789012345678901234567890.123", b'"123456789012345678901234567890.123"'),
    ],
)
def test_figures_are_written_plainly(figure: str, written: bytes) -> None:
    assert encode(Decimal(figure)) == written


def test_a_float_is_refused_before_anything_is_sent() -> None:
    with pytest.raises(TypeError, match=r"give Decimal\('0.1'\)"):
        encode({"orders": [{"qty": 0.1}]})
    with pytest.raises(TypeError, match="float"):
        calls.markets.depth("BTC-PERP", step=0.5)  # type: ignore[arg-type]


@pytest.mark.parametrize("figure", ["NaN", "Infinity"])
def test_what_is_no_figure_is_refused(figure: str) -> None:
    with pytest.raises(ValueError, match="no figure"):
        encode(Decimal(figure))


def test_times_need_their_zone() -> None:
    with pytest.raises(ValueError, match="time zone"):
        encode(datetime(2026, 1, 5, 8))
    east = datetime(2026, 1, 5, 8, tzinfo=timezone(timedelta(hours=2)))
    assert encode(east) == b'"2026-01-05T06:00:00Z"'
    call = calls.account.fills(from_=datetime(2026, 1, 1, tzinfo=UTC))
    assert call.target == "/user/fills?from=1767225600000"


def test_answers_are_exact_and_may_grow() -> None:
    body = b'{"marketId": "X", "seq": 1, "bids": [["0.1", "0.2"]], "asks": [], "later": 1}'
    depth = decode(body, Depth)
    assert sum(depth.bids[0]) == Decimal("0.3")
    with pytest.raises(UnexpectedAnswer, match="Depth"):
        decode(b'{"marketId": "X"}', Depth)
    with pytest.raises(UnexpectedAnswer):
        decode(b"<html>", Depth)


def test_an_order_says_what_it_was_given() -> None:
    order = NewOrder.limit("BTC-PERP", "LONG", Decimal("0.5"), Decimal(25000), leverage=5)
    body = decode(encode(order), dict)
    assert body.pop("clientOrderId")
    assert body == {
        "marketId": "BTC-PERP",
        "side": "LONG",
        "orderType": "limit",
        "qty": "0.5",
        "price": "25000",
        "leverage": 5,
    }
    again = NewOrder.limit("BTC-PERP", "LONG", Decimal("0.5"), Decimal(25000), leverage=5)
    assert again.client_order_id != order.client_order_id
    stop = NewOrder.stop("BTC-PERP", "SHORT", Decimal(24000))
    assert decode(encode(stop), dict)["closePosition"] is True


def test_one_id_and_not_both() -> None:
    with pytest.raises(ValueError, match="one of both"):
        calls.orders.cancel_order(1, client_order_id="mine")
    with pytest.raises(ValueError, match="one of both"):
        calls.orders.cancel_orders()
    assert calls.orders.cancel_order(client_order_id="a/b?c").target == (
        "/order?clientOrderId=a%2Fb%3Fc"
    )


def test_a_matched_price_a_part_shown_and_a_pair_are_said_in_the_exchange_s_words() -> None:
    other = NewOther(
        side="LONG",
        order_type="market",
        qty=Decimal(1),
        leverage=5,
        trigger=NewTrigger(type="STOP", price=Decimal(11)),
        client_order_id="two",
    )
    order = NewOrder.matched(
        "X", "LONG", Decimal(1), "QUEUE_5", leverage=5, visible_qty=Decimal("0.1"),
        other=other, client_order_id="one",
    )  # fmt: skip
    said = msgspec.json.decode(encode(order))
    assert said.pop("other") == {
        "side": "LONG", "orderType": "market", "qty": "1", "leverage": 5, "clientOrderId": "two",
        "trigger": {"type": "STOP", "price": "11"},
    }  # fmt: skip
    assert said == {
        "marketId": "X", "side": "LONG", "orderType": "limit", "qty": "1", "priceMatch": "QUEUE_5",
        "visibleQty": "0.1", "leverage": 5, "clientOrderId": "one",
    }  # fmt: skip
