"""An order's stages, as a collector of OpenTelemetry hears of them from all processes."""

from collections.abc import Callable

import pytest

from common.tracing.stages import Stage
from tests.flow.collector import Collector, Span
from tests.flow.exchange import MARKET, Trader, wait_for
from tests.flow.test_socket_orders import Connect, open_socket

__all__ = ["open_socket"]

pytestmark = pytest.mark.django_db

NewTrader = Callable[..., Trader]


def heard(collector: Collector, order_id: int, *stages: Stage) -> dict[str, Span]:
    """The first span of each stage of the order, once there is one of each."""

    def look() -> dict[str, Span] | None:
        spans = {span.name: span for span in reversed(collector.of_order(order_id))}
        return spans if set(stages) <= spans.keys() else None

    return wait_for(look, f"{stages} of order {order_id}")


def test_all_stages_of_an_order_are_one_trace(
    collector: Collector, new_trader: NewTrader, open_socket: Connect
) -> None:
    trader = new_trader()
    socket = open_socket(trader)
    socket.say("subscribe", "s", channels=["account"])
    socket.hear_until("subscribed")
    order_id = trader.place("LONG", "0.1", "49900")
    trader.wait_until(order_id, "open")
    placed = heard(
        collector, order_id, Stage.PLACE, Stage.PUBLISH, Stage.MATCH, Stage.PERSIST, Stage.TELL
    )
    assert len({span.trace_id for span in placed.values()}) == 1
    root = placed.pop(Stage.PLACE)
    assert root.parent_id == b""
    assert {span.parent_id for span in placed.values()} == {root.span_id}
    assert root.began_ns <= placed[Stage.PUBLISH].began_ns <= placed[Stage.MATCH].ended_ns
    assert placed[Stage.MATCH].began_ns <= placed[Stage.PERSIST].ended_ns
    assert all(span.began_ns <= span.ended_ns for span in placed.values())
    assert placed[Stage.MATCH].market == placed[Stage.PERSIST].market == MARKET
    api, engine, worker = root.pid, placed[Stage.MATCH].pid, placed[Stage.PERSIST].pid
    assert len({api, engine, worker}) == 3
    trader.send("DELETE", f"/order/{order_id}")
    changed = heard(collector, order_id, Stage.CHANGE)[Stage.CHANGE]
    assert (changed.trace_id, changed.parent_id) == (root.trace_id, root.span_id)


def test_both_orders_of_a_trade_are_told_of_it(collector: Collector, new_trader: NewTrader) -> None:
    maker, taker = new_trader(), new_trader()
    resting = maker.place("SHORT", "0.1", "50010")
    maker.wait_until(resting, "open")
    taking = taker.place("LONG", "0.1", "50010")
    taker.wait_until(taking, "filled")

    def persisted_twice() -> bool:
        names = [span.name for span in collector.of_order(resting)]
        return names.count(Stage.PERSIST) == 2

    wait_for(persisted_twice, "its acceptance and its fill")
    assert heard(collector, taking, Stage.PERSIST)[Stage.PERSIST].trace_id != next(
        span.trace_id for span in collector.of_order(resting)
    )
