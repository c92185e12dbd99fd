"""Seals and their sums. Only ever added: Postgres refuses to change one."""

from django.db import models

from ledger.models import Account
from markets.models import Market


class JournalSeal(models.Model):
    """A stretch of the journal, from the seal before it to ``last_entry_id``. Numbered from 1.

    ``last_…_id`` are the ends in other tables, counts and fees are of everything up to here, and
    ``blocks`` hashes of the stretch's rows. ``sha256`` is over all of it and the seal before.
    """

    id = models.BigIntegerField("number", primary_key=True)
    last_entry_id = models.BigIntegerField("last entry")
    last_order_id = models.BigIntegerField("last order")
    last_life_id = models.BigIntegerField()
    last_mark_id = models.BigIntegerField()
    entry_count = models.BigIntegerField("entries")
    posting_count = models.BigIntegerField("postings")
    fill_count = models.BigIntegerField("fills")
    order_count = models.BigIntegerField("orders")
    fee_units = models.DecimalField(max_digits=40, decimal_places=0)
    blocks = models.JSONField()
    previous_sha256 = models.CharField(max_length=64, blank=True)
    sha256 = models.CharField(max_length=64)
    sealed_at = models.DateTimeField()

    class Meta:
        ordering = ["-id"]
        default_permissions = ()

    def __str__(self) -> str:
        return f"Seal {self.pk}"


class SealedMarket(models.Model):
    """Up to which sequence and trade a market is sealed; ``trade_id`` 0 before its first."""

    seal = models.ForeignKey(JournalSeal, models.PROTECT, related_name="markets", db_index=False)
    market = models.ForeignKey(Market, models.PROTECT, related_name="+", db_index=False)
    seq = models.BigIntegerField("sequence")
    trade_id = models.BigIntegerField()

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["seal", "market"], name="sealed_market_once"),
        ]

    def __str__(self) -> str:
        return f"{self.market_id} sealed up to {self.seq}"


class SealedTotal(models.Model):
    """What all postings of an account up to a seal sum up to. Only of accounts that moved."""

    seal = models.ForeignKey(JournalSeal, models.PROTECT, related_name="totals", db_index=False)
    account = models.ForeignKey(Account, models.PROTECT, related_name="+", db_index=False)
    total_units = models.BigIntegerField()

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["account", "seal"], name="sealed_total_once"),
        ]

    def __str__(self) -> str:
        return f"{self.total_units} of account {self.account_id}"


class SealedPosition(models.Model):
    """Where a position stands at a seal, in lots above zero if long. Only of those that moved.

    ``life_count`` includes the life that is open; ``life`` is what that has come to, if one is, and
    ``life_row_id`` its row.
    """

    seal = models.ForeignKey(JournalSeal, models.PROTECT, related_name="positions", db_index=False)
    market = models.ForeignKey(Market, models.PROTECT, related_name="+", db_index=False)
    user_id = models.BigIntegerField()
    lots = models.BigIntegerField()
    realized_pnl_units = models.BigIntegerField()
    life_count = models.BigIntegerField()
    life_row_id = models.BigIntegerField(null=True)
    life = models.JSONField(null=True)

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(
                fields=["user_id", "market", "seal"], name="sealed_position_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.lots} lots of user {self.user_id} in {self.market_id}"


class CarriedOrder(models.Model):
    """An order that had not ended when the newest seal was made: a run looks at it again."""

    order_id = models.BigIntegerField(primary_key=True)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"Order {self.order_id}"
