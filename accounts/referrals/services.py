"""Codes are made, and used at sign-up."""

import re
import secrets

from django.db import transaction
from django.db.models import F, QuerySet

from accounts.models import User
from accounts.referrals.models import Referral, ReferralCode
from common.errors import DomainError, ErrorCode, invalid

CODES_MAX = 10
_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"  # none that look alike
_LENGTH = 10
_CODE = re.compile(rf"[{_LETTERS}]{{{_LENGTH}}}", re.ASCII)


@transaction.atomic
def make_code(main_id: int) -> ReferralCode:
    """Raises DomainError."""
    main = User.objects.select_for_update(no_key=True, of=("self",)).get(pk=main_id)
    if main.parent_id is not None:
        raise DomainError(ErrorCode.MAIN_ACCOUNT_ONLY, "The main account makes codes.")
    if codes_of(main_id).count() >= CODES_MAX:
        message = f"You have {CODES_MAX} codes, which is the most. Give one of them away."
        raise DomainError(ErrorCode.TOO_MANY_CODES, message)
    code = "".join(secrets.choice(_LETTERS) for _ in range(_LENGTH))
    made = ReferralCode.objects.create(code=code, user=main)
    made.refresh_from_db()
    return made


def codes_of(main_id: int) -> QuerySet[ReferralCode]:
    return ReferralCode.objects.filter(user_id=main_id).order_by("-pk")


def find_code(said: str) -> ReferralCode:
    """Raises DomainError."""
    said = said.strip().upper()
    found = ReferralCode.objects.filter(code=said).first() if _CODE.fullmatch(said) else None
    if found is None:
        message = "There is no such referral_code. Leave it out, or ask who gave it to you."
        raise invalid("referral_code", message)
    return found


def refer(user: User, code: ReferralCode) -> None:
    """In the transaction that signs the user up."""
    Referral.objects.create(user=user, referrer_id=code.user_id, code=code)
    ReferralCode.objects.filter(pk=code.pk).update(referred_count=F("referred_count") + 1)


def count_paid(referral: Referral, amount_units: int) -> None:
    """In the transaction that pays."""
    code = ReferralCode.objects.filter(pk=referral.code_id)
    code.update(paid_units=F("paid_units") + amount_units)
