"""Rows that spare sums: all of them can be made anew."""

from django.db import models
from django.db.models.functions import Now


class JournalMoment(models.Model):
    """The newest posting's id at a time. ``at`` is Postgres' clock."""

    at = models.DateTimeField(db_default=Now(), unique=True)
    posting_id = models.BigIntegerField()

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"postings up to {self.posting_id} at {self.at}"


class BalanceMark(models.Model):
    """What an account's postings up to an id sum up to."""

    account = models.ForeignKey(
        "ledger.Account", models.PROTECT, related_name="+", db_index=False, db_constraint=False
    )
    posting_id = models.BigIntegerField()
    total_units = models.BigIntegerField()

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(
                fields=["account", "posting_id"], name="balance_mark_once_per_posting"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.total_units} up to posting {self.posting_id}"


class KindFlow(models.Model):
    """What accounts gained together within an interval, where `AccountFlow` doesn't say: all
    traders' of a kind, and what stands against a market's open positions.

    Of the journal's entries up to `KindFlowEnd`, each in the interval of its own time.
    """

    interval_ms = models.IntegerField()
    start_ms = models.BigIntegerField()
    account_kind = models.CharField(max_length=16)
    market = models.ForeignKey(
        "markets.Market", models.PROTECT, null=True, related_name="+", db_index=False
    )
    amount_units = models.DecimalField(max_digits=40, decimal_places=0)

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(
                fields=["interval_ms", "start_ms", "account_kind", "market"],
                nulls_distinct=False,
                name="kind_flow_once_per_interval",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.account_kind} from {self.start_ms}"


class KindFlowEnd(models.Model):
    """Up to which entry the flows of kinds have all there is. One row."""

    last_entry_id = models.BigIntegerField()

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"flows of kinds up to entry {self.last_entry_id}"
