"""Takes a base backup of the running cluster, checks it, and drops those that are too old."""

import fcntl
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import structlog
from django.db import DatabaseError, connection

from exchange_site.backups.checking import check_base
from exchange_site.backups.places import DATA, BackupFolder, BackupRefused, TakenBackup, program

UNFINISHED = ".unfinished"
ARCHIVED_WITHIN_S = 60.0

log = structlog.get_logger(__name__)


def take_backup(folder: BackupFolder, keep: int) -> str:
    """Its name. ``keep``: how many bases stay, with their WAL. Raises BackupRefused."""
    version = _require_archiving(folder)
    with _alone(folder):
        return _take(folder, keep, version)


def _take(folder: BackupFolder, keep: int, version: str) -> str:
    started_at = datetime.now(UTC)
    name = started_at.strftime("%Y%m%dT%H%M%SZ")
    unfinished = folder.bases / f"{name}{UNFINISHED}"
    for left in folder.bases.glob(f"*{UNFINISHED}"):  # by one that was broken off
        shutil.rmtree(left)
    try:
        _copy(unfinished / DATA, version)
        check_base(unfinished / DATA)
        taken = TakenBackup(
            started_at=started_at,
            finished_at=_now(),
            postgres=version,
            first_wal=_first_wal(unfinished / DATA),
        )
        described = msgspec.json.format(msgspec.json.encode(taken))
        (unfinished / "backup.json").write_bytes(described)
    except BaseException:  # whatever it was: it is as large as the database
        shutil.rmtree(unfinished, ignore_errors=True)
        raise
    unfinished.rename(folder.bases / name)
    log.info("backup_taken", name=name)
    _require_archived(folder, name, taken.first_wal)
    _drop_old(folder, keep)
    return name


@contextmanager
def _alone(folder: BackupFolder) -> Iterator[None]:
    """Another would take what this one has not finished for what was broken off."""
    try:
        folder.bases.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(folder.path / "backup.lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise BackupRefused(f"can't write to {folder.path}: {error.strerror}") from error
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BackupRefused(f"another backup is being taken into {folder.path}") from None
        yield
    finally:
        os.close(lock)


def _require_archived(folder: BackupFolder, name: str, first_wal: str) -> None:
    """Postgres says that it archives, and not that it does, or where: a command that fails or
    leads elsewhere is noticed here, while all older copies and their WAL are still there."""
    deadline = time.monotonic() + ARCHIVED_WITHIN_S
    while not (folder.wal / first_wal).exists():
        if time.monotonic() > deadline:
            raise BackupRefused(
                f"{name} is there, but can be brought to no moment: Postgres has not archived "
                f"{first_wal} to {folder.wal}. Its log and pg_stat_archiver say whether "
                "archive_command fails. No older copy was dropped"
            )
        time.sleep(0.2)


def _require_archiving(folder: BackupFolder) -> str:
    """The major version. Without an archive a base is one moment, and not what was asked for."""
    try:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT current_setting('archive_mode'), current_setting('server_version_num')"
            )
            mode, version = cursor.fetchone()
    except DatabaseError as error:
        raise BackupRefused(f"Postgres: {str(error).partition(chr(10))[0]}") from error
    if mode == "off":
        raise BackupRefused(
            "Postgres archives no WAL: set archive_mode and archive_command, as in "
            "deploy/postgres/archive.conf, and restart it"
        )
    if not folder.wal.is_dir():
        raise BackupRefused(
            f"{folder.wal} is not there: make it, for Postgres' user, and let archive_command "
            "write into it"
        )
    return str(int(version) // 10_000)


def _now() -> datetime:
    """Postgres' clock, by which it says when a transaction was committed."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        (now,) = cursor.fetchone()
    return now  # type: ignore[no-any-return]


def _copy(target: Path, version: str) -> None:
    """With the WAL that was written meanwhile, so that it can be started by itself."""
    _run(
        version,
        "pg_basebackup",
        f"--pgdata={target}",
        "--format=plain",
        "--wal-method=stream",
        "--checkpoint=fast",
        "--manifest-checksums=SHA256",
        "--no-password",
    )


def _first_wal(base: Path) -> str:
    """``START WAL LOCATION: 0/2000028 (file 000000010000000000000002)``"""
    first_line = (base / "backup_label").read_text().splitlines()[0]
    return first_line.rpartition("(file ")[2].rstrip(")")


def _drop_old(folder: BackupFolder, keep: int) -> None:
    taken = folder.taken()
    kept = list(taken)[-keep:]
    for name in taken:
        if name not in kept:
            shutil.rmtree(folder.bases / name)
            log.info("backup_dropped", name=name)
    oldest = taken[kept[0]]
    _run(oldest.postgres, "pg_archivecleanup", str(folder.wal), oldest.first_wal)


def _run(version: str, name: str, *options: str) -> None:
    """Raises BackupRefused with what it said was wrong."""
    try:
        ran = subprocess.run(  # noqa: S603  a program of Postgres, by our own words
            [program(name, version), *options],
            env=os.environ | _connection(),
            check=False,
            capture_output=True,
            text=True,
        )
    except OSError as error:
        raise BackupRefused(f"{name} can't be run: {error.strerror}") from error
    if ran.returncode:
        said = ran.stderr.strip().splitlines() or ["it says nothing"]
        faults = [line for line in said if "error:" in line]
        raise BackupRefused([*faults, said[-1]][0])


# Of an address: how it is spoken to, and to which of several.
_OPTIONS = {
    "PGHOST": "host",
    "PGPORT": "port",
    "PGSSLMODE": "sslmode",
    "PGSSLROOTCERT": "sslrootcert",
    "PGSSLCERT": "sslcert",
    "PGSSLKEY": "sslkey",
    "PGTARGETSESSIONATTRS": "target_session_attrs",
}


def _connection() -> dict[str, str]:
    """As libpq reads it: the password is on no command line."""
    database: dict[str, Any] = connection.settings_dict
    named = {"PGHOST": "HOST", "PGPORT": "PORT", "PGUSER": "USER", "PGPASSWORD": "PASSWORD"}
    found = {name: str(database[key]) for name, key in named.items() if database[key]}
    options = database["OPTIONS"]
    return found | {name: str(options[key]) for name, key in _OPTIONS.items() if key in options}
