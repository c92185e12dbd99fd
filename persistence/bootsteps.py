"""⑤ The listener as a part of every Celery worker: started after the pool, stopped before it."""

from typing import Any

from celery import bootsteps

from persistence.listener import OutputStreamListener


class PersistenceStep(bootsteps.StartStopStep):
    requires = ("celery.worker.components:Pool",)

    def __init__(self, parent: Any, **kwargs: Any) -> None:
        super().__init__(parent, **kwargs)
        self._listener: OutputStreamListener | None = None

    def start(self, parent: Any) -> None:
        self._listener = OutputStreamListener(node=parent.hostname)
        self._listener.start()

    def stop(self, parent: Any) -> None:  # noqa: ARG002  Celery passes the worker
        if self._listener is not None:
            self._listener.stop()
            self._listener = None

    def terminate(self, parent: Any) -> None:
        self.stop(parent)
