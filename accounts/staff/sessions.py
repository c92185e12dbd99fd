"""Operators' browser sessions, in a table that opens none of them.

Django's own store keeps the key that the cookie carries: whoever reads the table could be any
operator. Here the row is found by the key's SHA-256; the key itself is in the cookie alone.

Whose a session is and where it came from is within its data, put there as it is opened, and again
in columns for other operators to look at. When it was used last is written at most once in
`SEEN_EVERY`; the row is read for every request anyway.
"""

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any

from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends import db
from django.db.models import QuerySet

from accounts.access.sessions import Origin, client_words

SEEN_EVERY = timedelta(minutes=1)
_ORIGIN = "origin"  # in the data: address, client, and when it was opened


class SessionStore(db.SessionStore):
    model: Any  # the stubs know what all tables of sessions have

    @classmethod
    def get_model_class(cls) -> Any:
        from accounts.models import StaffSession  # settings name this module before there are any

        return StaffSession

    def _get_session_from_db(self) -> Any:
        now = datetime.now(UTC)
        rows = self.model.objects.filter(session_key=kept_key(self.session_key))
        row = rows.filter(expire_date__gt=now).first()
        if row is None:
            self._session_key = None  # a key from outside never becomes one of ours
        elif row.seen_at < now - SEEN_EVERY:
            rows.update(seen_at=now)
        return row

    def exists(self, session_key: str) -> bool:
        return super().exists(kept_key(session_key) or "")

    def delete(self, session_key: str | None = None) -> None:
        super().delete(kept_key(session_key or self.session_key))

    def create_model_instance(self, data: dict[str, Any]) -> Any:
        row: Any = super().create_model_instance(data)
        row.session_key = kept_key(str(row.session_key)) or ""
        origin = data.get(_ORIGIN, {})
        row.user_id = data.get(SESSION_KEY)
        row.address, row.client = origin.get("address"), origin.get("client", "")
        row.seen_at = datetime.now(UTC)
        opened = origin.get("opened")
        row.opened_at = datetime.fromisoformat(opened) if opened else row.seen_at
        return row

    def opened_from(self, origin: Origin) -> None:
        """Once somebody has signed in."""
        self[_ORIGIN] = {
            "address": origin.address,
            "client": client_words(origin.client),
            "opened": datetime.now(UTC).isoformat(),
        }


def kept_key(session_key: str | None) -> str | None:
    """What the table has for a key, and the audit: as many characters as Django's column takes."""
    if not session_key:
        return None
    return hashlib.sha256(session_key.encode()).hexdigest()[:40]


def staff_sessions_of(user_id: int) -> QuerySet[Any]:
    """Those an operator has open."""
    model = SessionStore.get_model_class()
    rows: QuerySet[Any] = model.objects.filter(user_id=user_id, expire_date__gt=datetime.now(UTC))
    return rows


def end_staff_sessions(user_id: int) -> int:
    """Their next request is a stranger's. How many there were."""
    ended, _ = staff_sessions_of(user_id).delete()
    return ended
