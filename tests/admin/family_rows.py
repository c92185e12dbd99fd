"""Rows about families: transfers, moves between tiers, referrals, a statement that was wrong."""

from accounts.models import User
from accounts.referrals.models import Referral, ReferralCode
from ledger.models import AccountKind, EntryKind
from ledger.transfers.models import Transfer
from tests.admin.money_rows import NOW, account, post
from trading.fees.models import ReferralPayment, TierMove
from trading.statements.models import FaultyStatement


def make_family_rows(one: User, other: User) -> None:
    """``one`` brought the other, and got money from it."""
    lines = {
        account(AccountKind.AVAILABLE, other): -7_000_000,
        account(AccountKind.AVAILABLE, one): 7_000_000,
    }
    Transfer.objects.create(
        sender=other,
        receiver=one,
        from_user=other,
        to_user=one,
        amount_units=7_000_000,
        idempotency_key="k",
        entry=post(EntryKind.TRANSFER, lines),
        transferred_at=NOW,
    )
    TierMove.objects.create(
        user=one,
        day=NOW.date(),
        from_tier="",
        to_tier="Gold",
        volume_units=5_000_000_000,
        moved_at=NOW,
    )
    code = ReferralCode.objects.create(code=f"C{one.pk:09}", user=one, referred_count=1)
    referral = Referral.objects.create(user=other, referrer=one, code=code)
    shares = {
        account(AccountKind.AVAILABLE, one): 200_000,
        account(AccountKind.FEES): -200_000,
    }
    ReferralPayment.objects.create(
        referral=referral,
        user=other,
        referrer=one,
        day=NOW.date(),
        fee_units=1_000_000,
        share_ppm=200_000,
        amount_units=200_000,
        entry=post(EntryKind.REFERRAL, shares),
        paid_at=NOW,
    )
    FaultyStatement.objects.create(user=one, start=NOW, end=None, difference={"available": 5})
