"""Tiers, fees, the leverage set for a market, and margin in and out of a position.

Worked by hand for 0.2 bought at 25,000: value and cost 5,000; the market's tiers allow 50x up to a
value of 1,000,000 at 1 % maintenance, then 10x; the liquidation fee is 0.1 %.
"""

from decimal import Decimal
from typing import Any

import pytest
import redis

from ledger.models import JournalEntry, Posting, Wallet
from matching.messages.commands import AdjustMargin
from tests.trading.client import Trader, make_trader, order_body, set_ticker
from tests.trading.test_reading import add_position
from trading.commands.outbox import command_of_row
from trading.models import FeeTier, Order, OutboxCommand, TraderLeverage, UserFeeTier

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
        (200, "20222.4", "5", "0.055", 250_000, "0"),
        # (5,000 + 1,000) / (0.2 × 1.011) = 29,673.59; the first tick above.
        (-200, "29673.6", "5", "0.055", 250_000, "0"),
        # At 21,000: value 4,200, equity 1,000 − 800 = 200, maintenance 42 and the fee's 4.2.
        (200, "20222.4", "4.2", "0.231", 210_000, "-800"),
        # At the liquidation price it is above 1, a tick before it below, however near.
        (200, "20222.4", "4.04448", "1.000209", 202_224, "-955.52"),
        (200, "20222.4", "4.0445", "0.999764", 202_225, "-955.5"),
        (-200, "29673.6", "5.93472", "1.00003", 296_736, "-934.72"),
        (-200, "29673.6", "5.9347", "0.999719", 296_735, "-934.7"),
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
    TraderLeverage.objects.create(user=trader.user, market_id="BTC-PERP", leverage=5)
    answer = trader.api.post("/user/positions/BTC-PERP/margin", {"amount": "250.5"})
    assert answer.status == 202, answer
    row = OutboxCommand.objects.get(command_type="AdjustMargin")
    assert command_of_row(row) == AdjustMargin(
        command_id=row.pk, account_id=trader.user.pk, amount_units=250_500_000, leverage=5
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
    assert answer.body["required"] == {
        "margin": "10000.000001",
        "openLoss": "0",
        "fee": "0",
        "total": "10000.000001",
    }
    assert answer.body["available"] == "10000"
    assert not OutboxCommand.objects.filter(command_type="AdjustMargin").exists()
    assert not JournalEntry.objects.filter(kind="margin_hold").exists()


@pytest.mark.parametrize("lots", [200, -200])
def test_what_was_added_can_be_taken_out_again(trader: Trader, lots: int) -> None:
    """Opened at 40×, 125 of margin; 20 were added."""
    add_position(trader, lots, lots * 25_000_000, 145_000_000, leverage=40)
    (position,) = trader.api.get("/user/positions").body["positions"]
    assert (position["initialMargin"], position["removableMargin"]) == ("125", "20")
    path = "/user/positions/BTC-PERP/margin"
    answer = trader.api.post(path, {"amount": "-20.000001"})
    assert (answer.status, answer.code) == (400, "INSUFFICIENT_MARGIN")
    assert "At most 20 " in answer.body["message"]
    assert trader.api.post(path, {"amount": -20}).status == 202
    row = OutboxCommand.objects.get(command_type="AdjustMargin")
    assert (row.payload["amount_units"], row.payload["leverage"]) == (-20_000_000, 40)
    assert Wallet.objects.get(user=trader.user).held_units == 0


@pytest.mark.parametrize(
    ("mark_ticks", "set_to", "initial", "removable"),
    [
        (250_000, 20, "125", "20"),  # less than its orders had: for orders to come
        (250_000, 50, "100", "45"),  # more: the position may have as much
        (249_500, None, "124.75", "10.25"),  # a loss of 10 counts
        (260_000, None, "130", "15"),  # a profit of 200 doesn't
        (240_000, None, "120", "0"),
    ],
)
def test_what_may_be_taken_out(
    trader: Trader,
    redis_db: redis.Redis,
    mark_ticks: int,
    set_to: int | None,
    initial: str,
    removable: str,
) -> None:
    add_position(trader, 200, COST, 145_000_000, leverage=40)
    if set_to:
        TraderLeverage.objects.create(user=trader.user, market_id="BTC-PERP", leverage=set_to)
    set_ticker(redis_db, mark_price_ticks=mark_ticks)
    (position,) = trader.api.get("/user/positions").body["positions"]
    assert (position["initialMargin"], position["removableMargin"]) == (initial, removable)
    too_much = str(-Decimal(removable) - Decimal("0.000001"))
    answer = trader.api.post("/user/positions/BTC-PERP/margin", {"amount": too_much})
    assert answer.code == "INSUFFICIENT_MARGIN"
    said = "None of the margin" if removable == "0" else f"At most {removable} of the margin"
    assert said in answer.body["message"]


def test_setting_leverage_never_needs_what_is_not_allowed(trader: Trader) -> None:
    """A position at 50× that paid funding costs 50.3 times its margin."""
    path = "/user/leverage/BTC-PERP"
    position = add_position(trader, 200, COST, 99_500_000, leverage=50)
    assert trader.api.post(path, {"leverage": 51}).code == "INVALID_LEVERAGE"
    assert trader.api.post(path, {"leverage": 49}).code == "LEVERAGE_IN_USE"
    assert trader.api.post(path, {"leverage": 50}).status == 200
    position.leverage = 40  # opened at 40×, and its margin fell since: 41 is not asked for
    position.margin_units = 124_000_000
    position.save()
    assert "at least 40." in trader.api.post(path, {"leverage": 39}).body["message"]
    assert trader.api.post(path, {"leverage": 40}).status == 200


def test_what_is_set_can_be_set_again_though_the_tier_allows_less_now(trader: Trader) -> None:
    path = "/user/leverage/BTC-PERP"
    assert trader.api.post(path, {"leverage": 50}).status == 200
    trader.place(margin=None, qty="0.1")
    add_position(trader, 41_000, 1_025_000_000_000, 20_500_000_000, leverage=50)
    assert trader.api.post(path, {"leverage": 50}).status == 200
    assert "at most 10 " in trader.api.post(path, {"leverage": 49}).body["message"]
    assert "at least 10." in trader.api.post(path, {"leverage": 9}).body["message"]
    assert trader.api.post(path, {"leverage": 10}).status == 200


def test_a_refusal_names_what_is_needed_by_part(trader: Trader) -> None:
    """At 27,500 with 10×, for 4: margin 11,000, open loss 10,000, fee 55."""
    answer = trader.place(qty="4", price="27500", margin=None, leverage=10)
    assert answer.code == "INSUFFICIENT_BALANCE"
    required = {"margin": "11000", "openLoss": "10000", "fee": "55", "total": "21055"}
    assert answer.body["required"] == required
    assert answer.body["available"] == "10000"
    assert "margin 11000, open loss 10000 and fee 55" in answer.body["message"]
    market = {"orderType": "market", "price": None, "margin": None, "leverage": 10}
    for side, parts in {
        "LONG": {"margin": "10100", "openLoss": "1000", "fee": "50.5", "total": "11150.5"},
        "SHORT": {"margin": "10050", "openLoss": "1000", "fee": "50.252", "total": "11100.252"},
    }.items():
        answer = trader.place(side=side, qty="4", **market)
        assert answer.body["required"] == parts
    batch = {"orders": [order_body(qty="4", price="27500", margin=None, leverage=10)]}
    (item,) = trader.api.post("/orders/batch", batch).body["results"]
    assert (item["required"], item["available"]) == (required, "10000")


@pytest.mark.parametrize("side", ["LONG", "SHORT"])
@pytest.mark.usefixtures("trader")
def test_a_market_order_at_most_leverage_needs_little_more_than_its_margin(side: str) -> None:
    """A value of 4,000 at 50× with 200 in the wallet."""
    poor = make_trader(200_000_000)
    answer = poor.place(
        side=side, qty="0.16", orderType="market", price=None, margin=None, leverage=50
    )
    assert answer.status == 202, answer
    assert 120_000_000 < Order.objects.get().hold_units < 123_000_000


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
