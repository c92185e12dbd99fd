"""A trader's address book: where withdrawals may go."""

from datetime import timedelta

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils import timezone

from accounts.access.credentials import require_active
from accounts.models import User
from common.errors import DomainError, ErrorCode, invalid
from common.postgres.constraints import constraint_of
from ledger.models import WithdrawalAddress
from ledger.models.withdrawal_terms import LABEL_MAX

ADDRESSES_MAX = 50


def addresses_of(user_id: int) -> QuerySet[WithdrawalAddress]:
    return WithdrawalAddress.objects.filter(user_id=user_id, removed_at=None).order_by("-pk")


@transaction.atomic
def add_address(user_id: int, network: str, address: str, label: str) -> WithdrawalAddress:
    """Usable once it has cooled. Whether it is one of the network's, who calls has looked at.
    Raises DomainError for one that is there, and one too many."""
    if not 1 <= len(label.strip()) <= LABEL_MAX:
        raise invalid("label", f"label must have 1 to {LABEL_MAX} characters.")
    user = User.objects.select_for_update(no_key=True).get(pk=user_id)  # one at a time
    require_active(user)
    if addresses_of(user_id).count() >= ADDRESSES_MAX:
        message = f"An address book has {ADDRESSES_MAX} addresses at most: delete one."
        raise DomainError(ErrorCode.TOO_MANY_REQUESTED, message)
    now = timezone.now()
    try:
        with transaction.atomic():
            return WithdrawalAddress.objects.create(
                user_id=user_id,
                network=network,
                address=address,
                label=label.strip(),
                added_at=now,
                usable_at=now + timedelta(seconds=settings.WITHDRAWAL_COOLING_S),
            )
    except IntegrityError as error:
        if constraint_of(error) != "withdrawal_address_once_per_user":
            raise
        message = f"{address} is in your address book already."
        raise DomainError(ErrorCode.ADDRESS_IN_BOOK, message, "address") from error


def remove_address(user_id: int, address_id: int) -> None:
    """What is asked for already goes on. Raises DomainError for one that isn't there."""
    if not addresses_of(user_id).filter(pk=address_id).update(removed_at=timezone.now()):
        message = f"There is no address {address_id} in your address book."
        raise DomainError(ErrorCode.ADDRESS_NOT_IN_BOOK, message)
