"""What a trader pays, and why."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from accounts.families.services import main_id_of, members
from markets.models import Market
from trading.fees.days import sums_of
from trading.fees.models import TierMove
from trading.fees.moving import DAYS
from trading.models import FeeTier, UserFeeTier

MOVES_SHOWN = 30


class SetBy(StrEnum):
    """How a trader came to their fees."""

    MARKET = "market"  # in no tier: the market's own
    VOLUME = "volume"
    HAND = "hand"  # an operator's


@dataclass(frozen=True)
class FeesInMarket:
    market_id: str
    maker_fee_ppm: int
    taker_fee_ppm: int


@dataclass(frozen=True)
class Fees:
    """``volume_units``: of the family in the 30 days up to now, which the next day's tier goes by.
    ``next_tier``: the lowest that it hasn't reached."""

    tier: FeeTier | None
    set_by: SetBy
    markets: list[FeesInMarket]
    volume_units: int
    next_tier: FeeTier | None
    moves: list[TierMove]

    @property
    def missing_units(self) -> int:
        if self.next_tier is None or self.next_tier.from_volume_units is None:
            return 0
        return self.next_tier.from_volume_units - self.volume_units


def fees_of(user_id: int) -> Fees:
    main_id = main_id_of(user_id)
    own = UserFeeTier.objects.select_related("tier").filter(user_id=main_id).first()
    today = datetime.now(UTC).date()
    accounts = list(members(main_id).values_list("pk", flat=True))
    traded = sums_of(accounts, today - timedelta(days=DAYS - 1), today)
    ahead = FeeTier.objects.filter(from_volume_units__gt=traded.volume_units)
    return Fees(
        tier=own.tier if own else None,
        set_by=SetBy.MARKET if own is None else SetBy.VOLUME if own.by_volume else SetBy.HAND,
        markets=_by_market(own.tier if own else None),
        volume_units=traded.volume_units,
        next_tier=ahead.order_by("from_volume_units").first(),
        moves=list(TierMove.objects.filter(user_id=main_id).order_by("-day")[:MOVES_SHOWN]),
    )


def _by_market(tier: FeeTier | None) -> list[FeesInMarket]:
    rows = Market.objects.order_by("pk").values_list("pk", "maker_fee_ppm", "taker_fee_ppm")
    if tier is None:
        return [FeesInMarket(*row) for row in rows]
    return [FeesInMarket(pk, tier.maker_fee_ppm, tier.taker_fee_ppm) for pk, _, _ in rows]
