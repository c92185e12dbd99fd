"""How far into files one page looks.

A quiet trader's rows lie each in another group of a file, and a group is read whole: a page of 500
could read as many. So a page reads `GROUPS_READ_MAX`, ends short, and its cursor goes on behind
them. A group takes 6 to 20 ms, so that is some half a second, of the few threads that all reads
have.
"""

from dataclasses import dataclass, field
from typing import Generic, TypeVar

GROUPS_READ_MAX = 32
Place = TypeVar("Place")


@dataclass
class Reach(Generic[Place]):
    """Of one page. ``ended_at``: a place in its list, newest first, before which all is found, and
    behind which there may be more; None where nothing was left unread for want of reach."""

    groups_left: int = field(default_factory=lambda: GROUPS_READ_MAX)
    ended_at: Place | None = None

    def may_read(self, place: Place) -> bool:
        """Whether one group more may be; ``place`` is before all that it has."""
        if not self.groups_left:
            self.ended_at = place
            return False
        self.groups_left -= 1
        return True
