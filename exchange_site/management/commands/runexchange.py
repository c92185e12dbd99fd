"""Everything on one machine, from PostgreSQL to the simulator, in one terminal.

``manage.py`` calls `prepared()` before Django reads its settings, because it decides where Postgres
and Redis are; this command then starts the parts under supervisord and watches them.
"""

import logging
import signal
import time
from contextlib import suppress
from io import StringIO
from types import FrameType
from typing import Any, NoReturn

import psycopg
import redis
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import connection
from django.db.utils import Error as DatabaseError

from common.redis_client import redis_client
from exchange_site.demo_operator import USERNAME, ensure_operator
from exchange_site.embedded import health
from exchange_site.embedded.bootstrap import Prepared, prepared, write_services
from exchange_site.embedded.errors import ServiceError
from exchange_site.embedded.parts import (
    Part,
    core_parts,
    edge_parts,
    service_parts,
    simulator_parts,
)
from exchange_site.embedded.processes import last_line
from exchange_site.embedded.supervisor.supervision import Supervision
from exchange_site.embedded.supervisor.watch import Watch, table
from exchange_site.management.commands.migrate import OlderDatabase
from terminal.bundle import bundle

SERVICE_READY_WITHIN_S = 60.0
HEALTHY_WITHIN_S = 600.0  # seconds, if the machine has nothing else to do
WATCH_EVERY_S = 0.5
TELL_EVERY_S = 3.0


class StopAsked(BaseException):
    """Ctrl-C, SIGTERM or a closed terminal, wherever it finds us."""


class Command(BaseCommand):
    help = "Run the whole exchange on this machine. Settings: PORT, EXCHANGE_DATA, SIMULATE."
    requires_system_checks = []  # they ask the database, which isn't up yet

    def handle(self, *args: Any, **options: Any) -> None:
        run = prepared()
        write_services(run.data)
        if run.stopped_leftovers:
            self.say(f"stopped {run.stopped_leftovers} processes that a killed run had left")
        logging.getLogger("httpx").setLevel(logging.WARNING)  # a line per health question
        services = service_parts(run)
        core, edge, simulator = core_parts(run), edge_parts(run), simulator_parts(run)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, _ask_to_stop)
        supervision = None
        try:
            supervision = Supervision(run, [*services, *core, *edge, *simulator])
            supervision.wait_answering()
            self.start_services(run, supervision, services)
            self.say("preparing the database")
            password = self.prepare_database(run)
            self.say(f"starting {', '.join(part.name for part in [*core, *edge])}")
            supervision.start([*core, *edge])
            self.wait_healthy(run, supervision)
            supervision.start(simulator)
            supervision.wait_settled()
            self.report(run, supervision, password)
            self.watch(supervision)
        except StopAsked:
            self.say("stopping")
        except (ServiceError, DatabaseError, psycopg.Error, redis.RedisError, OSError) as error:
            raise CommandError(_one_line(error)) from None
        finally:
            self.stop(supervision)

    def say(self, text: str) -> None:
        with suppress(OSError):  # it may lead to a file whose disk is full: no reason to stop
            self.stdout.write(text)
            self.stdout.flush()

    def start_services(self, run: Prepared, supervision: Supervision, parts: list[Part]) -> None:
        if parts:
            self.say(f"starting {', '.join(part.name for part in parts)}")
        supervision.start(parts)
        servers = {"postgres": run.postgres, "redis": run.redis}
        deadline = time.monotonic() + SERVICE_READY_WITHIN_S
        for part in parts:
            server = servers[part.name]
            while server is not None and not server.is_ready():
                state = supervision.states()[part.name].state
                if state in ("BACKOFF", "FATAL") or time.monotonic() > deadline:
                    said = last_line(supervision.log_of(part.name))
                    raise ServiceError(f"{part.name} did not start: {said}")
                time.sleep(0.05)
        if run.postgres is not None:
            run.postgres.make_database()
        redis_client().ping()

    def prepare_database(self, run: Prepared) -> str | None:
        """Migrations and the rows an exchange can't be without; the demo's on top."""
        quiet = StringIO()  # what each made is not news at every start
        try:
            call_command("migrate", interactive=False, verbosity=0)
        except OlderDatabase as error:
            raise ServiceError(
                f"{error}; or move {run.data} away, or name another folder as EXCHANGE_DATA"
            ) from error
        call_command("creategroups", stdout=quiet)
        password = None
        if run.demo:
            call_command("createdemo", stdout=quiet)
            password = ensure_operator(run.data / "operator.txt")
        connection.close()
        return password

    def wait_healthy(self, run: Prepared, supervision: Supervision) -> None:
        """Until /health says so. What dies meanwhile is told; supervisord keeps trying."""
        watch = Watch(supervision)
        deadline = time.monotonic() + HEALTHY_WITHIN_S
        told_at = time.monotonic()
        while (problem := health.problem(run.port)) is not None:
            for line in watch.changes():
                self.say(line)
            if time.monotonic() - told_at > TELL_EVERY_S:
                self.say(f"waiting: {problem.partition(';')[0]}")
                told_at = time.monotonic()
            if time.monotonic() > deadline:
                raise ServiceError(
                    f"not healthy within {HEALTHY_WITHIN_S:.0f} s: {problem}; see {run.logs}"
                )
            time.sleep(0.2)

    def report(self, run: Prepared, supervision: Supervision, password: str | None) -> None:
        site = f"http://127.0.0.1:{run.port}"
        rows = [("page", site if bundle() else "not built: make page"), ("API", site)]
        rows += [("docs", f"{site}/docs"), ("health", f"{site}/health")]
        rows += [("admin", f"{site}/admin/"), ("status", f"{site}/admin/status/")]
        rows.append(("feeds", f"ws://127.0.0.1:{run.port}/ws"))
        if run.demo:
            sign_in = f"{USERNAME} / {password or 'the password you gave it'}"
            rows.append(("sign-in", sign_in))
        else:
            rows.append(("sign-in", "make one: manage.py createsuperuser"))
        rows += [("data", str(run.data)), ("logs", str(run.logs))]
        self.say(table(supervision))
        self.say("\n".join(f"{name:<9} {value}" for name, value in rows))
        self.say("Ctrl-C stops everything.")

    def watch(self, supervision: Supervision) -> NoReturn:
        watch = Watch(supervision)
        while True:
            time.sleep(WATCH_EVERY_S)
            if not supervision.is_alive():
                raise ServiceError(f"supervisord died, see {supervision.log}: start again")
            for line in watch.changes():
                self.say(line)

    def stop(self, supervision: Supervision | None) -> None:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        if supervision is None:
            return
        for name in supervision.stop():
            self.say(f"killed {name}, which did not end when asked")
        self.say("stopped")


def _ask_to_stop(_number: int, _frame: FrameType | None) -> NoReturn:
    raise StopAsked


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
