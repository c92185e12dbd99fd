"""What `manage.py runexchange` needs before Django can read its settings.

Takes the data folder for this process alone, clears away what a killed run left, decides where
Postgres and Redis are, and puts that into the environment. Starts nothing. Once settings took it,
the command writes it to ``services.env``.
"""

import fcntl
import os
import secrets
import shutil
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

import psutil

from exchange_site.configuration.environment import said
from exchange_site.configuration.services import SERVICES_FILE, read_services
from exchange_site.configuration.variables import IN_A_FILE
from exchange_site.embedded import postgres, redis_server
from exchange_site.embedded.errors import ServiceError
from exchange_site.embedded.ports import free_port, is_free
from exchange_site.embedded.processes import RUN_MARKER, end, leftovers

ROOT = Path(__file__).resolve().parents[2]
DISK_FREE_BYTES_MIN = 300_000_000
PERSISTED = (
    "DATABASE_URL", "REDIS_URL", "DJANGO_SECRET_KEY", "API_KEY_SECRETS", "DEMO", "HTTPS",
    "MONITOR_TOKEN", "CUSTODY_TOKEN", "CUSTODY_WEBHOOK_SECRETS", "DEMO_CHAIN_URL",
    "BROKER_URL", "CACHE_URL", "LIMITS_URL",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """What this run stands on. A server named from outside is None here: it isn't ours to run."""

    data: Path
    port: int
    feeds_port: int
    simulate: bool
    demo: bool
    postgres: postgres.Postgres | None
    redis: redis_server.RedisServer | None
    stopped_leftovers: int
    lock: int

    @property
    def chain_url(self) -> str:
        """ "" where no chain is played."""
        return os.environ["DEMO_CHAIN_URL"]

    @property
    def logs(self) -> Path:
        return self.data / "logs"


@cache
def prepared() -> Prepared:
    """The same answer for manage.py, which calls this first, and for the command."""
    os.umask(0o077)  # what this run writes, its logs too, is for its owner alone
    data = Path(os.environ.get("EXCHANGE_DATA") or ROOT / "var").resolve()
    port = _port("PORT", 8000)
    feeds_port = _port("FEEDS_PORT", port + 1)
    if port == feeds_port:
        raise ServiceError(f"PORT and FEEDS_PORT are both {port}: set them apart")
    simulate, demo = _switch("SIMULATE"), _switch("DEMO")
    _take_from_files()
    _make_folder(data)
    lock = _lock(data)
    old = leftovers(data)
    end(old)
    for variable, number in (("PORT", port), ("FEEDS_PORT", feeds_port)):
        if not is_free(number):
            raise ServiceError(
                f"port {number} is in use: stop what listens there or set {variable} to a free one"
            )
    before = read_services(data)
    database = store = None
    if not os.environ.get("DATABASE_URL"):
        preferred = _known_port(before.get("DATABASE_URL", ""))
        database = postgres.prepare(data / "postgres", port=free_port(preferred=preferred))
        os.environ["DATABASE_URL"] = database.url()
    if not os.environ.get("REDIS_URL"):
        preferred = _known_port(before.get("REDIS_URL", ""))
        store = redis_server.prepare(data / "redis", port=free_port(preferred=preferred))
        os.environ["REDIS_URL"] = store.url()
    secret = before.get("DJANGO_SECRET_KEY") or secrets.token_hex(32)
    os.environ.setdefault("DJANGO_SECRET_KEY", secret)
    sealing = before.get("API_KEY_SECRETS") or secrets.token_hex(32)
    os.environ.setdefault("API_KEY_SECRETS", sealing)
    monitor_token = before.get("MONITOR_TOKEN") or secrets.token_urlsafe(24)
    os.environ.setdefault("MONITOR_TOKEN", monitor_token)
    for variable in ("CUSTODY_TOKEN", "CUSTODY_WEBHOOK_SECRETS"):
        os.environ.setdefault(variable, before.get(variable) or secrets.token_urlsafe(24))
    os.environ["DEMO_CHAIN_URL"] = _chain_url(before, port) if demo else ""
    for variable in ("BROKER_URL", "CACHE_URL", "LIMITS_URL"):
        os.environ.setdefault(variable, "")  # the one that REDIS_URL names
    os.environ.setdefault("HTTPS", "0")  # this machine alone, until a proxy stands in front
    os.environ |= {"EXCHANGE_DATA": str(data), RUN_MARKER: str(data), "DEMO": str(int(demo))}
    return Prepared(
        data=data, port=port, feeds_port=feeds_port, simulate=simulate, demo=demo,
        postgres=database, redis=store, stopped_leftovers=len(old), lock=lock,
    )  # fmt: skip


def _known_port(url: str) -> int | None:
    """Of a server of an earlier run; several that were named from outside have none in common."""
    try:
        return urlsplit(url).port
    except ValueError:
        return None


def _chain_url(before: dict[str, str], port: int) -> str:
    """Of the demo's chain: where it was, else beside the other ports."""
    preferred = urlsplit(before.get("DEMO_CHAIN_URL", "")).port or port + 2
    return f"http://127.0.0.1:{free_port(preferred=preferred)}"


def _port(variable: str, default: int) -> int:
    given = os.environ.get(variable) or str(default)
    if not given.isdecimal() or not 0 < int(given) < 65_536:
        raise ServiceError(f"{variable}={given} is not a port: choose one between 1 and 65535")
    return int(given)


def _take_from_files() -> None:
    """What is kept for commands run beside it stands there by its value."""
    for name in PERSISTED:
        if os.environ.get(f"{name}{IN_A_FILE}"):
            os.environ[name] = said(name)
            del os.environ[f"{name}{IN_A_FILE}"]


def _switch(variable: str) -> bool:
    given = os.environ.get(variable) or "1"
    if given not in ("0", "1"):
        raise ServiceError(f"{variable}={given} is neither 1 nor 0")
    return given == "1"


def _make_folder(data: Path) -> None:
    try:
        data.mkdir(parents=True, exist_ok=True)
        (data / "logs").mkdir(mode=0o700, exist_ok=True)
        (data / "static").mkdir(exist_ok=True)
        probe = data / ".writable"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise ServiceError(
            f"can't write to {data} ({error.strerror}): set EXCHANGE_DATA to a folder you own"
        ) from None
    free = shutil.disk_usage(data).free
    if free < DISK_FREE_BYTES_MIN:
        raise ServiceError(
            f"the disk of {data} has {free // 1_000_000} MB left: "
            f"free at least {DISK_FREE_BYTES_MIN // 1_000_000} MB or set EXCHANGE_DATA elsewhere"
        )


def _lock(data: Path) -> int:
    """Held until this process ends, however it ends. The descriptor isn't inherited by children."""
    lock = os.open(data / "run.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        pid = os.read(lock, 20).decode() or "?"
        raise ServiceError(
            f"an exchange already runs on {data} (pid {pid}): stop it or set EXCHANGE_DATA"
        ) from None
    os.ftruncate(lock, 0)
    os.write(lock, str(psutil.Process().pid).encode())
    return lock


def write_services(data: Path) -> None:
    """Whole or not at all, and never readable by others. Once the settings took it all: what they
    refused would be there again at the next start."""
    path = data / SERVICES_FILE
    lines = [
        "# Written by manage.py runexchange at every start; manage.py reads it. Keep it secret.",
        *(f"{name}={os.environ[name]}" for name in PERSISTED),
    ]
    unfinished = path.with_suffix(".unfinished")
    unfinished.unlink(missing_ok=True)
    unfinished.touch(mode=0o600)
    unfinished.write_text("\n".join(lines) + "\n")
    unfinished.rename(path)
