"""The servers the tests themselves run on."""

import pytest
import redis
from django.db import connection


@pytest.mark.django_db
def test_database_is_postgresql_18() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SHOW server_version")
        assert cursor.fetchone()[0].startswith("18.")


def test_redis_is_empty_and_writable(redis_db: redis.Redis) -> None:
    assert redis_db.dbsize() == 0
    redis_db.set("key", "value")
    assert redis_db.get("key") == b"value"
