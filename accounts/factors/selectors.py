"""What somebody has set up."""

from collections.abc import Collection, Mapping

from django.db.models import QuerySet

from accounts.factors.recovery import codes_left
from accounts.models import Factor, FactorKind

RECOVERY_CODE = "recovery_code"


def factors_of(user_id: int) -> QuerySet[Factor]:
    """Those that count."""
    return Factor.objects.filter(user_id=user_id, confirmed_at__isnull=False)


def has_factor(user_id: int) -> bool:
    return factors_of(user_id).exists()


def kinds_of(user_id: int) -> list[str]:
    """What can be shown, in the words of the API; nothing where there is no factor."""
    kinds = sorted(set(factors_of(user_id).values_list("kind", flat=True)), reverse=True)
    return [*kinds, RECOVERY_CODE] if kinds and codes_left(user_id) else kinds


def second_factors_of(user_ids: Collection[int]) -> Mapping[int, str]:
    """By user, in words; "" for whoever has none."""
    rows = Factor.objects.filter(user_id__in=user_ids, confirmed_at__isnull=False)
    found: dict[int, set[str]] = {}
    for user_id, kind in rows.values_list("user_id", "kind"):
        found.setdefault(user_id, set()).add(FactorKind(kind).label)
    return {user_id: ", ".join(sorted(found.get(user_id, ()))) for user_id in user_ids}
