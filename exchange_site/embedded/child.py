"""A server as a direct child: started, waited for, and stopped by the caller (the tests)."""

import signal
import subprocess
import time
from pathlib import Path
from typing import Protocol, Self

import psutil

from exchange_site.embedded.errors import ServiceError
from exchange_site.embedded.processes import die_with_parent, end, last_line

READY_WITHIN_S = 60.0


class Server(Protocol):
    def command(self) -> list[str]: ...
    def is_ready(self) -> bool: ...


class Child:
    """Ends when `stop` is called, and also when the process that made it is killed."""

    def __init__(self, server: Server, *, log: Path, user: str | None = None) -> None:
        self.server = server
        self.log = log
        self.process = self._spawn(user)

    def _spawn(self, user: str | None) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as log:
            return subprocess.Popen(  # noqa: S603  fixed programs of the wheels, no shell
                self.server.command(),
                user=user,
                group=user,
                extra_groups=[] if user else None,
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C in the terminal is for us to pass on
                preexec_fn=die_with_parent,  # noqa: PLW1509  one libc call, no locks
            )

    def wait_ready(self, *, within_s: float = READY_WITHIN_S) -> Self:
        deadline = time.monotonic() + within_s
        while not self.server.is_ready():
            name = Path(self.server.command()[0]).name
            if self.process.poll() is not None:
                raise ServiceError(f"{name} did not start: {last_line(self.log)}")
            if time.monotonic() > deadline:
                raise ServiceError(f"{name} was not ready in {within_s:.0f} s, see {self.log}")
            time.sleep(0.05)
        return self

    def stop(self) -> None:
        """SIGINT is Postgres' fast shutdown; Redis saves and ends on it too."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                end([psutil.Process(self.process.pid)])
        self.process.wait()
