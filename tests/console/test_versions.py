"""A market's rules over time, as the console shows them and takes them up again."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from approvals.models import Proposal
from common.admin.record_urls import url_of
from console.audit.models import AuditRow
from markets.models import LeverageTier, Market
from tests.admin.test_markets import RULES, tiers
from tests.builders.markets import build_market
from trading import services
from trading.models import MarketVersion, OutboxCommand

ClientOf = Callable[[str], Client]

pytestmark = pytest.mark.django_db
URL = reverse("admin:market-versions", args=["SOL-PERP"])


@pytest.fixture
def sol() -> Market:
    """Three versions: 20×, dearer, stricter."""
    market = build_market("SOL-PERP")
    services.configure_market(market, by=None, why=services.Why("made"))
    market.taker_fee_ppm, market.max_size_lots = 600, 50_000
    services.configure_market(market, by=None, why=services.Why("dearer"))
    stricter = [LeverageTier(floor_units=0, max_leverage=10, maintenance_ppm=40_000)]
    services.configure_market(market, None, stricter, services.Why("stricter"))
    return market


def get(client: Client, query: str = "") -> str:
    response = client.get(URL + query)
    assert response.status_code == 200
    return response.content.decode()


def back(client: Client, to: int, seen: int = 3, reason: str = "it was better") -> str:
    response = client.post(f"{URL}?to={to}", {"reason": reason, "seen": str(seen)}, follow=True)
    assert response.status_code == 200
    return response.content.decode()


def test_what_changed_is_in_words(sol: Market, risk: Client) -> None:
    page = get(risk)
    for words in (
        "taker fee 0.05 % → 0.06 %",
        "maximum size 100 SOL → 50 SOL",
        "tier from 0.00 USD 20×, maintenance 2 % → 10×, maintenance 4 %",
        "the first that is kept",
        "waiting for its engine",
    ):
        assert words in page, words
    OutboxCommand.objects.update(applied_seq=9)
    assert "applied at 9" in get(risk)
    assert "refused at 9" in get(risk)  # the newest: its engine still has none
    assert "Rules over time" in risk.get(url_of(Market, sol.pk)).content.decode()


def test_back_to_one_says_what_it_changes_and_does_it(sol: Market, risk: Client) -> None:
    """Back to stricter tiers is no more risk: it takes one operator."""
    looser = [LeverageTier(floor_units=0, max_leverage=15, maintenance_ppm=30_000)]
    services.configure_market(sol, None, looser, services.Why("looser"))
    asked = get(risk, "?to=1")
    for words in ("Back to version 1", "taker fee", "0.06 %", "0.05 %", "15×, maintenance 3 %"):
        assert words in asked, words
    page = back(risk, 3, seen=4)
    assert "on their way again" in page
    newest = MarketVersion.objects.filter(market=sol).first()
    assert newest is not None
    assert (newest.version, newest.restores, newest.reason) == (5, 3, "it was better")
    row = AuditRow.objects.get(verb="roll_back")
    assert row.words.startswith("back to version 3\ntier from 0.00 USD 15×")
    assert (row.reason, row.command_id) == ("it was better", newest.command_id)
    assert "back to version 3" in get(risk)


def test_more_risk_waits_for_another(sol: Market, risk: Client, settings: Any) -> None:
    settings.DEMO = False
    page = back(risk, 1)
    assert "waits for another operator" in page
    assert MarketVersion.objects.count() == 3
    proposal = Proposal.objects.get()
    assert ["taker fee", "0.06 %", "0.05 %"] in proposal.changes
    assert AuditRow.objects.get(verb="proposed").command_id is None
    assert "waits" in back(risk, 1)
    assert Proposal.objects.count() == 1


@pytest.mark.parametrize(
    ("to", "said", "words"),
    [
        (3, {"reason": "why", "seen": "3"}, "those of version 3 already"),
        (1, {"reason": "why", "seen": "2"}, "somebody changed them"),
        (1, {"reason": "why", "seen": ""}, "somebody changed them"),
        (1, {"reason": "why", "seen": "x"}, "Back to version 1"),
        (1, {"reason": " ", "seen": "3"}, "This field is required"),
        (1, {"reason": "x" * 501, "seen": "3"}, "at most 500"),
    ],
)
def test_rubbish(sol: Market, risk: Client, to: int, said: dict[str, str], words: str) -> None:
    response = risk.post(f"{URL}?to={to}", said)
    assert response.status_code == 200
    assert words in response.content.decode()
    assert MarketVersion.objects.count() == 3


def test_rubbish_in_the_address(sol: Market, risk: Client) -> None:
    for query in ("?to=99", "?to=x", "?to=-1", f"?to={'9' * 400}", "?before=0", "?before=²"):
        get(risk, query)
    for query in ("?to=99", "", "?to=x"):
        assert risk.post(URL + query, {"reason": "x", "seen": "3"}).status_code == 404
    assert risk.get(reverse("admin:market-versions", args=["NO-PERP"])).status_code == 404


def test_what_changed_around_the_rules_is_said(sol: Market, risk: Client) -> None:
    """A quorum of then, which today's sources can't meet."""
    kept = MarketVersion.objects.get(version=1)
    rules = kept.rules | {"price_quorum": 3, "max_open_orders": 9}
    other = MarketVersion.objects.create(
        market=sol, version=90, rules=rules, rules_hash="other", reason=""
    )
    assert "needs 3 healthy sources" in back(risk, other.version)


def test_a_page_of_them(sol: Market, risk: Client) -> None:
    for number in range(20):
        sol.max_open_orders = 100 + number
        services.configure_market(sol, by=None)
    page = get(risk)
    assert "?before=4" in page
    assert "Older versions" in page
    assert "Older versions" not in get(risk, "?before=4")


def test_the_market_form_keeps_one_with_its_reason(market: Market, risk: Client) -> None:
    rows = tiers(("0", "50", "1"), ("50000", "25", "2"), initial=tuple(market.tiers.all()))
    said = RULES | rows | {"reason": "as agreed", "version": "1"}
    risk.post(url_of(Market, market.pk), said, follow=True)
    kept = MarketVersion.objects.get()
    assert (kept.version, kept.reason) == (2, "as agreed")
    assert kept.author is not None
    page = risk.post(url_of(Market, market.pk), said | {"max_size": "40"}, follow=True)
    assert "somebody changed them since you opened this page" in page.content.decode()
    assert MarketVersion.objects.count() == 1


def test_viewers_compare_and_change_nothing(sol: Market, client_of: ClientOf) -> None:
    viewer = client_of("viewer")
    page = viewer.get(f"{URL}?to=1").content.decode()
    assert "Compare" in page
    assert 'name="reason"' not in page
    assert viewer.post(f"{URL}?to=1", {"reason": "x", "seen": "3"}).status_code == 403
