"""What a proposal of new rules would do is looked at once it is written."""

from typing import Any

import structlog
from django.db import transaction
from django.dispatch import receiver

from accounts.models import User
from approvals.models import Proposal
from approvals.services import proposal_made
from common.errors import DomainError
from trading.commands.proposals import RAISE_RISK

log = structlog.get_logger(__name__)


@receiver(proposal_made)
def predict_rules(proposal: Proposal, **_: Any) -> None:
    if proposal.kind == RAISE_RISK:
        transaction.on_commit(lambda: _predict(proposal))


def _predict(proposal: Proposal) -> None:
    """Where none can be had now, the proposal's page offers it."""
    from console.stress.services import predict  # which knows pages: not every process does

    try:
        predict(User.objects.get(pk=proposal.author_id), proposal)
    except DomainError as error:
        log.warning("proposal_not_predicted", proposal=proposal.pk, why=error.message)
