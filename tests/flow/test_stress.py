"""The stress ladder of a running exchange: its engine's snapshot, its worker, a process of the
run's own. Figures by hand; a market of its own, as BTC-PERP in `test_two_traders`, where nobody
else has a position.
"""

from collections.abc import Callable
from typing import Any

import pytest
from django.db.models import Model

from common.redis_client import redis_client
from console.jobs.models import UNDER_WAY, JobState
from console.stress.models import StressRun
from ledger.models import JournalEntry
from markets.models import MarketStatus
from matching.messages.streams import input_stream, output_stream, snapshots_key
from persistence.models import MarketCursor
from tests.flow.committed import Operator
from tests.flow.exchange import Exchange, Trader, wait_for
from trading.models import Fill, Liquidation, OutboxCommand, Position

pytestmark = pytest.mark.django_db
URL = "/admin/stress/"
MARKET = "DRILL-PERP"


class StressOperator(Operator):
    def runs(self, **said: str) -> StressRun:
        """The run, once it has ended."""
        return ended(self.post(URL, **said))


@pytest.fixture(scope="module")
def operator(exchange: Exchange) -> StressOperator:
    exchange.open_market(MARKET)
    return StressOperator("risk-op")


def traces() -> list[Any]:
    """What a run that weren't a play would leave behind in the market. In others something of
    tests before may still be on its way."""
    models: tuple[type[Model], ...] = (Fill, Liquidation, OutboxCommand, JournalEntry)
    rows = [model._default_manager.filter(market_id=MARKET).count() for model in models]
    positions = list(Position.objects.filter(market_id=MARKET).order_by("pk").values())
    streams: Any = [redis_client().xlen(name(MARKET)) for name in (input_stream, output_stream)]
    return [rows, positions, streams, redis_client().hkeys(snapshots_key(MARKET))]


def funding_due() -> int:
    """Once all is written down that there is."""

    def is_written_down() -> bool:
        told: Any = redis_client().xinfo_stream(output_stream(MARKET))
        seq = int(told["last-generated-id"].partition(b"-")[0])
        return MarketCursor.objects.get(pk=MARKET).seq == seq

    wait_for(is_written_down, "the worker")
    return MarketStatus.objects.get(pk=MARKET).next_funding_ms


def ended(url: str) -> StressRun:
    over = StressRun.objects.exclude(state__in=UNDER_WAY)
    return wait_for(lambda: over.filter(pk=url.split("/")[-2]).first(), "the run's end")


def test_ladder_of_a_running_exchange(
    exchange: Exchange, operator: StressOperator, new_trader: Callable[..., Trader]
) -> None:
    """Bob shorts 1 BTC to Alice at 50,000 for 5,000 of margin each: she is bankrupt below 45,000.
    At −20 % nobody bids, so that he is deleveraged, at 45,000."""
    alice, bob = new_trader(), new_trader()
    alice.market_id = bob.market_id = MARKET
    short = bob.place("SHORT", "1", "50000", margin="5000")
    bob.wait_until(short, "open")
    alice.wait_until(alice.place("LONG", "1", "50000", margin="5000"), "filled", "1")
    bob.wait_until(short, "filled", "1")
    exchange.restart_engine()
    asked = {"kind": "ladder", "market": MARKET, "moves": "-1 -20", "reason": "a drill"}
    for _ in range(2):
        due, before = funding_due(), traces()
        first, again = (operator.runs(**asked) for _ in range(2))
        after = traces()
        if funding_due() == due:  # else funding was settled meanwhile, and left its own
            break
    assert (first.state, first.why, first.steps_done) == (JobState.DONE, "", 2)
    assert (again.state, again.digest) == (JobState.DONE, first.digest)
    assert after == before
    small, large = first.results[MARKET]["steps"]
    assert (small["liquidated"], large["before"]["mark_ticks"]) == ([], 500_000)
    (row,) = large["liquidated"]
    assert (row["account_id"], row["position_lots"], row["left_lots"]) == (alice.user_id, 1_000, 0)
    (other,) = large["deleveraged"]
    assert (other["account_id"], other["lots"]) == (bob.user_id, 1_000)
    assert other["cost_units"] == 45_000 * 1_000_000
    page = operator.get(f"{URL}{first.pk}/")
    for trader in (alice, bob):
        assert f'href="/admin/accounts/user/{trader.user_id}/change/"' in page
    assert "nothing differs" in operator.get(f"{URL}{first.pk}/?with={again.pk}")


def test_cancelled_whatever_the_worker_has_come_to(operator: StressOperator) -> None:
    moves = " ".join(f"-{move}" for move in range(1, 41))
    asked = {"kind": "ladder", "market": "all", "moves": moves, "reason": "a drill"}
    url = operator.post(URL, **asked)
    operator.post(url, cancel="yes")
    run = ended(url)
    assert (run.state, run.results) == (JobState.CANCELLED, {})
    # The place is free.
    assert operator.runs(**asked | {"moves": "-1"}).state == JobState.DONE
