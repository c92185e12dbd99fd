"""What an operator's log says of a Postgres or Redis that is away."""

import pytest
import redis
from django.db import OperationalError
from structlog.testing import capture_logs

from common.errors import ErrorCode
from common.http import errors


def test_the_log_says_why_and_not_for_each_who_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(errors, "_told_at_s", {})
    away = OperationalError("connection failed: Connection refused\n\tIs the server running")
    with capture_logs() as logs:
        for _ in range(3):
            told = errors.to_api_error(away)
            assert told is not None
            assert "refused" not in told.message  # to a stranger
        errors.to_api_error(redis.ConnectionError("Error 111"))
    assert [(line["code"], line["why"]) for line in logs] == [
        (ErrorCode.DATABASE_UNAVAILABLE, "connection failed: Connection refused"),
        (ErrorCode.REDIS_UNAVAILABLE, "Error 111"),
    ]
