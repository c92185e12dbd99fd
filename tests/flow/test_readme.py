"""The session of the README does in a shell what it says, as it stands there."""

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from tests.flow.exchange import Exchange
from tests.patience import PATIENCE_S

pytestmark = pytest.mark.django_db

README = Path(settings.BASE_DIR) / "README.md"


def session() -> str:
    (block,) = re.findall(r"^```bash\n(.*?)^```", README.read_text(), re.DOTALL | re.MULTILINE)
    return str(block)


@pytest.fixture(scope="module")
def said(exchange: Exchange) -> list[Any]:
    """What pasting it prints, line by line, JSON read."""
    environment = {**os.environ, "EXCHANGE": exchange.url}
    shell = subprocess.run(
        ["bash", "-e", "-u", "-o", "pipefail"],
        input=session(),
        env=environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert (shell.returncode, shell.stderr) == (0, "")
    lines = shell.stdout.splitlines()
    return [json.loads(line) if line.startswith("{") else line for line in lines]


def test_it_shows_every_step(said: list[Any]) -> None:
    money, other_money, mark, short, long, positions, fills, equity, cancel, end = said
    for deposit in (money, other_money):
        assert deposit["balance"]["available"] == "10000"
    assert mark == "The mark price is 50000."
    for placed in (short, long):
        assert placed["status"] == "pending"
    (position,) = positions["positions"]
    assert (position["type"], position["qty"], position["margin"]) == ("LONG", "0.1", "1000")
    (fill,) = fills["fills"]
    assert (fill["orderId"], fill["price"], fill["fee"]) == (long["orderId"], "50000", "2.5")
    # 10,000 − the taker's fee of 5,000 × 0.05 %
    assert (equity["margin"], equity["equity"]) == ("1000", "9997.5")
    assert cancel["message"] == "Cancel received."
    assert end == f"Order {cancel['orderId']} is cancelled."


def test_it_names_the_address_that_make_run_uses() -> None:
    assert "EXCHANGE=${EXCHANGE:-http://127.0.0.1:8000}" in session()
