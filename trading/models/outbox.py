from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from common.idempotency import KEY_LENGTH_MAX
from markets.models import Market

AMEND_COMMANDS = ("AmendOrder", "AmendConditional")
# Of a market as a whole, from operators; the others are about traders' orders and positions.
MARKET_COMMANDS = ("ConfigureMarket", "SetMarketState", "SettleMarket", "FundInsurance")


class OutboxCommand(models.Model):
    """A command other than PlaceOrder that was promised to its sender (orders are their own
    outbox). It commits with whatever it goes with, is published after the commit, and is sent again
    until `ledger` sees its ``command_id`` in the output and marks it applied.
    """

    market = models.ForeignKey(
        Market, on_delete=models.PROTECT, related_name="commands", db_index=False
    )
    command_type = models.CharField(max_length=32)
    payload = models.JSONField(help_text="The command, without its command_id.")
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="commands"
    )
    # Postgres' clock, as for orders: sending again goes by both.
    created_at = models.DateTimeField(db_default=Now())
    idempotency_key = models.CharField(
        max_length=KEY_LENGTH_MAX,
        null=True,
        blank=True,
        help_text="The sender's: the same key again is the same command.",
    )
    applied_seq = models.BigIntegerField("applied at sequence", null=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["created_by", "idempotency_key"],
                condition=Q(idempotency_key__isnull=False),
                name="outbox_once_per_sender_and_key",
            ),
        ]
        indexes = [
            models.Index(
                fields=["market", "id"],
                condition=Q(applied_seq__isnull=True),
                name="outbox_not_applied",
            ),
            models.Index(
                fields=["market", "-id"],
                condition=Q(command_type__in=MARKET_COMMANDS),
                name="outbox_of_market",
            ),
            models.Index(
                fields=["created_by", "id"],
                condition=Q(applied_seq__isnull=True, command_type__in=AMEND_COMMANDS),
                name="outbox_amending",
            ),
            models.Index(
                fields=["market", "applied_seq"],
                condition=Q(applied_seq__isnull=False),
                name="outbox_of_entry",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.command_type} {self.pk}"
