"""Proposals from their writing to their end. Each call is one transaction."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.contrib.auth.models import AbstractUser
from django.db import IntegrityError, transaction
from django.dispatch import Signal
from django.utils import timezone

from approvals.actions import action_of
from approvals.models import OUTCOME_MAX, TITLE_MAX, Proposal, ProposalStatus
from common.errors import DomainError, ErrorCode
from common.postgres.constraints import constraint_of
from common.reasons import REASON_MAX, reason_of

EXPIRES_AFTER = timedelta(days=7)
# Heard by rooms above in the same transaction.
proposal_made = Signal()


class Change(NamedTuple):
    """One line of a difference, in human units."""

    what: str
    before: str
    after: str


@transaction.atomic
def propose(
    kind: str,
    *,
    subject: str,
    title: str,
    changes: Sequence[Change],
    payload: dict[str, Any],
    reason: str,
    author: AbstractUser,
    beneficiary_ids: Collection[int] = (),
) -> Proposal:
    """Nothing happens before another operator approves it.

    Raises DomainError without a reason, for one's own gain, and while another proposal about the
    same waits.
    """
    action = action_of(kind)
    reason = reason_of(reason)
    if author.pk in beneficiary_ids:
        message = "This is for yourself: another operator proposes it."
        raise DomainError(ErrorCode.OWN_REQUEST, message)
    now = timezone.now()
    _make_room(kind, subject, now)
    try:
        with transaction.atomic():
            proposal = Proposal.objects.create(
                kind=action.kind,
                subject=subject,
                title=title[:TITLE_MAX],
                changes=[list(change) for change in changes],
                payload=payload,
                reason=reason,
                author_id=author.pk,
                beneficiary_ids=list(beneficiary_ids),
                proposed_at=now,
                expires_at=now + EXPIRES_AFTER,
            )
    except IntegrityError as error:
        if constraint_of(error) != "proposal_waits_once_per_subject":
            raise
        message = "Another operator proposed something about the same just now: look at that first."
        raise DomainError(ErrorCode.PROPOSAL_WAITING, message) from error
    proposal_made.send(sender=Proposal, proposal=proposal)
    return proposal


def _make_room(kind: str, subject: str, now: datetime) -> None:
    """Closes one about the same that ran out. Raises DomainError for one that waits."""
    same = Proposal.objects.select_for_update(of=("self",)).filter(
        kind=kind, subject=subject, status=ProposalStatus.WAITING
    )
    for earlier in same:
        if earlier.status_at(now) is ProposalStatus.WAITING:
            raise DomainError(ErrorCode.PROPOSAL_WAITING, earlier.in_the_way_words)
        _close(earlier, ProposalStatus.EXPIRED, "")


def waiting_proposal(kind: str, subject: str) -> Proposal | None:
    found = Proposal.objects.filter(kind=kind, subject=subject, status=ProposalStatus.WAITING)
    now = timezone.now()
    return next((p for p in found if p.status_at(now) is ProposalStatus.WAITING), None)


@transaction.atomic
def approve(proposal_id: int, by: AbstractUser) -> Proposal:
    """Carries it out. Raises Proposal.DoesNotExist, and DomainError where ``by`` may not decide it,
    where its author may not propose it any more, where it is no longer waiting, and whatever the
    action refuses: then it goes on waiting."""
    proposal = _lock_for(proposal_id, by)
    if not action_of(proposal.kind).may_be_proposed_by(proposal.author):
        message = (
            f"{proposal.author}, who proposed this, may not any more: refuse it, and have it "
            "proposed anew."
        )
        raise DomainError(ErrorCode.PROPOSAL_OUTDATED, message)
    outcome = action_of(proposal.kind).carry_out(proposal, by)
    proposal.command_id = outcome.command_id
    _close(proposal, ProposalStatus.APPROVED, outcome.words, by)
    return proposal


@transaction.atomic
def refuse(proposal_id: int, why: str, by: AbstractUser) -> Proposal:
    """Raises Proposal.DoesNotExist, and DomainError as `approve` does."""
    proposal = _lock_for(proposal_id, by)
    _close(proposal, ProposalStatus.REFUSED, reason_of(why), by)
    return proposal


@transaction.atomic
def withdraw(proposal_id: int, by: AbstractUser) -> Proposal:
    """By its author alone. Raises Proposal.DoesNotExist and DomainError."""
    proposal = _lock_waiting(proposal_id)
    if proposal.author_id != by.pk:
        message = f"Proposal {proposal.pk} is another operator's: only its author withdraws it."
        raise DomainError(ErrorCode.FORBIDDEN, message)
    _close(proposal, ProposalStatus.WITHDRAWN, "")
    return proposal


@transaction.atomic
def leave_behind(
    author: AbstractUser, successor: AbstractUser | None
) -> tuple[list[Proposal], list[Proposal]]:
    """Of who is an operator no more: what waits goes on under ``successor``, whose proposals these
    are from now on; what is for the successor's own gain or not theirs to propose, or all without
    one, is withdrawn. The first are those handed over. Others' proposals stay, also where the
    author gains by them."""
    rows = Proposal.objects.select_for_update(of=("self",)).filter(author_id=author.pk)
    now = timezone.now()
    handed, withdrawn = [], []
    for proposal in rows.filter(status=ProposalStatus.WAITING).order_by("pk"):
        if proposal.status_at(now) is not ProposalStatus.WAITING:
            _close(proposal, ProposalStatus.EXPIRED, "")
        elif successor is None or not _may_take_over(proposal, successor):
            _close(proposal, ProposalStatus.WITHDRAWN, f"{author} is no operator any more")
            withdrawn.append(proposal)
        else:
            proposal.author_id = successor.pk
            said = f"{proposal.reason} (proposed by {author}, who handed it over)"
            proposal.reason = said if len(said) <= REASON_MAX else proposal.reason
            proposal.save(update_fields=["author", "reason"])
            handed.append(proposal)
    return handed, withdrawn


def _may_take_over(proposal: Proposal, successor: AbstractUser) -> bool:
    may_propose = action_of(proposal.kind).may_be_proposed_by(successor)
    return may_propose and successor.pk not in proposal.beneficiary_ids


def outdated() -> DomainError:
    """What an action says where a proposal is no longer what it was about."""
    return DomainError(
        ErrorCode.PROPOSAL_OUTDATED,
        "What this is about has changed since: refuse it, and have it proposed anew.",
    )


def why_not_decided_by(proposal: Proposal, by: AbstractUser) -> DomainError | None:
    """Of one that waits; None for who may approve and refuse it."""
    if proposal.author_id == by.pk:
        message = f"You wrote proposal {proposal.pk}: another operator decides it."
        return DomainError(ErrorCode.OWN_REQUEST, message)
    if by.pk in proposal.beneficiary_ids:
        message = f"Proposal {proposal.pk} is for yourself: another operator decides it."
        return DomainError(ErrorCode.OWN_REQUEST, message)
    if not by.has_perm(action_of(proposal.kind).permission):
        message = f"You may not decide this: it takes {action_of(proposal.kind).permission}."
        return DomainError(ErrorCode.FORBIDDEN, message)
    return None


def _lock_for(proposal_id: int, by: AbstractUser) -> Proposal:
    proposal = _lock_waiting(proposal_id)
    if (refusal := why_not_decided_by(proposal, by)) is not None:
        raise refusal
    return proposal


def _lock_waiting(proposal_id: int) -> Proposal:
    proposal = Proposal.objects.select_for_update(of=("self",)).get(pk=proposal_id)
    status = proposal.status_at(timezone.now())
    if status is not ProposalStatus.WAITING:
        message = f"Proposal {proposal.pk} is {status} already and can't be decided."
        raise DomainError(ErrorCode.PROPOSAL_NOT_WAITING, message)
    return proposal


def _close(
    proposal: Proposal, status: ProposalStatus, outcome: str, by: AbstractUser | None = None
) -> None:
    proposal.status = status
    proposal.outcome = outcome[:OUTCOME_MAX]
    proposal.decided_by_id = None if by is None else by.pk
    proposal.decided_at = timezone.now()
    proposal.save()
