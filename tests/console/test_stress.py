"""Runs of the stress ladder: they change nothing but their own row, and end whatever happens."""

import hashlib
import subprocess
import sys
from datetime import timedelta
from typing import Any

import pytest
import redis
from django.apps import apps
from django.core import serializers
from django.core.management import call_command
from django.core.management.base import CommandError
from django.utils import timezone

from common.redis_client import redis_client
from console.jobs import lives, tasks
from console.jobs.models import JobState
from console.stress import climb as climbing
from console.stress.climb import climb
from console.stress.ladder import LadderRefused, ladder_steps
from console.stress.models import StressKind, StressRun
from markets.models import MarketStatus
from matching.messages.vocabulary import MarketState
from tests.admin.factories import make_market, make_user, make_world
from tests.console.stress_runs import ask, climbed, keep_rubbish, keep_snapshot
from tests.console.test_stress_ladder import fund_runs_dry

pytestmark = pytest.mark.django_db

TWO_PPM = (-60_000, 10_000)


def rows() -> dict[str, str]:
    """Of every table but the runs' own, as a hash of all its rows."""
    models = [model for model in apps.get_models() if model is not StressRun]
    return {
        model._meta.label: hashlib.sha256(
            serializers.serialize("json", model._default_manager.order_by("pk")).encode()
        ).hexdigest()
        for model in models
    }


def redis_values() -> dict[bytes, Any]:
    client = redis_client()
    keys: Any = client.keys()
    return {key: client.dump(key) for key in keys}


def test_run_keeps_what_it_found_and_changes_nothing_else() -> None:
    make_world()
    seq, by = keep_snapshot(), make_user("risk-op")
    before = rows(), redis_values()
    first, again = (climbed(*TWO_PPM, asked_by=by) for _ in range(2))
    assert (rows(), redis_values()) == before
    assert (first.state, first.steps_done, first.steps_total) == (JobState.DONE, 2, 2)
    assert first.digest == again.digest != ""
    assert first.results == again.results
    ladder = first.results["BTC-PERP"]
    assert ladder["seq"] == seq
    fallen, risen = ladder["steps"]
    assert (fallen["insurance_paid_units"], fallen["after"]["insurance_units"]) == (20_000, 0)
    assert [found["lots"] for found in fallen["deleveraged"]] == [6]
    assert risen["liquidated"] == []


def test_all_markets_or_one_or_all_but_the_one_whose_price_is_away() -> None:
    make_market()
    other = make_market("ETH-PERP")
    ended = make_market("OLD-PERP")
    MarketStatus.objects.filter(pk=ended.pk).update(state=MarketState.DELISTED)
    for market_id in ("BTC-PERP", "ETH-PERP", "OLD-PERP"):
        keep_snapshot(market_id)
    assert list(climbed(-60_000).results) == ["BTC-PERP", "ETH-PERP"]
    assert list(climbed(-60_000, market=other).results) == ["ETH-PERP"]
    outage = climbed(-60_000, kind=StressKind.OUTAGE, market=other)
    away = {market_id: ladder["is_away"] for market_id, ladder in outage.results.items()}
    assert away == {"BTC-PERP": False, "ETH-PERP": True}
    accounts = [ladder["steps"][0]["liquidated_accounts"] for ladder in outage.results.values()]
    assert accounts == [1, 0]


def test_path_differs_from_a_ladder_of_the_same_moves() -> None:
    make_market()
    keep_snapshot()
    ladder, path = (
        climbed(-40_000, -40_000, kind=kind) for kind in (StressKind.LADDER, StressKind.PATH)
    )
    liquidated = [
        [step["liquidated_accounts"] for step in run.results["BTC-PERP"]["steps"]]
        for run in (ladder, path)
    ]
    assert liquidated == [[0, 0], [0, 1]]
    assert ladder.digest != path.digest


