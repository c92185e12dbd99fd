"""The exchange as real processes, and traders who know nothing of it but its HTTP API."""

import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

import httpx
from django.conf import settings
from django.db import transaction

from exchange_site.embedded.parts import api_command
from exchange_site.embedded.ports import free_port
from matching.messages.commands import UpdateIndexPrice
from matching.messages.vocabulary import MarketState
from tests.builders.markets import build_market
from tests.feeds.conftest import database_url
from tests.patience import PATIENCE_S
from trading.commands.publisher import publish_command
from trading.services import configure_market, set_market_state

MARKET = "BTC-PERP"
MARK_TICKS = 500_000  # 50,000.0
PASSWORD = "correct horse battery"

Seen = TypeVar("Seen")


def wait_for(look: Callable[[], Seen | None], what: str) -> Seen:
    """The first answer that is neither None nor False."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        seen = look()
        if seen is not None and seen is not False:
            return seen
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.02)


class Exchange:
    """API, engine and worker. The tests are the price source: the mark stays where they put it."""

    def __init__(self, logs: Path, **variables: str) -> None:
        self._variables = variables
        self.tree = Path(settings.BASE_DIR)  # whose code a process runs that is started
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.logs = logs
        logging.getLogger("httpx").setLevel(logging.WARNING)  # a line per poll
        self.http = httpx.Client(base_url=self.url, timeout=PATIENCE_S)
        self.metrics_ports: dict[str, int] = {}
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._files = ExitStack()
        self.traders: list[Trader] = []
        self._names = 0

    def start(self) -> None:
        self.start_engine()
        self.start_own_worker()
        self.start_api()

    def start_own_worker(self) -> None:
        celery = [sys.executable, "-m", "celery", "-A", "exchange_site", "worker", "-c", "1"]
        self._start("worker", celery)

    def start_api(self) -> None:
        cheap = {"DJANGO_SETTINGS_MODULE": "tests.served_settings"}
        self._start("api", api_command(self.port), cheap)
        wait_for(self._answers, "the API")

    def start_beat(self) -> None:
        """What is periodic: sweeps, orders to be sent again."""
        options = ["beat", "--schedule", str(self.logs / "beat-schedule"), "--pidfile", ""]
        self._start("beat", [sys.executable, "-m", "celery", "-A", "exchange_site", *options])

    def stop_api(self) -> None:
        api = self._processes.pop("api")
        api.terminate()
        api.wait(PATIENCE_S)

    def start_engine(self) -> None:
        self._start("engine", [sys.executable, "manage.py", "runengine"])

    def kill_engine(self) -> None:
        self._kill("engine")

    def kill_own_worker(self) -> None:
        self._kill("worker")

    def _kill(self, name: str) -> None:
        process = self._processes.pop(name)
        process.send_signal(signal.SIGKILL)
        process.wait(PATIENCE_S)

    def restart_engine(self) -> None:
        """As a new build is deployed: the old one keeps a snapshot as it ends."""
        engine = self._processes.pop("engine")
        engine.terminate()
        assert engine.wait(PATIENCE_S) == 0, self.logs
        self.start_engine()

    def stop(self) -> None:
        self.http.close()
        for process in self._processes.values():
            process.terminate()
        for process in self._processes.values():
            process.wait(PATIENCE_S)
        self._files.close()

    def _start(
        self, name: str, command: list[str], variables: Mapping[str, str] = MappingProxyType({})
    ) -> None:
        log = self._files.enter_context((self.logs / f"{name}.log").open("a"))
        port = str(self.metrics_ports.setdefault(name, free_port()))
        self._processes[name] = subprocess.Popen(
            command,
            cwd=self.tree,
            env={**self.environment, "METRICS_PORT": port, **variables},
            stdout=log,
            stderr=log,
        )

    @property
    def environment(self) -> dict[str, str]:
        """Of its processes, and of commands beside them."""
        ours = {
            "DATABASE_URL": database_url(),
            "REDIS_URL": settings.REDIS_URL,
            "DEMO": "1",
            "CUSTODY_NETWORKS": "demo,manual",  # who sends by the demo's plays its chain
            "PASSKEY_RP_ID": "localhost",  # of a name, never of an address
            "PASSKEY_ORIGINS": f"http://localhost:{self.port}",
        }
        return os.environ | ours | self._variables

    def _answers(self) -> bool:
        assert all(process.poll() is None for process in self._processes.values()), self.logs
        try:
            return self.http.get("/markets").status_code == 200
        except httpx.TransportError:
            return False

    def set_mark(self, market_id: str, ticks: int, price: str) -> None:
        """Say the index, which is the mark; returns when the API knows."""
        publish_command(market_id, UpdateIndexPrice(index_price_ticks=ticks))
        wait_for(lambda: self.ticker(market_id)["markPrice"] == price, "the mark price")

    def open_market(self, market_id: str, **rules: int) -> None:
        """One more, with its mark at 50,000; outside any test's transaction."""
        with transaction.atomic():
            # Its index is told once.
            market = build_market(market_id, index_stale_ms=3_600_000, **rules)
            configure_market(market, by=None)
            set_market_state(market, MarketState.ACTIVE, by=None)
        wait_for(lambda: self.ticker(market_id)["state"] == "ACTIVE", "an open market")
        self.set_mark(market_id, MARK_TICKS, "50000")

    def ticker(self, market_id: str = MARKET) -> dict[str, Any]:
        return self._read(f"/markets/{market_id}/ticker")

    def depth(self, market_id: str = MARKET) -> dict[str, Any]:
        return self._read(f"/markets/{market_id}/depth")

    def wait_for_book(self, **sides: list[list[str]]) -> None:
        """Until readers see what is named. An order is in the book, and in the ledger, before."""
        wait_for(lambda: sides.items() <= self.depth().items(), f"a book of {sides}")

    def _read(self, path: str) -> dict[str, Any]:
        """Once it is there. Until then a process of the API says 404 of a market that is new to it,
        or 503 where Redis doesn't answer in time, as on a busy machine."""
        answers: list[httpx.Response] = []

        def look() -> dict[str, Any] | None:
            answers[:] = [self.http.get(path)]
            return answers[0].json() if answers[0].status_code == 200 else None

        try:
            return wait_for(look, path)
        except AssertionError as error:
            raise AssertionError(f"{error}: {answers[0].text}") from error

    def trader(self, funds: str = "10000") -> "Trader":
        """Signs up and funds."""
        self._names += 1
        credentials = {"username": f"flow-trader-{self._names}", "password": PASSWORD}
        answer = self.http.post("/auth/signup", json=credentials)
        assert answer.status_code == 201, answer.text
        session = answer.json()
        trader = Trader(self, session["userId"], session["username"], session["token"])
        deposit = trader.send("POST", "/user/onramp", json={"amount": funds})
        assert deposit.status_code == 200, deposit.text
        self.traders.append(trader)
        return trader


