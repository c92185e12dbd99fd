"""supervisord as a child: it starts, restarts and stops the parts; here is how we talk to it."""

import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
import xmlrpc.client
from collections.abc import Callable
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import psutil
from supervisor.xmlrpc import SupervisorTransport

from exchange_site.embedded.bootstrap import ROOT, Prepared
from exchange_site.embedded.errors import ServiceError
from exchange_site.embedded.parts import CORE, EDGE, SERVICES, STOP_WITHIN_S, Part
from exchange_site.embedded.processes import die_with_parent, end, last_line, leftovers
from exchange_site.embedded.supervisor import daemon

LOG_BYTES_MAX = "10MB"
LOG_FILES = 3
STARTED_S = 1  # a part that lives this long has started
RETRIES = 1_000_000  # a part is never given up; pauses of 1, 2, 3, … s between the tries
ANSWERS_WITHIN_S = 15.0
SOCKET_PATH_MAX = 90  # the kernel takes 107; supervisord appends its pid while it binds


@dataclass(frozen=True, kw_only=True)
class ProcessState:
    state: str  # RUNNING, STARTING, BACKOFF, EXITED, FATAL, STOPPED
    pid: int
    exit_status: int


class Supervision:
    """Ordered stop and no process left behind, also when this process is killed."""

    def __init__(self, run: Prepared, parts: list[Part]) -> None:
        self.run = run
        self.parts = parts
        self.socket = run.data / "supervisor.sock"
        if len(str(self.socket)) > SOCKET_PATH_MAX:
            self.socket = Path(tempfile.mkdtemp(prefix="exchange-")) / "supervisor.sock"
        self.socket.unlink(missing_ok=True)
        self.log = run.logs / "supervisord.log"
        self.process = self._spawn()
        self.rpc: Any = xmlrpc.client.ServerProxy(
            "http://127.0.0.1", transport=SupervisorTransport(None, None, f"unix://{self.socket}")
        ).supervisor

    def _spawn(self) -> subprocess.Popen[bytes]:
        configuration = self.run.data / "supervisord.conf"
        configuration.write_text(configuration_text(self.run, self.parts, socket=self.socket))
        command = [sys.executable, "-m", daemon.__name__, "-n", "-c", str(configuration)]
        return subprocess.Popen(  # noqa: S603  our own interpreter, no shell
            command,
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=(self.run.logs / "supervisord.stderr").open("wb"),
            start_new_session=True,  # Ctrl-C in the terminal reaches us alone
            preexec_fn=die_with_parent,  # noqa: PLW1509  one libc call, no locks
        )

    def wait_answering(self) -> None:
        def answers() -> bool:
            if not self.is_alive():
                said = last_line(self.run.logs / "supervisord.stderr")
                raise ServiceError(f"supervisord did not start: {said}")
            return self.socket.exists() and self.rpc.getState()["statename"] == "RUNNING"

        wait_until(answers, within_s=ANSWERS_WITHIN_S, what="supervisord to answer")

    def is_alive(self) -> bool:
        return self.process.poll() is None

    def start(self, parts: list[Part]) -> None:
        for part in parts:
            self.rpc.startProcess(part.process, False)

    def wait_settled(self) -> None:
        """Until no part is between two states, or is failing to start."""

        def settled() -> bool:
            return all(now.state != "STARTING" for now in self.states().values())

        wait_until(settled, within_s=ANSWERS_WITHIN_S, what="the parts to start")

    def states(self) -> dict[str, ProcessState]:
        """By the part's name."""
        return {
            info["name"]: ProcessState(
                state=info["statename"], pid=info["pid"], exit_status=info["exitstatus"]
            )
            for info in self.rpc.getAllProcessInfo()
        }

    def log_of(self, name: str) -> Path:
        return self.run.logs / f"{name}.log"

    def end_orphans_of(self, pid: int) -> None:
        """Children that outlived a part which was killed; they would serve on beside the new one.

        supervisord makes each part the leader of a process group of its own.
        """
        orphans = []
        for process in leftovers(self.run.data):
            try:
                if os.getpgid(process.pid) == pid:
                    orphans.append(process)
            except ProcessLookupError:
                continue
        end(orphans, within_s=2)

    def stop(self) -> list[str]:
        """Stop everything in order. Answers what had to be killed because it didn't end."""
        self.process.terminate()
        try:
            self.process.wait(timeout=sum(STOP_WITHIN_S.values()) + 3)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        left = leftovers(self.run.data)
        names = [f"{_name(process)} (pid {process.pid})" for process in left]
        end(left, within_s=1)
        if self.socket.parent != self.run.data:
            shutil.rmtree(self.socket.parent, ignore_errors=True)
        return names


def _name(process: psutil.Process) -> str:
    try:
        return process.name()
    except psutil.NoSuchProcess:
        return "ended"


def wait_until(ready: Callable[[], bool], *, within_s: float, what: str) -> None:
    deadline = time.monotonic() + within_s
    while not ready():
        if time.monotonic() > deadline:
            raise ServiceError(f"waited {within_s:.0f} s for {what}")
        time.sleep(0.1)


def configuration_text(run: Prepared, parts: list[Part], *, socket: Path) -> str:
    lines = [
        "[supervisord]",
        "nodaemon=true",
        "user=root" if os.geteuid() == 0 else "",  # said, so that supervisord doesn't warn
        f"logfile={_text(run.logs / 'supervisord.log')}",
        f"logfile_maxbytes={LOG_BYTES_MAX}",
        f"logfile_backups={LOG_FILES}",
        f"pidfile={_text(run.data / 'supervisord.pid')}",
        f"directory={_text(ROOT)}",
        "[unix_http_server]",
        f"file={_text(socket)}",
        "chmod=0600",
        "[rpcinterface:supervisor]",
        "supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface",
        "[supervisorctl]",
        f"serverurl=unix://{_text(socket)}",
    ]
    order = {SERVICES: 1, CORE: 2, EDGE: 3}
    for group, members in groupby(sorted(parts, key=lambda part: order[part.group]), _group):
        together = list(members)
        lines += [
            f"[group:{group}]",
            f"programs={','.join(part.name for part in together)}",
            f"priority={order[group]}",
        ]
        for part in together:
            lines += _program(run, part)
    return "\n".join(line for line in lines if line) + "\n"


def _group(part: Part) -> str:
    return part.group


def _program(run: Prepared, part: Part) -> list[str]:
    return [
        f"[program:{part.name}]",
        f"command={_text(shlex.join(part.command))}",
        f"user={part.user}" if part.user else "",
        "directory=/" if part.user else "",
        "autostart=false",
        "autorestart=true",
        f"startsecs={STARTED_S}",
        f"startretries={RETRIES}",
        f"stopsignal={part.stop_signal}",
        f"stopwaitsecs={STOP_WITHIN_S[part.group]}",
        "killasgroup=true",
        "redirect_stderr=true",
        f"stdout_logfile={_text(run.logs / f'{part.name}.log')}",
        f"stdout_logfile_maxbytes={LOG_BYTES_MAX}",
        f"stdout_logfile_backups={LOG_FILES}",
    ]


def _text(value: object) -> str:
    """supervisord expands %(name)s, and takes what follows a semicolon for a comment."""
    text = str(value)
    if ";" in text or "\n" in text:
        raise ServiceError(f"{text!r} has a character that supervisord can't take: move the folder")
    return text.replace("%", "%%")
