"""The exchange under test, with a small disk for each thing that it keeps."""

import shutil
from pathlib import Path

import psycopg

from exchange_site.embedded.bootstrap import ROOT
from exchange_site.embedded.ports import free_port
from tests.chaos.exchange import Exchange
from tests.disks.places import SmallDisk

# What is kept there, and how large the disk is.
SIZES_BYTES = {
    "data": 600_000_000,  # files, the beat's schedule, the played chain
    "postgres": 1_200_000_000,
    "redis": 400_000_000,
    "logs": 80_000_000,
    "temporary": 120_000_000,
    "backups": 1_200_000_000,  # with archived WAL
}
PARTS = ("postgres", "redis", "engine", "worker", "beat", "api", "feeds", "chain")
ARCHIVE = (ROOT / "deploy" / "postgres" / "archive.conf").read_text()


class DiskExchange(Exchange):
    def __init__(self, data: Path) -> None:
        """Raises NoDisks."""
        super().__init__(data, free_port(), free_port())
        self.backups = data.with_name("backups")
        temporary = data.with_name("temporary")
        places = {
            "data": data,
            "postgres": data / "postgres",
            "redis": data / "redis",
            "logs": data / "logs",
            "temporary": temporary,
            "backups": self.backups,
        }
        self.disks: dict[str, SmallDisk] = {}
        try:
            for name, folder in places.items():
                self.disks[name] = SmallDisk(folder, SIZES_BYTES[name])
        except BaseException:
            self._remove_disks()
            raise
        self.environment |= {
            "TMPDIR": str(temporary),
            "DJANGO_SETTINGS_MODULE": "tests.served_settings",  # to sign up costs little
        }

    def start(self) -> None:
        """Its Postgres archives."""
        super().start()
        wal = self.backups / "wal"
        wal.mkdir()
        shutil.chown(wal, (self.data / "postgres" / "data").owner())
        self.backups.chmod(0o755)
        told = dict(settings_of(ARCHIVE.replace("FOLDER", str(self.backups))))
        with psycopg.connect(self.services["DATABASE_URL"], autocommit=True) as connection:
            for name, value in told.items():
                connection.execute(f"ALTER SYSTEM SET {name} = {value}")
        process = self.main_of("postgres")
        assert process is not None
        process.kill()  # it is started again

    def stop(self) -> None:
        """Its logs stay, where there is a disk below theirs."""
        super().stop()
        logs = self.data / "logs"
        kept = shutil.copytree(logs, self.data.with_name("logs"))
        self._remove_disks()
        kept.rename(logs)

    def _remove_disks(self) -> None:
        for disk in reversed(self.disks.values()):
            disk.remove()

    def switch_wal(self) -> None:
        """As if much were written: a new file is begun. Raises psycopg.Error."""
        with psycopg.connect(
            self.services["DATABASE_URL"], autocommit=True, connect_timeout=5
        ) as connection:
            connection.execute("SELECT pg_logical_emit_message(false, 'drill', 'more')")
            connection.execute("SELECT pg_switch_wal()")

    def process_ids(self) -> dict[str, int]:
        """Of its parts; 0 of one between two lives."""
        found = {part: self.main_of(part) for part in PARTS}
        return {part: process.pid if process else 0 for part, process in found.items()}


def settings_of(configuration: str) -> list[tuple[str, str]]:
    lines = configuration.splitlines()
    pairs = (line.partition(" = ") for line in lines if line and not line.startswith("#"))
    return [(name, value if value[0] == "'" else f"'{value}'") for name, _, value in pairs]
