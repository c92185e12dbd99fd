"""Fee tiers of traders, set by operators. Nobody sets what they pay themselves: operators may
trade, too. What is set is so for the whole family of accounts, and its volume doesn't change it."""

from typing import Any

from django.db import transaction
from django.db.models.signals import post_save
from django.dispatch import receiver

from accounts.families.services import main_id_of
from accounts.models import User
from common.errors import DomainError, ErrorCode
from trading.fees.moving import put_family_into
from trading.models import FeeTier, UserFeeTier


@transaction.atomic
def assign_fee_tier(row: UserFeeTier, by: User) -> None:
    """Save who is in which tier. Raises DomainError for the operator's own."""
    check_not_own(row.user_id, by)
    main_id = _locked_main_id(row.user_id)
    put_family_into(main_id, row.tier, by_volume=False, by=by)
    row.assigned_by, row.by_volume = by, False


@transaction.atomic
def take_out_of_tier(row: UserFeeTier) -> None:
    """Back to the market's own fees, or from the next day on to what the volume says."""
    put_family_into(_locked_main_id(row.user_id), None, by_volume=False)


def check_not_own(user_id: int, by: User) -> None:
    if main_id_of(user_id) == by.pk:
        message = "Your own fee tier is for another operator to set."
        raise DomainError(ErrorCode.OWN_FEE_TIER, message, "user")


def is_member(tier: FeeTier, by: User) -> bool:
    """Of a tier whose fees are to change: another operator sets those of one's own."""
    return UserFeeTier.objects.filter(tier=tier, user=by).exists()


def _locked_main_id(user_id: int) -> int:
    main_id = main_id_of(user_id)
    User.objects.select_for_update(no_key=True, of=("self",)).get(pk=main_id)
    return main_id


@receiver(post_save, sender=User)
def join_tier_of_family(instance: User, created: bool, **kwargs: Any) -> None:
    """A new sub-account is in its family's. Its main account's row is locked meanwhile."""
    if not created or kwargs.get("raw") or instance.parent_id is None:
        return
    of_main = UserFeeTier.objects.filter(user_id=instance.parent_id).first()
    if of_main is not None:
        UserFeeTier.objects.create(
            user=instance,
            tier_id=of_main.tier_id,
            assigned_by_id=of_main.assigned_by_id,
            by_volume=of_main.by_volume,
        )
