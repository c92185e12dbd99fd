"""The rooms of the house, held by the sources; and proof that each rule finds its breach."""

from pathlib import Path

import pytest

from tests.architecture_rules import OURS, Module, load
from tests.room_rules import (
    check_circles,
    check_class_names,
    check_folders,
    check_services_know_no_http,
)

ROOT = Path(__file__).resolve().parent.parent
MODULES = [module for package in OURS for module in load(ROOT, package)]


def test_no_circles() -> None:
    assert list(check_circles(MODULES)) == []


def test_folders() -> None:
    assert list(check_folders(MODULES)) == []


def test_services_know_no_http() -> None:
    assert [f for module in MODULES for f in check_services_know_no_http(module)] == []


def test_class_names() -> None:
    # The simulator is a client like any other: it has its own words.
    assert list(check_class_names([m for m in MODULES if not m.within("simulator")])) == []


def circles(*modules: tuple[str, str]) -> list[str]:
    return list(check_circles([Module(path, source) for path, source in modules]))


def test_planted_circles_are_found() -> None:
    one = ("trading/orders/place.py", "from trading.orders.draft import x")
    back = ("trading/orders/draft.py", "from trading.orders.place import y")
    assert circles(one, back) != []
    assert circles(one, ("trading/orders/draft.py", "")) == []
    # Between rooms of a package, though no two modules import each other.
    down = ("trading/orders/place.py", "from trading.http import answers")
    up = ("trading/http/limits.py", "from trading.orders import draft")
    others = (("trading/http/answers.py", ""), ("trading/orders/draft.py", ""))
    assert circles(down, up, *others) != []
    assert circles(up, *others) == []


def test_planted_crowd_is_found() -> None:
    crowd = [Module(f"trading/orders/m{number}.py", "") for number in range(13)]
    assert list(check_folders(crowd)) != []
    assert list(check_folders(crowd[1:])) == []


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("class Hold:\n    pass", True),
        ("def f():\n    class Hold:\n        pass", True),
        ("class _Hold:\n    pass", False),
        ("class Order:\n    pass", False),
        ("from ledger.holds import Hold", False),
    ],
)
def test_planted_name_of_two_classes_is_found(source: str, found: bool) -> None:
    first = Module("ledger/holds.py", "class Hold:\n    pass\nclass Order:\n    pass")
    assert bool(list(check_class_names([first, Module("trading/x.py", source)]))) is found


@pytest.mark.parametrize(
    ("path", "source", "found"),
    [
        ("trading/orders/place.py", "from http import HTTPStatus", True),
        ("ledger/services.py", "from rest_framework.response import Response", True),
        ("persistence/faults.py", "def f():\n    from django.http import HttpRequest", True),
        ("trading/http/orders.py", "from http import HTTPStatus", False),
        ("trading/orders/place.py", "from common.errors import DomainError", False),
    ],
)
def test_planted_http_in_a_service_is_found(path: str, source: str, found: bool) -> None:
    assert bool(list(check_services_know_no_http(Module(path, source)))) is found
