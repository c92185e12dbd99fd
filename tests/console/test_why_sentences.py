"""Sentences with their numbers, from rows as builders make them: no engine."""

from typing import Any

import pytest

from console.why.endings import ENDINGS
from console.why.fills import explain_fill
from console.why.positions import explain_liquidation, explain_payment, explain_settlement
from console.why.refusals import REFUSALS
from console.why.rules import AskedTerms, JudgedMoment, rules_at
from console.why.stream import Streams
from markets.models import Market
from matching.messages.events import MarginAdjustmentRejected
from matching.messages.vocabulary import CancelReason, OrderType, RejectCode, Side
from tests.admin.factories import make_order, make_user
from trading.models import Fill, FundingPayment, Liquidation, OutboxCommand, Settlement

pytestmark = pytest.mark.django_db


def judged(market: Market, **fields: Any) -> JudgedMoment:
    """An order to buy 0.5 BTC at 2,500.00 with 125 USD; at a mark of 2,510.00."""
    event = fields.pop("event", None)
    order = make_order(make_user(), market, **fields)
    return JudgedMoment(
        market=market,
        rules=rules_at(market, None),
        order=order,
        terms=AskedTerms.of(order),
        event=event,
        mark_ticks=25_100,
    )


CASES: list[tuple[RejectCode, dict[str, Any], str]] = [
    (RejectCode.INVALID_SIZE, {"size_lots": 100_001}, "100.001 BTC > 100 BTC, the largest size"),
    (RejectCode.INVALID_LEVERAGE, {"leverage": 60}, "60× > 50×"),
    (RejectCode.MIN_NOTIONAL, {"size_lots": 1}, "0.001 BTC × 2,500.00 USD = 2.50 USD < 5.00 USD"),
    (
        RejectCode.PRICE_OUTSIDE_BAND,
        {"price_ticks": 27_611},
        "limit 2,761.10 USD > 2,761.00 USD, which is the mark price 2,510.00 USD + 10 %",
    ),
    (
        RejectCode.PRICE_OUTSIDE_BAND,
        {"price_ticks": 22_589, "side": Side.SHORT},
        "limit 2,258.90 USD < 2,259.00 USD, which is the mark price 2,510.00 USD − 10 %",
    ),
    (
        RejectCode.INSUFFICIENT_MARGIN,
        {"margin_units": 20_000_000},
        "needs 25.00 USD = 1,250.00 USD ÷ 50, the tier's leverage; its margin was 20.00 USD",
    ),
    (
        RejectCode.INSUFFICIENT_MARGIN,
        {"price_ticks": 26_100, "margin_units": 40_000_000},
        "needs 50.00 USD, its open loss at the mark price 2,510.00 USD; its margin was 40.00 USD",
    ),
    (
        RejectCode.INSUFFICIENT_HOLD,
        {"hold_units": 125_000_000, "held_units": 0, "taker_fee_ppm": 500},
        "needs 125.625 USD = margin 125.00 USD + open loss 0.00 USD + fee 0.625 USD; "
        "125.00 USD was held for it",
    ),
    (
        RejectCode.INVALID_TRIGGER,
        {"trigger_kind": "TRAILING_STOP", "trigger_by": "MARK"},
        "a trailing stop without a callback",
    ),
    (
        RejectCode.TRIGGER_ALREADY_TRUE,
        {"trigger_kind": "STOP", "trigger_by": "MARK", "trigger_price_ticks": 25_050},
        "its trigger price was 2,505.00 USD, the mark price 2,510.00 USD",
    ),
]


@pytest.mark.parametrize(("code", "fields", "numbers"), CASES)
def test_numbers_of_refusals(
    market: Market, code: RejectCode, fields: dict[str, Any], numbers: str
) -> None:
    said, rule = judged(market, **fields), REFUSALS[code]
    assert rule.sentence(said) == f"{rule.plain}: {numbers}"
    assert not rule.misses_numbers(said)


