"""What traders realised within a day.

Fills of a day have no bound, so they are summed up once, in the order of their trades: a market's
trade numbers have no gaps and are committed in their order, so the number of the newest that is
summed up (`SummedTrades`) commits with the sums, and each fill is in them just once. A market whose
sums are further behind than `ROUNDS` parts is caught up with by the next looks.
"""

from datetime import timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import Sum

from common.postgres.windows import key_since
from console.alerts.measures.look import READINGS_MAX, Look, Reading, Readings
from console.alerts.models import SummedTrades, TraderHour
from ledger.models import Deposit, DepositStatus
from markets.conversions import to_ms
from markets.display import money
from markets.models import Market
from matching.messages.limits import MONEY_UNITS_PER_CURRENCY, PPM
from trading.models import Fill

HOURS = 24  # this one and those before it
HOUR_MS = 3_600_000
TRADES_AT_ONCE = 20_000
ROUNDS = 10
COMPARED_MAX = 200
DEPOSITS_MIN_UNITS = 100 * MONEY_UNITS_PER_CURRENCY

_ADD = """
INSERT INTO console_traderhour (hour_ms, user_id, profit_units)
SELECT floor(extract(epoch FROM executed_at) / 3600)::bigint * 3600000, user_id,
       sum(realized_pnl_units - fee_units)
  FROM trading_fill
 WHERE market_id = %(market)s AND trade_id > %(after)s AND trade_id <= %(last)s
   AND executed_at >= %(since)s
 GROUP BY 1, 2 ORDER BY 1, 2
    ON CONFLICT (hour_ms, user_id) DO UPDATE
   SET profit_units = console_traderhour.profit_units + excluded.profit_units
"""


def profit(look: Look) -> Readings:
    return {
        str(user_id): Reading(units, "realised within 24 h")
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
    oldest_ms = to_ms(look.now) // HOUR_MS * HOUR_MS - (HOURS - 1) * HOUR_MS
    _sum_up(look)
    rows = TraderHour.objects.filter(hour_ms__gte=oldest_ms).values_list("user_id")
    sums = rows.annotate(units=Sum("profit_units")).filter(units__gt=0)
    return [(user, int(units)) for user, units in sums.order_by("-units", "user_id")[:count]]


def _sum_up(look: Look) -> None:
    for market_id in Market.objects.values_list("pk", flat=True):
        rounds = 0
        while rounds < ROUNDS and _sum_up_part(market_id, look):
            rounds += 1
    TraderHour.objects.filter(hour_ms__lt=to_ms(look.now) - (HOURS + 2) * HOUR_MS).delete()


@transaction.atomic
def _sum_up_part(market_id: str, look: Look) -> bool:
    """Whether there may be more. Of a market that is new here, from a day ago on."""
    found = SummedTrades.objects.select_for_update().filter(pk=market_id).first()
    since = look.now - timedelta(hours=HOURS)
    if found is None:
        first = key_since(Fill, "trade_id", "executed_at", since, market_id=market_id)
        if first is None:
            return False
        found = SummedTrades(market_id=market_id, trade_id=first - 1)
    trades = Fill.objects.filter(market=market_id, trade_id__gt=found.trade_id)
    part = list(trades.order_by("trade_id").values_list("trade_id", flat=True)[:TRADES_AT_ONCE])
    if not part:
        return False
    last = part[-1]  # both of its sides: they were committed together
    values: dict[str, Any] = {"market": market_id, "after": found.trade_id, "last": last}
    values["since"] = since
    with connection.cursor() as cursor:
        cursor.execute(_ADD, values)
    found.trade_id = last
    found.save()
    return len(part) == TRADES_AT_ONCE
