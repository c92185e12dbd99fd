"""Shares by lease and rendezvous hashing: everything is somebody's, and little moves."""

from collections import Counter

import pytest
import redis

from common.sharing.members import Members, owner_of
from tests.ledger.test_listener import wait_until

THINGS = [f"M{number}-PERP" for number in range(300)]
NAMES = ("a@one", "b@one", "c@two", "d@two")
LONG_S = 600.0
KEY = "test:members"


def test_things_are_spread_evenly_and_only_those_of_the_dead_move() -> None:
    before = {thing: owner_of(thing, NAMES) for thing in THINGS}
    shares = Counter(before.values())
    assert set(shares) == set(NAMES)
    assert min(shares.values()) > len(THINGS) / len(NAMES) / 2
    left = tuple(name for name in NAMES if name != "b@one")
    after = {thing: owner_of(thing, left) for thing in THINGS}
    moved = {thing for thing in THINGS if after[thing] != before[thing]}
    assert moved == {thing for thing in THINGS if before[thing] == "b@one"}
    assert {after[thing] for thing in moved} == set(left)
    assert owner_of("M1-PERP", ()) == ""


def test_all_come_to_the_same_answer(redis_db: redis.Redis) -> None:
    members = [Members(KEY, name, LONG_S) for name in NAMES]
    assert not any(one.is_mine(THINGS[0]) for one in members)
    for _ in range(2):  # after the first round the first know of the others
        for one in members:
            one.renew(redis_db)
    for thing in THINGS:
        assert [one.is_mine(thing) for one in members].count(True) == 1
    assert [one.renew(redis_db) for one in members] == [False] * len(members)
    members[1].leave(redis_db)
    assert members[0].renew(redis_db)
    assert members[0].names == ("a@one", "c@two", "d@two")


def test_who_does_not_renew_is_out(redis_db: redis.Redis) -> None:
    silent = Members(KEY, "silent@one", 0.05)
    silent.renew(redis_db)
    other = Members(KEY, "other@one", LONG_S)

    def is_alone() -> bool:
        other.renew(redis_db)
        return other.names == ("other@one",)

    wait_until(is_alone, "the lease to end")
    assert all(other.is_mine(thing) for thing in THINGS)
    assert silent.renew(redis_db)  # it is back, and sees the other
    assert silent.names == ("other@one", "silent@one")


def test_a_redis_that_lost_everything_knows_all_again_soon(redis_db: redis.Redis) -> None:
    members = [Members(KEY, name, LONG_S) for name in NAMES[:2]]
    for one in [*members, *members]:
        one.renew(redis_db)
    redis_db.delete(KEY)
    for one in [*members, *members]:
        one.renew(redis_db)
    assert {one.names for one in members} == {NAMES[:2]}


@pytest.mark.parametrize("key", ["a set", ""])
def test_a_key_of_another_kind_is_an_error_of_redis(redis_db: redis.Redis, key: str) -> None:
    redis_db.sadd(KEY, key)
    with pytest.raises(redis.ResponseError):
        Members(KEY, NAMES[0], LONG_S).renew(redis_db)
