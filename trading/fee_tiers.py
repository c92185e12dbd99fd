"""Fee tiers of traders. Nobody sets what they pay themselves: operators may trade, too."""

from accounts.models import User
from common.errors import DomainError, ErrorCode
from trading.models import FeeTier, UserFeeTier


def assign_fee_tier(row: UserFeeTier, by: User) -> None:
    """Save who is in which tier. Raises DomainError for the operator's own."""
    check_not_own(row.user_id, by)
    row.assigned_by = by
    row.save()


def check_not_own(user_id: int, by: User) -> None:
    if user_id == by.pk:
        message = "Your own fee tier is for another operator to set."
        raise DomainError(ErrorCode.OWN_FEE_TIER, message, "user")


def is_member(tier: FeeTier, by: User) -> bool:
    """Of a tier whose fees are to change: another operator sets those of one's own."""
    return UserFeeTier.objects.filter(tier=tier, user=by).exists()
