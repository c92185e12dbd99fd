"""A market is made and opened in the console, and is what its preview said."""

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pytest

from common.redis_client import redis_client
from console.launch.preview import example
from markets.config import market_config
from markets.conversions import ticks_text, units_text
from markets.models import Market
from matching.messages.commands import UpdateIndexPrice
from matching.messages.tiers import TierTable
from tests.admin.price_reports import make_price_report
from tests.console.launching import filled
from tests.flow.committed import Operator, committed
from tests.flow.exchange import Exchange, Trader, wait_for
from trading.commands.publisher import publish_command

pytestmark = pytest.mark.django_db

LEVERAGE = 10
PAGE = "/admin/launch/market/SOL-PERP/"


@pytest.fixture
def console(exchange: Exchange, django_db_blocker: Any) -> Iterator[Operator]:
    with django_db_blocker.unblock():
        yield Operator("launcher")


def test_list_sol_perp(
    exchange: Exchange, new_trader: Callable[..., Trader], console: Operator
) -> None:
    said = committed(filled, index_stale_after="1:00:00")  # nobody tells the index but the test
    console.post("/admin/launch/", **said)
    market = Market.objects.get(pk="SOL-PERP")
    make_price_report(redis_client(), market, index_price=Decimal(150))
    publish_command("SOL-PERP", UpdateIndexPrice(index_price_ticks=15_000))

    def is_open() -> bool:
        """Asked again until the engine has rules and price, and all that looks at it says so."""
        make_price_report(redis_client(), market, index_price=Decimal(150))
        answer = console.ask(PAGE, all_the_same="on")
        return answer.status_code == 302

    wait_for(is_open, "all that the market needs")
    wait_for(lambda: exchange.ticker("SOL-PERP")["state"] == "ACTIVE", "an open market")
    assert exchange.ticker("SOL-PERP")["markPrice"] == "150"
    assert console.is_settled(PAGE)

    foretold = example(market, TierTable(market_config(market)), 15_000, LEVERAGE)
    maker, taker = (new_trader() for _ in range(2))
    maker.market_id = taker.market_id = "SOL-PERP"
    qty = str(foretold.size_lots * market.lot_size)
    rests = taker.place("LONG", qty, "150", leverage=LEVERAGE)
    assert taker.wait_until(rests, "open")["held"] == units_text(foretold.hold_units)
    maker.wait_until(maker.place("SHORT", qty, "150", leverage=LEVERAGE), "filled")
    taker.wait_until(rests, "filled")
    (long,), (short,) = (one.get("/user/positions")["positions"] for one in (taker, maker))
    ticks = (foretold.long_liquidation_ticks, foretold.short_liquidation_ticks)
    prices = tuple(ticks_text(one, market.tick_size) for one in ticks)
    assert (long["liquidationPrice"], short["liquidationPrice"]) == prices
