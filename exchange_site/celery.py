"""⑤ Workers and beat. What they count they show where they were started, not in their children."""

import os
import sys
from typing import Any

from celery import Celery, signals
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from common.metrics.shared import count_together, shared_folder
from exchange_site.schedule import BEAT_SCHEDULE

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "exchange_site.settings")
# Django's checks would load every page. They are for whoever changes or deploys the exchange.
os.environ.setdefault("CELERY_SKIP_CHECKS", "1")


def is_celery() -> bool:
    """Whether this process is Celery's own: the site's others only hand tasks to it."""
    return os.path.basename(sys.argv[0]) == "celery" or sys.argv[0].endswith("celery/__main__.py")


if is_celery():
    # Celery would show where in it that was found out.
    try:
        settings.CELERY_BROKER_URL  # noqa: B018  the first to read the settings
    except ImproperlyConfigured as error:
        sys.exit(f"error: {error}")
    # Before anything that counts is imported: children of a worker count with it.
    if shared_folder() is None:
        count_together()

app = Celery("exchange_site")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.conf.beat_schedule = BEAT_SCHEDULE
app.autodiscover_tasks()
app.steps["worker"].add("persistence.bootsteps:PersistenceStep")


@signals.celeryd_init.connect
@signals.beat_init.connect
def _show_metrics(signal: Any, **_: Any) -> None:
    """How the exchange is, workers look up: beat knows no more than what it asked for."""
    from common.metrics.listener import MetricsRefused, show_metrics
    from common.metrics.tasks import count_tasks
    from console.health.collector import StatusCollector

    count_tasks()
    try:
        show_metrics(*([StatusCollector()] if signal is signals.celeryd_init else []))
    except MetricsRefused as error:
        sys.exit(f"error: {error}")


@signals.celeryd_init.connect
def _compare_versions(sender: str, **_: Any) -> None:
    from common.redis_client import redis_client
    from common.sharing.versions import VersionRefused, check_beside_others
    from persistence.bootsteps import this_worker

    try:
        check_beside_others(this_worker(sender), redis_client())
    except VersionRefused as error:
        sys.exit(f"error: {error}")
