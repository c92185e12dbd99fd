from collections.abc import Callable, Iterator, Sequence

import pytest
from _pytest.runner import runtestprotocol
from pytest_django.plugin import DjangoDbBlocker

from markets.rules import forget_markets
from tests.flow.collector import Collector, collecting
from tests.flow.demo import demo_on
from tests.flow.exchange import MARK_TICKS, MARKET, Exchange, Trader, wait_for

_told: set[str] = set()


def pytest_runtest_protocol(item: pytest.Item) -> None:
    """A module marked as a story goes on from test to test on one page. Where a worker of xdist is
    handed the rest of one, what comes before is done here, too: without a report, as the worker
    that had it gives that."""
    if item.get_closest_marker("story") is None:
        return
    if item.getparent(pytest.Module) not in item.session._setupstate.stack:
        _told.clear()  # its page is closed, or not open yet
    _told.add(item.nodeid)
    of_module = [one for one in item.session.items if one.path == item.path]
    for before in of_module[: of_module.index(item)]:
        if before.nodeid not in _told:
            _told.add(before.nodeid)
            runtestprotocol(before, log=False, nextitem=item)


@pytest.fixture(scope="package")
def collector() -> Iterator[Collector]:
    with collecting() as made:
        yield made


@pytest.fixture(scope="package")
def running_exchange(
    collector: Collector,
    django_db_setup: None,
    django_db_blocker: DjangoDbBlocker,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Exchange]:
    """One exchange for all modules of this folder, with the demo's markets; every order traced."""
    traces = {"TRACES_URL": collector.url, "TRACES_SHARE": "1", "OTEL_BSP_SCHEDULE_DELAY": "100"}
    with demo_on(Exchange(tmp_path_factory.mktemp("logs"), **traces), django_db_blocker) as running:
        yield running


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
