"""Who has accepted the terms in force, as this process knows it."""

import threading
import time
from collections.abc import Collection
from datetime import UTC, datetime

import structlog
from django.db import InterfaceError, OperationalError

from accounts.models import TermsAcceptance, TermsVersion, User

REFRESH_S = 10.0  # so soon a version that has come into force counts everywhere
KNOWN_MAX = 200_000

log = structlog.get_logger(__name__)


class TermsStanding:
    """``_version``: in force, 0 for none. ``_accepted``: users who accepted it, or a newer one."""

    def __init__(self) -> None:
        self._version = 0
        self._due_s = 0.0
        self._accepted: set[int] = set()
        self._lock = threading.Lock()

    def refused(self, user_ids: Collection[int]) -> frozenset[int]:
        """Those of them who haven't. Without Postgres nobody is, who isn't known: what needs it is
        refused without it anyway."""
        try:
            self._refresh()
            unknown = {one for one in user_ids if one not in self._accepted}
            if not self._version or not unknown:
                return frozenset()
            return frozenset(unknown - self._ask(unknown))
        except (OperationalError, InterfaceError) as error:
            log.warning("terms_unread", error=str(error))
            return frozenset()

    def forget(self) -> None:
        with self._lock:
            self._due_s = 0.0
            self._accepted = set()

    def _refresh(self) -> None:
        now_s = time.monotonic()
        if now_s < self._due_s:
            return
        with self._lock:
            rows = TermsVersion.objects.filter(in_force_at__lte=datetime.now(UTC))
            version = rows.order_by("-version").values_list("version", flat=True).first() or 0
            if version != self._version:
                self._version, self._accepted = version, set()
            self._due_s = now_s + REFRESH_S

    def _ask(self, user_ids: Collection[int]) -> set[int]:
        with self._lock:
            # For a sub-account its main one accepts.
            subs = User.objects.filter(pk__in=user_ids, parent__isnull=False)
            owners = dict.fromkeys(user_ids) | dict(subs.values_list("pk", "parent_id"))
            asked = {user_id: owners[user_id] or user_id for user_id in user_ids}
            rows = TermsAcceptance.objects.filter(
                user_id__in=set(asked.values()), terms__version__gte=self._version
            )
            accepted = set(rows.values_list("user_id", flat=True))
            found = {user_id for user_id, owner_id in asked.items() if owner_id in accepted}
            if len(self._accepted) + len(found) > KNOWN_MAX:
                self._accepted = set()
            self._accepted |= found
            return found


standing = TermsStanding()
