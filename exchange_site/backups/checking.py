"""Whether a base backup is what Postgres sent: every file by its size and SHA-256, and no other.

As pg_verifybackup does, which not every installation has. The manifest's last line is the checksum
of all before it. WAL and what is written beside the copy isn't in it: Postgres checks WAL itself,
record by record, as it replays it.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

from exchange_site.backups.places import BackupRefused

MANIFEST = "backup_manifest"
_NOT_LISTED = ("pg_wal/", MANIFEST)


def check_base(base: Path) -> None:
    """Raises BackupRefused at the first difference."""
    listed = _listed(base / MANIFEST)
    found = {
        path.relative_to(base).as_posix()
        for path in base.rglob("*")
        if path.is_file() and not path.relative_to(base).as_posix().startswith(_NOT_LISTED)
    }
    if lost := sorted(listed.keys() - found):
        raise BackupRefused(f"the copy lacks {lost[0]}")
    if more := sorted(found - listed.keys()):
        raise BackupRefused(f"the copy has {more[0]}, which is not in its manifest")
    for name, (size, digest) in listed.items():
        _check_file(base / name, size, digest)


def _listed(manifest: Path) -> dict[str, tuple[int, str]]:
    """Size and digest by path."""
    content = manifest.read_bytes()
    body, _, last = content.rstrip(b"\n").rpartition(b"\n")
    described: dict[str, Any] = json.loads(content)
    if hashlib.sha256(body + b"\n").hexdigest() != described["Manifest-Checksum"] or not last:
        raise BackupRefused("the copy's manifest is not as it was written")
    return {
        file.get("Path") or bytes.fromhex(file["Encoded-Path"]).decode(): (
            file["Size"],
            file["Checksum"],
        )
        for file in described["Files"]
    }


def _check_file(path: Path, size: int, digest: str) -> None:
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if path.stat().st_size != size or found != digest:
        raise BackupRefused(f"the copy of {path.name} is not what Postgres sent")
