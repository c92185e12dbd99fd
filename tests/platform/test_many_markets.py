"""What is the same for all markets is asked of Postgres once, however many there are."""

from collections.abc import Callable

import pytest
import redis
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from console.alerts.measures import conduct, markets
from console.alerts.measures.look import Look
from console.health.report import exchange_status
from markets.models import MarketStatus
from markets.rules import live_tickers
from matching.messages.vocabulary import MarketState
from persistence.downloads.moment import is_day_known
from persistence.recovery.archive import progress_of
from persistence.recovery.left_behind import left_behind
from tests.ledger.world import make_market
from trading.commands.resend import resend_unseen_commands
from trading.notices.liquidations import tell_of_liquidations
from trading.notices.margin_calls import make_margin_calls

FEW, MANY = 2, 12


def ids(count: int) -> list[str]:
    return [f"M{number}-PERP" for number in range(count)]


def look() -> Look:
    return Look(timezone.now())


def days_end(_: list[str]) -> bool:
    MarketStatus.objects.update(state=MarketState.ACTIVE)
    return is_day_known(timezone.now().date())


ASKED: dict[str, Callable[[list[str]], object]] = {
    "status": lambda _: exchange_status(),
    "sending again": lambda _: resend_unseen_commands(),
    "liquidations": lambda _: tell_of_liquidations(),
    "archives": progress_of,
    "margin calls": lambda _: make_margin_calls(),
    "sweep": lambda _: left_behind(),
    "tickers": live_tickers,
    "self-trades": lambda _: conduct.self_trades(look()),
    "cancels": lambda _: conduct.cancel_ratio(look()),
    "pairs": lambda _: conduct.pair_trades(look()),
    "families": lambda _: conduct.family_trades(look()),
    "a day's end": days_end,
    "insurance": lambda _: markets.insurance_cover(look()),
}


@pytest.mark.parametrize("what", ASKED)
@pytest.mark.usefixtures("still")
def test_statements_do_not_grow_with_markets(
    what: str, transactional_db: None, redis_db: redis.Redis
) -> None:
    counted: list[int] = []
    for count in (FEW, MANY):
        for market_id in ids(count)[FEW * bool(counted) :]:
            make_market(market_id)
        ASKED[what](ids(count))  # what is done once for a new market
        with CaptureQueriesContext(connection) as captured:
            ASKED[what](ids(count))
        counted.append(len(captured))
    assert counted[0] == counted[1] > 0
