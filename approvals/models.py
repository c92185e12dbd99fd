"""What waits for a second person, what became of it, and which actions need one."""

from datetime import datetime
from enum import StrEnum

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Func, IntegerField, Q
from django.db.models.lookups import IsNull

from common.reasons import REASON_MAX

TITLE_MAX, OUTCOME_MAX = 300, 500


class ProposalStatus(StrEnum):
    WAITING = "waiting"
    APPROVED = "approved"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"


_DECIDED = (ProposalStatus.APPROVED, ProposalStatus.REFUSED)
_CLOSED_BY_NOBODY_ELSE = (ProposalStatus.WITHDRAWN, ProposalStatus.EXPIRED)


def _is_no_beneficiary(who: str) -> IsNull:
    """Also where there is nobody yet."""
    place = Func(
        F("beneficiary_ids"), F(who), function="array_position", output_field=IntegerField()
    )
    return IsNull(place, True)


class Proposal(models.Model):
    """One action that waits for somebody else.

    kind         the action's word, as registered
    subject      what it is about: of a kind and a subject one proposal waits at a time
    title        in words: "Wallet of alice: +12.50 USD"
    changes      rows of [what, before, after] in human units, as the decider sees them
    payload      what the action needs, besides
    beneficiary_ids  users whose gain or loss it is; none of them may propose or decide it
    outcome      what came of it: why it was refused, or what the action said
    command_id   what an approval became, if it became a command of `trading`
    """

    kind = models.CharField("action", max_length=40)
    subject = models.CharField(max_length=200)
    title = models.CharField("what", max_length=TITLE_MAX)
    changes = models.JSONField(default=list)
    payload = models.JSONField(default=dict)
    reason = models.CharField(max_length=REASON_MAX)
    status = models.CharField(
        max_length=9,
        choices=[(s.value, s.value) for s in ProposalStatus],
        default=ProposalStatus.WAITING,
    )
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="proposals"
    )
    beneficiary_ids = ArrayField(models.BigIntegerField(), default=list)
    proposed_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    decided_at = models.DateTimeField(null=True)
    outcome = models.CharField(max_length=OUTCOME_MAX, default="", blank=True)
    command_id = models.BigIntegerField("command", null=True)

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(
                fields=["id"], condition=Q(status=ProposalStatus.WAITING), name="proposal_waiting"
            ),
            models.Index(fields=["author", "-id"], name="proposal_of_author"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=~Q(decided_by=F("author")), name="proposal_decided_by_another"
            ),
            models.CheckConstraint(
                condition=_is_no_beneficiary("author"), name="proposal_not_for_its_author"
            ),
            models.CheckConstraint(
                condition=_is_no_beneficiary("decided_by"), name="proposal_not_by_who_gains"
            ),
            models.CheckConstraint(
                condition=Q(
                    status=ProposalStatus.WAITING, decided_by__isnull=True, decided_at__isnull=True
                )
                | Q(status__in=_DECIDED, decided_by__isnull=False, decided_at__isnull=False)
                | Q(
                    status__in=_CLOSED_BY_NOBODY_ELSE,
                    decided_by__isnull=True,
                    decided_at__isnull=False,
                ),
                name="proposal_decision_is_whole",
            ),
            models.UniqueConstraint(
                fields=["kind", "subject"],
                condition=Q(status=ProposalStatus.WAITING),
                name="proposal_waits_once_per_subject",
            ),
        ]

    def __str__(self) -> str:
        return f"Proposal {self.pk}: {self.title}"

    @property
    def in_the_way_words(self) -> str:
        """To whoever wants to propose something about the same."""
        return f"Proposal {self.pk} about the same waits: decide or withdraw it first."

    @property
    def done_words(self) -> str:
        """Of an action of a list that became this."""
        return f"proposed ({self.pk}), for another operator to approve"

    @property
    def differences(self) -> str:
        """What would change, as one line."""
        return "; ".join(
            f"{what}: {before} → {after}" if before else f"{what}: {after}"
            for what, before, after in self.changes
        )

    def status_at(self, now: datetime) -> ProposalStatus:
        """One that has run out has expired, whether or not its row says so yet."""
        status = ProposalStatus(self.status)
        if status is ProposalStatus.WAITING and now >= self.expires_at:
            return ProposalStatus.EXPIRED
        return status


class ApprovalRule(models.Model):
    """Whether an action needs two people, where the owner decided otherwise than is usual.

    ``from_units``  only from this amount of money on; None: whatever the amount
    """

    kind = models.CharField("action", max_length=40, primary_key=True)
    needs_second = models.BooleanField()
    from_units = models.BigIntegerField(null=True)
    proposal = models.ForeignKey(Proposal, on_delete=models.PROTECT, related_name="+")

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(from_units__isnull=True) | Q(from_units__gt=0, needs_second=True),
                name="approval_rule_amount_positive",
            ),
        ]

    def __str__(self) -> str:
        return self.kind
