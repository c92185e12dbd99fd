"""What is just enough is enough, and one unit, lot or tick less is not: by both paths of intake.

An order of the usual kind is 0.5 at 25,000 with a margin of 2,500: it holds 2,506.25.
"""

from decimal import Decimal
from typing import Any

import pytest
import redis

from ledger.models import Wallet
from markets.models import Market
from markets.rules import forget_markets
from matching.messages.holds import Reserve
from tests.trading.client import Trader, make_trader, order_body, set_ticker
from tests.trading.intake_server import IntakeApi
from tests.trading.test_amending import amend
from tests.trading.test_reading import add_position
from trading.models import Order
from trading.orders.hold import NOTHING_NEEDED, Needed

pytestmark = pytest.mark.django_db(transaction=True)

HOLD_UNITS = 2_506_250_000


def with_funds(units: int, server: str) -> Trader:
    trader = make_trader(units)
    if server == "intake":
        trader.api = IntakeApi(trader.api.token)
    return trader


def wallet(trader: Trader) -> tuple[int, int]:
    row = Wallet.objects.get(user=trader.user)
    return row.available_units, row.held_units


@pytest.mark.parametrize("server", ["django", "intake"])
def test_an_order_that_needs_all_there_is(market: Market, server: str) -> None:
    trader = with_funds(HOLD_UNITS, server)
    assert trader.place().status == 202
    assert wallet(trader) == (0, HOLD_UNITS)
    short = with_funds(HOLD_UNITS - 1, server)
    answer = short.place()
    assert (answer.status, answer.code) == (400, "INSUFFICIENT_BALANCE")
    assert "needs 2506.25; 2506.249999 is available" in answer.body["message"]
    assert wallet(short) == (HOLD_UNITS - 1, 0)


@pytest.mark.parametrize("server", ["django", "intake"])
def test_a_batch_that_needs_all_there_is(market: Market, server: str) -> None:
    for missing, taken in ((0, [True, True]), (1, [True, False])):
        trader = with_funds(2 * HOLD_UNITS - missing, server)
        answer = trader.api.post("/orders/batch", {"orders": [order_body()] * 2})
        assert [result["ok"] for result in answer.body["results"]] == taken, answer
        held_units = sum(taken) * HOLD_UNITS
        assert wallet(trader) == (2 * HOLD_UNITS - missing - held_units, held_units)


def test_reducing_needs_nothing(market: Market) -> None:
    """A wallet that is empty, or all held."""
    trader = make_trader(0)
    assert trader.place(reduceOnly=True, margin=None).status == 202
    trader = make_trader(HOLD_UNITS)
    trader.place()
    assert trader.place(reduceOnly=True, margin=None).status == 202


@pytest.mark.parametrize("missing", [0, 1])
def test_an_amendment_that_needs_all_there_is(market: Market, missing: int) -> None:
    """0.1 more holds 501.25 more."""
    trader = make_trader(HOLD_UNITS + 501_250_000 - missing)
    trader.place()
    order = Order.objects.get()
    Order.objects.update(status="open")
    answer = amend(trader, order, qty="0.6")
    if missing:
        assert (answer.status, answer.code) == (400, "INSUFFICIENT_BALANCE")
        assert wallet(trader) == (501_249_999, HOLD_UNITS)
    else:
        assert answer.status == 202
        assert wallet(trader) == (0, HOLD_UNITS + 501_250_000)


@pytest.mark.parametrize("missing", [0, 1])
def test_margin_that_needs_all_there_is(market: Market, missing: int) -> None:
    trader = make_trader(7_000_000 - missing)
    add_position(trader, 200, 5_000_000_000, 1_000_000_000)
    answer = trader.api.post("/user/positions/BTC-PERP/margin", {"amount": "7"})
    assert answer.status == (400 if missing else 202)
    assert wallet(trader) == ((6_999_999, 0) if missing else (0, 7_000_000))


