"""The table of `make mutants` names tests and rooms that are there."""

from pathlib import Path

from tests.mutants import rooms

ROOT = Path(__file__).resolve().parents[2]


def test_rooms_and_tests_are_there() -> None:
    named = {*rooms.ROOMS, *(test for tests in rooms.ROOMS.values() for test in tests)}
    assert [path for path in sorted(named) if not (ROOT / path).exists()] == []


def test_every_module_has_a_row() -> None:
    found = rooms.modules(ROOT, "")
    assert len(found) > 80
    assert all(rooms.tests_of(module) for module in found)
