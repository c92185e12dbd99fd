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
