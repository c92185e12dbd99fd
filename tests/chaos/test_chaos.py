"""The short chaos run: every part killed under load, Redis wiped, nothing lost."""

import os
import subprocess
import sys
from itertools import islice, pairwise
from pathlib import Path

import pytest

from exchange_site.embedded.bootstrap import ROOT
from tests.chaos.faults import WEIGHTS, plan
from tests.chaos.prices import HOME_TICKS, prices
from tests.patience import PATIENCE_S

WITHIN_S = 10 * PATIENCE_S


@pytest.mark.drill
def test_nothing_acknowledged_is_lost(folder: Path) -> None:
    said = run(folder, "--duration", "25", "--kills", str(len(WEIGHTS)), "--wipe")
    assert f"kills                {len(WEIGHTS)}: " in said
    assert "lost                 0\ndoubled              0\nclean\n" in said, said


@pytest.mark.drill
def test_nothing_is_lost_with_a_primary_whose_standby_takes_over(folder: Path) -> None:
    said = run(folder, "--duration", "60", "--kills", "20", "--standby")
    assert "lost                 0\ndoubled              0\nclean\n" in said, said


def run(folder: Path, *options: str) -> str:
    """What it said."""
    log = folder / "chaos.log"
    seed = os.environ.get("CHAOS_SEED", "7")
    given = ["--seed", seed, "--within", str(PATIENCE_S), *options]
    with log.open("wb") as output:
        status = subprocess.run(
            [sys.executable, "-m", "tests.chaos", *given, "--data", str(folder / "exchange")],
            cwd=ROOT,
            stdout=output,
            stderr=output,
            timeout=WITHIN_S,
            check=False,
        ).returncode
    said = log.read_text(errors="replace")
    assert status == 0, said
    return said


def test_a_plan_is_of_its_seed_and_kills_every_part() -> None:
    steps = plan(1, 120, wipe=True)
    assert steps == plan(1, 120, wipe=True)
    assert steps != plan(2, 120, wipe=True)
    faults = [step.fault for step in steps]
    assert sum(fault in WEIGHTS for fault in faults) == 120
    assert set(WEIGHTS) | {"rubbish", "wipe"} <= set(faults)
    assert "wipe" not in {step.fault for step in plan(1, 120, wipe=False)}
    times = [step.after for step in steps]
    assert times == sorted(times)
    assert times[0] >= 0
    assert times[-1] <= 1


def test_prices_are_of_their_seed_and_stormy() -> None:
    walk = list(islice(prices(3, "BTC-PERP"), 2_000))
    assert walk == list(islice(prices(3, "BTC-PERP"), 2_000))
    assert walk != list(islice(prices(4, "BTC-PERP"), 2_000))
    assert walk[0] == HOME_TICKS["BTC-PERP"]
    steps = [abs(after / before - 1) for before, after in pairwise(walk)]
    assert sum(step > 0.02 for step in steps) > 10  # gaps
    assert sum(step < 0.002 for step in steps) > 1_000  # calm
    assert HOME_TICKS["BTC-PERP"] / 2 < min(walk) <= max(walk) < HOME_TICKS["BTC-PERP"] * 2
