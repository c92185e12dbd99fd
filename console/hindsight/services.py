"""A run is asked for; what one found is proposed as adjustments."""

import msgspec
from django.contrib.auth.models import AbstractUser
from django.http import HttpRequest

from accounts.models import User
from approvals.models import Proposal
from common.admin.acts import Verb
from common.errors import DomainError, ErrorCode, invalid
from console.hindsight.changes import Changes, Range, check_changes
from console.hindsight.models import HindsightRun
from console.hindsight.outcome import HindsightOutcome
from console.jobs import services as jobs
from console.jobs.models import JobState
from ledger.adjustments import (
    WALLETS_MAX,
    AdjustmentCause,
    Due,
    adjusted_user_ids,
    propose_adjustments,
)
from ledger.models import AdjustmentCategory
from markets.models import Market

STRETCH_MAX = 1_000_000  # sequences


def start_run(
    request: HttpRequest, market: Market, whole: Range, changes: Changes, reason: str
) -> HindsightRun:
    """Raises DomainError: with `BUSY` while another is under way."""
    if not 1 <= whole.from_seq <= whole.to_seq:
        raise invalid("to_seq", "The last sequence is not below the first, which is at least 1.")
    if whole.to_seq - whole.from_seq >= STRETCH_MAX:
        raise invalid("to_seq", f"At most {STRETCH_MAX:,} sequences at once.")
    check_changes(changes, whole)
    run = HindsightRun(
        market=market,
        from_seq=whole.from_seq,
        to_seq=whole.to_seq,
        changes=msgspec.to_builtins(changes),
        reason=reason,
    )
    words = f"asked what sequences {whole} of {market.pk} should have come to"
    return jobs.start(request, run, Verb.RECKONED, words)


def outcome_of(run: HindsightRun) -> HindsightOutcome:
    """Of one that is done. Raises msgspec.ValidationError where another version kept it."""
    return msgspec.convert(run.outcome, HindsightOutcome)


def reference_of(run: HindsightRun) -> str:
    """Of the adjustments: by it no trader is paid twice for one run."""
    return f"hindsight {run.pk}"


def dues_of(run: HindsightRun, *, also_taken: bool) -> list[Due]:
    """What is still to be given, and with ``also_taken`` to be taken; largest first, as many as one
    proposal takes."""
    paid = adjusted_user_ids(reference_of(run))
    rows = [
        row
        for row in outcome_of(run).traders
        if row.account_id not in paid
        and (row.difference_units > 0 or (also_taken and row.difference_units < 0))
    ][:WALLETS_MAX]
    users = User.objects.in_bulk([row.account_id for row in rows])
    return [
        Due(users[row.account_id], row.difference_units) for row in rows if row.account_id in users
    ]


def propose(run: HindsightRun, *, also_taken: bool, reason: str, by: AbstractUser) -> Proposal:
    """Raises DomainError where nothing is left to adjust, and as `propose_adjustments` does."""
    if run.state != JobState.DONE:
        raise DomainError(ErrorCode.INVALID_TRANSITION, "This run has found nothing yet.")
    dues = dues_of(run, also_taken=also_taken)
    if not dues:
        raise DomainError(ErrorCode.INVALID_TRANSITION, "Nothing is left to adjust.")
    cause = AdjustmentCause(AdjustmentCategory.COMPENSATION, reference_of(run), reason)
    return propose_adjustments(dues, cause, by)
