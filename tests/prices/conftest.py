from collections.abc import Callable, Iterator

import pytest

from tests.prices.venue import PlayedVenue


@pytest.fixture
def play() -> Iterator[Callable[..., PlayedVenue]]:
    """Opens venues on this machine; they close with the test."""
    opened: list[PlayedVenue] = []

    def open_one(**prices: object) -> PlayedVenue:
        opened.append(PlayedVenue(**prices))
        return opened[-1]

    yield open_one
    for venue in opened:
        venue.close()
