from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from common.choices import choices
from common.reasons import REASON_MAX
from markets.models import Market
from matching.messages.vocabulary import MarketState


class MarketStop(models.Model):
    """What an operator asked of one market from the page: a stop, or its resuming.

    resumes_to     of a stop: the state to come back to; empty for a resuming
    command_id     of the outbox command
    cancel_ids     of the commands that cancel its orders
    swept_at       when orders that had been on their way were looked for the last time
    resume_at      planned; ``resume_ended`` says what became of it, empty while it is ahead
    """

    market = models.ForeignKey(Market, models.PROTECT, related_name="+", db_index=False)
    state = models.CharField(max_length=16, choices=choices(MarketState))
    resumes_to = models.CharField(max_length=16, choices=choices(MarketState), blank=True)
    reason = models.CharField(max_length=REASON_MAX)
    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    asked_at = models.DateTimeField()
    command_id = models.BigIntegerField()
    cancels_orders = models.BooleanField(default=False)
    cancel_ids = ArrayField(models.BigIntegerField(), default=list)
    swept_at = models.DateTimeField(null=True)
    resume_at = models.DateTimeField(null=True)
    resume_ended = models.CharField(max_length=200, blank=True)

    class Meta:
        default_permissions = ()
        indexes = [
            models.Index(fields=["market", "-id"], name="stop_of_market"),
            models.Index(
                fields=["resume_at"],
                condition=Q(resume_at__isnull=False, resume_ended=""),
                name="stop_resume_ahead",
            ),
            models.Index(
                fields=["id"],
                condition=Q(cancels_orders=True, swept_at__isnull=True),
                name="stop_to_sweep",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.market_id}: {self.state}"
