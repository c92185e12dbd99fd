"""Calls of Redis that are asked now and heard later, on connections that are kept."""

from typing import Any

import pytest
import redis

from common.redis.in_flight import InFlight, KeptConnections
from common.redis_client import limits_redis_client

pytestmark = pytest.mark.usefixtures("redis_db")

WHOSE = "CLIENT", "ID"


@pytest.fixture
def kept() -> KeptConnections:
    return KeptConnections()


def ask(kept: KeptConnections, *command: Any) -> InFlight:
    return kept.ask(limits_redis_client(), *command)


def test_a_connection_is_kept_for_the_next_call(kept: KeptConnections) -> None:
    first = ask(kept, *WHOSE).hear()
    assert ask(kept, *WHOSE).hear() == first


def test_two_at_once_are_heard_in_any_order(kept: KeptConnections) -> None:
    one, other = ask(kept, "ECHO", "one"), ask(kept, "ECHO", "other")
    assert (other.hear(), one.hear()) == (b"other", b"one")


def test_what_was_dropped_is_nobody_elses_answer(kept: KeptConnections) -> None:
    ask(kept, "ECHO", "dropped").drop()
    assert ask(kept, "ECHO", "mine").hear() == b"mine"


def test_what_redis_refuses_is_raised_and_the_next_is_answered(kept: KeptConnections) -> None:
    with pytest.raises(redis.ResponseError):
        ask(kept, "EVAL", "return redis.call('NONE')", 0).hear()
    assert ask(kept, "ECHO", "mine").hear() == b"mine"


def test_one_that_redis_ended_is_not_used(kept: KeptConnections, redis_db: redis.Redis) -> None:
    ended = ask(kept, *WHOSE).hear()
    assert redis_db.client_kill_filter(_id=str(ended)) == 1
    assert ask(kept, *WHOSE).hear() != ended


def test_one_that_leads_elsewhere_by_now_is_not_used(kept: KeptConnections) -> None:
    before = ask(kept, *WHOSE).hear()
    ((_, connection),) = kept._kept
    connection.mark_for_reconnect()
    assert ask(kept, *WHOSE).hear() != before


def test_one_of_another_process_is_not_used(
    kept: KeptConnections, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = ask(kept, *WHOSE).hear()
    ((_, connection),) = kept._kept
    monkeypatch.setattr(connection, "pid", connection.pid + 1)
    assert ask(kept, *WHOSE).hear() != before
