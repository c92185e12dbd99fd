"""The worked numbers of docs/api.md under "Rounding" come out of the engine's own functions."""

import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from matching.core.book.book import Order
from matching.core.market.funding import settle_funding
from matching.core.market.position import Leg, plan_leg
from matching.core.market.rules import take_config
from matching.core.market.state import State, Turn
from matching.core.risk.liquidation import plan_forced_leg
from matching.messages.commands import LeverageTier, MarketConfig
from matching.messages.events import FundingSettled

UNITS = 1_000_000
PPM = 1_000_000
K = 100  # tick 0.1 × lot 0.001, in millionths
CONFIG = MarketConfig(
    config_version=1,
    units_per_tick_lot=K,
    min_size_lots=1,
    max_size_lots=1_000,
    min_notional_units=0,
    price_band_ppm=100_000,
    max_open_orders=10,
    max_open_interest_lots=1_000,
    tiers=(LeverageTier(floor_units=0, max_leverage=100, maintenance_ppm=5_000),),
    liquidation_fee_ppm=5_000,
    mark_clamp_ppm=50_000,
    circuit_breaker_ppm=0,
    index_stale_ms=10_000,
    funding_interval_ms=28_800_000,
    funding_interest_ppm=0,
    funding_cap_ppm=20_000,
    impact_notional_units=0,
)


def table() -> dict[str, tuple[list[Decimal], list[Decimal]]]:
    """By row: the numbers given, and the results."""
    text = (Path(settings.BASE_DIR) / "docs/api.md").read_text()
    section = text.partition("## Rounding")[2].partition("\n## ")[0]
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in section.splitlines()]
    worked = [row for row in rows if len(row) == 4 and re.search(r"\d", row[3])]
    return {row[0]: (_numbers(row[2]), _numbers(row[3])) for row in worked}


def _numbers(text: str) -> list[Decimal]:
    return [Decimal(number) for number in re.findall(r"-?\d+(?:\.\d+)?", text)]


def units(amount: Decimal) -> int:
    return int(amount * UNITS)


def money(amount_units: int) -> Decimal:
    return Decimal(amount_units) / UNITS


def lots(qty: Decimal) -> int:
    return int(qty * 1_000)


def ticks(price: Decimal) -> int:
    return int(price * 10)


@pytest.fixture
def state() -> State:
    state = State()
    take_config(state, CONFIG)
    return state


def filled(state: State, is_long: bool, size: int, price: int, **terms: Any) -> Leg:
    position = (terms.pop("position_lots", 0), terms.pop("cost", 0), terms.pop("margin", 0))
    order = Order(
        order_id=1,
        account_id=1,
        is_long=is_long,
        price_ticks=price,
        remaining_lots=size,
        reserve_per_lot_units=100 * UNITS,
        named_margin_per_lot_units=0,
        leverage=terms.pop("leverage", 1),
        maker_fee_ppm=0,
        taker_fee_ppm=0,
        reduce_only=False,
        post_only=False,
        expires_ms=0,
        arrival=1,
    )
    leg = plan_leg(state.tiers, order, *position, price, size, terms.pop("fee_ppm", 0), price)
    assert leg is not None
    assert not terms
    return leg


def test_fees(state: State) -> None:
    for row in ("fee", "rebate"):
        (qty, price, rate), (result,) = table()[row]
        leg = filled(state, True, lots(qty), ticks(price), fee_ppm=int(rate * PPM))
        assert money(leg.fee_units) == result


def test_the_fee_of_a_flip(state: State) -> None:
    (closing, opening, price, rate), (of_closing, of_opening, both) = table()["fee of a flip"]
    position = {"position_lots": -lots(closing), "cost": -25 * UNITS, "margin": 10 * UNITS}
    size, at, fee_ppm = lots(closing + opening), ticks(price), int(rate * PPM)
    assert money(filled(state, True, size, at, fee_ppm=fee_ppm, **position).fee_units) == both
    parts = (
        filled(state, True, lots(part), at, fee_ppm=fee_ppm).fee_units
        for part in (closing, opening)
    )
    assert [money(part) for part in parts] == [of_closing, of_opening]


def test_margin_by_leverage(state: State) -> None:
    (qty, price, leverage), (result,) = table()["margin by leverage"]
    leg = filled(state, True, lots(qty), ticks(price), leverage=int(leverage))
    assert money(leg.margin_delta_units) == result


def test_profit_of_parts(state: State) -> None:
    rows = table()
    (qty, whole, cost, price), (result,) = rows["profit of a part of a long"]
    long = {"position_lots": lots(whole), "cost": units(cost), "margin": 20 * UNITS}
    part = filled(state, False, lots(qty), ticks(price), **long)
    assert money(part.realized_pnl_units) == result
    (rest, left, price), (result,) = rows["profit of the rest"]
    assert units(left) == part.entry_cost_units
    after = {"position_lots": part.position_lots, "cost": units(left), "margin": part.margin_units}
    last = filled(state, False, lots(rest), ticks(price), **after)
    assert money(last.realized_pnl_units) == result
    assert last.position_lots == last.entry_cost_units == last.margin_units == 0
    (qty, whole, brought, price), (result,) = rows["profit of a part of a short"]
    short = {"position_lots": -lots(whole), "cost": -units(brought), "margin": 20 * UNITS}
    part = filled(state, True, lots(qty), ticks(price), **short)
    assert money(part.realized_pnl_units) == result


def test_margin_of_a_part(state: State) -> None:
    (qty, whole, margin), (result,) = table()["margin of a part"]
    position = {"position_lots": lots(whole), "cost": 75 * UNITS, "margin": units(margin)}
    leg = filled(state, False, lots(qty), 250_000, **position)
    assert money(-leg.margin_delta_units) == result


def test_funding_per_lot(state: State) -> None:
    for row in ("funding per lot", "funding below zero"):
        (carried, rate, mark), (per_lot, rest) = table()[row]
        rate_ppb = int(rate * 10**9)
        # With no interest the rate is the premium less what it may be corrected by.
        state.premium_count = 1
        state.premium_sum_ppb = rate_ppb + (500_000 if rate_ppb > 0 else -500_000)
        state.funding_carry = int(carried * 10**15)
        state.mark_price_ticks = ticks(mark)
        state.next_funding_ms = CONFIG.funding_interval_ms
        turn = Turn(CONFIG.funding_interval_ms, worth_before_units=0)
        settle_funding(state, CONFIG, turn)
        (event,) = turn.events
        assert isinstance(event, FundingSettled)
        assert (event.rate_ppb, money(event.per_lot_units)) == (rate_ppb, per_lot)
        assert Decimal(event.carry) / 10**15 == rest


def test_the_liquidation_fee(state: State) -> None:
    (qty, price, rate), (result,) = table()["liquidation fee"]
    assert int(rate * PPM) == CONFIG.liquidation_fee_ppm
    turn = Turn(1, worth_before_units=0)
    account = state.account(7, turn)
    cost = units(qty * price)
    for margin, fee in ((Decimal(10), result), (Decimal("0.1"), Decimal("0.1"))):
        state.set_position(account, lots(qty), cost, units(margin), turn)
        leg = plan_forced_leg(state, account, ticks(price), lots(qty), is_solvent=True)
        assert leg is not None
        assert money(leg.insurance_delta_units) == fee


def test_every_row_is_worked_here() -> None:
    worked = Path(__file__).read_text()
    assert len(table()) == 11
    assert [row for row in table() if f'"{row}"' not in worked] == []
