"""Which sequences of a client are the market's: every case, without a socket."""

import pytest

from feeds.output import OutputPosition
from matching.messages.limits import MAX_ID
from matching.messages.streams import epoch_start, epoch_text

FIRST = OutputPosition(seq=130, epoch=b"one", name="one")
SET_BACK = OutputPosition(seq=130, epoch=b"two-100", name="two", start_seq=100, reused_seq=MAX_ID)
FALLEN = OutputPosition(seq=130, epoch=b"one", name="one.120", reused_seq=120)


@pytest.mark.parametrize(
    ("position", "seq", "epoch", "holds"),
    [
        (FIRST, 120, None, True),
        (FIRST, 120, "one", True),
        (FIRST, 120, "another", False),
        (FIRST, 0, "another", True),  # who saw nothing lacks nothing
        (SET_BACK, 100, None, True),  # what the new epoch began from is in both
        (SET_BACK, 100, "one", True),
        (SET_BACK, 101, None, False),
        (SET_BACK, 101, "one", False),
        (SET_BACK, 101, "two", True),
        (FALLEN, 120, None, False),
        (FALLEN, 121, None, True),
        (FALLEN, 121, "one", False),
        (FALLEN, 5, "one.120", True),
    ],
)
def test_a_sequence_is_of_an_epoch(
    position: OutputPosition, seq: int, epoch: str | None, holds: bool
) -> None:
    assert position.holds(seq, epoch) is holds


def test_an_epoch_that_follows_another_names_where_it_began() -> None:
    assert epoch_start(epoch_text("3f9c", 100).encode()) == 100
    assert epoch_start(b"3f9c") is None
    assert epoch_start(b"") is None
