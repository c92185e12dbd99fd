"""The risk board: its order, its figures, and who may see it."""

import re
from collections.abc import Callable
from datetime import timedelta
from fractions import Fraction
from math import ceil, inf
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from console.risk.board import SHOWN_MAX, first_lines, first_of_markets
from console.risk.first import PositionOrder
from console.risk.lines import market_marks
from console.risk.markets import HOLDERS_SHOWN, NEAREST, MarketRisk, market_risks
from markets.display import money
from markets.models import Market, MarketStatus
from markets.rules import forget_markets
from matching.messages.vocabulary import (
    MarketState,
)
from tests.admin.factories import make_market, make_user, make_world
from tests.console import risk_positions as naive
from trading.models import Position

ClientOf = Callable[[str], Client]
pytestmark = pytest.mark.django_db

BOARD = "/admin/risk/"
GROUPS = ["viewer", "support", "risk", "treasury", "superuser"]


@pytest.fixture(autouse=True)
def _new_rules() -> None:
    forget_markets()


@pytest.fixture
def world(db: None) -> Market:
    return make_world()


def page(client: Client, url: str = BOARD) -> str:
    response = client.get(url)
    assert response.status_code == 200, url
    return response.content.decode()


def tables(client: Client, url: str = BOARD) -> dict[str, list[dict[str, str]]]:
    """Of a page: cells in plain text by column, of each row, under the beginning of its title."""
    context: Any = client.get(url).context_data
    return {
        table.title.partition(" ")[0]: [
            {
                column: re.sub("<[^>]*>", "", str(cell))
                for column, cell in zip(table.columns, row, strict=True)
            }
            for row in table.rows
        ]
        for table in context["tables"]
    }


# --- who may --------------------------------------------------------------------------------------


@pytest.mark.parametrize("group", GROUPS)
def test_every_group_may_look_and_only_look(client_of: ClientOf, world: Market, group: str) -> None:
    client, user = client_of(group), Position.objects.all()[0].user_id
    assert f'href="{BOARD}"' in page(client, "/admin/")
    for url in (BOARD, f"{BOARD}{user}/", f"{BOARD}?part=body", f"{BOARD}{user}/?part=body"):
        assert client.get(url).status_code == client.head(url).status_code == 200
        for method in (client.post, client.put, client.patch, client.delete):
            assert method(url).status_code == 405
        assert Client().get(url).status_code == 302


def test_others_may_not(world: Market) -> None:
    user = Position.objects.all()[0].user_id
    client, staff = Client(), make_user(is_staff=True)
    staff.user_permissions.add(Permission.objects.get(codename="view_market"))
    client.force_login(staff)
    assert client.get(BOARD).status_code == client.get(f"{BOARD}{user}/").status_code == 403
    assert f'href="{BOARD}"' not in page(client, "/admin/")
    staff.user_permissions.add(Permission.objects.get(codename="view_position"))
    assert f"{BOARD}{user}/" not in page(client)
    assert client.get(f"{BOARD}{user}/").status_code == 403  # wallets and orders are on it


def test_rows_lead_to_the_trader_and_the_position(client_of: ClientOf, world: Market) -> None:
    board = page(client_of("viewer"))
    for position in Position.objects.exclude(position_lots=0):
        record = reverse("admin:accounts_user_change", args=[position.user_id])
        for url in (record, reverse("admin:trading_position_change", args=[position.pk])):
            assert f'href="{url}"' in board
        assert f'href="{BOARD}{position.user_id}/"' in board


# --- order ----------------------------------------------------------------------------------------

RANKS: dict[PositionOrder, Callable[[Position], Any]] = {
    PositionOrder.DISTANCE: lambda row: (
        inf if naive.distance_of(row) is None else naive.distance_of(row)
    ),
    PositionOrder.VALUE: lambda row: -abs(naive.value_of(row)),
    PositionOrder.LOSS: naive.profit_of,
    PositionOrder.PROFIT: lambda row: -naive.profit_of(row),
    PositionOrder.LEVERAGE: lambda row: -naive.leverage_of(row) if row.margin_units else -inf,
}


@pytest.mark.parametrize("seed", [1, 2])
def test_the_first_of_all_come_first(seed: int) -> None:
    made = naive.make_positions(120, seed)
    marks = market_marks(timezone.now())
    for key in PositionOrder:
        ranked = sorted((RANKS[key](row), row.pk, row.market_id) for row in made)
        for market_id in (None, *naive.MARKETS):
            wanted = [pk for _, pk, other in ranked if market_id in (None, other)][:SHOWN_MAX]
            shown = {market_id: marks[market_id]} if market_id else marks
            lines = first_lines(key, marks, first_of_markets(key, shown))
            assert [line.position.pk for line in lines] == wanted, key


