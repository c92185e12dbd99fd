"""Tiers, fees, the leverage set for a market, and margin in and out of a position.

Worked by hand for 0.2 bought at 25,000: value and cost 5,000; the market's tiers allow 50x up to a
value of 1,000,000 at 1 % maintenance, then 10x; the liquidation fee is 0.1 %.
"""

from typing import Any

import pytest
import redis

from ledger.models import JournalEntry, Posting, Wallet
from matching.messages.commands import AdjustMargin
from tests.trading.client import Trader, make_trader, set_ticker
from tests.trading.test_reading import add_position
from trading.models import FeeTier, Order, OutboxCommand, TraderLeverage, UserFeeTier
from trading.outbox import command_of_row

pytestmark = pytest.mark.django_db

COST = 5_000_000_000


@pytest.mark.parametrize(
    ("position_lots", "fields", "words"),
    [
        (0, {"qty": "50", "margin": None, "leverage": 11}, "at most 10 for a position of 1250000"),
        (39_000, {"qty": "2", "margin": None, "leverage": 11}, "position of 1025000"),
        (0, {"qty": "50", "margin": 124_999}, "minimum margin 125000.00"),
    ],
)
def test_a_larger_position_gets_less_leverage(
    trader: Trader, position_lots: int, fields: dict[str, Any], words: str
) -> None:
    add_position(trader, position_lots, position_lots * 25_000_000, position_lots * 2_500_000)
    answer = trader.place(**fields)
    assert answer.status == 400
    assert words in answer.body["message"]
    assert answer.code in {"MAX_POSITION", "INSUFFICIENT_MARGIN"}


def test_what_closes_is_not_judged_by_the_large_position(trader: Trader) -> None:
    add_position(trader, 41_000, 41_000 * 25_000_000, 41_000 * 2_500_000)
    assert trader.place(side="SHORT", qty="2", margin=None, leverage=20).status == 202


def test_a_traders_fee_tier_is_what_the_order_takes_along(trader: Trader) -> None:
    tier = FeeTier.objects.create(name="friends", maker_fee_ppm=-100, taker_fee_ppm=300)
    UserFeeTier.objects.create(user=trader.user, tier=tier)
    trader.place()
    order = Order.objects.get()
    assert (order.maker_fee_ppm, order.taker_fee_ppm) == (-100, 300)
    assert order.hold_units == 2_503_750_000  # 2,500 and 0.03 % of 12,500
    answer = trader.api.get(f"/order/{order.pk}").body
    assert (answer["makerFee"], answer["takerFee"]) == ("-0.0001", "0.0003")


def test_the_leverage_set_is_that_of_orders_that_name_none(trader: Trader) -> None:
    path = "/user/leverage/BTC-PERP"
    assert trader.place(margin=None).code == "MISSING_FIELD"
    answer = trader.api.post(path, {"leverage": 20})
    assert answer.body == {"message": "Leverage set.", "marketId": "BTC-PERP", "leverage": 20}
    assert trader.place(margin=None, clientOrderId="x").status == 202
    assert Order.objects.get().leverage == 20
    assert Order.objects.get().hold_units == 625_000_000 + 6_250_000
    refused = trader.api.post(path, {"leverage": 19})
    assert (refused.status, refused.code) == (400, "LEVERAGE_IN_USE")
    assert "at least 20" in refused.body["message"]
    assert trader.api.post(path, {"leverage": 30}).status == 200
    assert trader.place(margin=None, clientOrderId="x").status == 200  # still the first order
    assert trader.api.post(path, {"leverage": "20"}).status == 200
    Order.objects.update(status="cancelled", held_units=0)
    assert trader.api.post(path, {"leverage": 3}).status == 200
    for wrong in (0, 51, 1.5, "x", None, -3):
        assert trader.api.post(path, {"leverage": wrong}).status == 400
    assert TraderLeverage.objects.get().leverage == 3


def test_a_positions_leverage_is_a_floor_and_its_tier_a_ceiling(trader: Trader) -> None:
    path = "/user/leverage/BTC-PERP"
    position = add_position(trader, 200, COST, 1_000_000_000)
    assert "at least 5." in trader.api.post(path, {"leverage": 4}).body["message"]
    assert trader.api.post(path, {"leverage": 5}).status == 200
    position.delete()
    add_position(trader, 41_000, 1_025_000_000_000, 500_000_000_000)
    answer = trader.api.post(path, {"leverage": 11})
    assert (answer.code, "at most 10" in answer.body["message"]) == ("MAX_POSITION", True)


