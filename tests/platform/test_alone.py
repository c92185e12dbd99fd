"""One at a time, and the next at once."""

from contextlib import suppress

import pytest
from django.db import connection
from django.db.backends.postgresql.base import DatabaseWrapper

from common.postgres.alone import alone
from tests.ledger.world import in_threads

LOCK = 0x74657374
pytestmark = pytest.mark.django_db(transaction=True)


def test_it_is_given_back_before_its_connection_is_closed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Postgres may take a moment to end what a closed one left."""
    opened = []

    def stay_open(self: DatabaseWrapper) -> None:
        opened.append(self)

    with monkeypatch.context() as patch:
        patch.setattr(DatabaseWrapper, "close", stay_open)
        for _ in range(2):
            with alone(LOCK) as is_alone:
                assert is_alone
    assert len(opened) == 2
    for one in opened:
        one.close()


def test_nobody_else_is_meanwhile_and_after_a_fault_everybody_may_be() -> None:
    def is_alone() -> bool:
        with alone(LOCK) as found:
            return found

    with alone(LOCK) as mine:
        assert (mine, in_threads(2, is_alone)) == (True, [False, False])
    with suppress(LookupError), alone(LOCK):
        raise LookupError
    assert is_alone()


def test_a_connection_that_is_gone_takes_nothing_with_it() -> None:
    """The lock went with it; what was done under it stands."""
    with alone(LOCK) as mine, connection.cursor() as cursor:
        assert mine
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_locks"
            " WHERE locktype = 'advisory' AND objid = %s",
            [LOCK],
        )
        assert cursor.rowcount == 1
    with alone(LOCK) as again:
        assert again
