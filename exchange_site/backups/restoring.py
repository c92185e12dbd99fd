"""Lays out a data folder that Postgres brings to a moment as it starts.

Nothing is started here, and nothing that exists is written over: where the cluster is to be, and as
whom it runs, is its administrator's matter.
"""

import shlex
import shutil
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from exchange_site.backups.checking import check_base
from exchange_site.backups.places import DATA, BackupFolder, BackupRefused, TakenBackup

# Postgres starts on no folder without it, so on none that was broken off half-way: without the rest
# of it such a folder would be a primary that forgot everything since the copy.
LAST = "PG_VERSION"


def restore_backup(folder: BackupFolder, into: Path, to: datetime | None) -> str:
    """The name of the base it goes on from. ``to``: the moment, or all that was archived. Raises
    BackupRefused."""
    name = _base_for(folder.taken(), to, folder)
    if to is not None and not folder.wal.is_dir():
        raise BackupRefused(f"{folder.wal} is not there: without WAL no moment can be reached")
    try:
        check_base(folder.bases / name / DATA)
        if into.exists() and any(into.iterdir()):
            raise BackupRefused(f"{into} is not empty: nothing is written over")
        into.parent.mkdir(parents=True, exist_ok=True)
        into.mkdir(mode=0o700, exist_ok=True)
        base = folder.bases / name / DATA
        shutil.copytree(base, into, symlinks=True, dirs_exist_ok=True, ignore=_all_but(LAST))
        into.chmod(0o700)
        (into / "recovery.signal").touch(mode=0o600)
        with (into / "postgresql.auto.conf").open("a") as settings:
            settings.write(_recovery(folder, to))
        shutil.copy2(base / LAST, into)
    except shutil.Error as error:  # of the files it could not copy
        path, _, why = error.args[0][0]
        raise BackupRefused(f"{path}: {why}. {into} is half-written: remove it") from error
    except OSError as error:
        raise BackupRefused(f"{error.filename}: {error.strerror}") from error
    return name


def _all_but(name: str) -> Callable[[str, list[str]], list[str]]:
    """At the top of what is copied."""
    top: list[str] = []

    def ignored(folder: str, _: list[str]) -> list[str]:
        top.append(folder)
        return [name] if folder == top[0] else []

    return ignored


def _base_for(taken: dict[str, TakenBackup], to: datetime | None, folder: BackupFolder) -> str:
    """The newest that was whole by then."""
    fitting = [name for name, one in taken.items() if to is None or one.finished_at <= to]
    if fitting:
        return fitting[-1]
    if not taken:
        raise BackupRefused(f"there is no backup in {folder.bases}")
    first = next(iter(taken.values())).finished_at
    raise BackupRefused(f"the oldest backup can be brought to {first.isoformat()} and later only")


def _recovery(folder: BackupFolder, to: datetime | None) -> str:
    """Later lines win. The restored cluster archives nothing until somebody says where: in the
    old place it would mix two histories."""
    copy = f"cp {shlex.quote(str(folder.wal.resolve()))}/%f %p"
    lines = {
        "restore_command": copy,
        "recovery_target_action": "promote",
        "recovery_target_timeline": "latest",
        "archive_mode": "off",
    }
    if to is not None:
        lines["recovery_target_time"] = to.isoformat(sep=" ")
    written = (
        f"{name} = '{value.replace(chr(39), chr(39) * 2)}'\n" for name, value in lines.items()
    )
    return "\n# Of manage.py restore\n" + "".join(written)
