"""No test depends on how quick the machine is: waits end with what they wait for, and give up only
when it can't come any more; limits that production keeps because somebody waits are out of reach.
A test of such a limit sets its own.
"""

import time
from types import SimpleNamespace

import pytest
from django.conf import settings
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings

from common import redis_client
from common.postgres import waiting
from trading.intake import desk

PATIENCE_S = 300.0
# What reads again what is older than some seconds.
REMEMBERING = (
    "accounts.access.refusals",
    "accounts.families.known",
    "accounts.keys.known",
    "accounts.law.standing",
    "markets.rules",
)


def stand_still(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing that is remembered grows old."""
    now_s = time.monotonic()
    clock = SimpleNamespace(**vars(time) | {"monotonic": lambda: now_s})
    for module in REMEMBERING:
        monkeypatch.setattr(f"{module}.time", clock)


def be_patient() -> None:
    """Of this process; servers that a test starts keep their limits."""
    redis_client.REQUEST_TIMEOUT_S = PATIENCE_S
    # Of whoever imports a web part, which limits what its process asks of Postgres.
    waiting.STATEMENT_TIMEOUT_MS = waiting.LOCK_TIMEOUT_MS = int(1_000 * PATIENCE_S)
    settings.CACHES["default"]["OPTIONS"] |= {
        "socket_timeout": PATIENCE_S,
        "socket_connect_timeout": PATIENCE_S,
    }
    desk.ANSWER_WITHIN_S = PATIENCE_S
    hypothesis_settings.register_profile(
        "patient", deadline=None, suppress_health_check=[HealthCheck.too_slow]
    )
    hypothesis_settings.load_profile("patient")
