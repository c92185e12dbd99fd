"""Small disks: file systems in memory, mounted where an exchange keeps something, and filled."""

import errno
import os
import shutil
import subprocess
import threading
from pathlib import Path

PIECE_BYTES = 16 << 20
PAGE_BYTES = 4_096
REFILLED_EVERY_S = 0.05


class NoDisks(Exception):
    """Nothing can be mounted here; the text says why."""


class SmallDisk:
    """Mounted at ``folder``, which is made. While it is full nothing that is freed stays free."""

    def __init__(self, folder: Path, size_bytes: int) -> None:
        """Raises NoDisks."""
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self._ballast = folder / "ballast"
        self._emptied = threading.Event()
        self._filling: threading.Thread | None = None
        options = f"size={size_bytes},mode=0755"
        _run("mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder))

    def fill(self) -> None:
        self._emptied.clear()
        self._take_what_is_free()
        self._filling = threading.Thread(target=self._keep_full, daemon=True)
        self._filling.start()

    def _keep_full(self) -> None:
        while not self._emptied.wait(REFILLED_EVERY_S):
            self._take_what_is_free()

    def _take_what_is_free(self) -> None:
        """In pieces: one that is too large as somebody was quicker is given back as a whole."""
        piece_bytes = PIECE_BYTES
        with self._ballast.open("ab") as ballast:
            while free := shutil.disk_usage(self.folder).free:
                try:
                    size = os.fstat(ballast.fileno()).st_size
                    os.posix_fallocate(ballast.fileno(), size, min(free, piece_bytes))
                except OSError as error:
                    if error.errno != errno.ENOSPC:
                        raise
                    piece_bytes = max(PAGE_BYTES, piece_bytes // 2)

    def empty(self) -> None:
        """Of its ballast."""
        self._emptied.set()
        if self._filling is not None:
            self._filling.join()
        self._ballast.unlink(missing_ok=True)

    def remove(self) -> None:
        self.empty()
        _run("umount", "--lazy", str(self.folder))


def _run(*command: str) -> None:
    try:
        subprocess.run(command, check=True, capture_output=True, text=True)
    except FileNotFoundError:
        raise NoDisks(f"{command[0]} is not installed") from None
    except subprocess.CalledProcessError as error:
        raise NoDisks(" ".join(error.stderr.split())) from None
