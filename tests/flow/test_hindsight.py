"""A venue prints nonsense for a moment: what it cost is found, and given back."""

from collections.abc import Callable

import pytest

from approvals.models import Proposal
from console.hindsight.models import HindsightRun
from console.jobs.models import UNDER_WAY, JobState
from persistence.reconciliation import wallet_differences
from tests.flow.committed import Operator
from tests.flow.exchange import MARK_TICKS, Exchange, Trader, wait_for
from trading.models import Liquidation

pytestmark = pytest.mark.django_db
URL = "/admin/hindsight/"
MARKET = "PRINT-PERP"


@pytest.fixture(scope="module")
def operator(exchange: Exchange) -> Operator:
    exchange.open_market(MARKET, mark_clamp_ppm=1)
    return Operator("hindsight-op")


@pytest.fixture(scope="module")
def second(exchange: Exchange) -> Operator:
    return Operator("hindsight-second")


def test_a_wrong_print_is_set_right(
    exchange: Exchange, operator: Operator, second: Operator, new_trader: Callable[..., Trader]
) -> None:
    """Alice is short 0.1 BTC with 500 of margin, and is bought out at 54,000 by an index of
    56,000, which leaves her 100. Without it she would have her 500 still."""
    alice, bob = new_trader(), new_trader()
    alice.market_id = bob.market_id = MARKET
    short = alice.place("SHORT", "0.1", "50000", margin="500")
    alice.wait_until(short, "open")
    bob.wait_until(bob.place("LONG", "0.1", "50000", margin="5000"), "filled", "0.1")
    ask = bob.place("SHORT", "0.2", "54000", margin="4000")
    bob.wait_until(ask, "open")
    exchange.set_mark(MARKET, MARK_TICKS + 60_000, "56000")
    wrong = wait_for(lambda: _liquidated(alice), "a liquidation")
    exchange.set_mark(MARKET, MARK_TICKS, "50000")
    last = exchange.ticker(MARKET)["seq"]
    url = operator.post(
        URL,
        market=MARKET,
        from_seq=str(wrong),
        to_seq=str(last),
        prices=f"{wrong} = 50000",
        reason="a venue printed 56,000",
    )
    over = HindsightRun.objects.exclude(state__in=UNDER_WAY)
    run = wait_for(lambda: over.filter(pk=url.split("/")[-2]).first(), "the run's end")
    assert (run.state, run.why) == (JobState.DONE, "")
    rows = {row["account_id"]: row for row in run.outcome["traders"]}
    due_units = rows[alice.user_id]["should_units"] - rows[alice.user_id]["did_units"]
    assert (rows[alice.user_id]["did_lots"], rows[alice.user_id]["should_lots"]) == (0, -100)
    assert due_units > 0
    operator.post(url, propose="yes", reason="the venue's fault")
    proposal = Proposal.objects.get(payload__reference=f"hindsight {run.pk}")
    assert proposal.beneficiary_ids == [alice.user_id]
    before = _available_units(alice)
    said = {"action": "approve", "_selected_action": str(proposal.pk), "confirmed": "yes"}
    second.post("/admin/approvals/proposal/", **said)
    assert _available_units(alice) - before == due_units
    assert [row["cause"] for row in alice.get("/user/ledger?kind=adjustment")["ledger"]] == [
        "adjustment"
    ]
    assert wallet_differences() == []


def _liquidated(trader: Trader) -> int | None:
    """The sequence of it."""
    rows = Liquidation.objects.filter(user_id=trader.user_id)
    return rows.values_list("seq", flat=True).first()


def _available_units(trader: Trader) -> int:
    return round(float(trader.equity()["available"]) * 1_000_000)
