"""Operators set levels of verification one after the other, also when they do it at once."""

import threading
from collections.abc import Callable

import pytest
from django.db import connection, transaction

from accounts.models import User, Verification
from accounts.verification.levels import level_of, set_level
from common.errors import DomainError
from tests.patience import PATIENCE_S

pytestmark = pytest.mark.django_db(transaction=True)


def run_beside(step: Callable[[], object]) -> threading.Thread:
    def run() -> None:
        try:
            step()
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def test_two_who_set_the_same_level_at_once_set_it_once() -> None:
    """The second waits for the first, and then finds it set."""
    alice, first, second = (User.objects.create_user(name) for name in ("alice", "ann", "ben"))
    refused: list[str] = []

    def set_again() -> None:
        try:
            set_level(alice.pk, 2, "papers seen", second)
        except DomainError as error:
            refused.append(error.message)

    with transaction.atomic():
        set_level(alice.pk, 2, "papers seen", first)
        beside = run_beside(set_again)
        beside.join(1)  # it would have been through by now
        assert beside.is_alive()
    beside.join(PATIENCE_S)
    assert refused == ["The level is 2 already."]
    assert (level_of(alice.pk), Verification.objects.count()) == (2, 1)
