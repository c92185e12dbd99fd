"""Rows of money. Only this package writes them, save for the hold that goes with an order's insert
(`trading`'s one statement).

Double entry: a journal entry's postings sum to zero, enforced by a trigger; postings are
append-only, enforced by another. A posting above zero raises its account's balance. Deposits is the
one account that goes below zero for good: minus everything that ever came in.
"""

from enum import StrEnum

from django.conf import settings
from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import F, Q

from approvals.models import Proposal
from markets.models import Market


class AccountKind(StrEnum):
    """What an account of the journal stands for, and whose it is."""

    AVAILABLE = "available"  # per user: free to use
    HELD = "held"  # per user: reserved by open orders
    MARGIN = "margin"  # per user: in positions, all markets together
    INSURANCE = "insurance"  # per market
    CLEARING = "clearing"  # per market: minus the entry cost of all its positions
    FEES = "fees"  # global
    DEPOSITS = "deposits"  # global; minus what came in
    WITHDRAWALS = "withdrawals"  # global; what went out
    ADJUSTMENTS = "adjustments"  # global; minus what operators gave to traders


USER_ACCOUNT_KINDS = (AccountKind.AVAILABLE, AccountKind.HELD, AccountKind.MARGIN)
MARKET_ACCOUNT_KINDS = (AccountKind.INSURANCE, AccountKind.CLEARING)
GLOBAL_ACCOUNT_KINDS = (
    AccountKind.FEES,
    AccountKind.DEPOSITS,
    AccountKind.WITHDRAWALS,
    AccountKind.ADJUSTMENTS,
)


class EntryKind(StrEnum):
    """Why money moved."""

    DEPOSIT = "deposit"
    ORDER_HOLD = "order_hold"
    HOLD_RELEASE = "hold_release"
    FILL = "fill"
    LIQUIDATION = "liquidation"
    ADL = "adl"
    SETTLEMENT = "settlement"
    FUNDING = "funding"
    AMEND_HOLD = "amend_hold"
    MARGIN_HOLD = "margin_hold"
    MARGIN_ADDED = "margin_added"
    MARGIN_REMOVED = "margin_removed"
    INSURANCE_TOPUP = "insurance_topup"
    ADJUSTMENT = "adjustment"
    TRANSFER = "transfer"
    REFERRAL = "referral"


class LineKind(StrEnum):
    """What a user gained or lost by a posting on an own account. Other lines of an entry only move
    money from one account of the user to another and are called as the entry is."""

    REALIZED_PNL = "realized_pnl"
    FEE = "fee"
    LIQUIDATION_FEE = "liquidation_fee"
    INSURANCE_COVER = "insurance_cover"  # of a loss, paid by the insurance fund
    LOSS_SHARE = "loss_share"  # of the losses of others, where the fund could not pay


class Account(models.Model):
    """A column of the journal. Made with its user or market, never changed."""

    kind = models.CharField(max_length=16, choices=[(k.value, k.value) for k in AccountKind])
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        related_name="ledger_accounts",
    )
    market = models.ForeignKey(
        Market, on_delete=models.PROTECT, null=True, related_name="ledger_accounts"
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["user", "kind", "market"],
                nulls_distinct=False,
                name="account_once_per_owner",
            ),
            models.CheckConstraint(
                condition=Q(kind__in=USER_ACCOUNT_KINDS, user__isnull=False, market__isnull=True)
                | Q(kind__in=MARKET_ACCOUNT_KINDS, user__isnull=True, market__isnull=False)
                | Q(kind__in=GLOBAL_ACCOUNT_KINDS, user__isnull=True, market__isnull=True),
                name="account_has_its_owner",
            ),
        ]

    def __str__(self) -> str:
        owner = self.market_id or (f"user {self.user_id}" if self.user_id else "exchange")
        return f"{self.kind} of {owner}"


