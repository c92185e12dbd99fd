"""A fault that happens all the time doesn't fill the disk, and is found by its fingerprint."""

import io
import json
import logging
from typing import Any

import pytest
import structlog

from common import log_faults
from common.logs import logging_config


@pytest.fixture
def lines() -> Any:
    """What the process writes, as it is configured for good."""
    written = io.StringIO()
    logging_config("INFO")
    (handler,) = logging.getLogger().handlers[:1]
    assert isinstance(handler, logging.StreamHandler)
    handler.setStream(written)
    yield lambda: [json.loads(line) for line in written.getvalue().splitlines()]
    logging_config("INFO")


def fail(text: str) -> None:
    raise ValueError(text)


def log_a_fault(text: str) -> None:
    try:
        fail(text)
    except ValueError:
        logging.getLogger("django.request").error("Internal Server Error", exc_info=True)


def test_one_line_each_and_one_traceback_a_minute(
    lines: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1_000.0
    monkeypatch.setattr("common.log_faults.time.monotonic", lambda: now)
    for at in range(100):
        log_a_fault(f"number {at}\nof many")
    first, *others = lines()
    assert "Traceback" in first["exception"]
    assert len(others) == 99
    assert not [line for line in others if "exception" in line]
    assert {line["fingerprint"] for line in others} == {first["fingerprint"]}
    assert others[-1]["error"] == "ValueError: number 99 of many"
    now += log_faults.TRACEBACK_EVERY_S
    log_a_fault("again")
    again = lines()[-1]
    assert "Traceback" in again["exception"]
    assert again["since_last_traceback"] == "99"


def test_another_fault_has_its_own_traceback(lines: Any) -> None:
    log_a_fault("one")
    try:
        raise KeyError("two")
    except KeyError:
        structlog.get_logger("trading").exception("lane_failed", market="BTC-PERP")
    one, two = lines()
    assert one["fingerprint"] != two["fingerprint"]
    assert "KeyError" in two["exception"]
    assert two["market"] == "BTC-PERP"


def test_structured_records_lose_their_traceback_too(lines: Any) -> None:
    for at in range(3):
        try:
            fail(str(at))
        except ValueError:
            structlog.get_logger("trading").exception("lane_failed", at=at)
    first, second, third = lines()
    assert "exception" in first
    assert "exception" not in second
    assert (third["event"], third["at"], third["error"]) == ("lane_failed", 2, "ValueError: 2")


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_faults, "FINGERPRINTS_MAX", 10)
    once = log_faults.TracebackOnce()
    for at in range(50):
        assert once._skipped(f"fault {at}") == 0
    assert len(once._shown) == 10


def test_who_configures_again_reaches_the_loggers_in_use() -> None:
    """Else what they say is lost to whoever listens, as tests do."""
    used = structlog.get_logger("in use")
    used.info("first")
    logging_config("INFO")
    with structlog.testing.capture_logs() as logs:
        used.info("again")
    assert [line["event"] for line in logs] == ["again"]
