from collections.abc import Callable, Iterator, Sequence

import pytest
from django.core.management import call_command
from pytest_django.plugin import DjangoDbBlocker

from common.redis_client import redis_client
from markets.models import Market
from markets.rules import forget_markets
from tests.flow.exchange import MARK_TICKS, MARKET, Exchange, Trader, wait_for
from trading.services import configure_market


def _empty() -> None:
    """The database as `migrate` leaves it, and nothing in Redis."""
    redis_client().flushdb()
    call_command("flush", verbosity=0, interactive=False, inhibit_post_migrate=False)
    forget_markets()


@pytest.fixture(scope="package")
def running_exchange(
    django_db_setup: None,
    django_db_blocker: DjangoDbBlocker,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Exchange]:
    """One exchange for all modules of this folder, with the demo's markets.

    Its rows are committed, as other processes must see them; before and after it there are none.
    """
    with django_db_blocker.unblock():
        _empty()
        call_command("createdemo", verbosity=0)
        for market in Market.objects.all():
            market.index_stale_ms = 3_600_000  # nobody tells the index but the tests
            configure_market(market, by=None)
        running = Exchange(tmp_path_factory.mktemp("logs"))
        try:
            running.start()
            wait_for(lambda: running.ticker()["state"] == "ACTIVE", "an open market")
            yield running
        finally:
            running.stop()
            _empty()


@pytest.fixture(scope="module")
def exchange(running_exchange: Exchange) -> Iterator[Exchange]:
    """With BTC-PERP at 50,000 and nothing in its book. What traders of other modules hold, and
    what they paid, is still there."""
    forget_markets()  # a test before may have looked at other rows
    running_exchange.set_mark(MARKET, MARK_TICKS, "50000")
    yield running_exchange
    _cancel_everything(running_exchange, running_exchange.traders)
    running_exchange.traders.clear()


@pytest.fixture
def new_trader(exchange: Exchange) -> Iterator[Callable[..., Trader]]:
    """Makes traders; what they leave in the book is cancelled at the end."""
    made: list[Trader] = []

    def make(funds: str = "10000") -> Trader:
        made.append(exchange.trader(funds))
        return made[-1]

    yield make
    _cancel_everything(exchange, made)


def _cancel_everything(exchange: Exchange, traders: Sequence[Trader]) -> None:
    for trader in traders:
        trader.cancel_everything()
    depth = exchange.depth
    wait_for(lambda: depth()["bids"] == [] == depth()["asks"], "an empty book")
