"""What a proposal of new rules would do, from the proposal to its page. Alice is long 10 lots from
1,000 with a margin of 500,000: at 980 she has 300,000 left, which 1 % of 9,800,000 lets her keep
and 4 % doesn't."""

from collections.abc import Callable

import pytest
from django.test import Client

from approvals.models import Proposal
from console.jobs import lives
from console.jobs.models import JobState
from console.stress.climb import climb
from console.stress.display import baseline_of, ladders_of
from console.stress.models import StressKind, StressRun
from markets.config import market_config
from markets.models import LeverageTier, Market, MarketStatus
from matching.messages.vocabulary import MarketState
from tests.admin.factories import make_user
from tests.builders.markets import build_market
from tests.console.stress_runs import keep_snapshot, text_of
from trading.commands.proposals import propose_rules

ClientOf = Callable[[str], Client]
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis_db", "on_commit")]


@pytest.fixture
def on_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    """What waits for the end of a transaction happens at once."""
    monkeypatch.setattr("django.db.transaction.on_commit", lambda does: does())


@pytest.fixture
def strict(db: None) -> Market:
    """1,000 units per tick and lot, 4 % of maintenance margin, no fee of a liquidation."""
    market = build_market(
        "ALICE-PERP", tick_size=1, max_size_lots=1_000, mark_clamp_ppm=1, liquidation_fee_ppm=0
    )
    market.save()
    LeverageTier.objects.create(
        market=market, floor_units=0, max_leverage=20, maintenance_ppm=40_000
    )
    MarketStatus.objects.filter(pk=market.pk).update(state=MarketState.ACTIVE)
    return market


def propose(market: Market, maintenance_ppm: int) -> Proposal:
    tiers = [LeverageTier(floor_units=0, max_leverage=20, maintenance_ppm=maintenance_ppm)]
    by = make_user("author", is_staff=True, is_superuser=True)
    return propose_rules(market, tiers, [], "traders ask for it", by)


def predicted(market: Market, maintenance_ppm: int = 10_000) -> tuple[Proposal, StressRun]:
    proposal = propose(market, maintenance_ppm)
    run = StressRun.objects.get(proposal=proposal)
    assert (run.kind, run.state) == (StressKind.RULES, JobState.WAITING)
    assert lives.claim(StressRun, run.pk)
    climb(run.pk)
    run.refresh_from_db()
    return proposal, run


def test_who_would_no_longer_be_liquidated(strict: Market, client_of: ClientOf) -> None:
    keep_snapshot(strict.pk, config=market_config(strict))
    proposal, run = predicted(strict)
    assert (run.state, run.why) == (JobState.DONE, "")
    before, after = (
        {step.move_ppm: step.liquidated_accounts for step in ladders[strict.pk].steps}
        for ladders in (baseline_of(run), ladders_of(run))
    )
    assert (before[0], before[-20_000], after[0], after[-20_000]) == (0, 1, 0, 0)
    assert (before[-50_000], after[-50_000]) == (1, 1)
    client = client_of("superuser")
    page = text_of(client, f"/admin/stress/{run.pk}/")
    assert f"What proposal {proposal.pk} would change" in page
    record = client.get(f"/admin/approvals/proposal/{proposal.pk}/change/")
    said = record.content.decode()
    assert "Predicted effect" in said
    assert f'href="/admin/stress/{run.pk}/"' in said


def test_without_a_snapshot_the_page_offers_it_again(strict: Market, client_of: ClientOf) -> None:
    proposal, run = predicted(strict)
    assert (run.state, run.why) == (
        JobState.FAILED,
        "There is nothing to run: there is no snapshot of it yet.",
    )
    client = client_of("superuser")
    said = client.get(f"/admin/approvals/proposal/{proposal.pk}/change/").content.decode()
    assert run.why in said
    assert f'href="/admin/stress/?proposal={proposal.pk}"' in said
    page = client.get(f"/admin/stress/?proposal={proposal.pk}").content.decode()
    assert "Predict what it would do" in page
    answer = client.post("/admin/stress/", {"predict": str(proposal.pk)})
    again = StressRun.objects.latest("pk")
    assert (answer["Location"], again.proposal) == (f"/admin/stress/{again.pk}/", proposal)
    for number in ("x", "", "999", "9" * 40):
        assert client.post("/admin/stress/", {"predict": number}).status_code == 404
        assert client.get(f"/admin/stress/?proposal={number}").status_code == 200
    assert client_of("viewer").post("/admin/stress/", {"predict": "1"}).status_code == 403


def test_an_outdated_proposal_is_said(strict: Market) -> None:
    proposal = propose(strict, 10_000)
    Market.objects.filter(pk=strict.pk).update(config_version=99)
    run = StressRun.objects.get(proposal=proposal)
    lives.claim(StressRun, run.pk)
    climb(run.pk)
    run.refresh_from_db()
    assert "has changed since" in run.why
