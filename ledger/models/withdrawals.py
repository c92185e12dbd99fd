"""Money that is to go out: what traders asked for, each step of it, and what is handed to custody.

A withdrawal's money is held from the statement that inserts its row until it ends: by arriving
outside, or by coming back. What holds for each row whatever the code does is said by constraints:
who may approve, how many must have, and which entry it ended with.
"""

import uuid

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from common.choices import choices
from common.idempotency import KEY_LENGTH_MAX
from common.outgoing.due_rows import Outgoing
from common.reasons import REASON_MAX
from ledger.models.journal import JournalEntry
from ledger.models.withdrawal_states import APPROVED_ONCE, ENDS, UNDECIDED, By, WithdrawalState
from ledger.models.withdrawal_terms import (
    ADDRESS_MAX,
    NETWORK_MAX,
    REFERENCE_MAX,
    WithdrawalAddress,
)

APPROVALS_MAX = 2


class Withdrawal(models.Model):
    """``needed``: of operators, to approve it. ``flags``: why it is looked at. ``send_id``
    is its name at custody, which sends nothing twice under one. ``reference``: custody's, or the
    network's, of the transfer. ``state_at``: since when it is in its state."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, db_index=False, related_name="withdrawals"
    )
    amount_units = models.BigIntegerField()
    network = models.CharField(max_length=NETWORK_MAX)
    address = models.CharField(max_length=ADDRESS_MAX)
    entry_in_book = models.ForeignKey(WithdrawalAddress, models.PROTECT, related_name="+")
    idempotency_key = models.CharField(max_length=KEY_LENGTH_MAX)
    state = models.CharField(max_length=9, choices=choices(WithdrawalState))
    state_at = models.DateTimeField(db_default=Now())
    needed = models.SmallIntegerField()
    flags = ArrayField(models.CharField(max_length=100), default=list)
    send_id = models.UUIDField(unique=True, default=uuid.uuid4)
    reference = models.CharField(max_length=REFERENCE_MAX, blank=True)
    confirmations = models.IntegerField(default=0)
    asked_from = models.GenericIPAddressField("asked from", null=True)
    requested_at = models.DateTimeField(db_default=Now())
    first_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+", db_index=False
    )
    second_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+", db_index=False
    )
    refused_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+", db_index=False
    )
    hold_entry = models.OneToOneField(
        JournalEntry, models.PROTECT, related_name="+", db_constraint=False
    )
    end_entry = models.OneToOneField(
        JournalEntry, models.PROTECT, null=True, related_name="+", db_constraint=False
    )

    class Meta:
        ordering = ["-id"]
        default_permissions = ("view",)
        permissions = [
            ("decide_withdrawal", "Can approve and refuse withdrawals"),
            ("stop_sending", "Can stop the sending of withdrawals, and let it go on"),
        ]
        indexes = [
            models.Index(fields=["user", "-id"], name="withdrawal_of_user"),
            models.Index(fields=["address"], name="withdrawal_to_address"),
            models.Index(fields=["id"], condition=~Q(state__in=ENDS), name="withdrawal_open"),
            models.Index(
                fields=["id"], condition=Q(state__in=UNDECIDED), name="withdrawal_undecided"
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["user", "idempotency_key"], name="withdrawal_key_once_per_user"
            ),
            models.CheckConstraint(condition=Q(amount_units__gt=0), name="withdrawal_positive"),
            models.CheckConstraint(
                condition=Q(needed__gte=0, needed__lte=APPROVALS_MAX), name="withdrawal_needs_few"
            ),
            models.CheckConstraint(
                condition=~Q(first_by=F("user")) & ~Q(second_by=F("user")),
                name="withdrawal_approved_by_another",
            ),
            models.CheckConstraint(
                condition=Q(second_by__isnull=True)
                | (Q(first_by__isnull=False) & ~Q(second_by=F("first_by"))),
                name="withdrawal_approved_by_two",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=APPROVED_ONCE)
                | Q(needed=0)
                | Q(needed=1, first_by__isnull=False)
                | Q(needed=2, second_by__isnull=False),
                name="withdrawal_approved_by_enough",
            ),
            models.CheckConstraint(
                condition=(
                    Q(state=WithdrawalState.REFUSED, refused_by__isnull=False)
                    | (~Q(state=WithdrawalState.REFUSED) & Q(refused_by__isnull=True))
                )
                & ~Q(refused_by=F("user")),
                name="withdrawal_refused_by_another",
            ),
            models.CheckConstraint(
                condition=Q(state__in=ENDS, end_entry__isnull=False)
                | (~Q(state__in=ENDS) & Q(end_entry__isnull=True)),
                name="withdrawal_ends_with_entry",
            ),
        ]

    def __str__(self) -> str:
        return f"Withdrawal {self.pk}"


class WithdrawalStep(models.Model):
    """One transition of a withdrawal. Append-only."""

    withdrawal = models.ForeignKey(Withdrawal, models.PROTECT, related_name="steps")
    before = models.CharField(max_length=9, blank=True)
    after = models.CharField(max_length=9, choices=choices(WithdrawalState))
    by = models.CharField(max_length=8, choices=choices(By))
    operator = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+", db_index=False
    )
    words = models.CharField(max_length=REASON_MAX, blank=True)
    entry = models.ForeignKey(
        JournalEntry, models.PROTECT, null=True, related_name="+", db_constraint=False,
        db_index=False,
    )  # fmt: skip
    stepped_at = models.DateTimeField(db_default=Now())

    class Meta:
        default_permissions = ()
        ordering = ["id"]

    def __str__(self) -> str:
        return f"{self.withdrawal_id}: {self.before or 'asked'} → {self.after}"


class Payout(Outgoing):
    """What is to be handed to custody: commits with the approval, is tried again until custody has
    answered. ``key`` is the withdrawal's ``send_id``."""

    withdrawal = models.OneToOneField(Withdrawal, models.PROTECT, related_name="payout")

    class Meta(Outgoing.Meta):
        default_permissions = ("view",)
        permissions = [("send_payout_again", "Can hand withdrawals to custody again")]
        ordering = ["-id"]
