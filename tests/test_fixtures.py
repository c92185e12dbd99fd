"""A fixture of a folder ends with the folder: only a conftest.py may bring it to another one.

A module that imports it makes it nobody's, and what it started runs beside the tests of all others.

An exchange that runs for a folder has its markets in the tables of all its tests: none may empty
them.
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


def empties_tables(source: str) -> bool:
    """As a test does that commits."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.keyword) and node.arg == "transaction":
            return True
        if isinstance(node, ast.arg) and node.arg == "transactional_db":
            return True
    return False


def test_nobody_empties_the_tables_of_an_exchange_that_runs() -> None:
    folder = TESTS / "flow"
    assert "running_exchange" in fixtures_of_folders((folder / "conftest.py").read_text())
    found = [path.name for path in folder.rglob("*.py") if empties_tables(path.read_text())]
    assert found == []


@pytest.mark.parametrize(
    ("source", "does"),
    [
        ("@pytest.mark.django_db(transaction=True)\ndef test_it(): ...", True),
        ("pytestmark = pytest.mark.django_db(transaction=True)", True),
        ("def test_it(transactional_db): ...", True),
        ("@pytest.mark.django_db\ndef test_it(db): ...", False),
    ],
)
def test_who_empties_tables(source: str, does: bool) -> None:
    assert empties_tables(source) == does