@pytest.mark.parametrize("code", list(RejectCode))
def test_no_number_is_made_up(market: Market, code: RejectCode) -> None:
    """Of an order that breaks nothing, of one nothing is known of, and without an order."""
    rule = REFUSALS[code]
    sound = judged(market, leverage=20, taker_fee_ppm=500)
    nothing = JudgedMoment(market=market, rules=rules_at(market, None))
    for said in (sound, nothing):
        assert rule.sentence(said) == rule.plain
        assert rule.misses_numbers(said) is (rule.breach is not None)
        assert "None" not in rule.value_of(said)


def test_margin_that_may_not_be_taken_out(market: Market) -> None:
    event = MarginAdjustmentRejected(
        account_id=1,
        code=RejectCode.INSUFFICIENT_MARGIN,
        released_units=0,
        removable_units=12_500_000,
    )
    sentence = REFUSALS[RejectCode.INSUFFICIENT_MARGIN].sentence(judged(market, event=event))
    assert "12.50 USD could be taken out at the mark price of that moment" in sentence


def test_what_an_order_lacked_when_it_fired(market: Market) -> None:
    said = judged(market, hold_units=0, held_units=0, triggered_at="2030-01-01T00:00:00Z")
    rule = ENDINGS[CancelReason.UNAFFORDABLE]
    assert "needs" in rule.sentence(said)
    assert "what was free is not kept" in rule.sentence(said)
    limit = judged(market)
    assert limit.terms is not None
    assert limit.terms.order_type is OrderType.LIMIT
    assert rule.sentence(limit) == rule.plain


def test_rules_are_those_of_the_sequence(market: Market) -> None:
    now = rules_at(market, 9)
    assert now.said == "as they are now, version 1"
    assert now.config is not None
    for version, seq, most in ((1, 3, 40), (2, 6, 30)):
        tier = {"floor_units": 0, "max_leverage": most, "maintenance_ppm": 10_000}
        config = {name: getattr(now.config, name) for name in now.config.__struct_fields__}
        payload = {"config": config | {"config_version": version, "tiers": [tier]}}
        OutboxCommand.objects.create(
            market=market, command_type="ConfigureMarket", payload=payload, applied_seq=seq
        )
    for seq, most in ((4, 40), (6, 40), (7, 30)):
        then = rules_at(market, seq)
        assert then.config is not None
        assert then.config.tiers[0].max_leverage == most
        assert "as they were then" in then.said
    assert rules_at(market, 3).said == now.said
    OutboxCommand.objects.update(payload={"config": "rubbish"})
    assert rules_at(market, 9).said == now.said


def test_a_payment_a_liquidation_and_a_settlement(everything: Market) -> None:
    streams = Streams(everything)
    paid, received = FundingPayment.objects.order_by("amount_units")
    assert explain_payment(paid, streams).sentences[0] == (
        "paid 0.0753 USD = 0.000251 USD per lot × 300 lots"
    )
    assert explain_payment(received, streams).sentences[0].startswith("received 0.0753 USD")
    assert (
        "The rate was +0.01 % of that; longs pay shorts."
        in explain_payment(paid, streams).sentences[2]
    )
    liquidation = explain_liquidation(Liquidation.objects.get(), streams)
    assert liquidation.sentences[0] == (
        "liquidated: needs 10.125 USD = maintenance 6.75 USD + fee 3.375 USD; equity was 0.00 USD,"
        " at the mark price 2,250.00 USD"
    )
    assert liquidation.sentences[2] == (
        "Equity = margin 75.00 USD + value 675.00 USD − entry cost 750.00 USD = 0.00 USD."
    )
    assert ("liquidation fee", "0.5 % of the value") in liquidation.rules
    settled = explain_settlement(Settlement.objects.get(), streams)
    assert settled.sentences[0] == "settled: LONG 0.3 BTC closed at 2,500.00 USD, for good"


def test_deleveraged_and_its_liquidation(everything: Market) -> None:
    liquidation = Liquidation.objects.get()
    (chosen,) = Fill.objects.filter(execution="ADL", role="MAKER")
    text = " ".join(explain_fill(chosen, Streams(everything)).sentences)
    assert "deleveraged: a bankrupt position" in text
    assert "It was number 1 that this liquidation was closed against" in text
    assert f"Liquidation {liquidation.pk}" in text
    assert "It realised" in text
