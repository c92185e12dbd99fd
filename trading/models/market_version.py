from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from approvals.models import Proposal
from common.reasons import REASON_MAX
from markets.models import Market
from trading.models.outbox import OutboxCommand


class MarketVersion(models.Model):
    """A market's rules as they were asked for. Written with the rules themselves, whatever door
    they came through (`trading.commands.markets.configure_market`), and never changed: a trigger
    refuses it.

    version      as the engine has it: its market's ``config_version``
    rules        the columns of `Market` that are rules, steps as plain decimal text, and "tiers",
                 rows of [floor_units, max_leverage, maintenance_ppm] by floor
    rules_hash   SHA-256 of the rules as canonical JSON, in hex: equal rules have equal hashes
    author       who wanted it; None: the exchange itself, or nobody knows
    approved_by  the second person, where it took one, with the proposal
    restores     the version whose rules these are again, if they were rolled back
    command      what its engine was sent. Which entry answers it is the command's
                 ``applied_seq``: a row that stays as it is can't say
    """

    market = models.ForeignKey(
        Market, on_delete=models.PROTECT, related_name="versions", db_index=False
    )
    version = models.BigIntegerField()
    rules = models.JSONField()
    rules_hash = models.CharField(max_length=64)
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    approved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    proposal = models.ForeignKey(
        Proposal, on_delete=models.PROTECT, null=True, related_name="+", db_index=False
    )
    reason = models.CharField(max_length=REASON_MAX, blank=True)
    restores = models.BigIntegerField(null=True)
    command = models.OneToOneField(
        OutboxCommand, on_delete=models.PROTECT, null=True, related_name="market_version"
    )
    made_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["market", "-version"]
        default_permissions = ("view",)
        constraints = [
            models.UniqueConstraint(
                fields=["market", "version"], name="market_version_once_per_market"
            ),
            models.CheckConstraint(
                condition=~Q(approved_by=F("author")), name="market_version_approved_by_another"
            ),
            models.CheckConstraint(
                condition=Q(approved_by__isnull=True, proposal__isnull=True)
                | Q(approved_by__isnull=False, proposal__isnull=False),
                name="market_version_approved_with_its_proposal",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.market_id} version {self.version}"
