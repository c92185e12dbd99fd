"""`manage.py runexchange` as a newcomer starts it: no servers given, an empty folder."""

import json
import os
import re
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import httpx
import psutil
import pytest

from exchange_site.embedded.bootstrap import ROOT
from exchange_site.embedded.ports import free_port
from exchange_site.embedded.processes import end, leftovers
from tests.patience import PATIENCE_S
from tests.platform.test_bootstrap import environment

UP_WITHIN_S = 2 * PATIENCE_S
STEP_WITHIN_S = PATIENCE_S
PARTS = {"postgres", "redis", "engine", "worker", "beat", "api", "feeds", "prices", "chain"}
README = ROOT / "README.md"
ROW = re.compile(r"^(\w+) +running +(\d+)", re.MULTILINE)

pytestmark = pytest.mark.slow


class Run:
    """One `runexchange` and what it has said so far."""

    def __init__(self, data: Path, log: Path) -> None:
        self.data = data
        self.log = log
        self.port = free_port()
        given = {"PORT": str(self.port), "FEEDS_PORT": str(free_port()), "CHAIN_TEMPER": "calm"}
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "manage.py", "runexchange"],
                cwd=ROOT,
                env=environment(data, **given),
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    def said(self) -> str:
        return self.log.read_text()

    def wait_for(self, pattern: str, *, within_s: float = STEP_WITHIN_S) -> None:
        self.wait_until(lambda: re.search(pattern, self.said()) is not None, within_s=within_s)

    def wait_until(self, ready: Callable[[], bool], *, within_s: float = STEP_WITHIN_S) -> None:
        deadline = time.monotonic() + within_s
        while not ready():
            assert time.monotonic() < deadline, self.said()
            assert self.process.poll() is None or "stopped" in self.said(), self.said()
            time.sleep(0.1)

    def pids(self) -> dict[str, int]:
        return {name: int(pid) for name, pid in ROW.findall(self.said())}


@pytest.fixture
def start(folder: Path) -> Iterator[Callable[[], Run]]:
    runs: list[Run] = []
    data = folder / "var"

    def start_one() -> Run:
        runs.append(Run(data, folder / f"run{len(runs)}.log"))
        return runs[-1]

    yield start_one
    for run in runs:
        if run.process.poll() is None:
            run.process.terminate()
            run.process.wait()
    end(leftovers(data))


def test_a_life(start: Callable[[], Run]) -> None:
    run = start()
    run.wait_for("Ctrl-C stops everything", within_s=UP_WITHIN_S)
    _lives(run)
    _stops(run, signal.SIGTERM)


@pytest.mark.drill
def test_one_that_is_killed_and_those_after_it(start: Callable[[], Run]) -> None:
    """In one folder: to make an exchange takes longer than all that is asked."""
    first = start()
    first.wait_for("Ctrl-C stops everything", within_s=UP_WITHIN_S)
    _parts_come_back(first, "engine", "api", "redis")
    secrets = (first.data / "operator.txt").read_text()
    _is_killed(first)

    second = start()
    second.wait_for("Ctrl-C stops everything", within_s=UP_WITHIN_S)
    assert re.search(r"stopped \d+ processes that a killed run had left", second.said())
    assert (second.data / "operator.txt").read_text() == secrets
    _stops(second, signal.SIGTERM)

    third = start()
    third.wait_for("preparing the database", within_s=UP_WITHIN_S)
    _stops(third, signal.SIGINT)
    assert "Ctrl-C stops everything" not in third.said()


def _lives(run: Run) -> None:
    assert set(run.pids()) == PARTS
    site = f"http://127.0.0.1:{run.port}"
    for page in ("/markets", "/docs", "/admin/login/"):
        run.wait_until(partial(_answers, site + page))
    _only_ours_may_read(run)
    _operator_signs_in(run, site)
    _money_goes_in_and_out(run, site)
    _parts_come_back(run, "engine")


def _parts_come_back(run: Run, *names: str) -> None:
    for name in names:
        os.kill(run.pids()[name], signal.SIGKILL)
    for name in names:
        run.wait_for(rf"{name} \(pid \d+\) died")
        run.wait_for(rf"{name} restarted as pid \d+")
    run.wait_until(lambda: _answers(f"http://127.0.0.1:{run.port}/markets"))


