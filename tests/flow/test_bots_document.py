"""docs/bots.md as it is written: each block of it is run, against an exchange that runs."""

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from django.conf import settings

from tests.flow.exchange import Trader
from tests.flow.venue import make_account
from tests.patience import PATIENCE_S

DOCUMENT = Path(settings.BASE_DIR, "docs", "bots.md")
BLOCKS = dict(re.findall(r"```python\n# ([^\n]+)\n(.*?)```", DOCUMENT.read_text(), re.DOTALL))
# The newcomer of this block is no trader of the tests, who cancel what they leave in the book.
TAKES_BACK = {"first order": 'bot.cancel_all_orders("BTC/USDT:USDT")\n'}
ON_THIS_MACHINE = "http://127.0.0.1:8000"
NewTrader = Callable[..., Trader]
pytestmark = pytest.mark.django_db


def test_the_document_has_its_blocks() -> None:
    assert set(BLOCKS) == {"first order", "ccxt", "ccxt.pro", "python-binance", "sdk"}


@pytest.mark.parametrize("name", sorted(BLOCKS))
def test_block(new_trader: NewTrader, name: str) -> None:
    account = make_account(new_trader())
    known = {"BASE": account.url, "KEY": account.key, "SECRET": account.secret}
    head = "".join(f"{name} = {value!r}\n" for name, value in known.items())
    script = head + BLOCKS[name].replace(ON_THIS_MACHINE, account.url) + TAKES_BACK.get(name, "")
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()
