"""Asks a worker for a run of reconciliation."""

from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone
from kombu.exceptions import OperationalError

from common.admin.acts import Act, tell
from common.errors import DomainError, ErrorCode
from persistence.reconciliation import ASKED_S, claim_run, forget_claim
from persistence.tasks import reconcile_now

PERMISSION = "persistence.run_reconciliation"


@transaction.atomic
def ask_for_run(request: HttpRequest) -> None:
    """Raises DomainError where one waits or is on, or no worker can be asked."""
    claim_run(timezone.now())
    try:
        tell(Act(verb="reconcile", request=request, words="asked for a run of everything"))
        reconcile_now.apply_async(expires=ASKED_S)
    except OperationalError as error:
        forget_claim()
        message = "Redis does not answer, so that no worker can be asked."
        raise DomainError(ErrorCode.REDIS_UNAVAILABLE, message) from error
