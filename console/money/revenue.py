"""Fees by the tier that traders were in when their fills were persisted, by whole days of UTC."""

from dataclasses import dataclass
from datetime import UTC, datetime

from django.db.models import QuerySet, Sum

from markets.models import Market
from trading.models import FeeTier, TierDay


@dataclass(frozen=True)
class Revenue:
    """Of a tier (0: of none) or, of one tier, of a market. ``volume_units``: of every side that a
    trader of it took."""

    tier_id: int
    name: str
    market_id: str
    volume_units: int
    fee_units: int


def revenue_by_tier(start_ms: int) -> list[Revenue]:
    """From the day of a moment on, today included; largest fees first."""
    names = dict(FeeTier.objects.values_list("pk", "name"))
    rows = (
        _since(start_ms)
        .values("tier_id")
        .annotate(volume=Sum("volume_units"), fees=Sum("fee_units"))
    )
    found = [
        Revenue(
            tier_id=row["tier_id"],
            name=_name(row["tier_id"], names),
            market_id="",
            volume_units=int(row["volume"]),
            fee_units=int(row["fees"]),
        )
        for row in rows
    ]
    return sorted(found, key=lambda one: (-one.fee_units, one.tier_id))


def revenue_of_tier(start_ms: int, tier_id: int) -> list[Revenue]:
    """The same of one tier, by market."""
    names = dict(FeeTier.objects.filter(pk=tier_id).values_list("pk", "name"))
    rows = (
        _since(start_ms)
        .filter(tier_id=tier_id)
        .values("market_id")
        .annotate(volume=Sum("volume_units"), fees=Sum("fee_units"))
    )
    found = [
        Revenue(
            tier_id=tier_id,
            name=_name(tier_id, names),
            market_id=row["market_id"],
            volume_units=int(row["volume"]),
            fee_units=int(row["fees"]),
        )
        for row in rows
    ]
    return sorted(found, key=lambda one: (-one.fee_units, one.market_id))


def _since(start_ms: int) -> QuerySet[TierDay]:
    day = datetime.fromtimestamp(start_ms / 1_000, UTC).date()
    return TierDay.objects.filter(market__in=Market.objects.values("pk"), day__gte=day).order_by()


def _name(tier_id: int, names: dict[int, str]) -> str:
    if not tier_id:
        return "the market's own fees"
    return names.get(tier_id, f"tier {tier_id}, which is gone")
