"""The API beside a real streaming replica: who reads there, and who doesn't.

The replica is one of the test run's own Postgres. It is held where it is with
``pg_wal_replay_pause``, as one that is behind, and stopped, as one that is away.
"""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from pytest_django.plugin import DjangoDbBlocker

from exchange_site.embedded import postgres
from exchange_site.embedded.child import Child
from exchange_site.embedded.ports import free_port
from exchange_site.embedded.unprivileged import let_through, server_user
from tests.feeds.conftest import database_url
from tests.flow.demo import demo_on
from tests.flow.exchange import MARKET, Exchange, Trader, wait_for

pytestmark = [pytest.mark.django_db, pytest.mark.drill]


class Replica:
    """In a folder of its own; by the primary's roles and passwords."""

    def __init__(self, folder: Path) -> None:
        primary = urlsplit(database_url())
        self._folder, user = folder, server_user(folder)
        folder.chmod(0o755)
        (folder / "password").write_text(str(primary.password))
        self._server = postgres.Postgres(folder=folder, port=free_port(), user=user, durable=False)
        where = f"host={primary.hostname} port={primary.port} user={primary.username}"
        subprocess.run(
            [
                str(postgres.BINARIES / "pg_basebackup"),
                f"--dbname={where} password={primary.password}",
                f"--pgdata={self._server.data}",
                "--write-recovery-conf",
                "--checkpoint=fast",
                "--wal-method=stream",
            ],
            check=True,
        )
        if user is not None:
            for path in (folder, self._server.data, *self._server.data.rglob("*")):
                shutil.chown(path, user)
            let_through(folder.parent, user)
        self._child: Child | None = None
        self.database = primary.path[1:]

    @property
    def url(self) -> str:
        return self._server.url(self.database)

    def start(self) -> None:
        log = self._folder / "replica.log"
        self._child = Child(self._server, log=log, user=self._server.user)
        self._child.wait_ready()

    def stop(self) -> None:
        if self._child is not None:
            self._child.stop()

    def ask(self, question: str) -> object:
        with psycopg.connect(self.url, autocommit=True) as asked:
            row = asked.execute(question).fetchone()
        return row and row[0]

    def pause(self) -> None:
        self.ask("SELECT pg_wal_replay_pause()")
        state = "SELECT pg_get_wal_replay_pause_state()"
        wait_for(lambda: self.ask(state) == "paused", "a replica that stands still")

    def go_on(self) -> None:
        self.ask("SELECT pg_wal_replay_resume()")
        with psycopg.connect(database_url()) as primary:
            row = primary.execute("SELECT pg_current_wal_insert_lsn()").fetchone()
        assert row is not None
        reached = f"SELECT pg_last_wal_replay_lsn() >= '{row[0]}'::pg_lsn"
        wait_for(lambda: self.ask(reached) is True, "a replica that has caught up")

    def scans(self) -> int:
        """How often it was asked for orders; by its own count, which is written down late."""
        read = "SELECT seq_scan + idx_scan FROM pg_stat_user_tables WHERE relname = %s"
        with psycopg.connect(self.url, autocommit=True) as asked:
            asked.execute("SELECT pg_stat_force_next_flush()")
            row = asked.execute(read, ["trading_order"]).fetchone()
        return int(row[0]) if row else 0


@pytest.fixture(scope="module")
def replica(django_db_setup: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Replica]:

    with tempfile.TemporaryDirectory(prefix="exchange-replica-") as made, ExitStack() as stack:
        made_replica = Replica(Path(made))
        stack.callback(made_replica.stop)
        made_replica.start()
        yield made_replica


@pytest.fixture(scope="module")
def exchange(
    replica: Replica, django_db_blocker: DjangoDbBlocker, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Exchange]:
    running = Exchange(tmp_path_factory.mktemp("logs"), REPLICA_URL=replica.url, LIMITS="0")
    with demo_on(running, django_db_blocker):
        yield running


def ids(trader: Trader) -> list[int]:
    return [order["id"] for order in trader.get("/user/orders")["orders"]]


def test_lists_are_read_at_the_replica(exchange: Exchange, replica: Replica) -> None:
    replica.go_on()
    trader = exchange.trader()
    order_id = trader.place("LONG", "0.01", "40000")
    before = replica.scans()

    def is_read_there() -> bool:
        assert ids(trader) == [order_id]
        return replica.scans() > before

    wait_for(is_read_there, "a list that the replica answered")


def test_a_trader_sees_what_he_did_though_the_replica_does_not(
    exchange: Exchange, replica: Replica
) -> None:
    """By every way in: intake's lane, and Django's views, who take what has unusual headers."""
    trader = exchange.trader()
    replica.go_on()
    replica.pause()
    try:
        for number in range(1, 6):
            order_id = trader.place("LONG", "0.01", str(40_000 + number))
            assert ids(trader)[0] == order_id
            assert len(ids(trader)) == number
            count = f"SELECT count(*) FROM trading_order WHERE id = {order_id}"
            assert replica.ask(count) == 0
        body = {
            "marketId": MARKET,
            "side": "LONG",
            "qty": "0.01",
            "orderType": "limit",
            "price": "40010",
            "leverage": 10,
        }
        headers = {"Authorization": f"Bearer {trader.token}", "Accept": "application/json;q=0.9"}
        by_view = exchange.http.post("/order", json=body, headers=headers)
        assert by_view.status_code == 202, by_view.text
        assert ids(trader)[0] == by_view.json()["orderId"]
    finally:
        replica.go_on()


def test_a_replica_that_is_behind_is_asked_nothing(exchange: Exchange, replica: Replica) -> None:
    """Whoever did nothing himself would not know: what others did comes from the primary, once the
    replica has fallen behind by more than it may."""
    maker, reader = exchange.trader(), exchange.trader()
    maker.place("SHORT", "0.01", "50100")
    taking = reader.place("LONG", "0.01", "50100")
    reader.wait_until(taking, "filled")
    replica.go_on()
    replica.pause()
    try:
        known = len(exchange.http.get(f"/markets/{MARKET}/trades").json()["trades"])
        maker.place("SHORT", "0.01", "50100")
        reader.place("LONG", "0.01", "50100")
        wait_for(partial(_has_more_trades, exchange, known), "a trade that the replica lacks")
    finally:
        replica.go_on()


def _has_more_trades(exchange: Exchange, known: int) -> bool:
    answer = exchange.http.get(f"/markets/{MARKET}/trades")
    assert answer.status_code == 200
    return len(answer.json()["trades"]) > known


def test_a_replica_that_is_away_costs_nobody_an_answer(
    exchange: Exchange, replica: Replica
) -> None:
    trader = exchange.trader()
    order_id = trader.place("LONG", "0.01", "40000")
    replica.go_on()
    assert ids(trader) == [order_id]
    replica.stop()
    try:
        for _ in range(20):
            answer = trader.send("GET", "/user/orders")
            assert answer.status_code == 200, answer.text
            assert exchange.http.get(f"/markets/{MARKET}/trades").status_code == 200
    finally:
        replica.start()
    before = replica.scans()

    def is_read_there_again() -> bool:
        assert ids(trader) == [order_id]
        return replica.scans() > before

    wait_for(is_read_there_again, "the replica to be asked again")