@dataclass
class Trader:
    exchange: Exchange
    user_id: int
    username: str
    token: str
    market_id: str = field(default=MARKET)

    def send(self, method: str, path: str, **options: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.token}"}
        return self.exchange.http.request(method, path, headers=headers, **options)

    def get(self, path: str) -> Any:
        answer = self.send("GET", path)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def try_to_place(self, side: str, qty: str, price: str | None, **fields: Any) -> httpx.Response:
        body: dict[str, Any] = {"marketId": self.market_id, "side": side, "qty": qty}
        body |= {"orderType": "limit", "price": price} if price else {"orderType": "market"}
        if not fields.keys() & {"margin", "leverage", "reduceOnly"}:
            body["leverage"] = 10
        return self.send("POST", "/order", json=body | fields)

    def place(self, side: str, qty: str, price: str | None, **fields: Any) -> int:
        """The id of an order that the API took."""
        answer = self.try_to_place(side, qty, price, **fields)
        assert answer.status_code == 202, answer.text
        assert answer.json()["status"] == "pending"
        return int(answer.json()["orderId"])

    def order(self, order_id: int) -> dict[str, Any]:
        answer: dict[str, Any] = self.get(f"/order/{order_id}")
        return answer

    def wait_until(self, order_id: int, status: str, filled: str | None = None) -> dict[str, Any]:
        """The order once it is there, and the book shows what came of it."""

        def look() -> dict[str, Any] | None:
            order = self.order(order_id)
            reached = order["status"] == status and filled in (None, order["filledQty"])
            return order if reached else None

        return wait_for(look, f"order {order_id} {status}")

    def equity(self) -> dict[str, str]:
        answer: dict[str, str] = self.get("/user/equity")
        return answer

    def fills(self) -> list[tuple[str, str, str]]:
        """(role, price, qty), oldest first."""
        fills = self.get("/user/fills")["fills"]
        return [(fill["role"], fill["price"], fill["qty"]) for fill in reversed(fills)]

    def cancel_everything(self) -> None:
        answer = self.send("DELETE", "/orders?protective=true")
        assert answer.status_code == 202, answer.text
        for status in ("pending", "open"):
            wait_for(partial(self._has_none, status), f"no {status} orders")

    def _has_none(self, status: str) -> bool:
        return not self.get(f"/user/orders?status={status}")["orders"]
