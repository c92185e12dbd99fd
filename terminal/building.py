"""Builds the page, where that is possible: ``python -m terminal.building``.

What is made and how it is served: see `bundle`. Without Node.js or a registry the exchange runs
without the page, so nothing here is an error: it says in one line what is missing.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from whitenoise.compress import Compressor

from terminal.bundle import BUILDS, MANIFEST, ROOT, WEB, build_key, folder
from terminal.node import NodeProgram, NoNode, find_node

BUILDS_KEPT = 4  # so that going back and forth between branches builds nothing
LOG = BUILDS.parent / "terminal.log"
_PACKAGES = WEB / "node_modules"
_INSTALLED = _PACKAGES / ".installed"
_WITHIN_S = 300
# What a build needs, fetched as the lock file says; a registry that is away is not waited for.
_CI = [
    *("ci", "--omit=dev", "--ignore-scripts", "--no-audit", "--no-fund"),
    *("--fetch-retries=1", "--fetch-timeout=30000"),
]


class CannotBuild(Exception):
    """The text says what is missing, or where the tool's own words are."""


def build() -> Path:
    """The folder with the page of these sources, made now if need be. Raises CannotBuild."""
    made = folder()
    if made.is_dir():
        return made
    BUILDS.mkdir(parents=True, exist_ok=True)
    with (BUILDS.parent / "terminal.lock").open("w") as lock, LOG.open("wb") as log:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if made.is_dir():  # another `make` made it meanwhile
            return made
        try:
            node = find_node()
        except NoNode as reason:
            raise CannotBuild(str(reason)) from None
        _install(node, log.fileno())
        _bundle(node, made, log.fileno())
    return made


def _install(node: NodeProgram, log: int) -> None:
    """Again when the lock file changes. Where developers' tools are there, too, that will do."""
    pinned = hashlib.sha256((WEB / "package-lock.json").read_bytes()).hexdigest()
    if _INSTALLED.exists() and _INSTALLED.read_text() == pinned:
        return
    if _run([*node.npm, *_CI], node, log):
        shutil.rmtree(_PACKAGES, ignore_errors=True)
        raise CannotBuild("its packages could not be fetched from a registry")
    _INSTALLED.write_text(pinned)


def _bundle(node: NodeProgram, made: Path, log: int) -> None:
    with tempfile.TemporaryDirectory(dir=BUILDS.parent) as scratch:
        output = Path(scratch) / "page"
        vite = _PACKAGES / "vite" / "bin" / "vite.js"
        if _run([node.program, str(vite), "build", "--outDir", str(output)], node, log):
            raise CannotBuild(f"the build failed, see {LOG.relative_to(ROOT)}")
        if not (output / MANIFEST).is_file():
            raise CannotBuild(f"the build made nothing, see {LOG.relative_to(ROOT)}")
        _compress(output)
        if build_key() != made.name:
            raise CannotBuild("a source was changed meanwhile")
        output.chmod(0o755)
        output.rename(made)
    builds = sorted(BUILDS.iterdir(), key=lambda path: path.stat().st_mtime, reverse=True)
    for old in builds[BUILDS_KEPT:]:
        shutil.rmtree(old, ignore_errors=True)


def _compress(output: Path) -> None:
    """Once, here, rather than with every answer."""
    compressor = Compressor(quiet=True)
    for path in sorted(output.rglob("*")):
        if path.is_file() and compressor.should_compress(path.name):
            list(compressor.compress(str(path)))


def _run(command: list[str], node: NodeProgram, log: int) -> int:
    path = f"{Path(node.program).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    try:
        return subprocess.run(  # noqa: S603  Node.js, with our own arguments
            command,
            cwd=WEB,
            env=os.environ | {"PATH": path, "NODE_ENV": "production"},
            stdout=log,
            stderr=log,
            timeout=_WITHIN_S,
            check=False,
        ).returncode
    except subprocess.TimeoutExpired:
        return 1


def main() -> None:
    """Build the page where that is possible, and say why not."""
    if folder().is_dir():
        return
    sys.stdout.write("building the trading page (a minute, once per change of it)\n")
    sys.stdout.flush()
    try:
        build()
    except CannotBuild as reason:
        sys.stdout.write(
            f"the trading page was not built, the exchange runs without it: {reason}\n"
        )


if __name__ == "__main__":
    main()
