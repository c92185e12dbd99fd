"""Celery's tasks, counted by what Celery says of them."""

import time
from typing import Any

from celery import signals

from common.metrics.measures import TASK_SECONDS, TASKS, TASKS_SENT

_began_s: dict[str, float] = {}  # by task id; a pool's process does one at a time


def count_tasks() -> None:
    signals.before_task_publish.connect(_sent)
    signals.task_prerun.connect(_begun)
    signals.task_postrun.connect(_ended)


def _sent(sender: Any = None, **_: Any) -> None:
    TASKS_SENT.labels(str(sender)).inc()


def _begun(task_id: str, **_: Any) -> None:
    _began_s[task_id] = time.perf_counter()


def _ended(task_id: str, task: Any, state: str | None = None, **_: Any) -> None:
    TASKS.labels(task.name, state or "UNKNOWN").inc()
    began_s = _began_s.pop(task_id, None)
    if began_s is not None:
        TASK_SECONDS.labels(task.name).observe(time.perf_counter() - began_s)
