"""Runs of the stress ladder: they change nothing but their own row."""

from typing import Any

import pytest
from django.apps import apps

from common.errors import DomainError
from common.redis_client import redis_client
from console.stress import services
from console.stress.ladder import run_step
from console.stress.models import StressRun, StressState
from matching.messages.snapshot import encode_snapshot
from matching.messages.streams import snapshots_key
from tests.admin.factories import make_market, make_user
from tests.console.test_stress_ladder import fund_runs_dry

pytestmark = pytest.mark.django_db


def keep_snapshot(market_id: str = "BTC-PERP") -> None:
    taken = fund_runs_dry()
    redis_client().hset(snapshots_key(market_id), str(taken.seq), encode_snapshot(taken))


def row_counts() -> dict[str, int]:
    models = [model for model in apps.get_models() if model is not StressRun]
    return {model._meta.label: model._default_manager.count() for model in models}


def redis_values() -> dict[bytes, Any]:
    client = redis_client()
    keys: Any = client.keys()
    return {key: client.dump(key) for key in keys}


def test_run_keeps_what_it_found_and_changes_nothing_else() -> None:
    make_market()
    keep_snapshot()
    risk = make_user("risk-op")
    before = row_counts(), redis_values()
    digests = []
    for _ in range(2):
        run = services.request_run(risk, [-60_000, 10_000], "weekly")
        services.run(run.pk)
        run.refresh_from_db()
        assert (run.state, run.steps_done, run.steps_total) == (StressState.DONE, 2, 2)
        digests.append(run.digest)
    assert (row_counts(), redis_values()) == before
    assert digests[0] == digests[1] != ""
    fallen, risen = run.results["BTC-PERP"]["steps"]
    assert (fallen["insurance_paid_units"], fallen["insurance_after_units"]) == (20_000, 0)
    assert [found["lots"] for found in fallen["deleveraged"]] == [6]
    assert risen["liquidated"] == []
    assert run.snapshots == {"BTC-PERP": fund_runs_dry().seq}


def test_without_a_snapshot_it_says_so() -> None:
    make_market()
    run = services.request_run(make_user(), [-60_000], "weekly")
    services.run(run.pk)
    run.refresh_from_db()
    assert run.state == StressState.FAILED
    assert "BTC-PERP: there is no snapshot" in run.why


def test_cancelled_stays_cancelled_and_frees_the_place(monkeypatch: pytest.MonkeyPatch) -> None:
    make_market()
    keep_snapshot()
    run = services.request_run(make_user(), [-60_000, 10_000], "weekly")
    with pytest.raises(DomainError, match="under way"):
        services.request_run(make_user(), [-60_000], "weekly")
    real = run_step

    def step_while_somebody_cancels(*asked: Any) -> Any:
        services.cancel_run(run.pk)
        return real(*asked)

    monkeypatch.setattr(services, "run_step", step_while_somebody_cancels)
    services.run(run.pk)
    run.refresh_from_db()
    assert (run.state, run.steps_done, run.results) == (StressState.CANCELLED, 0, {})
    with pytest.raises(DomainError, match="has ended"):
        services.cancel_run(run.pk)
    services.request_run(make_user(), [-60_000], "weekly")


@pytest.mark.parametrize(
    ("steps", "reason"),
    [
        ([], "x"),
        ([0], "x"),
        ([-1_000_000], "x"),
        ([5_000_001], "x"),
        ([1], " "),
        ([*range(1, 42)], "x"),
    ],
)
def test_rubbish_is_refused(steps: list[int], reason: str) -> None:
    with pytest.raises(DomainError):
        services.request_run(make_user(), steps, reason)
    assert not StressRun.objects.exists()
