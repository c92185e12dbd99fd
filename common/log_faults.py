"""One traceback a minute for one fault, however often it happens.

A fault that every request meets would write its traceback for every request: megabytes in minutes,
and the one line that matters lost among them. Each record of an exception carries the fault's
fingerprint; the traceback goes with the first, and again once a minute, with how many came since.
"""

import hashlib
import logging
import threading
import time
import traceback
from collections import OrderedDict

TRACEBACK_EVERY_S = 60.0
FINGERPRINTS_MAX = 1_000
FRAMES = 8  # the innermost; outer ones differ by who called


class TracebackOnce(logging.Filter):
    """Of a handler: changes the records that pass, and lets all of them through."""

    def __init__(self) -> None:
        super().__init__()
        self._shown: OrderedDict[str, tuple[float, int]] = OrderedDict()  # → when, how many since
        self._lock = threading.Lock()

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        if error is None:
            return True
        mark = fingerprint(error)
        skipped = self._skipped(mark)
        told = {"fingerprint": mark}
        if skipped is None:
            record.exc_info = record.exc_text = None
            told["error"] = _one_line(error)
        elif skipped:
            told["since_last_traceback"] = str(skipped)
        _add(record, told)
        return True

    def _skipped(self, mark: str) -> int | None:
        """How many came since the last traceback; None where this one goes without."""
        now_s = time.monotonic()
        with self._lock:
            shown_at_s, since = self._shown.pop(mark, (-TRACEBACK_EVERY_S, 0))
            is_due = now_s - shown_at_s >= TRACEBACK_EVERY_S
            self._shown[mark] = (now_s, 0) if is_due else (shown_at_s, since + 1)
            if len(self._shown) > FINGERPRINTS_MAX:
                self._shown.popitem(last=False)
            return since if is_due else None


def fingerprint(error: BaseException) -> str:
    """The same for the same kind of error out of the same lines, whatever its text."""
    frames = traceback.extract_tb(error.__traceback__)[-FRAMES:]
    where = "\n".join(f"{frame.filename}:{frame.lineno}" for frame in frames)
    return hashlib.sha256(f"{type(error).__qualname__}\n{where}".encode()).hexdigest()[:12]


def _one_line(error: BaseException) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:300]


def _add(record: logging.LogRecord, told: dict[str, str]) -> None:
    """structlog's records carry their fields as a dict, others as attributes."""
    if isinstance(record.msg, dict):
        record.msg = record.msg | told
        if "fingerprint" in told and record.exc_info is None:
            record.msg.pop("exc_info", None)
    else:
        record.__dict__.update(told)
