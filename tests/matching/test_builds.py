"""The core runs as it is or compiled: the same bytes either way, and never an old build."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from matching import compiled, compiling

ROOT = Path(__file__).resolve().parent.parent.parent
# What is needed to import and to compile the core, and nothing that would find the real builds.
COPIED = ("matching", "requirements-build.txt")
WHICH = "import matching, matching.core.book.book as b; print(matching.RUNNING_BUILD, b.__file__)"
REPLAY = """
import hashlib, msgspec, matching
from tests.matching import perps_driver

bytes_out = hashlib.sha256()
count = perps_driver.World._count

def record(world, events):
    bytes_out.update(msgspec.json.encode(events))
    count(world, events)

perps_driver.World._count = record
for seed in range(8):
    bytes_out.update(perps_driver.run(seed, 250).engine.digest().encode())
print(matching.RUNNING_BUILD, bytes_out.hexdigest())
"""


def python(code: str, folder: Path = ROOT, **environment: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder), "MATCHING_PURE": "0", **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.split()


@pytest.fixture
def copy(folder: Path) -> Path:
    """The project's own sources, where a test may change them."""
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "matching", folder / "matching", ignore=ignored)
    shutil.copy(ROOT / "requirements-build.txt", folder)
    return folder


def pretend_build(folder: Path) -> Path:
    """A build of the sources as they are in this folder, with nothing in it but its name."""
    code = "from matching import compiled as c; print(c.BUILDS / c.build_key(c.core_sources()))"
    (path,) = python(code, folder)
    Path(path).mkdir(parents=True)
    return Path(path)


def test_a_build_is_used_only_for_the_sources_it_was_made_of(copy: Path) -> None:
    pretend_build(copy)
    assert python(WHICH, copy)[0] == "compiled"
    source = copy / "matching" / "core" / "market" / "position.py"
    before = source.read_text()
    source.write_text(before + "\n# another rule\n")
    assert python(WHICH, copy)[0] == "pure"
    source.write_text(before)
    assert python(WHICH, copy)[0] == "compiled"


@pytest.mark.parametrize(
    "path", ["messages/events.py", "messages/holds.py", "core/__init__.py", "core/book/__init__.py"]
)
def test_what_the_compiler_only_read_counts_too(copy: Path, path: str) -> None:
    pretend_build(copy)
    with (copy / "matching" / path).open("a") as source:
        source.write("\n# changed\n")
    assert python(WHICH, copy)[0] == "pure"


def test_a_source_that_is_added_makes_another_build(copy: Path) -> None:
    pretend_build(copy)
    (copy / "matching" / "core" / "newer.py").write_text('"""New."""\n')
    assert python(WHICH, copy)[0] == "pure"


def test_pure_python_can_be_forced(copy: Path) -> None:
    pretend_build(copy)
    assert python(WHICH, copy, MATCHING_PURE="1")[0] == "pure"


def test_without_a_compiler_it_says_so_and_goes_on(copy: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "matching.compiling"],
        cwd=copy,
        env={"PATH": str(copy), "PYTHONPATH": str(copy)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0
    assert "not compiled, it runs as pure Python: there is no C compiler" in done.stdout
    assert done.stderr == ""


def has_build() -> bool:
    return (compiled.BUILDS / compiled.build_key(compiled.core_sources())).is_dir()


@pytest.mark.skipif(bool(compiling.lacking()), reason="nothing to compile with")
def test_both_builds_compute_the_same_bytes() -> None:
    assert has_build(), "`make compiled` makes the build"
    build, path = python(WHICH)
    assert (build, Path(path).suffix) == ("compiled", ".so")
    ours = python(REPLAY)
    theirs = python(REPLAY, MATCHING_PURE="1")
    assert (ours[0], theirs[0]) == ("compiled", "pure")
    assert ours[1] == theirs[1]