def test_lines_say_what_a_position_is(client_of: ClientOf) -> None:
    made = {row.pk: row for row in naive.make_positions(40)}
    rows = tables(client_of("viewer"))["Positions"]
    assert len(rows) == len(made)
    marks = market_marks(timezone.now())
    lines = first_lines(
        PositionOrder.DISTANCE, marks, first_of_markets(PositionOrder.DISTANCE, marks)
    )
    for line, cells in zip(lines, rows, strict=True):
        row = made[line.position.pk]
        assert cells["position"] == row.market_id
        assert cells["trader"] == f"{row.user.username} exposure"
        assert cells["value"] == money(abs(naive.value_of(row)))
        assert cells["unrealised PnL"].lstrip("+") == money(naive.profit_of(row))
        assert line.liquidation_ticks == (naive.liquidation_ticks(row) or 0)
        distance = naive.distance_of(row)
        if distance is None:
            assert cells["distance"] == "never"
        elif distance <= 0:
            assert cells["distance"] == "liquidatable"
        else:
            assert cells["distance"] == f"{float(int(distance * 10**4)) / 100:g} %"
    assert {"never", "liquidatable"} <= {cells["distance"] for cells in rows}


@pytest.mark.parametrize(
    "query",
    [
        "sort=",
        "sort=no",
        "sort=DISTANCE",
        "sort=p.id;--",
        "market=NO-PERP",
        "market='",
        "market=" + "x" * 5_000,
        "sort=value&sort=no&part=all",
        "part=body&market=%ff%fe",
        "page=-1",
    ],
)
def test_rubbish_falls_back(client_of: ClientOf, world: Market, query: str) -> None:
    response: Any = client_of("viewer").get(f"{BOARD}?{query}")
    assert response.status_code == 200
    chosen = [one.text for one in response.context_data["sorts"] if one.is_chosen]
    assert chosen == ["distance"]
    assert [one.text for one in response.context_data["markets"] if one.is_chosen] == ["all"]


def test_a_choice_is_kept_while_the_page_refreshes(client_of: ClientOf, world: Market) -> None:
    client = client_of("viewer")
    whole = page(client, f"{BOARD}?sort=loss&market={world.pk}")
    url = f"{BOARD}?sort=loss&amp;market={world.pk}&amp;part=body"
    assert f'data-refresh-url="{url}"' in whole
    part_of_it = page(client, url.replace("&amp;", "&"))
    assert "<html" not in part_of_it
    assert f"deepest in loss in {world.pk}" in part_of_it
    assert "no-store" in client.get(BOARD)["Cache-Control"]


# --- markets --------------------------------------------------------------------------------------


def risks() -> dict[str, MarketRisk]:
    marks = market_marks(timezone.now())
    found = market_risks(marks, first_of_markets(PositionOrder.DISTANCE, marks))
    return {risk.mark.market.pk: risk for risk in found}


def naive_need(row: Position) -> int:
    """Closed at a price 1 % worse than that of nothing, or at the mark."""
    sign = 1 if row.position_lots > 0 else -1
    price = naive.price_of_nothing(row) * (1 - Fraction(sign, 100))
    per_tick = row.market.units_per_tick_lot * row.position_lots
    at_price = row.margin_units + per_tick * price - row.entry_cost_units
    return max(0, ceil(-at_price), -naive.equity_of(row))


@pytest.mark.parametrize("seed", [1, 2])
def test_the_fund_beside_what_the_ten_nearest_would_take(seed: int) -> None:
    made = naive.make_positions(120, seed)
    MarketStatus.objects.filter(pk="ETH-PERP").update(insurance_units=10**15)
    for market_id, risk in risks().items():
        own = [row for row in made if row.market_id == market_id]
        near = [row for row in own if naive.distance_of(row) is not None]
        ten = sorted(near, key=lambda row: (RANKS[PositionOrder.DISTANCE](row), row.pk))[:NEAREST]
        assert [line.position.pk for line in risk.cover.nearest] == [row.pk for row in ten]
        assert risk.cover.needed_units == sum(naive_need(row) for row in ten) > 0
        fund = 10**15 if market_id == "ETH-PERP" else 0
        assert risk.cover.missing_units == max(0, risk.cover.needed_units - fund)
        assert risk.positions == len(own)
        assert risk.gross_units == sum(abs(naive.value_of(row)) for row in own)


@pytest.mark.parametrize(("fund", "said"), [(2_000_000, "covered"), (1_999_999, "missing")])
def test_the_page_says_which_fund_is_too_small(client_of: ClientOf, fund: int, said: str) -> None:
    """A long that is bankrupt where it is worth 200 USD: a hundredth of that is needed."""
    market = naive.make_markets()["BTC-PERP"]
    naive.make_position(make_user(), market, 100, 251_000_000, 51_000_000)
    MarketStatus.objects.filter(pk=market.pk).update(insurance_units=fund)
    client = client_of("viewer")
    row, other = tables(client)["Insurance"][:2]
    assert row["ten would take"] == "2.00 USD"
    assert row["cover"] == ("covered" if said == "covered" else "0.000001 USD missing")
    assert (other["ten would take"], other["cover"]) == ("–", "–")
    context: Any = client.get(BOARD).context_data
    too_small = dict(context["figures"])["Funds too small"]
    assert ("none" in too_small) == (said == "covered")


