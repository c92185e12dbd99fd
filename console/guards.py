"""Tasks are handed to workers, and go on: one row that fails holds up no other, and the next run
does what a fault of Redis or Postgres left undone.
"""

from collections.abc import Callable, Iterable

import redis
import structlog
from django.db import InterfaceError, OperationalError
from kombu.exceptions import OperationalError as BrokerError

from common.errors import DomainError, ErrorCode
from common.postgres.outages import is_outage

log = structlog.get_logger(__name__)


def each_alone(event: str, keys: Iterable[int], work: Callable[[int], object]) -> None:
    """``work`` for each key; what fails of one alone is logged as ``event``. Raises what would fail
    of all: redis.RedisError, and Django's errors of a database that is away."""
    for key in keys:
        try:
            work(key)
        except redis.RedisError as error:
            if not isinstance(error, redis.ResponseError):
                raise
            log.exception(event, row=key)
        except Exception as error:
            if is_outage(error):
                raise
            log.exception(event, row=key)


def hand_over(send: Callable[[], object]) -> None:
    """To a worker. Raises DomainError where none can be asked."""
    try:
        send()
    except (BrokerError, redis.RedisError) as error:
        message = "No worker could be asked: Redis doesn't answer."
        raise DomainError(ErrorCode.REDIS_UNAVAILABLE, message) from error


def outlast(event: str, step: Callable[[], object]) -> None:
    """An outage of Redis or Postgres ends the step, and no more."""
    try:
        step()
    except (redis.RedisError, OperationalError, InterfaceError) as error:
        log.warning(event, why=str(error).partition("\n")[0])
