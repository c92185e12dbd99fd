"""A short run on hosts, and what it is made of."""

import os
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from exchange_site.embedded.bootstrap import ROOT
from exchange_site.embedded.ports import free_port
from tests.hosts.balancer import Balancer
from tests.hosts.faults import WEIGHTS, host_plan
from tests.hosts.network import OUTSIDE
from tests.patience import PATIENCE_S


def run(*options: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.hosts", *options],
        cwd=ROOT,
        env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=10 * PATIENCE_S,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.drill
def test_nothing_is_lost_whichever_host_is(folder: Path) -> None:
    options = ("--duration", "120", "--faults", "20", "--within", str(PATIENCE_S))
    status, said = run("--seed", "21", *options, "--data", str(folder / "exchange"))
    if status == 2:
        pytest.skip(said)
    assert status == 0, said
    assert "lost                 0\ndoubled              0\nclean\n" in said, said


def test_without_a_network_nothing_is_proven(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    status, said = run("--duration", "1")
    assert status == 2
    assert said.startswith("not run, nothing proven: ")
    assert said.count("\n") == 1


def test_a_plan_is_of_its_seed_and_hurts_every_kind_of_host() -> None:
    faults = host_plan(1, 60, 600)
    assert faults == host_plan(1, 60, 600)
    assert faults != host_plan(2, 60, 600)
    assert {fault.kind for fault in faults} == set(WEIGHTS)
    for kind in ("kill", "cut"):
        hurt = {fault.hosts[0].rstrip("123") for fault in faults if fault.kind == kind}
        assert hurt == {"api", "eng", "wrk", "red", "pg"}
    halves = [fault for fault in faults if fault.kind == "halves"]
    assert {OUTSIDE in fault.hosts for fault in halves} == {True, False}
    assert all(0 <= fault.after < fault.until <= 1 for fault in faults)


def test_one_thing_at_a_time_happens_to_a_host() -> None:
    for seed in range(20):
        faults = sorted(host_plan(seed, 40, 120), key=lambda fault: fault.after)
        for number, fault in enumerate(faults):
            beside = [one for one in faults[:number] if one.until > fault.after]
            assert all(one.hosts != fault.hosts for one in beside)
            assert fault.kind != "halves" or all(one.kind != "halves" for one in beside)


def test_who_does_not_answer_is_passed_over() -> None:
    answers = socket.create_server(("127.0.0.1", 0))
    place = ("127.0.0.1", free_port())
    balancer = Balancer(place, [("127.0.0.1", free_port()), answers.getsockname()])
    balancer.open()

    def echo() -> None:
        for _ in range(4):
            taken, _ = answers.accept()
            with taken:
                taken.sendall(taken.recv(100))

    server = threading.Thread(target=echo)
    server.start()
    try:
        for _ in range(4):
            with socket.create_connection(place, timeout=PATIENCE_S) as client:
                client.sendall(b"over there?")
                assert client.recv(100) == b"over there?"
        server.join()
    finally:
        balancer.close()
        answers.close()
    with socket.socket() as client:
        assert client.connect_ex(place)