def test_whoever_is_past_bankruptcy_costs_what_the_mark_says() -> None:
    """Nobody is liquidated while a market is paused, and the mark of the last moment is bad."""
    market = naive.make_markets()["BTC-PERP"]
    row = naive.make_position(make_user(), market, 100, 300_000_000, 1_000_000)
    naive.make_position(make_user(), market, -100, -300_000_000, 1_000_000)
    assert risks()[market.pk].cover.needed_units == -naive.equity_of(row) + 3_010_000


@pytest.mark.parametrize("seed", [1, 2])
def test_shares_of_the_largest(seed: int) -> None:
    made = naive.make_positions(120, seed)
    for market_id, risk in risks().items():
        for side, sign in zip(risk.sides, (1, -1), strict=True):
            own = [
                sign * row.position_lots
                for row in made
                if row.market_id == market_id and sign * row.position_lots > 0
            ]
            assert (side.count, side.lots) == (len(own), sum(own))
            largest = [abs(row.position_lots) for row in side.largest]
            assert largest == sorted(own, reverse=True)[:HOLDERS_SHOWN]


def test_the_page_says_the_shares(client_of: ClientOf) -> None:
    market = naive.make_markets()["BTC-PERP"]
    for lots in (600, 300, 100, -1_000):
        naive.make_position(make_user(), market, lots, lots * 2_510_000, 10**9)
    long, short = tables(client_of("viewer"))["Concentration"]
    assert [long[place].split(" %")[0] for place in ("1.", "2.", "3.")] == ["60", "30", "10"]
    assert (long["4."], long["together"], long["traders"]) == ("–", "100 %", "3")
    assert (short["together"], short["open interest"]) == ("100 %", "1 BTC")


# --- marks ----------------------------------------------------------------------------------------


def mark_cells(client: Client, market_id: str = "BTC-PERP") -> dict[str, str]:
    return {row["market"]: row for row in tables(client)["Insurance"]}[market_id]


def test_marks_that_are_stale_or_missing_are_said_to_be(client_of: ClientOf) -> None:
    client, market = client_of("viewer"), naive.make_markets()["BTC-PERP"]
    row = naive.make_position(make_user(), market, 100, 251_000_000, 30_000_000)
    assert "stale" not in mark_cells(client)["age of the mark"]
    naive.set_mark(market.pk, 25_100, timedelta(hours=3))
    assert mark_cells(client)["age of the mark"] == "3 h stale"
    naive.set_mark(market.pk, 25_100, index_stale=True)  # the engine's word
    assert "stale" in mark_cells(client)["age of the mark"]
    assert tables(client)["Positions"][0]["mark"] == "2,510.00 USD stale"
    assert "stale" in tables(client, f"{BOARD}{row.user_id}/")["Positions"][0]["mark, and its age"]
    naive.set_mark(market.pk, 0)
    for sort in PositionOrder:
        (shown,) = tables(client, f"{BOARD}?sort={sort}&market={market.pk}")["Positions"]
        of_mark = [shown[name] for name in ("mark", "value", "unrealised PnL", "leverage")]
        assert {*of_mark, shown["distance"]} == {"no mark"}
    assert mark_cells(client)["mark"] == mark_cells(client)["value"] == "no mark"
    assert mark_cells(client)["ten would take"] == "–"
    trader = tables(client, f"{BOARD}{row.user_id}/")["Positions"][0]
    of_mark = [trader[name] for name in ("mark, and its age", "value", "distance")]
    assert set(of_mark) == {"no mark"}


def test_a_position_without_a_mark_comes_after_all_others() -> None:
    made = naive.make_positions(30)
    naive.set_mark("ETH-PERP", 0)
    marks = market_marks(timezone.now())
    for key in PositionOrder:
        lines = first_lines(key, marks, first_of_markets(key, marks))
        assert len(lines) == len(made)
        has_mark = [line.position.market_id != "ETH-PERP" for line in lines]
        assert has_mark == sorted(has_mark, reverse=True)


def test_markets_that_ended_and_none_at_all(client_of: ClientOf) -> None:
    client = client_of("viewer")
    assert "There are no markets yet." in page(client)
    market = make_market()
    MarketStatus.objects.filter(pk=market.pk).update(state=MarketState.SETTLED)
    forget_markets()
    assert tables(client)["Insurance"] == []
