"""TLS from end to end: a whole exchange whose Postgres, Redis and clients are reached by nothing
else, by names and a certificate authority that are checked."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
import redis
from websockets.sync.client import ClientConnection, connect

from exchange_site.embedded import postgres, redis_server
from exchange_site.embedded.child import Child
from exchange_site.embedded.ports import free_port
from tests.builders.authority import Authority
from tests.builders.tls import PostgresFront, ProxyFront, TlsFront
from tests.deploy.test_backups import ROOT, Machine, manage, wait_until
from tests.patience import PATIENCE_S

pytestmark = pytest.mark.drill

NAME = "localhost"
MARKET = "BTC-PERP"
PASSWORD = "correct horse battery staple"
# What docs/operating.md says that a user of Redis needs.
MAY = "~* &* +@all -@admin -@dangerous +info +role"


@dataclass(kw_only=True)
class Secured:
    machine: Machine
    authority: Authority
    environment: dict[str, str]
    site: str = ""
    plain_site: str = ""

    def client(self, **options: Any) -> httpx.Client:
        trusted = self.authority.trusted
        return httpx.Client(base_url=self.site, verify=trusted, timeout=PATIENCE_S, **options)


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    folder = tmp_path_factory.mktemp("secured")
    folder.chmod(0o755)
    with ExitStack() as stack:
        machine = Machine(folder, stack)
        authority = Authority(folder, NAME)
        front_of = {"postgres": free_port(), "redis": free_port(), "site": free_port()}
        server = postgres.prepare(folder / "postgres", port=free_port())
        stack.enter_context(machine.running(server))
        server.make_database()
        store = redis_server.prepare(folder / "redis", port=free_port())
        with (folder / "redis" / "redis.conf").open("a") as written:
            written.write(f"user exchange on >acl-word {MAY}\n")
        stack.callback(Child(store, log=folder / "redis.log").wait_ready().stop)
        certified = (authority.certificate, authority.key)
        for made in (
            PostgresFront(*certified, {front_of["postgres"]: server.port}),
            TlsFront(*certified, {front_of["redis"]: store.port}),
        ):
            stack.callback(made.stop)
        word = (folder / "postgres" / "password").read_text().strip()
        database = (
            f"postgres://exchange:{word}@{NAME}:{front_of['postgres']}/exchange"
            f"?sslmode=verify-full&sslrootcert={authority.root}"
        )

        def redis_at(number: int) -> str:
            place = f"{NAME}:{front_of['redis']}/{number}"
            return f"rediss://exchange:acl-word@{place}?ssl_ca_certs={authority.root}"

        variables = {
            "REPLICA_URL": database,
            "BROKER_URL": redis_at(1),
            "CACHE_URL": redis_at(2),
            "LIMITS_URL": redis_at(3),
            "DEMO": "1",
            "HTTPS": "1",
            "SIMULATE": "0",
            "TRUSTED_PROXIES": "1",
            "ALLOWED_HOSTS": NAME,
            "CSRF_TRUSTED_ORIGINS": f"https://{NAME}:{front_of['site']}",
            "MONITOR_TOKEN": "a token of whoever watches it",
        }
        environment = machine.environment(database, redis_at(0), **variables)
        running = Secured(machine=machine, authority=authority, environment=environment)
        running.plain_site = stack.enter_context(machine.exchange(environment))
        port = int(running.plain_site.rpartition(":")[2])
        proxy = ProxyFront(*certified, {front_of["site"]: port})
        stack.callback(proxy.stop)
        running.site = f"https://{NAME}:{front_of['site']}"
        yield running


@dataclass(kw_only=True)
class Person:
    client: httpx.Client
    token: str

    def order(self, side: str, price: str, qty: str = "0.01") -> dict[str, Any]:
        terms = {"marketId": MARKET, "side": side, "qty": qty, "leverage": 5}
        answer = self.client.post("/order", json=terms | {"orderType": "limit", "price": price})
        assert answer.status_code == httpx.codes.ACCEPTED, answer.text
        return dict(answer.json())


def signed_up(client: httpx.Client, username: str) -> Person:
    """With money."""
    who = {"username": username, "password": PASSWORD}
    answer = client.post("/auth/signup", json=who)
    assert answer.status_code == httpx.codes.CREATED, answer.text
    token = answer.json()["token"]
    client.headers["Authorization"] = f"Bearer {token}"
    deposit = client.post("/user/onramp", json={"amount": "100000"})
    assert deposit.status_code == httpx.codes.OK, deposit.text
    return Person(client=client, token=token)


def test_every_part_is_well(secured: Secured) -> None:
    monitor = {"Authorization": f"Bearer {secured.environment['MONITOR_TOKEN']}"}
    with secured.client(headers=monitor) as client:
        wait_until(lambda: client.get("/health").json()["problems"] == [], "nothing to look at")
    reconciled = manage(secured.environment, "reconcile")
    assert reconciled.returncode == 0, reconciled.stdout + reconciled.stderr


def test_money_and_orders_by_https_and_wss(secured: Secured) -> None:
    with secured.client() as one, secured.client() as other:
        maker, taker = signed_up(one, "maker"), signed_up(other, "taker")
        price = one.get(f"/markets/{MARKET}/ticker").json()["markPrice"].partition(".")[0]
        maker.order("SHORT", price)
        with listening(secured, taker, f"trades:{MARKET}", "account") as socket:
            placed = {"marketId": MARKET, "side": "LONG", "qty": "0.01", "leverage": 5}
            placed |= {"orderType": "limit", "price": price}
            socket.send(json.dumps({"op": "place", "id": 7, "order": placed, "wait": "result"}))
            filled = {"result": "", "trade": ""}  # they come in either order
            while not all(filled.values()):
                said = heard(socket)
                if said.get("op") == "result":
                    filled["result"] = said["result"]["status"]
                elif said.get("type") == "trade":
                    filled["trade"] = said["qty"]
            assert filled == {"result": "filled", "trade": "0.01"}
        wait_until(lambda: len(other.get("/user/fills").json()["fills"]) == 1, "its row")


@contextmanager
def listening(secured: Secured, person: Person, *channels: str) -> Iterator[ClientConnection]:
    address = secured.site.replace("https", "wss", 1) + "/ws"
    with connect(address, ssl=secured.authority.trusted, open_timeout=PATIENCE_S) as socket:
        socket.send(json.dumps({"op": "auth", "token": person.token}))
        assert heard(socket)["op"] == "authenticated"
        socket.send(json.dumps({"op": "subscribe", "channels": channels}))
        while heard(socket).get("op") != "subscribed":
            pass
        yield socket


def heard(socket: ClientConnection) -> Any:
    said = json.loads(socket.recv(PATIENCE_S))
    assert said.get("op") != "error", said
    return said


def test_an_operator_signs_in_by_https_alone(secured: Secured) -> None:
    password = (secured.machine.data / "operator.txt").read_text().strip()
    form = {"username": "operator", "password": password}
    with secured.client() as client:
        page = client.get("/admin/login/")
        assert page.headers["Strict-Transport-Security"].startswith("max-age=31536000")
        form["csrfmiddlewaretoken"] = client.cookies["csrftoken"]
        elsewhere = {"Origin": "https://elsewhere.example"}
        assert client.post("/admin/login/", data=form, headers=elsewhere).status_code == 403
        here = {"Origin": secured.site, "Referer": f"{secured.site}/admin/login/"}
        answer = client.post("/admin/login/?next=/admin/", data=form, headers=here)
        assert (answer.status_code, answer.headers["location"]) == (302, "/admin/")
        cookies = answer.headers.get_list("set-cookie") + page.headers.get_list("set-cookie")
        assert {cookie.partition("=")[0] for cookie in cookies} >= {"sessionid", "csrftoken"}
        assert all("; Secure" in cookie for cookie in cookies)
        assert client.get("/admin/status/").status_code == httpx.codes.OK
    # Whoever comes past the proxy, without TLS, is sent to it.
    plain = httpx.get(f"{secured.plain_site}/markets", headers={"Host": NAME}, timeout=PATIENCE_S)
    assert (plain.status_code, plain.headers["location"]) == (301, f"https://{NAME}/markets")


def test_the_database_can_be_reached_by_tls_alone(secured: Secured) -> None:
    plain = secured.environment["DATABASE_URL"].partition("?")[0]
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(f"{plain}?sslmode=disable", connect_timeout=5)
    stranger = secured.environment["REDIS_URL"].replace("rediss", "redis", 1).partition("?")[0]
    with (
        redis.Redis.from_url(stranger, socket_timeout=5) as client,
        pytest.raises(redis.RedisError),
    ):
        client.ping()


COMMANDS = {
    "engine": ("manage.py", "runengine"),
    "prices": ("manage.py", "runprices"),
    "api": ("-m", "exchange_site.serve", "api", "--port", "PORT"),
    "feeds": ("-m", "exchange_site.serve", "feeds", "--port", "PORT"),
    "worker": ("-m", "celery", "-A", "exchange_site", "worker", "-n", "other@%h"),
    "reconcile": ("manage.py", "reconcile"),
}


@pytest.mark.parametrize(
    ("variable", "what", "is_known"),
    [
        *(("REDIS_URL", what, False) for what in COMMANDS if what != "reconcile"),
        *(("DATABASE_URL", what, False) for what in COMMANDS if what != "engine"),  # it asks none
        ("BROKER_URL", "worker", False),
        ("REDIS_URL", "engine", True),
        ("DATABASE_URL", "reconcile", True),
    ],
)
def test_who_can_not_be_believed_is_named_in_a_line(
    secured: Secured, tmp_path: Path, variable: str, what: str, is_known: bool
) -> None:
    """A server that another authority vouches for, or one that is called otherwise."""
    said = secured.environment[variable]
    if is_known:
        other = said.replace(f"@{NAME}:", "@127.0.0.1:")
    else:
        other = said.replace(str(secured.authority.root), str(Authority(tmp_path, NAME).root))
    port = str(free_port())
    log = tmp_path / "said"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, *(port if word == "PORT" else word for word in COMMANDS[what])],
            cwd=ROOT,
            env=secured.environment | {variable: other},
            stdout=output,
            stderr=output,
        )

    def has_said() -> bool:
        if what == "api" and process.poll() is None:
            with suppress(httpx.HTTPError):  # it finds out as it is asked
                httpx.get(f"http://127.0.0.1:{port}/health", headers={"Host": NAME})
        return "certificate" in log.read_text() or process.poll() is not None

    try:
        wait_until(has_said, "a word")
        if what == "reconcile":
            assert process.wait(PATIENCE_S) == 1
            assert log.read_text().startswith("error: Postgres: ")
            assert log.read_text().count("\n") == 1
    finally:
        process.terminate()
        process.wait(PATIENCE_S)
    words = log.read_text()
    assert "certificate" in words
    assert "Traceback" not in words
