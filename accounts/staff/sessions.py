"""Operators' browser sessions, in a table that opens none of them.

Django's own store keeps the key that the cookie carries: whoever reads the table could be any
operator. Here the row is found by the key's SHA-256; the key itself is in the cookie alone.
"""

import hashlib
from datetime import UTC, datetime
from typing import Any

from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends import db


class SessionStore(db.SessionStore):
    def _get_session_from_db(self) -> Any:
        rows = self.model.objects.filter(expire_date__gt=datetime.now(UTC))
        row = rows.filter(session_key=kept_key(self.session_key)).first()
        if row is None:
            self._session_key = None  # a key from outside never becomes one of ours
        return row

    def exists(self, session_key: str) -> bool:
        return super().exists(kept_key(session_key) or "")

    def delete(self, session_key: str | None = None) -> None:
        super().delete(kept_key(session_key or self.session_key))

    def create_model_instance(self, data: dict[str, Any]) -> Any:
        row = super().create_model_instance(data)
        row.session_key = kept_key(str(row.session_key)) or ""
        return row


def kept_key(session_key: str | None) -> str | None:
    """What the table has for a key, and the audit: as many characters as Django's column takes."""
    if not session_key:
        return None
    return hashlib.sha256(session_key.encode()).hexdigest()[:40]


def staff_sessions_of(user_id: int) -> list[str]:
    """Those an operator has open, as the table has them; whose they are is within each. There are
    few: operators', for a shift."""
    store = SessionStore()
    running = store.model.objects.filter(expire_date__gt=datetime.now(UTC))
    return [
        row.session_key
        for row in running
        if store.decode(row.session_data).get(SESSION_KEY) == str(user_id)
    ]


def end_staff_sessions(user_id: int) -> None:
    keys = staff_sessions_of(user_id)
    if keys:
        SessionStore().model.objects.filter(session_key__in=keys).delete()
