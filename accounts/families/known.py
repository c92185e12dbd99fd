"""Families as this process knows them: read when met, and again after `REFRESH_S`.

So long a name that changed, or an archived account, may count as before in another process; in the
one that changed it, it doesn't. Families of one account are kept, too: whoever names accounts that
aren't there asks Postgres no more often than anybody.
"""

import threading
import time
from dataclasses import dataclass

from accounts.models import User

REFRESH_S = 10.0
FAMILIES_MAX = 10_000


@dataclass(frozen=True, slots=True)
class Member:
    """A sub-account."""

    pk: int
    name: str
    is_archived: bool


# By id as it is written, and by name in small letters. Names begin with a letter.
Family = dict[str, Member]


class KnownFamilies:
    def __init__(self) -> None:
        self._families: dict[int, tuple[Family, float]] = {}  # with when it is to be read again
        self._lock = threading.Lock()

    def member(self, main_id: int, said: str) -> Member | None:
        """Its sub-account of this id or name. Raises what Postgres raises while it is away, where
        it must be asked."""
        kept = self._families.get(main_id)
        family = kept[0] if kept is not None and time.monotonic() < kept[1] else self._read(main_id)
        return family.get(said.lower())

    def forget(self, main_id: int | None = None) -> None:
        """Read it, or all, before it is believed again."""
        with self._lock:
            if main_id is None:
                self._families.clear()
            else:
                self._families.pop(main_id, None)

    def _read(self, main_id: int) -> Family:
        with self._lock:  # else a reading under way would outlast a `forget`
            family: Family = {}
            for row in User.objects.filter(parent_id=main_id).only("username", "archived_at"):
                member = Member(row.pk, row.account_name, row.archived_at is not None)
                family[str(row.pk)] = family[member.name.lower()] = member
            self._families.pop(main_id, None)  # what was read last comes last
            self._families[main_id] = family, time.monotonic() + REFRESH_S
            while len(self._families) > FAMILIES_MAX:  # the one that was read longest ago
                del self._families[next(iter(self._families))]
        return family


known_families = KnownFamilies()