@pytest.mark.parametrize(
    ("market_id", "said"),
    [
        ("NEW-PERP", "there is no snapshot"),
        ("HALTED-PERP", "it is HALTED, and takes no price"),
        ("BROKEN-PERP", "at sequence 3 can't be read: checksum does not match"),
        ("WRONG-PERP", "its snapshot can't be used: "),
    ],
)
def test_market_that_can_t_be_run_is_left_out_in_words(market_id: str, said: str) -> None:
    make_market()
    keep_snapshot()
    make_market(market_id)
    if market_id == "HALTED-PERP":
        keep_snapshot(market_id, market_state=MarketState.HALTED)
    if market_id == "BROKEN-PERP":
        keep_rubbish(3, market_id)
    if market_id == "WRONG-PERP":
        keep_snapshot(market_id, wallets_units=7)
    run = climbed(-60_000)
    assert (run.state, list(run.results)) == (JobState.DONE, ["BTC-PERP"])
    assert said in run.refused[market_id]


def test_without_any_it_says_so() -> None:
    make_market()
    run = climbed(-60_000)
    assert run.state == JobState.FAILED
    assert run.why == "There is nothing to run. BTC-PERP: there is no snapshot of it yet."


def test_damaged_snapshot_is_passed_over_for_the_one_before_it_and_said() -> None:
    make_market()
    seq = keep_snapshot()
    keep_rubbish(seq + 1)
    ladder = climbed(-60_000).results["BTC-PERP"]
    assert ladder["seq"] == seq
    assert f"at sequence {seq + 1} can't be read" in ladder["note"]


def test_only_the_largest_rows_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    make_market()
    keep_snapshot()
    whole = climbed(-60_000)
    monkeypatch.setattr(climbing, "ROWS_KEPT_MAX", 0)
    short = climbed(-60_000)
    (step,) = short.results["BTC-PERP"]["steps"]
    assert (step["liquidated"], step["liquidated_accounts"]) == ([], 1)
    assert short.digest == whole.digest


def test_cancelled_meanwhile_stays_cancelled() -> None:
    make_market()
    keep_snapshot()
    run = ask(*TWO_PPM)
    seen = []

    def cancel() -> None:
        seen.append(lives.tell(StressRun, run.pk, state=JobState.CANCELLED))

    climb(run.pk, cancel)
    run.refresh_from_db()
    assert (run.state, run.steps_done, run.results, seen) == (JobState.CANCELLED, 0, {}, [True])
    assert not lives.claim(StressRun, run.pk)


def test_redis_away_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    make_market()

    def away(market_id: str) -> None:
        raise redis.ConnectionError("no route")

    monkeypatch.setattr(climbing, "newest_snapshot", away)
    run = climbed(-60_000)
    assert (run.state, run.why) == (JobState.FAILED, "Redis doesn't answer: no route")


@pytest.mark.parametrize(
    ("state", "silent_s", "said"),
    [
        (JobState.RUNNING, 10, ""),
        (JobState.RUNNING, 40, "worker was lost"),
        (JobState.WAITING, 40, ""),
        (JobState.WAITING, 700, "No worker took it"),
        (JobState.DONE, 700, ""),
    ],
)
def test_silence_ends_a_run(state: JobState, silent_s: int, said: str) -> None:
    run = ask(-60_000, state=state, beat_at=timezone.now() - timedelta(seconds=silent_s))
    lives.give_up_lost(StressRun)
    run.refresh_from_db()
    assert said in run.why
    assert run.state == (JobState.FAILED if said else state)


# --- the process of its own -----------------------------------------------------------------------


class Played(subprocess.Popen[bytes]):
    """Python that does what the test says in place of the run's command."""

    does = ""

    def __init__(self, command: list[str], **options: Any) -> None:
        assert command[1:] == ["-m", "django", "runjob", "stressrun", command[-1]]
        super().__init__([sys.executable, "-c", self.does], **options)


def run_played(monkeypatch: pytest.MonkeyPatch, does: str, meanwhile: Any = None) -> StressRun:
    monkeypatch.setattr(Played, "does", does)
    monkeypatch.setattr(subprocess, "Popen", Played)
    monkeypatch.setattr(tasks, "LOOK_EVERY_S", 0.01)
    run = ask(-60_000)
    if meanwhile is not None:
        monkeypatch.setattr(lives, "claim", lambda _, run_id: meanwhile(run_id) or True)
    tasks.run_job("stressrun", run.pk)
    run.refresh_from_db()
    return run


