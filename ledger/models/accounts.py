"""Accounts of the journal, and the balances kept of them."""

from enum import StrEnum

from django.conf import settings
from django.db import models
from django.db.models import Q

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
    WITHDRAWAL_HOLD = "withdrawal_hold"
    WITHDRAWAL = "withdrawal"  # arrived outside
    WITHDRAWAL_BACK = "withdrawal_back"  # cancelled, refused or failed


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
        owner = self.market_id or self.user or "exchange"
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
        return f"Wallet of {self.user}"
