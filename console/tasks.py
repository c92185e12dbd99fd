"""⑤ What the console does by itself."""

import structlog
from celery import shared_task

from common.outgoing.due_rows import forget_old
from console.alerts.evaluation import watch as watch_measures
from console.alerts.models import WebhookDelivery
from console.alerts.webhooks import send_due_webhooks
from console.audit.chain import current_head
from console.exports import services as exports
from console.freeze import services as freezes
from console.guards import outlast
from console.jobs.tasks import run_job
from console.once.services import forget_old as forget_old_forms
from console.stop import services as stops
from console.stop.maintenance import begin_due

__all__ = ["log_audit_head", "look_after_freezes", "look_after_stops", "run_job"]

log = structlog.get_logger(__name__)


@shared_task
def log_audit_head() -> None:
    """Where logs are kept apart from the database, a chain that was rewritten is found by it."""
    head = current_head()
    log.info("audit_head", rows=head.rows, hash=head.hash)


@shared_task
def drop_old_exports() -> None:
    outlast("exports_not_dropped", exports.drop_old)


@shared_task
def forget_sent_forms() -> None:
    outlast("forms_not_forgotten", forget_old_forms)


@shared_task
def look_after_stops() -> None:
    """Begins maintenance, cancels what was on its way past a stop, and resumes what is due; a run
    that was missed is made up for by the next."""
    outlast("maintenance_not_begun", begin_due)
    outlast("stops_not_swept", stops.sweep_stops)
    outlast("markets_not_resumed", stops.resume_due)


@shared_task
def look_after_freezes() -> None:
    """Lifts what has come to its end, and cancels orders that were on their way past a freeze."""
    outlast("freezes_not_lifted", freezes.lift_due)
    outlast("freezes_not_swept", freezes.sweep_all)


@shared_task
def watch() -> None:
    """Alerts; a run that was missed is made up for by the next."""
    outlast("alerts_not_watched", watch_measures)


@shared_task
def send_webhooks() -> None:
    outlast("webhooks_not_sent", send_due_webhooks)


@shared_task
def forget_old_webhooks() -> None:
    forget_old(WebhookDelivery)
