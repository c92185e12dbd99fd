"""The TypeScript of the page and of the client: typed, linted, and tested by tests of their own."""

import json
import re
import shutil
from pathlib import Path

import pytest

from terminal.bundle import CLIENT, ROOT, WEB
from tests.clients.conftest import (  # noqa: F401
    installed,
    node,
    node_modules,
    run,
    schema_file,
    with_path_to,
)

CLIENT_ROOT = CLIENT.parent
LOCKS = [*(folder / "package-lock.json" for folder in (WEB, CLIENT_ROOT))]


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.parent.name)
def test_the_lock_names_no_registry_and_pins_all(lock: Path) -> None:
    text = lock.read_text()
    assert not re.search(r"resolved|https?://[^\"]*registry", text)
    packages = json.loads(text)["packages"]
    assert all("integrity" in one for name, one in packages.items() if name)
    wanted = json.loads((lock.parent / "package.json").read_text())
    pins = [*wanted.get("dependencies", {}).values(), *wanted.get("devDependencies", {}).values()]
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", pin) for pin in pins)


def test_requests_leave_the_page_one_way() -> None:
    """Where another's page, which an operator looks at, lets nothing out but reads."""
    asking = re.compile(r"\bfetch\(|sendBeacon|XMLHttpRequest|EventSource|new WebSocket")
    sources = sorted((WEB / "src").rglob("*.ts*"))
    found = [path.relative_to(WEB / "src") for path in sources if asking.search(path.read_text())]
    assert [path.as_posix() for path in found] == ["net/sending.ts"]


@pytest.fixture(scope="module", params=[CLIENT_ROOT, WEB], ids=["client", "page"])
def package(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    schema_file: Path,  # noqa: F811
    node: Path,  # noqa: F811
    node_modules: Path,  # noqa: F811
) -> Path:
    """A copy of both, side by side as here, of which one has its tools; the client's types are made
    of the schema as it is now."""
    copy = tmp_path_factory.mktemp("sources")
    for folder in (CLIENT_ROOT, WEB):
        ignored = shutil.ignore_patterns("node_modules", "dist")
        shutil.copytree(folder, copy / folder.relative_to(ROOT), ignore=ignored)
    program = str(node / "node")
    types = copy / CLIENT.relative_to(ROOT) / "schema.ts"
    generator = str(node_modules / "openapi-typescript" / "bin" / "cli.js")
    run([program, generator, str(schema_file), "-o", str(types)], env=with_path_to(node))
    here = copy / request.param.relative_to(ROOT)
    (here / "node_modules").symlink_to(installed(node, request.param, f"npm-{here.name}"))
    return here


def test_types_lint_and_own_tests(package: Path, node: Path) -> None:  # noqa: F811
    program, tools = str(node / "node"), package / "node_modules"
    run([program, str(tools / "typescript/bin/tsc"), "--noEmit"], cwd=package)
    if (tools / "eslint").exists():
        run([program, str(tools / "eslint/bin/eslint.js"), "."], cwd=package)
    said = run(
        [program, str(tools / "vitest/vitest.mjs"), "run"], cwd=package, env=with_path_to(node)
    )
    assert "failed" not in said
