"""Listen keys: told again while they live, and in no data that is kept."""

from typing import Any

import pytest
import redis

from gateway.asking import listen_keys
from gateway.asking.listen_keys import ListenKeyOwner

ALICE = ListenKeyOwner(7, "hm01")


def owner_of(client: redis.Redis, listen_key: str) -> ListenKeyOwner | None:
    data: Any = client.get(listen_keys.key_name(listen_key))
    return listen_keys.decode(data)


def test_the_live_one_is_told_again_until_it_is_closed(redis_db: redis.Redis) -> None:
    first = listen_keys.open_key(ALICE.user_id, ALICE.public_id)
    assert listen_keys.is_one(first)
    assert listen_keys.open_key(ALICE.user_id, ALICE.public_id) == first
    assert listen_keys.keep_alive(ALICE.public_id) == first
    assert owner_of(redis_db, first) == ALICE
    assert listen_keys.open_key(8, "hm02") != first
    listen_keys.close_key(ALICE.public_id)
    assert owner_of(redis_db, first) is None
    assert listen_keys.live_key(ALICE.public_id) is None
    assert listen_keys.open_key(ALICE.user_id, ALICE.public_id) != first


def test_all_that_is_kept_is_kept_for_an_hour(redis_db: redis.Redis) -> None:
    listen_keys.open_key(ALICE.user_id, ALICE.public_id)
    names: Any = redis_db.keys()
    assert len(names) == 2
    for name in names:
        redis_db.pexpire(name, 1_000)
    listen_keys.keep_alive(ALICE.public_id)
    left: list[Any] = [redis_db.pttl(name) for name in names]
    assert all(1_000 < ms <= listen_keys.LIFETIME_MS for ms in left)


def test_what_redis_has_opens_nothing(
    redis_db: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    listen_key = listen_keys.open_key(ALICE.user_id, ALICE.public_id)
    names: Any = redis_db.keys()
    kept: dict[Any, Any] = {name: redis_db.get(name) for name in names}
    assert not any(listen_key.encode() in data for pair in kept.items() for data in pair)
    monkeypatch.setattr("django.conf.settings.SECRET_KEY", "another house's")
    assert listen_keys.live_key(ALICE.public_id) is None
    assert listen_keys.open_key(ALICE.user_id, ALICE.public_id) != listen_key
