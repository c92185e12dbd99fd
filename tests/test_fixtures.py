"""A fixture of a folder ends with the folder: only a conftest.py may bring it to another one.

A module that imports it makes it nobody's, and what it started runs beside the tests of all others.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

TESTS = Path(__file__).parent


def fixtures_of_folders(source: str) -> Iterator[str]:
    for node in ast.parse(source).body:
        if isinstance(node, ast.FunctionDef) and any(
            isinstance(one, ast.Call) and 'scope="package"' in ast.unparse(one).replace("'", '"')
            for one in node.decorator_list
        ):
            yield node.name


def imported(source: str) -> Iterator[str]:
    """From a conftest.py."""
    if "conftest" not in source:
        return
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").endswith("conftest"):
            yield from (name.name for name in node.names)


def test_only_a_conftest_imports_a_fixture_of_a_folder() -> None:
    of_folders = {
        name for path in TESTS.rglob("*.py") for name in fixtures_of_folders(path.read_text())
    }
    assert "running_feeds" in of_folders
    found = {
        (path.relative_to(TESTS).as_posix(), name)
        for path in TESTS.rglob("test_*.py")
        for name in of_folders.intersection(imported(path.read_text()))
    }
    assert found == set()


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ('@pytest.fixture(scope="package")\ndef served(): ...', ["served"]),
        ("@pytest.fixture(autouse=True, scope='package')\ndef served(): ...", ["served"]),
        ('@pytest.fixture(scope="module")\ndef served(): ...', []),
        ("@pytest.fixture\ndef served(): ...", []),
        ("def served(): ...", []),
    ],
)
def test_which_are_of_a_folder(source: str, names: list[str]) -> None:
    assert list(fixtures_of_folders(source)) == names