@pytest.mark.parametrize(
    ("lots", "liquidation_price", "leverage", "ratio", "mark_ticks", "pnl"),
    [
        # (5,000 − 1,000) / (0.2 × 0.989) = 20,222.45; the first tick below is liquidatable.
        (200, "20222.4", "5", "0.05", 250_000, "0"),
        # (5,000 + 1,000) / (0.2 × 1.011) = 29,673.59; the first tick above.
        (-200, "29673.6", "5", "0.05", 250_000, "0"),
        # At 21,000: value 4,200, equity 1,000 − 800 = 200, maintenance 42.
        (200, "20222.4", "4.2", "0.21", 210_000, "-800"),
        # At 31,000: equity 1,000 − 1,200 is below zero.
        (-200, "29673.6", "6.2", None, 310_000, "-1200"),
    ],
)
def test_how_far_a_position_is_from_its_liquidation(
    trader: Trader,
    redis_db: redis.Redis,
    lots: int,
    liquidation_price: str,
    leverage: str,
    ratio: str | None,
    mark_ticks: int,
    pnl: str,
) -> None:
    set_ticker(redis_db, mark_price_ticks=mark_ticks)
    add_position(trader, lots, lots * 25_000_000, 1_000_000_000)
    (position,) = trader.api.get("/user/positions").body["positions"]
    assert position["liquidationPrice"] == liquidation_price
    assert (position["leverage"], position["marginRatio"]) == (leverage, ratio)
    assert position["unrealizedPnl"] == pnl


def test_margin_added_is_held_with_its_command(trader: Trader) -> None:
    add_position(trader, 200, COST, 1_000_000_000)
    answer = trader.api.post("/user/positions/BTC-PERP/margin", {"amount": "250.5"})
    assert answer.status == 202, answer
    row = OutboxCommand.objects.get(command_type="AdjustMargin")
    assert command_of_row(row) == AdjustMargin(
        command_id=row.pk, account_id=trader.user.pk, amount_units=250_500_000
    )
    assert answer.body["commandId"] == row.pk
    wallet = Wallet.objects.get(user=trader.user)
    assert (wallet.available_units, wallet.held_units) == (9_749_500_000, 250_500_000)
    entry = JournalEntry.objects.get(kind="margin_hold")
    postings = Posting.objects.filter(entry=entry).values_list("account__kind", "amount_units")
    assert sorted(postings) == [("available", -250_500_000), ("held", 250_500_000)]


def test_margin_that_is_not_there_is_not_promised(trader: Trader) -> None:
    add_position(trader, 200, COST, 1_000_000_000)
    answer = trader.api.post("/user/positions/BTC-PERP/margin", {"amount": "10000.000001"})
    assert (answer.status, answer.code) == (400, "INSUFFICIENT_BALANCE")
    assert "needs 10000.000001; 10000 is available" in answer.body["message"]
    assert not OutboxCommand.objects.filter(command_type="AdjustMargin").exists()
    assert not JournalEntry.objects.filter(kind="margin_hold").exists()


def test_margin_is_taken_out_down_to_a_tenth_of_the_value(trader: Trader) -> None:
    add_position(trader, 200, COST, 1_000_000_000)
    path = "/user/positions/BTC-PERP/margin"
    answer = trader.api.post(path, {"amount": "-500.000001"})
    assert (answer.status, answer.code) == (400, "INSUFFICIENT_MARGIN")
    assert "At most 500 " in answer.body["message"]
    assert trader.api.post(path, {"amount": -500}).status == 202
    row = OutboxCommand.objects.get(command_type="AdjustMargin")
    assert row.payload["amount_units"] == -500_000_000
    assert Wallet.objects.get(user=trader.user).held_units == 0


@pytest.mark.parametrize("amount", [0, "0", "-0", "x", None, "0.0000001", True, [], "1e400"])
def test_amounts_that_are_none(trader: Trader, amount: Any) -> None:
    add_position(trader, 200, COST, 1_000_000_000)
    answer = trader.api.post("/user/positions/BTC-PERP/margin", {"amount": amount})
    assert (answer.status, answer.body["field"]) == (400, "amount")


def test_margin_needs_a_position_and_a_market(trader: Trader) -> None:
    add_position(make_trader(), 200, COST, 1_000_000_000)
    answer = trader.api.post("/user/positions/BTC-PERP/margin", {"amount": 1})
    assert (answer.status, answer.code) == (400, "NO_POSITION")
    assert trader.api.post("/user/positions/NONE/margin", {"amount": 1}).status == 404
    assert trader.api.post("/user/leverage/NONE", {"leverage": 1}).status == 404


@pytest.mark.parametrize("sign", ["", "-"])
def test_no_amount_is_rounded_before_it_is_checked(trader: Trader, sign: str) -> None:
    """Arithmetic of decimals keeps 28 digits; one too many must not pass for a round amount."""
    add_position(trader, 200, COST, 500_000_000)
    path = "/user/positions/BTC-PERP/margin"
    promised = OutboxCommand.objects.count()
    for amount in (
        "50.0000000000000000000000000001",
        "50.00000000000000000000000000000000000000000000000001",
        "0.00000049999999999999999999999999999999",
        "49.99999999999999999999999999999999999999",
    ):
        refused = trader.api.post(path, {"amount": f"{sign}{amount}"})
        assert (refused.status, refused.code) == (400, "INVALID_AMOUNT"), amount
    assert OutboxCommand.objects.count() == promised
