"""The way of an order in CONTRIBUTING.md: files that are there, and names that are in them."""

import re
from itertools import pairwise
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "CONTRIBUTING.md").read_text()
WALK = TEXT.partition("## An order, from the socket to its row")[2]
STEPS = re.findall(r"`([\w/]+\.py)`(?: `(\w+)`)?", WALK)


def test_the_walk_names_what_is_there() -> None:
    assert STEPS
    for path, name in STEPS:
        source = (ROOT / path).read_text()
        assert not name or re.search(rf"\b(?:def|class) {name}\b|^{name} = ", source, re.M), name


def test_the_walk_is_short_and_does_not_turn_back() -> None:
    files = [path for path, _ in STEPS]
    assert len(files) == len(set(files)) <= 30
    rooms = [path.split("/")[0] for path in files]
    left: set[str] = set()
    for before, now in pairwise(rooms):
        if now != before:
            left.add(before)
        assert now == before or now not in left - _VISITED_TWICE, (before, now)


# Its services lean on the floors below, and it goes on from there.
_VISITED_TWICE = {"trading"}


def test_the_map_names_what_is_there() -> None:
    named = re.findall(r"`((?:\w+/)+\w+(?:\.py)?)`", TEXT.partition("## Where does a change go")[2])
    assert len(named) > 30
    assert [path for path in named if not (ROOT / path).exists()] == []
