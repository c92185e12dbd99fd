"""Compiles the core, where that is possible: ``python -m matching.compiling``.

What is made and how it is used: see `compiled`. Without a compiler everything runs as it is, so
nothing here is an error: it says in one line what is missing.
"""

import fcntl
import importlib.util
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Sequence
from pathlib import Path

from matching.compiled import BUILDS, ROOT, SUFFIX, build_key, core_sources

BUILDS_KEPT = 4  # so that going back and forth between branches compiles nothing
LOG = BUILDS.parent / "compile.log"

# Only what is imported counts: no configuration of the site, no Django.
_MYPY_FLAGS = (
    "--config-file=",
    f"--cache-dir={BUILDS.parent / 'mypy_cache'}",
    "--strict",
    "--ignore-missing-imports",
)


class CannotCompile(Exception):
    """The text says what is missing, or where the compiler's own words are."""


def build(sources: Sequence[str]) -> Path:
    """The folder with the build of these sources, made now if need be. Raises CannotCompile."""
    folder = BUILDS / build_key(sources)
    if folder.is_dir():
        return folder
    missing = lacking()
    if missing:
        raise CannotCompile(missing)
    BUILDS.mkdir(parents=True, exist_ok=True)
    with (BUILDS.parent / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.is_dir():  # else another `make` made it meanwhile
            _compile(sources, folder)
    return folder


def _compile(sources: Sequence[str], folder: Path) -> None:
    with tempfile.TemporaryDirectory(dir=BUILDS.parent) as scratch:
        made = Path(scratch) / "lib"
        with LOG.open("wb") as output:
            done = subprocess.run(  # noqa: S603 - our own interpreter, our own script
                [sys.executable, "-c", _SCRIPT, str(made), *_MYPY_FLAGS, *sources],
                cwd=ROOT,
                env={**os.environ, "MATCHING_PURE": "1"},
                stdout=output,
                stderr=subprocess.STDOUT,
                check=False,
            )
        if done.returncode or not any(made.rglob(f"*{SUFFIX}")):
            raise CannotCompile(f"the compiler failed, see {LOG.relative_to(ROOT)}")
        if build_key(sources) != folder.name:
            raise CannotCompile("a source was changed meanwhile")
        made.rename(folder)
    builds = sorted(BUILDS.iterdir(), key=lambda path: path.stat().st_mtime, reverse=True)
    for old in builds[BUILDS_KEPT:]:
        shutil.rmtree(old, ignore_errors=True)


# In a process of its own: setuptools has opinions about the working folder and the command line.
_SCRIPT = """
import sys
from mypyc.build import mypycify
from setuptools import setup

made, *rest = sys.argv[1:]
setup(
    name="matching-core",
    packages=[],
    ext_modules=mypycify(rest, opt_level="3", debug_level="0", target_dir=made + ".c"),
    script_args=["build_ext", "--build-lib", made, "--build-temp", made + ".o"],
)
"""


def lacking() -> str:
    """What a compilation needs and this machine doesn't have; empty if nothing."""
    compiler = (sysconfig.get_config_var("CC") or "cc").split()[0]
    if shutil.which(compiler) is None:
        return f"there is no C compiler ({compiler})"
    if not Path(sysconfig.get_paths()["include"], "Python.h").is_file():
        return "Python's headers are missing (apt-get install python3-dev)"
    for module in ("mypyc", "setuptools"):
        if importlib.util.find_spec(module) is None:
            return f"{module} is not installed"
    return ""


def main() -> None:
    """Compile the core where that is possible, and say which build will run."""
    if (BUILDS / build_key(core_sources())).is_dir():
        return
    sys.stdout.write("compiling the matching core (a minute, once per change of it)\n")
    sys.stdout.flush()
    try:
        build(core_sources())
    except CannotCompile as reason:
        sys.stdout.write(f"not compiled, it runs as pure Python: {reason}\n")


if __name__ == "__main__":
    main()
