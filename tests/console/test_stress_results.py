"""What a run's page says of its result, and of two of them."""

from typing import Any

import pytest
from django.test import Client

from accounts.models import User
from console.jobs.models import JobState
from console.stress.models import StressKind, StressRun
from markets.models import Market
from matching.messages.vocabulary import MarketState
from tests.admin.factories import make_market
from tests.console.stress_runs import (
    ask,
    climbed,
    keep_rubbish,
    keep_snapshot,
    text_of,
    url_of,
)
from tests.console.test_stress_ladder import fund_runs_dry

pytestmark = pytest.mark.django_db


# --- results --------------------------------------------------------------------------------------


def make_traders() -> None:
    """Whose accounts are those of the snapshots, whoever has the numbers."""
    for number, name in enumerate(("alice", "bob", "carol"), 1):
        User.objects.update_or_create(pk=number, defaults={"username": name})


def test_result_says_who_and_how_much(risk: Client, market: Market) -> None:
    """A tick of this market is 0.1 USD and a lot 0.01 BTC."""
    Market.objects.update(lot_size="0.01")
    make_traders()
    keep_snapshot()
    run = climbed(-60_000, 10_000)
    body = risk.get(url_of(run)).content.decode()
    for pk, name in ((1, "alice"), (2, "bob")):
        assert f'<a href="/admin/accounts/user/{pk}/change/">{name}</a>' in body
    said = text_of(risk, url_of(run))
    assert "Before 100.00 USD 100.00 USD ACTIVE 0.02 USD 0.1 BTC" in said
    assert "-6 % 94.00 USD 94.00 USD 1 0.02 USD 0.00 USD 1 0.04 BTC" in said
    assert "+1 % 101.00 USD 101.00 USD 0.02 USD 0.1 BTC" in said
    # Alice: long 10 lots, four closed at 94.50 and six against Bob at 95.
    assert "0.1 BTC -0.10 USD 0.04 BTC at 94.50 USD 0.06 BTC at 95.00 USD" in said
    assert "bob 0.06 BTC 95.00 USD +0.30 USD" in said
    assert "Whom -6 % hurts" in said
    assert "Whom +1 % hurts" not in said
    assert run.digest in said


def test_path_says_where_it_has_come_to(risk: Client, market: Market) -> None:
    keep_snapshot()
    run = climbed(-40_000, -40_000, kind=StressKind.PATH)
    said = text_of(risk, url_of(run))
    assert "1. -4 % (in all -4 %)" in said
    assert "2. -4 % (in all -7.84 %)" in said


def test_outage_is_said(risk: Client, market: Market) -> None:
    keep_snapshot()
    run = climbed(-60_000, kind=StressKind.OUTAGE, market=market)
    said = text_of(risk, url_of(run))
    assert "its price is away" in said
    assert "no price: nobody is judged" in said
    assert "0.10 USD" in said  # what Alice lacks at 94


def test_halt_is_said(risk: Client, market: Market) -> None:
    keep_snapshot(config=fund_runs_dry(circuit_breaker_ppm=50_000).config)
    said = text_of(risk, url_of(climbed(-60_000)))
    assert "halts: circuit breaker" in said


def test_markets_left_out_and_damage_are_said(risk: Client, market: Market) -> None:
    seq = keep_snapshot()
    keep_rubbish(seq + 1)
    make_market("NEW-PERP")
    make_market("STOPPED-PERP")
    keep_snapshot("STOPPED-PERP", market_state=MarketState.HALTED)
    said = text_of(risk, url_of(climbed(-60_000)))
    assert "NEW-PERP is left out: there is no snapshot of it yet." in said
    assert "STOPPED-PERP is left out: it is HALTED, and takes no price." in said
    assert f"its snapshot at sequence {seq + 1} can't be read" in said
    assert "The one before it was taken." in said


def test_kept_by_another_version_is_said(risk: Client, market: Market) -> None:
    old = ask(1, state=JobState.DONE, results={"BTC-PERP": {"rungs": 3}}, digest="d")
    assert "kept by another version" in text_of(risk, url_of(old))
    keep_snapshot()
    new = climbed(-60_000)
    assert "kept by another version" in text_of(risk, url_of(new, f"?with={old.pk}"))


def test_accounts_that_are_gone_have_their_number(risk: Client, market: Market) -> None:
    keep_snapshot()
    run = climbed(-60_000)
    step = run.results["BTC-PERP"]["steps"][0]
    step["liquidated"][0]["account_id"] = 10**9
    run.save()
    assert "account 1000000000 0.01 BTC" in text_of(risk, url_of(run))


