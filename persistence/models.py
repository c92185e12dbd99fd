"""How far each market is persisted, and what stopped it, was set aside, kept or compared."""

from datetime import timedelta
from enum import StrEnum

from django.conf import settings
from django.db import models
from django.db.models import Q

from markets.models import Market


class MarketCursor(models.Model):
    """How far the output stream of a market is persisted. Commits with the rows it speaks of."""

    market = models.OneToOneField(
        Market, on_delete=models.PROTECT, primary_key=True, related_name="cursor"
    )
    seq = models.BigIntegerField("sequence", default=0)
    input_id = models.CharField(max_length=48, default="0-0")
    entry_time_ms = models.BigIntegerField(default=0)
    applied_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.market_id} at {self.seq}"


class DeadLetter(models.Model):
    """An input entry no engine could decode, kept with the reason."""

    market = models.ForeignKey(Market, on_delete=models.PROTECT, related_name="dead_letters")
    seq = models.BigIntegerField("sequence")
    input_id = models.CharField(max_length=48)
    reason = models.TextField()
    payload = models.BinaryField()
    recorded_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["market", "seq"], name="dead_letter_once"),
        ]

    def __str__(self) -> str:
        return f"{self.market_id} {self.input_id}"


class FaultKind(StrEnum):
    """Why a market's persistence stopped."""

    POISON_ENTRY = "PoisonEntry"
    SEQUENCE_GAP = "SequenceGap"


class FaultResolution(StrEnum):
    """How it went on."""

    PERSISTED = "persisted"  # a later try succeeded
    QUARANTINED = "quarantined"
    SUPERSEDED = "superseded"  # it stopped elsewhere, or by another fault


class PersistenceFault(models.Model):
    """A market's persistence stopped in front of an entry; at most one is open per market."""

    market = models.ForeignKey(Market, on_delete=models.PROTECT, related_name="persistence_faults")
    seq = models.BigIntegerField("sequence")
    kind = models.CharField(max_length=16, choices=[(k.value, k.value) for k in FaultKind])
    reason = models.TextField()
    payload = models.BinaryField(help_text="The entry as it was published.")
    first_seen = models.DateTimeField()
    last_seen = models.DateTimeField()
    resolved_at = models.DateTimeField(null=True)
    resolution = models.CharField(
        max_length=11, blank=True, choices=[(r.value, r.value) for r in FaultResolution]
    )
    resolved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )

    class Meta:
        ordering = ["-id"]
        permissions = [("resolve_fault", "Can retry and quarantine what stops persistence")]
        constraints = [
            models.UniqueConstraint(
                fields=["market"],
                condition=Q(resolved_at__isnull=True),
                name="persistence_fault_open_once_per_market",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.market_id} at {self.seq}"


class QuarantinedEntry(models.Model):
    """An output entry the cursor was moved over, unapplied: because an operator said so, or by
    itself (``quarantined_by`` null) where its command names an account that nobody has."""

    market = models.ForeignKey(Market, on_delete=models.PROTECT, related_name="quarantined_entries")
    seq = models.BigIntegerField("sequence")
    input_id = models.CharField(max_length=48, help_text="Of its command; empty if unreadable.")
    reason = models.TextField()
    payload = models.BinaryField()
    quarantined_at = models.DateTimeField(auto_now_add=True)
    quarantined_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", null=True
    )

    class Meta:
        ordering = ["-id"]
        verbose_name_plural = "quarantined entries"
        constraints = [
            models.UniqueConstraint(fields=["market", "seq"], name="quarantined_entry_once"),
        ]

    def __str__(self) -> str:
        return f"{self.market_id} {self.seq}"


class EngineSnapshotArchive(models.Model):
    """A snapshot of a market's engine that outlives Redis: proof of what it started from."""

    market = models.ForeignKey(Market, on_delete=models.PROTECT, related_name="archived_snapshots")
    seq = models.BigIntegerField("sequence")
    input_id = models.CharField(max_length=48)
    frame = models.BinaryField()
    sha256 = models.CharField(max_length=64)
    archived_at = models.DateTimeField()

    class Meta:
        ordering = ["-id"]
        verbose_name = "archived snapshot"
        constraints = [
            models.UniqueConstraint(fields=["market", "seq"], name="archived_snapshot_once"),
        ]

    def __str__(self) -> str:
        return f"{self.market_id} at {self.seq}"


class ReconcileRun(models.Model):
    """A run of `persistence.reconciliation` and what it found. Old runs go.

    market_id     of a run of one market; empty for a run of everything
    is_full       whether it read all rows, and not just what is behind the newest seal
    differences   the first of difference_count: [check, market, subject, expected, found]
    compared      per market: the sequence its engine was compared at, or why it was not
    """

    market_id = models.CharField("market", max_length=32, blank=True, default="")
    is_full = models.BooleanField("full proof", default=False, db_default=False)
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField()
    difference_count = models.BigIntegerField("differences")
    differences = models.JSONField(default=list)
    compared = models.JSONField(default=list)
    figures = models.JSONField(default=dict)

    class Meta:
        ordering = ["-id"]
        permissions = [("run_reconciliation", "Can ask for a run of reconciliation")]

    def __str__(self) -> str:
        return f"Reconciliation {self.pk}"

    @property
    def scope(self) -> str:
        return f"{self.market_id or 'everything'}{', in full' if self.is_full else ''}"

    @property
    def took(self) -> timedelta:
        took: timedelta = self.finished_at - self.started_at
        return took
