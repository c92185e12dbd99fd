"""①–⑥: algos with a real engine and ledger. This process takes their steps, as a worker would, and
tells the time."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.flow.committed import committed
from tests.flow.exchange import Exchange, Trader, wait_for
from trading.algos.runner import run_due_algos

NewTrader = Callable[..., Trader]

pytestmark = pytest.mark.django_db


def start(trader: Trader, **terms: Any) -> dict[str, Any]:
    body = {"marketId": trader.market_id, "side": "LONG", "leverage": 10} | terms
    answer = trader.send("POST", "/v1/algos", json=body)
    assert answer.status_code == 202, answer.text
    algo: dict[str, Any] = answer.json()
    return algo


def step_until(trader: Trader, algo_id: int, **wanted: Any) -> dict[str, Any]:
    """Steps are taken a little after the algo is due next, until it is as wanted."""

    def look() -> dict[str, Any] | None:
        algo: dict[str, Any] = trader.get(f"/algos/{algo_id}")
        if all(algo[name] == value for name, value in wanted.items()):
            return algo
        due = datetime.fromisoformat(algo["nextAt"] or algo["updatedAt"])
        committed(run_due_algos, due + timedelta(seconds=6))
        return None

    return wait_for(look, f"algo {algo_id} with {wanted}")


def test_a_twap_buys_slice_by_slice_across_a_restart_of_the_engine(
    exchange: Exchange, new_trader: NewTrader
) -> None:
    maker, alice = new_trader("100000"), new_trader()
    maker.wait_until(maker.place("SHORT", "0.3", "50000"), "open")
    algo = start(alice, kind="TWAP", qty="0.3", durationS=60, intervalS=20)
    (first,) = algo["slices"]
    order = alice.wait_until(first["orderId"], "filled", "0.1")
    assert order["clientOrderId"] == f"algo-{algo['id']}-1"
    paused = alice.send("POST", f"/algos/{algo['id']}/pause").json()
    assert (paused["state"], paused["filledQty"]) == ("paused", "0.1")
    exchange.restart_engine()
    assert alice.send("POST", f"/algos/{algo['id']}/resume").json()["state"] == "running"
    for number in (2, 3):
        sent = step_until(alice, algo["id"], slicesSent=number)
        alice.wait_until(sent["slices"][0]["orderId"], "filled", "0.1")
    done = step_until(alice, algo["id"], state="done")
    assert (done["reason"], done["filledQty"], done["averagePrice"]) == ("FILLED", "0.3", "50000")
    assert alice.fills() == [("TAKER", "50000", "0.1")] * 3


def test_a_scaled_rests_in_the_book_until_it_is_ended(
    exchange: Exchange, new_trader: NewTrader
) -> None:
    alice, bob = new_trader(), new_trader()
    terms = {"fromPrice": "49700", "toPrice": "49900", "count": 3, "timeInForce": "GTX"}
    algo = start(alice, kind="SCALED", qty="0.3", **terms)
    for one in algo["slices"]:
        alice.wait_until(one["orderId"], "open")
    bids = [["49900", "0.1"], ["49800", "0.1"], ["49700", "0.1"]]
    exchange.wait_for_book(bids=bids)
    bob.place("SHORT", "0.15", "49800")
    best = algo["slices"][0]["orderId"]
    alice.wait_until(best, "filled")
    alice.wait_until(algo["slices"][1]["orderId"], "open", "0.05")
    half = alice.get(f"/algos/{algo['id']}")
    assert (half["filledQty"], half["openSlices"], half["state"]) == ("0.15", 2, "running")
    ended = alice.send("DELETE", f"/algos/{algo['id']}")
    assert (ended.status_code, ended.json()["state"]) == (202, "cancelled")
    for one in algo["slices"][1:]:
        assert alice.wait_until(one["orderId"], "cancelled")["reason"] == "USER"
    over = alice.get(f"/algos/{algo['id']}")
    assert (over["state"], over["filledQty"], over["openSlices"]) == ("cancelled", "0.15", 0)
