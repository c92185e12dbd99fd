from datetime import UTC, datetime

import redis
import structlog
from celery import shared_task
from django.db import InterfaceError, OperationalError

from ledger.balances.sums import keep_moment
from markets.models import Market
from trading import price_history
from trading.algos.runner import run_due_algos
from trading.notices import liquidations, margin_calls
from trading.services import resend_unseen_commands as resend

AWAY = (redis.RedisError, OperationalError, InterfaceError)

log = structlog.get_logger(__name__)


@shared_task
def resend_unseen_commands() -> None:
    """The next run does what a fault of Redis or Postgres left undone."""
    try:
        resend()
    except AWAY as error:
        log.warning("resending_failed", why=str(error).partition("\n")[0])


@shared_task
def run_algos() -> None:
    """The next run, a second later, does what this one can't."""
    try:
        run_due_algos(datetime.now(UTC))
    except AWAY as error:
        log.warning("algos_waiting", why=str(error).partition("\n")[0])


@shared_task
def take_standings() -> None:
    price_history.take_standings()


@shared_task
def forget_old_prices() -> None:
    for market_id in Market.objects.values_list("pk", flat=True):
        price_history.forget_old_minutes(market_id)


@shared_task
def tell_of_liquidations() -> None:
    liquidations.tell_of_liquidations()


@shared_task
def make_margin_calls() -> None:
    margin_calls.make_margin_calls()


@shared_task
def keep_journal_moment() -> None:
    """A miss makes a longer hour, and statements sum up more."""
    keep_moment()