def _gives_addresses(site: str, token: str) -> bool:
    address = f"{site}/user/deposit-addresses?network=demo"
    mine = {"Authorization": f"Bearer {token}"}
    return "depositAddresses" in httpx.get(address, headers=mine, timeout=PATIENCE_S).json()


def _money_goes_in_and_out(run: Run, site: str) -> None:
    """As the README says it, by the trader of its session; whoever reads it comes when custody has
    been asked for addresses, which is within seconds of the first start."""
    who = {"username": "early", "password": "correct horse battery staple"}
    token = httpx.post(f"{site}/auth/signup", json=who, timeout=PATIENCE_S).json()["token"]
    run.wait_until(lambda: _gives_addresses(site, token))
    blocks = re.findall(r"^```(?:bash|sh)\n(.*?)^```", README.read_text(), re.DOTALL | re.MULTILINE)
    session, money = blocks
    functions, traders, _ = re.split(r"^# (?=Two traders|Bob sells)", session, flags=re.MULTILINE)
    (chain,) = re.findall(r"^chain +running.*?(http://\S+)", run.said(), re.MULTILINE)
    shell = subprocess.run(
        ["bash", "-e", "-u", "-o", "pipefail"],
        input=f"{functions}# {traders}{money}",
        env={**os.environ, "EXCHANGE": site, "CHAIN": chain},
        capture_output=True,
        text=True,
        timeout=2 * PATIENCE_S,
        check=False,
    )
    assert (shell.returncode, shell.stderr) == (0, "")
    *_, sent, deposits, _, asked, withdrawals, arrived = map(json.loads, shell.stdout.splitlines())
    (deposit,), (withdrawal,) = deposits["deposits"], withdrawals["withdrawals"]
    assert (deposit["status"], deposit["amount"]) == ("credited", "250")
    assert deposit["reference"] == sent["id"]
    assert asked["status"] == "approved"
    assert (withdrawal["status"], withdrawal["amount"]) == ("confirmed", "100")
    assert arrived == {"arrived": "100"}


def _is_killed(run: Run) -> None:
    """And its parts are left behind."""
    supervisors = psutil.Process(run.process.pid).children()
    assert len(supervisors) == 1
    # supervisord would end the parts when its parent dies: it goes first, so that they stay.
    supervisors[0].suspend()
    run.process.kill()
    supervisors[0].kill()
    run.process.wait()
    assert leftovers(run.data)
    assert "Traceback" not in run.said()


def _stops(run: Run, number: signal.Signals) -> None:
    run.process.send_signal(number)
    assert run.process.wait(timeout=STEP_WITHIN_S) == 0
    assert leftovers(run.data) == []
    assert "Traceback" not in run.said()


def _answers(url: str) -> bool:
    """Its own limits are those of production: a busy machine may have it answer 503 at first."""
    try:
        return httpx.get(url, follow_redirects=True, timeout=PATIENCE_S).status_code == 200
    except httpx.HTTPError:
        return False


def _only_ours_may_read(run: Run) -> None:
    for name in ("services.env", "operator.txt"):
        assert stat.S_IMODE((run.data / name).stat().st_mode) == 0o600
    services = (run.data / "services.env").read_text()
    for variable in ("DATABASE_URL", "REDIS_URL", "DJANGO_SECRET_KEY", "DEMO"):
        assert f"{variable}=" in services
    for log in (run.data / "logs").iterdir():
        assert (run.data / "operator.txt").read_text().strip() not in log.read_text()


def _operator_signs_in(run: Run, site: str) -> None:
    password = (run.data / "operator.txt").read_text().strip()
    assert f"operator / {password}" in run.said()
    with httpx.Client(base_url=site, timeout=PATIENCE_S) as client:
        client.get("/admin/login/")
        answer = client.post(
            "/admin/login/?next=/admin/",
            data={
                "username": "operator",
                "password": password,
                "csrfmiddlewaretoken": client.cookies["csrftoken"],
            },
        )
        assert answer.status_code == 302
        assert answer.headers["location"] == "/admin/"
