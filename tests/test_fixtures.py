"""A fixture of a folder ends with the folder: only a conftest.py may bring it to another one.

A module that imports it makes it nobody's, and what it started runs beside the tests of all others.

An exchange that runs for a folder has its markets in the tables of all its tests: none may empty
them.

What a module asks the clock while it is imported is old by the time its tests run: of yesterday,
where midnight passed since. A test asks by itself, or has an instant of its own by `time_machine`.
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


CLOCK = {"localdate", "now", "time", "time_ns", "today", "utcnow"}


def calls_at_import(node: ast.AST) -> Iterator[ast.Call]:
    """Of functions only what decorates them, and what their parameters are by default."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Lambda):
            continue
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            defaults = [*child.args.defaults, *filter(None, child.args.kw_defaults)]
            for one in (*child.decorator_list, *defaults):
                yield from calls_at_import(ast.Expression(one))
            continue
        if isinstance(child, ast.Call):
            yield child
        yield from calls_at_import(child)


def asks_the_clock_at_import(source: str) -> list[str]:
    calls = list(calls_at_import(ast.parse(source)))
    return [ast.unparse(one) for one in calls if ast.unparse(one.func).rpartition(".")[2] in CLOCK]


def test_no_module_of_tests_asks_the_clock_while_it_is_imported() -> None:
    found = {
        path.relative_to(TESTS).as_posix(): calls
        for path in TESTS.rglob("*.py")
        if (calls := asks_the_clock_at_import(path.read_text()))
    }
    assert found == {}


@pytest.mark.parametrize(
    ("source", "calls"),
    [
        ("TODAY = datetime.now(UTC).date()", ["datetime.now(UTC)"]),
        ("LATER_MS = (time.time() + 60) * 1_000", ["time.time()"]),
        ("class World:\n    born = timezone.now()", ["timezone.now()"]),
        ("ROWS = [{'at': date.today()}]", ["date.today()"]),
        ("def made(at=timezone.now()): ...", ["timezone.now()"]),
        ("@pytest.mark.parametrize('at', [time_ns()])\ndef test_it(at): ...", ["time_ns()"]),
        ("TODAY = date(2026, 7, 1)", []),
        ("def today():\n    return datetime.now(UTC).date()", []),
        ("today = lambda: date.today()", []),
    ],
)
def test_which_calls_are_made_at_import(source: str, calls: list[str]) -> None:
    assert asks_the_clock_at_import(source) == calls
