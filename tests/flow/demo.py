"""The demo's markets, run by an exchange of processes, between an empty database and another."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from django.core.management import call_command
from pytest_django.plugin import DjangoDbBlocker
from redis.exceptions import NoPermissionError

from common.postgres.partitions import partitions_of
from common.redis_client import redis_client
from markets.models import Market
from markets.rules import forget_markets
from tests.builders.partitions import without_ends
from tests.flow.exchange import MARK_TICKS, MARKET, Exchange, wait_for
from trading.partitions import partition_widths
from trading.services import configure_market


@contextmanager
def demo_on(running: Exchange, blocker: DjangoDbBlocker) -> Iterator[Exchange]:
    """It started, with BTC-PERP open at 50,000; stopped at the end.

    Its rows are committed, as other processes must see them; before and after it there are none.
    """
    with blocker.unblock(), ExitStack() as stack:
        empty_database()
        stack.callback(empty_database)
        make_demo_markets()
        stack.callback(running.stop)
        running.start()
        wait_for(lambda: running.ticker()["state"] == "ACTIVE", "an open market")
        running.set_mark(MARKET, MARK_TICKS, "50000")
        yield running


def make_demo_markets() -> None:
    """For an exchange whose prices come from the tests alone."""
    call_command("createdemo", verbosity=0)
    for market in Market.objects.all():
        market.index_stale_ms = 3_600_000
        # The mark is the index also after funding was settled in the midst of a run.
        market.funding_interest_ppm = 0
        configure_market(market, by=None)


def empty_database() -> None:
    """The database as `migrate` leaves it, its partitions, too, and nothing in Redis."""
    client = redis_client()
    try:
        client.flushdb()
    except NoPermissionError:  # of a cluster, where the exchange's user may not
        for key in client.scan_iter(count=1_000):
            client.delete(key)
    call_command("flush", verbosity=0, interactive=False, inhibit_post_migrate=False)
    for table in partition_widths():
        without_ends(table, partitions_of(table)[:2][-1]._replace(end=None))
    forget_markets()