@pytest.mark.parametrize(
    ("does", "said"),
    [
        ("import os; os.kill(os.getpid(), 9)", "Its process was killed by SIGKILL."),
        ("raise SystemExit(3)", "Its process ended with 3 and no word of why"),
    ],
)
def test_process_that_ends_without_a_word(
    monkeypatch: pytest.MonkeyPatch, does: str, said: str
) -> None:
    run = run_played(monkeypatch, does)
    assert run.state == JobState.FAILED
    assert said in run.why


def test_process_that_takes_too_long_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "TIME_LIMIT_S", 0)
    run = run_played(monkeypatch, "import time; time.sleep(600)")
    assert (run.state, run.why) == (JobState.FAILED, "It took longer than 0 s.")


def test_process_of_a_cancelled_run_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    def cancel(run_id: int) -> None:
        lives.tell(StressRun, run_id, state=JobState.CANCELLED)

    run = run_played(monkeypatch, "import time; time.sleep(600)", cancel)
    assert (run.state, run.why) == (JobState.CANCELLED, "")


def test_run_that_has_ended_starts_no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subprocess, "Popen", lambda *_, **__: pytest.fail("a process"))
    tasks.run_job("stressrun", ask(-60_000, state=JobState.CANCELLED).pk)
    tasks.run_job("stressrun", 10**15)


# --- its command ----------------------------------------------------------------------------------


@pytest.fixture
def _no_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the tests' own process."""
    monkeypatch.setattr("resource.setrlimit", lambda *_: None)
    monkeypatch.setattr("os.nice", lambda _: 0)


@pytest.mark.usefixtures("_no_limits")
def test_command_climbs() -> None:
    make_market()
    keep_snapshot()
    run = ask(-60_000)
    call_command("runjob", "stressrun", str(run.pk))
    run.refresh_from_db()
    assert run.state == JobState.DONE
    with pytest.raises(CommandError, match="not under way"):
        call_command("runjob", "stressrun", str(run.pk))


@pytest.mark.usefixtures("_no_limits")
def test_command_says_what_it_met(monkeypatch: pytest.MonkeyPatch) -> None:
    make_market()

    def hungry(market_id: str) -> None:
        raise MemoryError

    monkeypatch.setattr(climbing, "newest_snapshot", hungry)
    run = ask(-60_000)
    call_command("runjob", "stressrun", str(run.pk))
    run.refresh_from_db()
    assert run.why == "It needed more than 3,000,000,000 bytes of memory."

    def faulty(market_id: str) -> None:
        raise ValueError("a surprise")

    monkeypatch.setattr(climbing, "newest_snapshot", faulty)
    run = ask(-60_000)
    with pytest.raises(ValueError, match="surprise"):
        call_command("runjob", "stressrun", str(run.pk))
    run.refresh_from_db()
    assert run.why == "It met a fault of ours: ValueError: a surprise"


@pytest.mark.usefixtures("_no_limits")
def test_command_ends_when_its_worker_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    make_market()
    keep_snapshot()
    parents = iter([7, 1])
    monkeypatch.setattr("os.getppid", lambda: next(parents))
    run = ask(*TWO_PPM)
    call_command("runjob", "stressrun", str(run.pk))
    run.refresh_from_db()
    assert (run.state, run.steps_done) == (JobState.WAITING, 0)


def test_refusal_in_the_middle_of_a_market_leaves_it_out(monkeypatch: pytest.MonkeyPatch) -> None:
    make_market()
    keep_snapshot()
    make_market("ETH-PERP")
    keep_snapshot("ETH-PERP", seq=fund_runs_dry().seq + 1)

    def stops_at_the_second(taken: Any, moves_ppm: Any) -> Any:
        steps = ladder_steps(taken, moves_ppm)
        yield next(steps)
        if taken.seq == fund_runs_dry().seq:
            raise LadderRefused("its engine would stop: gone wrong")
        yield from steps

    monkeypatch.setattr(climbing, "ladder_steps", stops_at_the_second)
    run = climbed(*TWO_PPM)
    assert (run.state, list(run.results)) == (JobState.DONE, ["ETH-PERP"])
    assert run.refused == {"BTC-PERP": "its engine would stop: gone wrong"}
