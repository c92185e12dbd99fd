"""① What a trader pays in fees."""

import msgspec
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.access.authentication import user_id_of
from common.http.schema import documented
from common.scopes import Scope
from markets.conversions import units_text
from trading.fees.models import TierMove
from trading.fees.selectors import Fees, SetBy, fees_of


class FeeRates(msgspec.Struct, frozen=True, rename="camel"):
    """Of a fill's value: 0.0005 for 0.05 %. Below zero a rebate."""

    market_id: str
    maker_fee: str
    taker_fee: str


class NextFeeTier(msgspec.Struct, frozen=True, rename="camel"):
    """`missing`: volume until it is reached."""

    name: str
    from_volume: str
    missing: str
    maker_fee: str
    taker_fee: str


class FeeTierMove(msgspec.Struct, frozen=True, rename={"before": "from", "after": "to"}):
    day: str
    before: str | None
    after: str | None
    volume: str


class FeesAnswer(msgspec.Struct, frozen=True, rename="camel"):
    """`tier` null: the market's own fees. `setBy` is `volume`, `hand` (an operator's, which volume
    doesn't change) or `market`. `volume30d` is of all your accounts, in the 30 days up to now;
    tiers are set by it once a day, by UTC."""

    tier: str | None
    set_by: SetBy
    volume30d: str
    markets: list[FeeRates]
    next_tier: NextFeeTier | None
    moves: list[FeeTierMove]


class FeesView(APIView):
    @documented(
        "Your fees",
        answer=FeesAnswer,
        example={
            "tier": "Silver",
            "setBy": "volume",
            "volume30d": "1250000",
            "markets": [{"marketId": "BTC-PERP", "makerFee": "0.0001", "takerFee": "0.0004"}],
            "nextTier": {
                "name": "Gold",
                "fromVolume": "5000000",
                "missing": "3750000",
                "makerFee": "0",
                "takerFee": "0.0003",
            },
            "moves": [{"day": "2026-01-05", "from": None, "to": "Silver", "volume": "1000000"}],
        },
        errors=(401, 403, 503),
        keys=Scope.READ,
    )
    def get(self, request: Request) -> Response:
        """The tier of your family of accounts, what it costs in each market, and what the next one
        takes."""
        return Response(_answer(fees_of(user_id_of(request))))


def _answer(fees: Fees) -> FeesAnswer:
    ahead = fees.next_tier
    return FeesAnswer(
        tier=fees.tier.name if fees.tier else None,
        set_by=fees.set_by,
        volume30d=units_text(fees.volume_units),
        markets=[
            FeeRates(one.market_id, _rate(one.maker_fee_ppm), _rate(one.taker_fee_ppm))
            for one in fees.markets
        ],
        next_tier=None
        if ahead is None
        else NextFeeTier(
            name=ahead.name,
            from_volume=units_text(ahead.from_volume_units or 0),
            missing=units_text(fees.missing_units),
            maker_fee=_rate(ahead.maker_fee_ppm),
            taker_fee=_rate(ahead.taker_fee_ppm),
        ),
        moves=[_move(row) for row in fees.moves],
    )


def _move(row: TierMove) -> FeeTierMove:
    return FeeTierMove(
        day=row.day.isoformat(),
        before=row.from_tier or None,
        after=row.to_tier or None,
        volume=units_text(int(row.volume_units)),
    )


def _rate(ppm: int) -> str:
    """Money is in millionths, too."""
    return units_text(ppm)