class Wallet(models.Model):
    """A user's maintained balance, provable from the postings of two accounts."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        primary_key=True,
        related_name="wallet",
    )
    available_units = models.BigIntegerField(default=0, db_default=0)
    held_units = models.BigIntegerField(default=0, db_default=0)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(available_units__gte=0), name="wallet_available_not_negative"
            ),
            models.CheckConstraint(condition=Q(held_units__gte=0), name="wallet_held_not_negative"),
        ]

    def __str__(self) -> str:
        return f"Wallet of user {self.user_id}"


class JournalEntry(models.Model):
    """One movement of money; its postings sum to zero."""

    kind = models.CharField(max_length=16, choices=[(k.value, k.value) for k in EntryKind])
    # Checked per statement, as are the references of a posting: see the first migration.
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
        indexes = [models.Index(fields=["account", "-id"], name="posting_of_account")]

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


class DepositStatus(StrEnum):
    REQUESTED = "requested"
    APPROVED = "approved"
    REFUSED = "refused"


class Deposit(models.Model):
    """Money asked into a wallet: approved at once where traders may, else by an operator."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="deposits"
    )
    amount_units = models.BigIntegerField()
    idempotency_key = models.CharField(max_length=64, null=True, blank=True)
    status = models.CharField(
        max_length=9,
        choices=[(s.value, s.value) for s in DepositStatus],
        default=DepositStatus.REQUESTED,
    )
    entry = models.OneToOneField(
        JournalEntry, on_delete=models.PROTECT, null=True, related_name="deposit"
    )
    requested_at = models.DateTimeField(auto_now_add=True)
    decided_at = models.DateTimeField(null=True)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )

    class Meta:
        ordering = ["-id"]
        permissions = [("decide_deposit", "Can approve and refuse deposits")]
        indexes = [
            models.Index(
                fields=["id"], condition=Q(status=DepositStatus.REQUESTED), name="deposit_waiting"
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["idempotency_key", "user"],
                condition=Q(idempotency_key__isnull=False),
                name="deposit_idempotency_key_once_per_user",
            ),
            models.CheckConstraint(condition=Q(amount_units__gt=0), name="deposit_positive"),
            models.CheckConstraint(
                condition=Q(status=DepositStatus.APPROVED, entry__isnull=False)
                | (~Q(status=DepositStatus.APPROVED) & Q(entry__isnull=True)),
                name="deposit_approved_has_entry",
            ),
            models.CheckConstraint(
                condition=~Q(decided_by=F("user")), name="deposit_decided_by_another"
            ),
        ]

    def __str__(self) -> str:
        return f"Deposit {self.pk}"


class AdjustmentCategory(StrEnum):
    REFUND = "refund"  # of what the exchange took: a fee, a funding payment
    COMPENSATION = "compensation"  # for a loss the exchange caused
    CORRECTION = "correction"  # of an entry that was wrong
    INCENTIVE = "incentive"
    RECOVERY = "recovery"  # of what a trader was given and wasn't due
    REVERSAL = "reversal"  # the counter-entry of another adjustment


class Adjustment(models.Model):
    """Money that operators gave to a trader, or took: what one proposed and another approved.

    A row is never changed; what was wrong is set right by another that reverses it.

    amount_units  above zero: into the wallet
    reference     what it is about elsewhere (a ticket, an order); once per trader
    """

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="adjustments"
    )
    amount_units = models.BigIntegerField()
    category = models.CharField(
        max_length=12, choices=[(c.value, c.value) for c in AdjustmentCategory]
    )
    reference = models.CharField(max_length=64)
    reason = models.CharField(max_length=500)
    reverses = models.OneToOneField(
        "self", on_delete=models.PROTECT, null=True, related_name="reversed_by"
    )
    proposal = models.ForeignKey(Proposal, on_delete=models.PROTECT, related_name="adjustments")
    entry = models.OneToOneField(
        JournalEntry, on_delete=models.PROTECT, related_name="adjustment", db_constraint=False
    )
    adjusted_at = models.DateTimeField()

    class Meta:
        ordering = ["-id"]
        permissions = [
            ("propose_adjustment", "Can propose adjustments of wallets"),
            ("decide_adjustment", "Can approve and refuse adjustments of wallets"),
        ]
        indexes = [models.Index(fields=["user", "-id"], name="adjustment_of_user")]
        constraints = [
            models.CheckConstraint(condition=~Q(amount_units=0), name="adjustment_moves_something"),
            models.CheckConstraint(
                condition=Q(category=AdjustmentCategory.REVERSAL, reverses__isnull=False)
                | (~Q(category=AdjustmentCategory.REVERSAL) & Q(reverses__isnull=True)),
                name="adjustment_reversal_names_what",
            ),
            models.UniqueConstraint(
                fields=["reference", "user"], name="adjustment_once_per_reference"
            ),
        ]

    def __str__(self) -> str:
        return f"Adjustment {self.pk}"