@pytest.mark.parametrize(
    ("taken", "refused", "code"),
    [
        ({"qty": "0.003", "margin": "50"}, {"qty": "0.001", "margin": "50"}, "INVALID_SIZE"),
        (
            {"qty": "100", "margin": "250000"},
            {"qty": "100.001", "margin": "250003"},
            "INVALID_SIZE",
        ),
        # The least value is 60: 0.0024 is no lot, so by the price.
        (
            {"qty": "0.003", "price": "22500", "margin": "60"},
            {"qty": "0.002", "price": "27500", "margin": "60"},
            "MIN_NOTIONAL",
        ),
        ({"price": "27500", "margin": "1250"}, {"price": "27500.1", "margin": "1260"},
         "PRICE_OUTSIDE_BAND"),
        ({"price": "27500", "margin": "1250"}, {"price": "27500", "margin": "1249.999999"},
         "INSUFFICIENT_MARGIN"),
        ({"side": "SHORT", "price": "22500", "margin": "1250"},
         {"side": "SHORT", "price": "22499.9", "margin": "1260"}, "PRICE_OUTSIDE_BAND"),
        ({"margin": "250"}, {"margin": "249.999999"}, "INSUFFICIENT_MARGIN"),
        ({"margin": None, "leverage": 50}, {"margin": None, "leverage": 51}, "INVALID_LEVERAGE"),
        ({"margin": None, "leverage": 1}, {"margin": None, "leverage": 0}, "INVALID_LEVERAGE"),
        ({"price": "27500", "margin": None, "leverage": 11},
         {"price": "27500", "margin": None, "leverage": 12}, "INSUFFICIENT_MARGIN"),
        ({"clientOrderId": "x" * 64}, {"clientOrderId": "x" * 65}, "INVALID_FIELD"),
        # 39.999 at 25,000 keep the value below 1,000,000, where 50× ends and 10× begins.
        ({"qty": "39.999", "margin": None, "leverage": 50},
         {"qty": "40", "margin": None, "leverage": 50}, "MAX_POSITION"),
    ],
)  # fmt: skip
def test_the_bound_is_taken_and_the_next_step_refused(
    market: Market, taken: dict[str, Any], refused: dict[str, Any], code: str
) -> None:
    trader = make_trader(10_000_000_000_000)
    answer = trader.place(**taken)
    assert answer.status == 202, answer
    answer = trader.place(**refused)
    assert (answer.status, answer.code) == (400, code), answer


def test_a_value_of_just_the_least(trader: Trader, redis_db: redis.Redis) -> None:
    """0.002 is the smallest size; at 30,000 it is worth 60, a tick below it isn't."""
    set_ticker(redis_db, mark_price_ticks=300_000)
    assert trader.place(qty="0.002", price="29999.9", margin="60").code == "MIN_NOTIONAL"
    assert trader.place(qty="0.002", price="30000", margin="60").status == 202


def test_the_tier_begins_at_its_floor(market: Market) -> None:
    """With 39 held, 1 more makes 1,000,000 exactly."""
    trader = make_trader(10_000_000_000_000)
    add_position(trader, 39_000, 975_000_000_000, 97_500_000_000)
    assert trader.place(qty="0.999", margin=None, leverage=50).status == 202
    assert trader.place(qty="1", margin=None, leverage=11).code == "MAX_POSITION"
    assert trader.place(qty="1", margin=None, leverage=10).status == 202


@pytest.mark.parametrize("server", ["django", "intake"])
def test_the_largest_value_of_all(market: Market, server: str) -> None:
    """400,000 at 25,000 are worth 10 billion; with a lot more only the price is too high."""
    Market.objects.update(max_size_lots=10**12)
    forget_markets()
    trader = with_funds(0, server)
    margin = {"margin": "1000000000"}
    assert trader.place(qty="400000", **margin).code == "INSUFFICIENT_BALANCE"
    refused = trader.place(qty="400000.001", **margin)
    assert (refused.status, refused.code) == (400, "INVALID_SIZE")
    assert "price × qty must be at most 10000000000." in refused.body["message"]
    assert trader.place(qty="400000", price="25000.1", **margin).code == "INVALID_SIZE"
    assert trader.place(qty="400000.001", price="24999.9", **margin).code == "INSUFFICIENT_BALANCE"


@pytest.mark.parametrize("server", ["django", "intake"])
def test_the_largest_hold_of_all(market: Market, server: str) -> None:
    """100 billion with the fee, in steps of a unit a lot."""
    trader = with_funds(0, server)
    for qty, fee in (("0.5", "6.25"), ("1", "12.5")):
        most = Decimal(100_000_000_000) - Decimal(fee)
        assert trader.place(qty=qty, margin=str(most)).code == "INSUFFICIENT_BALANCE"
        lots = int(Decimal(qty) * 1_000)
        refused = trader.place(qty=qty, margin=str(most + Decimal(lots).scaleb(-6)))
        assert (refused.status, refused.code, refused.body["field"]) == (400, "INVALID_SIZE", "qty")
        assert "would hold more than 100000000000: ask for less" in refused.body["message"]
    beyond = trader.place(margin="100000000000.000001")
    assert (beyond.code, beyond.body["field"]) == ("INVALID_AMOUNT", "margin")
    assert not Order.objects.exists()


def test_what_is_needed_is_the_sum_of_its_parts() -> None:
    assert (NOTHING_NEEDED.total_units, set(NOTHING_NEEDED.by_part().values())) == (0, {"0"})
    needed = Needed.of(Reserve(3, 5, 7), 11)
    assert needed == Needed(33, 55, 77)
    assert needed.total_units == 165
    assert needed.by_part() == {
        "margin": "0.000033", "open_loss": "0.000055", "fee": "0.000077", "total": "0.000165",
    }  # fmt: skip
    for held, missing in ((164, 1), (165, 0), (166, 0)):
        amended = Needed(33, 55, 77, already_held_units=held)
        assert amended.total_units == missing
        assert amended.by_part()["already_held"] == f"0.000{held}"
