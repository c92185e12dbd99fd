"""A share of a referred trader's fees goes to who brought them, day by day."""

from datetime import UTC, date, datetime, timedelta
from itertools import takewhile

from django.db import transaction
from django.utils import timezone

from accounts.models import User
from accounts.referrals.models import Referral, ReferralCode
from accounts.referrals.services import count_paid
from common.errors import DomainError, ErrorCode, invalid
from common.reasons import reason_of
from ledger.models import Wallet
from ledger.posting_rules import referral_movement
from ledger.services import lock_wallet, post
from matching.messages.limits import MAX_MONEY_UNITS, PPM
from trading.fees.days import IsKnown, end_run, is_done, locked_run, sums_by_family
from trading.fees.models import DailyRun, ReferralPayment, ReferralRule, RunKind

DUE_AFTER = timedelta(hours=1)  # of the day's end
MADE_UP_DAYS = 30  # that were missed
AT_ONCE = 500  # of a transaction


def share_ppm() -> int:
    newest = ReferralRule.objects.order_by("-pk").first()
    return newest.share_ppm if newest else 0


@transaction.atomic
def set_share(ppm: int, reason: str, by: User) -> ReferralRule:
    """From the next day's payments on. Raises DomainError, also for whoever would gain by it."""
    reason = reason_of(reason)
    if not 0 <= ppm <= PPM:
        raise invalid("share", "share must be from 0 to 100 %.")
    if ppm == share_ppm():
        raise invalid("share", "That is the share already.")
    if ReferralCode.objects.filter(user=by).exists():
        message = "You have a referral code yourself: another operator sets the share."
        raise DomainError(ErrorCode.OWN_REQUEST, message)
    now = timezone.now()
    return ReferralRule.objects.create(share_ppm=ppm, reason=reason, set_by=by, set_at=now)


def pay_if_due(is_known: IsKnown) -> int:
    """Of every day that is over and known, back to the first run there was; how many were paid."""
    newest = (datetime.now(UTC) - DUE_AFTER).date() - timedelta(days=1)
    done = DailyRun.objects.filter(kind=RunKind.REFERRALS, ended_at__isnull=False)
    last = done.order_by("-day").values_list("day", flat=True).first()
    first = newest if last is None else last + timedelta(days=1)
    first = max(first, newest - timedelta(days=MADE_UP_DAYS - 1))
    days = [first + timedelta(days=number) for number in range((newest - first).days + 1)]
    due = [day for day in days if not is_done(RunKind.REFERRALS, day)]
    return sum(pay_day(day) for day in takewhile(is_known, due))


def pay_day(day: date) -> int:
    """Part by part: one that was cut short goes on where it was, since what is paid is a row."""
    ppm = share_ppm()
    fees = {main_id: sums.fee_units for main_id, sums in sums_by_family(day, day).items()}
    owed = sorted(main_id for main_id, units in fees.items() if units * ppm >= PPM)
    for start in range(0, len(owed), AT_ONCE):
        if not _pay_some(day, owed[start : start + AT_ONCE], fees, ppm):
            return 0  # somebody else did it meanwhile
    with transaction.atomic():
        run = locked_run(RunKind.REFERRALS, day)
        paid = ReferralPayment.objects.filter(day=day, user__in=owed).count()
        if run is not None:
            end_run(run, paid)
    return paid


@transaction.atomic
def _pay_some(day: date, main_ids: list[int], fees: dict[int, int], ppm: int) -> bool:
    if locked_run(RunKind.REFERRALS, day) is None:
        return False
    paid = ReferralPayment.objects.filter(day=day, user__in=main_ids)
    done = set(paid.values_list("user_id", flat=True))
    referrals = Referral.objects.filter(user__in=main_ids).exclude(user__in=done)
    # Wallets in the order of their users, as by whoever locks several.
    for referral in referrals.order_by("referrer_id", "user_id"):
        _pay(referral, day, fees[referral.user_id], ppm)
    return True


def _pay(referral: Referral, day: date, fee_units: int, ppm: int) -> None:
    wallet = lock_wallet(referral.referrer_id)
    amount_units = min(fee_units * ppm // PPM, _room(wallet))
    if amount_units <= 0:
        return
    now = timezone.now()
    ReferralPayment.objects.create(
        referral=referral,
        user_id=referral.user_id,
        referrer_id=referral.referrer_id,
        day=day,
        fee_units=fee_units,
        share_ppm=ppm,
        amount_units=amount_units,
        entry=post(referral_movement(referral.referrer_id, amount_units), now),
        paid_at=now,
    )
    wallet.available_units += amount_units
    wallet.save(update_fields=["available_units"])
    count_paid(referral, amount_units)


def _room(wallet: Wallet) -> int:
    return MAX_MONEY_UNITS - wallet.available_units - wallet.held_units
