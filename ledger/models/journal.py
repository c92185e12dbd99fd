"""What moved, and why."""

from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import Q

from ledger.models.accounts import Account, EntryKind, LineKind
from markets.models import Market


class JournalEntry(models.Model):
    """One movement of money; its postings sum to zero."""

    kind = models.CharField(max_length=16, choices=[(k.value, k.value) for k in EntryKind])
    # Checked per statement, as are the references of a posting: see migrations/rules.
    market = models.ForeignKey(
        Market, on_delete=models.PROTECT, null=True, db_index=False, db_constraint=False
    )
    seq = models.BigIntegerField(
        "sequence", null=True, help_text="Of the engine's output entry, where one caused it."
    )
    order_id = models.BigIntegerField("order", null=True)
    trade_id = models.BigIntegerField("trade", null=True)
    created_at = models.DateTimeField()

    class Meta:
        ordering = ["-id"]
        verbose_name_plural = "journal entries"
        indexes = [
            models.Index(
                fields=["market", "seq"],
                condition=Q(seq__isnull=False),
                name="journal_entry_of_seq",
            ),
            models.Index(
                fields=["order_id"], condition=Q(order_id__isnull=False), name="journal_of_order"
            ),
            # Entries lie nearly in the order of their time: a few pages serve for all of them.
            BrinIndex(
                fields=["created_at"],
                pages_per_range=32,
                autosummarize=True,
                name="journal_by_time",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.pk}"


class Posting(models.Model):
    """One line of a journal entry. Append-only."""

    entry = models.ForeignKey(
        JournalEntry, on_delete=models.PROTECT, related_name="postings", db_constraint=False
    )
    account = models.ForeignKey(
        Account,
        on_delete=models.PROTECT,
        related_name="postings",
        db_index=False,
        db_constraint=False,
    )
    amount_units = models.BigIntegerField()
    kind = models.CharField(
        max_length=16,
        choices=[(k.value, k.value) for k in LineKind],
        null=True,
        help_text="What its owner gained or lost by it; empty: as its entry.",
    )

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(condition=~Q(amount_units=0), name="posting_moves_something"),
        ]
        # Ascending, as rows come: Postgres fills pages that grow at the end of an account's run and
        # halves those that grow at its beginning. Newest first, it is read backwards.
        indexes = [models.Index(fields=["account", "id"], name="posting_by_account")]

    def __str__(self) -> str:
        return f"Posting {self.pk}"


# Sums of the journal are kept for intervals this long, from the epoch on.
FLOW_INTERVALS_MS = (60_000, 3_600_000)


class AccountFlow(models.Model):
    """What an account of the exchange (fees, an insurance fund, deposits, withdrawals) gained
    within an interval, by why money moved: a sum of postings.

    A trigger adds to it as postings are inserted, so that both are there or neither. What is asked
    of days and weeks reads these rows, however long the journal is. ``market`` is the entry's.
    """

    interval_ms = models.IntegerField()
    start_ms = models.BigIntegerField()
    market = models.ForeignKey(
        Market, on_delete=models.PROTECT, null=True, related_name="+", db_index=False
    )
    account_kind = models.CharField(max_length=16)
    entry_kind = models.CharField(max_length=16)
    amount_units = models.DecimalField(max_digits=40, decimal_places=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["interval_ms", "start_ms", "market", "account_kind", "entry_kind"],
                nulls_distinct=False,
                name="account_flow_once_per_interval",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.account_kind} by {self.entry_kind} from {self.start_ms}"