def test_step_alone_shows_all_that_is_kept(
    risk: Client, market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep_snapshot()
    run = climbed(-60_000, 10_000)
    monkeypatch.setattr("console.stress.display.ROWS_SHOWN_MAX", 0)
    whole = risk.get(url_of(run)).content.decode()
    assert "?market=BTC-PERP&amp;step=1" not in whole  # nothing of it is shown
    step = run.results["BTC-PERP"]["steps"][0]
    step["liquidated"] = [{**step["liquidated"][0], "account_id": n} for n in range(1, 4)]
    step["liquidated_accounts"] = 9
    run.save()
    monkeypatch.setattr("console.stress.display.ROWS_SHOWN_MAX", 2)
    whole = risk.get(url_of(run)).content.decode()
    assert "And 7 smaller ones" in whole
    assert "?market=BTC-PERP&amp;step=1" in whole
    alone = risk.get(url_of(run, "?market=BTC-PERP&step=1")).content.decode()
    assert "And 6 smaller ones, which are not kept" in alone


# --- two of them ----------------------------------------------------------------------------------


def test_differences_are_told_move_by_move(risk: Client, market: Market) -> None:
    make_traders()
    keep_snapshot()
    then = climbed(-60_000, 10_000, 20_000)
    left = fund_runs_dry().wallets_units - 10_000
    keep_snapshot(insurance_units=10_000, wallets_units=left)
    now = climbed(10_000, -60_000)
    body = text_of(risk, url_of(now, f"?with={then.pk}"))
    against = body.partition(f"Against run {then.pk}")[2]
    assert "0.02 USD → 0.01 USD" in against  # paid by the fund at -6 %
    assert "+20 %" not in against
    assert f"?with={then.pk}" in risk.get(url_of(now)).content.decode()


def test_newly_liquidated_are_named(risk: Client, market: Market) -> None:
    keep_snapshot()
    now, then = climbed(-60_000), climbed(-60_000)
    step = then.results["BTC-PERP"]["steps"][0]
    step["liquidated"], step["liquidated_accounts"] = [], 0
    then.save()
    (difference,) = differences_of(risk, now, then)
    assert [bool(cells["Newly"]) for cells in difference] == [True]
    assert [cells["Liquidated"] for cells in difference] == ["0 → 1"]
    (difference,) = differences_of(risk, then, now)
    assert [bool(cells["No longer"]) for cells in difference] == [True]


def differences_of(client: Client, now: StressRun, then: StressRun) -> list[list[dict[str, Any]]]:
    page: Any = client.get(url_of(now, f"?with={then.pk}"))
    return [[dict(row) for row in one.rows] for one in page.context_data["differences"]]


def test_nothing_differs(risk: Client, market: Market) -> None:
    keep_snapshot()
    then, now = climbed(-60_000), climbed(-60_000)
    assert "nothing differs" in text_of(risk, url_of(now, f"?with={then.pk}"))


def test_paths_are_compared_as_far_as_they_are_the_same(risk: Client, market: Market) -> None:
    keep_snapshot()
    then = climbed(-10_000, 20_000, -10_000, kind=StressKind.PATH)
    now = climbed(-10_000, 30_000, -10_000, kind=StressKind.PATH)
    (rows,) = differences_of(risk, now, then)
    assert [row["Move"].replace("\xa0", " ") for row in rows] == ["1. -1 % (in all -1 %)"]


def test_what_can_t_be_compared_is_said(risk: Client, market: Market) -> None:
    keep_snapshot()
    ladder = climbed(-60_000)
    path = climbed(-60_000, kind=StressKind.PATH)
    failed = ask(-60_000, state=JobState.FAILED)
    for other in (path, failed):
        said = text_of(risk, url_of(ladder, f"?with={other.pk}"))
        assert "There is no other ladder of this number that is done." in said
    other_market = make_market("ETH-PERP")
    keep_snapshot("ETH-PERP")
    only = climbed(-60_000, market=other_market)
    said = text_of(risk, url_of(ladder, f"?with={only.pk}"))
    assert f"BTC-PERP: only in run {ladder.pk}" in said
    assert f"ETH-PERP: only in run {only.pk}" in said
    elsewhere = climbed(-70_000)
    assert "no move is in both" in text_of(risk, url_of(ladder, f"?with={elsewhere.pk}"))
