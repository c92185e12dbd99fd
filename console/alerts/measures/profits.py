"""What traders realised lately: sums that are kept by day as fills are persisted."""

from datetime import UTC, timedelta

from django.db.models import F, Sum

from console.alerts.measures.look import READINGS_MAX, Look, Reading, Readings
from ledger.models import Deposit, DepositStatus
from markets.display import money
from markets.models import Market
from matching.messages.limits import MONEY_UNITS_PER_CURRENCY, PPM
from trading.models import TraderDay

COMPARED_MAX = 200
DEPOSITS_MIN_UNITS = 100 * MONEY_UNITS_PER_CURRENCY


def profit(look: Look) -> Readings:
    return {
        str(user_id): Reading(units, "realised today and yesterday")
        for user_id, units in _highest(look, READINGS_MAX)
    }


def profit_of_deposits(look: Look) -> Readings:
    gained = dict(_highest(look, COMPARED_MAX))
    rows = Deposit.objects.filter(user__in=list(gained), status=DepositStatus.APPROVED)
    sums = rows.order_by().values_list("user_id").annotate(sum=Sum("amount_units"))
    deposited = {user_id: int(units) for user_id, units in sums}
    shares = []
    for user_id, units in gained.items():
        put_in = deposited.get(user_id, 0)
        share = units * PPM // max(put_in, DEPOSITS_MIN_UNITS)
        shares.append((share, user_id, f"{money(units)} on deposits of {money(put_in)}"))
    highest = sorted(shares, key=lambda one: (-one[0], one[1]))[:READINGS_MAX]
    return {str(user_id): Reading(share, words) for share, user_id, words in highest}


def _highest(look: Look, count: int) -> list[tuple[int, int]]:
    """Traders who gained, and how much, the highest first."""
    yesterday = look.now.astimezone(UTC).date() - timedelta(days=1)
    days = TraderDay.objects.filter(market__in=Market.objects.values("pk"), day__gte=yesterday)
    sums = days.values_list("user_id").annotate(units=Sum(F("realized_pnl_units") - F("fee_units")))
    highest = sums.filter(units__gt=0).order_by("-units", "user_id")[:count]
    return [(user_id, int(units)) for user_id, units in highest]
