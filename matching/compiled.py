"""The core compiled to C by mypyc: which build of it runs.

Theory of operation. The sources of `matching.core` are ordinary typed Python and run as they are.
Where a C compiler is present, ``python -m matching.compiling`` (`make compiled`, and with it
`make test` and `make bench`) also makes extension modules of them, several times as fast. They are
kept beside the sources, never among them, in ``build/compiled/<key>/``, where the key is a hash of

    every source the compiler saw, what is compiled, the pinned compiler, the interpreter

Importing `matching` works the key out anew from the sources as they are then, and uses that folder
if there is one. So a build can't outlive its sources: whatever changes them (an edit, a pull,
another branch) changes the key, and pure Python runs until somebody compiles again. A folder gets
its name only when it is complete. ``MATCHING_PURE=1`` forces pure Python.

Both builds compute the same bytes; which one runs is said with every heartbeat (`RUNNING_BUILD`).
"""

import hashlib
import importlib.abc
import importlib.machinery
import importlib.util
import os
import sys
import sysconfig
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Literal

ROOT = Path(__file__).resolve().parent.parent
BUILDS = ROOT / "build" / "compiled"
SUFFIX: str = sysconfig.get_config_var("EXT_SUFFIX") or ".so"

# Of the messages only arithmetic is compiled: msgspec's structs are C already.
_COMPILED_MESSAGES = ("holds", "tiers")
# All the compiler looks at, for the types of what is used.
_READ = ("matching/core", "matching/messages")


def core_sources() -> list[str]:
    """The modules to compile, as paths within the project."""
    core = sorted((ROOT / "matching" / "core").rglob("*.py"))
    messages = [ROOT / "matching" / "messages" / f"{name}.py" for name in _COMPILED_MESSAGES]
    paths = [path for path in (*core, *messages) if path.name != "__init__.py"]
    return [path.relative_to(ROOT).as_posix() for path in paths]


def build_key(sources: Sequence[str]) -> str:
    """Names the one build that belongs to these sources, as they are now, and this Python."""
    pins = (ROOT / "requirements-build.txt").read_text().splitlines()
    compiler = next((pin.split("#")[0].strip() for pin in pins if pin.startswith("mypy==")), "")
    digest = hashlib.sha256("\0".join((sys.version, SUFFIX, compiler, *sources)).encode())
    read = {path for folder in _READ for path in (ROOT / folder).rglob("*.py")}
    for path in sorted(read | {ROOT / source for source in sources}):
        digest.update(f"\0{path.relative_to(ROOT).as_posix()}\0".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:20]


class _Finder(importlib.abc.MetaPathFinder):
    """Finds the extension modules of one build, before their sources are found."""

    def __init__(self, folder: Path) -> None:
        self.modules: Mapping[str, Path] = {
            path.relative_to(folder).as_posix().removesuffix(SUFFIX).replace("/", "."): path
            for path in folder.rglob(f"*{SUFFIX}")
        }

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,  # noqa: ARG002 - where else it might be does not matter
        target: ModuleType | None = None,  # noqa: ARG002
    ) -> importlib.machinery.ModuleSpec | None:
        found = self.modules.get(fullname)
        return importlib.util.spec_from_file_location(fullname, found) if found else None


def use_build(folder: Path) -> None:
    """Import what this build has from there, from now on."""
    sys.meta_path.insert(0, _Finder(folder))


def prefer_compiled() -> Literal["compiled", "pure"]:
    """Use the build of the sources as they are, if there is one."""
    if os.environ.get("MATCHING_PURE", "0") in ("", "0") and BUILDS.is_dir():
        folder = BUILDS / build_key(core_sources())
        if folder.is_dir():
            use_build(folder)
            return "compiled"
    return "pure"
