from django.conf import settings
from django.db import models
from django.db.models import Q

from ledger.models.withdrawal_terms import ADDRESS_MAX, NETWORK_MAX


class DepositAddress(models.Model):
    """At which money of one trader arrives. Without a user it is at hand for the next who asks: so
    that nobody's request waits for custody."""

    network = models.CharField(max_length=NETWORK_MAX)
    address = models.CharField(max_length=ADDRESS_MAX)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+", db_index=False
    )
    given_at = models.DateTimeField(null=True)

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(
                fields=["network", "address"], name="deposit_address_once_per_network"
            ),
            models.UniqueConstraint(
                fields=["user", "network"],
                condition=Q(user__isnull=False),
                name="deposit_address_one_per_user",
            ),
        ]
        indexes = [
            models.Index(
                fields=["network", "id"], condition=Q(user=None), name="deposit_address_at_hand"
            )
        ]

    def __str__(self) -> str:
        return self.address
