"""Django's places: reads computed by processes of their own, fair to addresses, paths that are
nowhere held to a small budget."""

import asyncio
import json
import threading
from collections.abc import Iterable
from typing import Any

import psutil
import pytest
import structlog
from django.test import Client

from exchange_site.edge import apart
from exchange_site.edge.places import KINDS, Kind, Places
from tests.flow.exchange import wait_for
from tests.patience import PATIENCE_S
from tests.security.test_addresses import scope_of
from tests.trading.client import Trader, make_market, make_trader
from tests.trading.test_intake_served import Served, ask, served, served_alone
from tests.trading.test_resilience import _direct

__all__ = ["served", "served_alone"]

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def trader(redis_db: Any) -> Trader:
    make_market()
    return make_trader()


def computing(served: Served) -> list[psutil.Process]:
    """The processes that answer for Django; each is a child of one that only forks."""
    found = []
    for process in psutil.Process(served.process.pid).children(recursive=True):
        parent = process.parent()
        if parent is not None and "forkserver" in " ".join(parent.cmdline()):
            found.append(process)
    return found


def test_one_that_dies_costs_its_request_alone(trader: Trader, served: Served) -> None:
    assert ask(served.connect(), trader, "GET", "/user/orders")[0] == 200
    answers: list[Any] = []

    def pay_in() -> None:
        body = json.dumps({"amount": "5"}).encode()
        answers.append(ask(served.connect(), trader, "POST", "/user/onramp", body))

    with _direct() as blocker:
        blocker.execute("LOCK TABLE ledger_deposit IN ACCESS EXCLUSIVE MODE")
        asking = threading.Thread(target=pay_in)
        asking.start()
        with _direct() as watcher:
            while not watcher.execute(
                "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
                " AND datname = current_database()"
            ).fetchone():
                watcher.rollback()
        for process in computing(served):
            process.kill()
        asking.join()
        blocker.rollback()
    ((status, said),) = answers
    assert (status, said["code"]) == (503, "REQUEST_LOST")
    for _ in range(8):  # of each process of the API, once another computes for it
        wait_for(
            lambda: ask(served.connect(), trader, "GET", "/user/orders")[0] == 200, "an answer"
        )


def test_none_outlives_the_api(trader: Trader, served_alone: Served) -> None:
    served = served_alone
    assert ask(served.connect(), trader, "GET", "/user/orders")[0] == 200
    everything = psutil.Process(served.process.pid).children(recursive=True)
    assert computing(served)
    for worker in psutil.Process(served.process.pid).children():
        worker.kill()
    served.process.kill()
    _, alive = psutil.wait_procs(everything, timeout=PATIENCE_S)
    assert alive == []


def test_paths_that_are_nowhere_wear_out_their_own_budget(trader: Trader, served: Served) -> None:
    status, said = ask(served.connect(), trader, "GET", "/nowhere")
    assert (status, said) == (404, Client().get("/nowhere").json())
    nowhere = next(kind.rate for kind in KINDS if kind.name == "nowhere")
    assert nowhere is not None
    connections = [served.connect() for _ in range(4)]
    statuses = []
    for number in range(nowhere.burst * 10):
        statuses.append(ask(connections[number % 4], trader, "GET", f"/nowhere/{number}")[0])
        if statuses[-1] == 429:
            break
    assert set(statuses) == {404, 429}
    assert ask(served.connect(), trader, "GET", "/markets")[0] == 200
    assert ask(served.connect(), trader, "GET", "/user/orders")[0] == 200
    assert ask(served.connect(), trader, "GET", "/admin")[0] == 301  # is somewhere, with a slash


def test_an_address_never_has_all_threads_of_a_kind() -> None:
    """Nor loses its turn: all of its requests are answered in the end."""
    go_on, answered = threading.Event(), []

    def django(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if environ["REMOTE_ADDR"] == "192.0.2.1":
            go_on.wait(PATIENCE_S)
        answered.append(environ["REMOTE_ADDR"])
        start_response("200 OK", [])
        return [b""]

    places = Places(django, (Kind("all", lambda _, __: True, threads=2, waiting_max=16),))

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        pass

    async def ask_all() -> None:
        slow = [asyncio.create_task(places(scope_of("192.0.2.1"), receive, send)) for _ in range(6)]
        await places(scope_of("192.0.2.2"), receive, send)
        go_on.set()
        await asyncio.gather(*slow)

    asyncio.run(ask_all())
    assert answered == ["192.0.2.2", *["192.0.2.1"] * 6]


def test_a_process_that_does_not_start_is_started_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where memory is short for a moment."""
    failures: list[Exception] = [EOFError(), OSError(12, "Cannot allocate memory")]

    class Failing(apart._Process):
        def __init__(self) -> None:
            if failures:
                raise failures.pop(0)
            super().__init__()

    monkeypatch.setattr(apart, "_Process", Failing)
    monkeypatch.setattr(apart, "RETRY_S", 0.0)
    monkeypatch.setattr(apart, "LOADED", [])
    with structlog.testing.capture_logs() as logs:
        place = apart.Apart(1)
        place.open()
        process: Any = place._idle.get(timeout=PATIENCE_S)
    try:
        assert not process.is_gone
        assert [line["event"] for line in logs] == ["django_not_started"] * 2
    finally:
        process._process.kill()
        process._process.join()
