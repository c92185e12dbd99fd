"""The exchange on its hosts, with what is outside of them: traders, venues, the chain."""

import secrets
import subprocess
import sys
import time
from pathlib import Path

import psycopg

from exchange_site.embedded.ports import free_port
from exchange_site.embedded.processes import RUN_MARKER
from tests.chaos.exchange import Exchange
from tests.hosts.balancer import Balancer
from tests.hosts.host import Host, Janitor
from tests.hosts.keeper import Keeper
from tests.hosts.network import OUTSIDE, Network
from tests.hosts.places import POSTGRES_PORT, make_postgres, make_redis

APIS, ENGINES, WORKERS = ("api1", "api2"), ("eng1", "eng2"), ("wrk1", "wrk2")
REDIS, POSTGRES = ("red1", "red2", "red3"), ("pg1", "pg2")
HOSTS = (*APIS, *ENGINES, *WORKERS, *REDIS, *POSTGRES)
API_PORT = 8000
READY_WITHIN_S = 240.0


class HostsExchange(Exchange):
    has_one_master = False

    def __init__(self, data: Path) -> None:
        super().__init__(data, free_port(), free_port())
        self.network = Network(HOSTS)
        self._logs = data / "logs"
        self.hosts = {name: Host(self.network, name, self._logs) for name in HOSTS}
        self._janitor = Janitor(list(self.hosts.values()))
        self._balancers: list[Balancer] = []
        self._outside: dict[str, subprocess.Popen[bytes]] = {}
        self.keeper: Keeper | None = None

    def start(self) -> None:
        self._logs.mkdir(parents=True)
        (self.data / "static").mkdir()
        database_url = self._start_postgres()
        redis_url = self._start_redis()
        self._janitor.start()
        chain_port = free_port()
        self.services = {
            "DATABASE_URL": database_url,
            "REDIS_URL": redis_url,
            "DJANGO_SECRET_KEY": secrets.token_hex(32),
            "API_KEY_SECRETS": secrets.token_hex(32),
            "MONITOR_TOKEN": secrets.token_urlsafe(24),
            "CUSTODY_TOKEN": secrets.token_urlsafe(24),
            "CUSTODY_WEBHOOK_SECRETS": secrets.token_urlsafe(24),
            "DEMO_CHAIN_URL": f"http://{self.network.address(OUTSIDE)}:{chain_port}",
            "HTTPS": "0",
        }
        self._prepare_database(database_url)
        self._start_parts()
        port = int(self.environment["PORT"])
        self._balance(("127.0.0.1", port), [(self._address(name), API_PORT) for name in APIS])
        self._balance((self.network.address(OUTSIDE), chain_port), [("127.0.0.1", chain_port)])
        webhook = f"{self.url}/custody/webhooks/demo"
        options = ("--webhook", webhook, "--temper", "stormy")
        self._outside["chain"] = self._beside("chain", "manage.py", "rundemochain", *options)
        self._own_prices("start")
        self._wait_healthy()

    def _address(self, name: str) -> str:
        return self.network.address(name)

    def _start_postgres(self) -> str:
        """When commits wait for the standby. Answers the address for whoever uses the two."""
        addresses = [self._address(name) for name in POSTGRES]
        servers = make_postgres(self.data / "postgres", addresses, self.network.addresses)
        self.keeper = Keeper(self.network, self.hosts, dict(zip(POSTGRES, servers, strict=True)))
        self.keeper.start()
        deadline = time.monotonic() + READY_WITHIN_S
        while not self.keeper.is_in_step:
            if time.monotonic() > deadline or self.keeper.fault:
                raise RuntimeError(f"Postgres did not come up, see {self._logs}")
            time.sleep(0.1)
        with psycopg.connect(servers[0].url(), autocommit=True) as connection:
            connection.execute("CREATE DATABASE exchange")
        both = ",".join(f"{address}:{POSTGRES_PORT}" for address in addresses)
        alone, name = servers[0].url("exchange").rsplit("/", 1)
        who = alone.rpartition("@")[0]
        return f"{who}@{both}/{name}?target_session_attrs=read-write"

    def _start_redis(self) -> str:
        servers, url = make_redis(self.data, [self._address(name) for name in REDIS])
        for name, server in zip(REDIS, servers, strict=True):
            self.hosts[name].run("redis", server.command(), {})
            self.hosts[name].run("sentinel", server.sentinel_command(), {})
        return url

    def _prepare_database(self, database_url: str) -> None:
        for words in (("migrate", "--verbosity", "0"), ("creategroups",), ("createdemo",)):
            status, said = self.manage(*words)
            if status:
                raise RuntimeError(f"{words[0]} at {database_url}: {said}")

    def _start_parts(self) -> None:
        environment = self.environment | self.services | {RUN_MARKER: str(self.data)}
        celery = (sys.executable, "-m", "celery", "-A", "exchange_site")
        for name in APIS:
            place = ("--host", self._address(name), "--port", str(API_PORT), "--workers", "1")
            served = (sys.executable, "-m", "exchange_site.serve", "api", *place)
            self.hosts[name].run("api", served, environment)
        for name in ENGINES:
            engine = (sys.executable, "manage.py", "runengine", "--name", name)
            self.hosts[name].run("engine", engine, environment)
        for name in WORKERS:
            worker = (*celery, "worker", "--concurrency", "1", "-n", name, "--loglevel", "INFO")
            self.hosts[name].run("worker", worker, environment)
        schedule = ("--schedule", str(self.data / "beat-schedule"), "--pidfile", "")
        self.hosts[WORKERS[0]].run("beat", (*celery, "beat", *schedule), environment)

    def _balance(self, place: tuple[str, int], servers: list[tuple[str, int]]) -> None:
        self._balancers.append(Balancer(place, servers))
        self._balancers[-1].open()

    def _own_prices(self, word: str) -> None:
        if word == "start":
            self._outside["prices"] = self._beside("prices", "manage.py", "runprices")
        else:
            self._outside["prices"].kill()
            self._outside["prices"].wait()

    def _wait_healthy(self) -> None:
        deadline = time.monotonic() + READY_WITHIN_S
        while (health := self.health())[0] != 200:
            if time.monotonic() > deadline:
                raise RuntimeError(f"not healthy: {health}, see {self._logs}")
            time.sleep(0.5)

    @property
    def faults(self) -> list[str]:
        """Of those who look after the hosts: the run proves nothing without them."""
        keepers = (self.keeper, self._janitor)
        return [f"{one.name}: {one.fault!r}" for one in keepers if one and one.fault]

    def stop(self) -> None:
        super().stop()
        if self.keeper is not None and self.keeper.is_alive():
            self.keeper.stop()
        if self._janitor.is_alive():
            self._janitor.stop()
        for process in self._outside.values():
            process.kill()
            process.wait()
        for host in self.hosts.values():
            host.kill()
        for balancer in self._balancers:
            balancer.close()
        self.network.remove()
