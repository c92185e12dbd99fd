"""What lies where in the folder of backups, and the programs of Postgres that make and read it."""

import shutil
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import msgspec

from exchange_site.embedded.postgres import BINARIES, VERSION

DATA = "data"


class BackupRefused(Exception):
    """Nothing was done; the text says why and what to do."""


class TakenBackup(msgspec.Struct, frozen=True):
    """``backup.json``. It can be brought to any moment from ``finished_at`` on."""

    started_at: datetime
    finished_at: datetime
    postgres: str  # the server's major version
    first_wal: str  # the oldest file of the archive that it needs


@dataclass(frozen=True)
class BackupFolder:
    path: Path

    @property
    def wal(self) -> Path:
        return self.path / "wal"

    @property
    def bases(self) -> Path:
        return self.path / "base"

    def taken(self) -> dict[str, TakenBackup]:
        """By name, oldest first. One that was broken off has no ``backup.json``, and isn't one."""
        found = {}
        for file in sorted(self.bases.glob("*/backup.json")):
            try:
                found[file.parent.name] = msgspec.json.decode(file.read_bytes(), type=TakenBackup)
            except (OSError, msgspec.DecodeError) as error:
                raise BackupRefused(f"{file} can't be read: {error}") from error
        return found


def program(name: str, version: str) -> str:
    """Of a Postgres of the server's own major version, as older ones refuse and newer ones may:
    where Debian has it, in the wheel that `make run` uses, or whatever the host has."""
    if (packaged := Path("/usr/lib/postgresql", version, "bin", name)).exists():
        return str(packaged)
    return str(BINARIES / name) if version == VERSION else shutil.which(name) or name
