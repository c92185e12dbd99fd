"""The parts of an exchange on one machine, in the order in which they start."""

import os
import sys
from dataclasses import dataclass

from exchange_site.embedded.bootstrap import ROOT, Prepared

# Groups stop one after another, the last first; what is in a group stops together.
SERVICES, CORE, EDGE = "services", "core", "edge"
STOP_WITHIN_S = {SERVICES: 3, CORE: 4, EDGE: 3}


@dataclass(frozen=True, kw_only=True)
class Part:
    name: str
    group: str
    command: list[str]
    address: str = ""
    user: str | None = None
    stop_signal: str = "TERM"

    @property
    def process(self) -> str:
        """Its name in supervisord."""
        return f"{self.group}:{self.name}"


def _manage(*arguments: str) -> list[str]:
    return [sys.executable, str(ROOT / "manage.py"), *arguments]


def _celery(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "celery", "-A", "exchange_site", *arguments]


def _serve(what: str, port: int, *options: str) -> list[str]:
    return [sys.executable, "-m", "exchange_site.serve", what, "--port", str(port), *options]


def service_parts(run: Prepared) -> list[Part]:
    """Servers of our own; those named by DATABASE_URL and REDIS_URL aren't ours."""
    parts = []
    if run.postgres is not None:
        parts.append(
            Part(
                name="postgres",
                group=SERVICES,
                command=run.postgres.command(),
                address=f"127.0.0.1:{run.postgres.port}",
                user=run.postgres.user,
                stop_signal="INT",  # ends sessions; TERM would wait for them
            )
        )
    if run.redis is not None:
        address = f"127.0.0.1:{run.redis.port}"
        command = run.redis.command()
        parts.append(Part(name="redis", group=SERVICES, command=command, address=address))
    return parts


def core_parts(run: Prepared) -> list[Part]:
    schedule = run.data / "beat-schedule"
    worker = _celery("worker", "--concurrency", "2", "--loglevel", "INFO")
    beat = _celery("beat", "--schedule", str(schedule), "--pidfile", "", "--loglevel", "INFO")
    return [
        Part(name="engine", group=CORE, command=_manage("runengine")),
        Part(name="worker", group=CORE, command=worker),
        Part(name="beat", group=CORE, command=beat),
    ]


def api_command(port: int, processes: int = 2) -> list[str]:
    """A process per core."""
    return _serve("api", port, "--workers", str(processes))


def feeds_command(port: int) -> list[str]:
    return _serve("feeds", port)


def edge_parts(run: Prepared) -> list[Part]:
    api = api_command(run.port)
    feeds = feeds_command(run.feeds_port)
    return [
        Part(name="api", group=EDGE, command=api, address=f"http://127.0.0.1:{run.port}"),
        Part(name="feeds", group=EDGE, command=feeds, address=f"ws://127.0.0.1:{run.feeds_port}"),
        Part(name="prices", group=EDGE, command=_manage("runprices")),
        *_chain_parts(run),
    ]


def _chain_parts(run: Prepared) -> list[Part]:
    """The outside world of the demo; CHAIN_TEMPER says how bad it is."""
    if not run.demo:
        return []
    webhook = f"http://127.0.0.1:{run.port}/custody/webhooks/demo"
    options = ("--webhook", webhook, "--temper", os.environ.get("CHAIN_TEMPER") or "usual")
    command = _manage("rundemochain", *options)
    return [Part(name="chain", group=EDGE, command=command, address=run.chain_url)]


def simulator_parts(run: Prepared) -> list[Part]:
    """Starts last, when the API answers."""
    if not run.simulate:
        return []
    target = f"http://127.0.0.1:{run.port}"
    options = ("--traders", "20", "--rate", "20", "--seed", "7", "--url", target)
    return [Part(name="simulator", group=EDGE, command=_manage("simulate", *options))]
