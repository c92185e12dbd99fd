from enum import StrEnum

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from common.choices import choices
from custody.interface import ID_MAX
from ledger.models import Deposit
from ledger.models.withdrawal_terms import ADDRESS_MAX, NETWORK_MAX


class ChainDepositState(StrEnum):
    SEEN = "seen"
    ORPHANED = "orphaned"  # its block was taken back; it may be seen again
    CREDITED = "credited"


class ChainDeposit(models.Model):
    """A transfer that custody saw coming in.

    reference   custody's name of it, once per network
    seq         of the newest news it follows
    needed      confirmations at which it is credited
    problem     why it isn't credited although it could be
    deposit     the money, once it is credited
    orphaned_at when custody took back what was credited already
    """

    network = models.CharField(max_length=NETWORK_MAX)
    reference = models.CharField(max_length=ID_MAX)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, db_index=False, related_name="+"
    )
    address = models.CharField(max_length=ADDRESS_MAX)
    amount_units = models.BigIntegerField()
    state = models.CharField(max_length=8, choices=choices(ChainDepositState))
    confirmations = models.IntegerField(default=0)
    needed = models.IntegerField()
    seq = models.BigIntegerField(default=0)
    problem = models.CharField(max_length=200, blank=True)
    seen_at = models.DateTimeField(db_default=Now())
    credited_at = models.DateTimeField(null=True)
    orphaned_at = models.DateTimeField(null=True)
    deposit = models.OneToOneField(Deposit, models.PROTECT, null=True, related_name="came_by")

    class Meta:
        default_permissions = ("view",)
        permissions = [
            ("propose_credit", "Can propose to credit a deposit by hand"),
            ("decide_credit", "Can approve and refuse deposits by hand"),
        ]
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["network", "reference"], name="chain_deposit_once_per_network"
            ),
            models.CheckConstraint(condition=Q(amount_units__gt=0), name="chain_deposit_positive"),
            models.CheckConstraint(
                condition=Q(state=ChainDepositState.CREDITED, deposit__isnull=False)
                | (~Q(state=ChainDepositState.CREDITED) & Q(deposit__isnull=True)),
                name="chain_deposit_credited_has_deposit",
            ),
        ]
        indexes = [
            models.Index(fields=["user", "-id"], name="chain_deposit_of_user"),
            models.Index(
                fields=["id"],
                condition=Q(state=ChainDepositState.SEEN),
                name="chain_deposit_on_its_way",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.reference} on {self.network}"
