"""⑤ What runs in each Celery worker beside its tasks, which also says that it is here: it is
started after the pool and stopped before it."""

from typing import Any

from celery import bootsteps

from common.redis_client import redis_client
from common.sharing.versions import Attendance, VersionedPart, this_process
from matching.messages.codec import CONTRACT
from persistence.listener import OutputStreamListener
from trading.commands.backlog import BacklogSender


def this_worker(node: str) -> VersionedPart:
    return this_process("worker", CONTRACT, node.partition("@")[0])


class PersistenceStep(bootsteps.StartStopStep):
    requires = ("celery.worker.components:Pool",)

    def __init__(self, parent: Any, **kwargs: Any) -> None:
        super().__init__(parent, **kwargs)
        self._listener: OutputStreamListener | None = None
        self._sender: BacklogSender | None = None
        self._attendance: Attendance | None = None

    def start(self, parent: Any) -> None:
        self._listener = OutputStreamListener(node=parent.hostname)
        self._listener.start()
        self._sender = BacklogSender()
        self._sender.start()
        self._attendance = Attendance(this_worker(parent.hostname), redis_client)
        self._attendance.start()

    def stop(self, parent: Any) -> None:  # noqa: ARG002  Celery passes the worker
        if self._sender is not None:
            self._sender.stop()
            self._sender = None
        if self._listener is not None:
            self._listener.stop()
            self._listener = None
        if self._attendance is not None:
            self._attendance.stop()
            self._attendance = None

    def terminate(self, parent: Any) -> None:
        self.stop(parent)
