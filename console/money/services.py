"""Asks a worker for a run of reconciliation."""

from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone

from common.admin.acts import Act, Verb, tell
from common.errors import DomainError
from console.guards import hand_over
from persistence.reconciliation import ASKED_S, claim_run, forget_claim
from persistence.tasks import reconcile_now

PERMISSION = "persistence.run_reconciliation"


@transaction.atomic
def ask_for_run(request: HttpRequest) -> None:
    """Raises DomainError where one waits or is on, or no worker can be asked."""
    claim_run(timezone.now())
    try:
        tell(Act(verb=Verb.RECONCILED, request=request, words="asked for a run of everything"))
        hand_over(lambda: reconcile_now.apply_async(expires=ASKED_S))
    except DomainError:
        forget_claim()
        raise
