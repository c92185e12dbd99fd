import structlog
from celery import shared_task

from common.errors import DomainError
from common.postgres.alone import alone
from custody import inbox
from custody.addresses import keep_supply
from custody.deposits import credit_due
from custody.floats import look
from custody.interface import CustodyAway
from custody.networks import networks
from custody.sending import send_due_payouts
from ledger.withdrawals.deciding import release_held

_LOCK = 0x63757374  # "cust": the advisory lock of a run that asks custody

log = structlog.get_logger(__name__)


@shared_task
def send_withdrawals() -> None:
    release_held()
    send_due_payouts()


@shared_task
def apply_news() -> None:
    inbox.apply_waiting()


@shared_task
def ask_custody() -> None:
    """One at a time. A custody that is away holds up no other."""
    with alone(_LOCK) as is_alone:
        for network in networks().values() if is_alone else ():
            try:
                keep_supply(network)
                inbox.poll(network)
                inbox.apply_waiting()
                look(network)
            except (CustodyAway, DomainError) as error:
                log.warning("custody_not_asked", network=network.name, why=str(error))
        credit_due()


@shared_task
def forget_old_news() -> None:
    inbox.forget_old()
