import redis
import structlog
from celery import shared_task
from django.db import InterfaceError, OperationalError

from trading.services import resend_unseen_commands as resend

log = structlog.get_logger(__name__)


@shared_task
def resend_unseen_commands() -> None:
    """The next run does what a fault of Redis or Postgres left undone."""
    try:
        resend()
    except (redis.RedisError, OperationalError, InterfaceError) as error:
        log.warning("resending_failed", why=str(error).partition("\n")[0])
