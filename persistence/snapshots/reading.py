"""Read in one transaction, so that money, positions, orders and cursors are of one moment."""

from dataclasses import dataclass

from django.db import connection, transaction

from persistence.models import MarketCursor
from trading import selectors
from trading.models import LIVE_STATUSES, Order, Position
from trading.positions.equity import Holdings, holdings_of_user
from trading.selectors import OrderFilter
from trading.statements.services import ONE_MOMENT


@dataclass(frozen=True, slots=True)
class AccountSnapshot:
    """``seqs``: of the last entry that is in it, by market. ``orders`` may still fill; the oldest
    first. ``algo_ids``: of those that algos sent."""

    seqs: dict[str, int]
    holdings: Holdings
    positions: list[Position]
    leverages: dict[str, int]
    orders: list[Order]
    algo_ids: dict[int, int]


def snapshot_of(user_id: int) -> AccountSnapshot:
    """Its first statement to Postgres is its own, so it must not be read within another
    transaction. Raises DomainError for an unknown user."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(ONE_MOMENT)
        live = selectors.orders_of_user(user_id, OrderFilter(statuses=list(LIVE_STATUSES)))
        orders = list(live.order_by("id"))
        return AccountSnapshot(
            seqs=dict(MarketCursor.objects.order_by("market_id").values_list("market_id", "seq")),
            holdings=holdings_of_user(user_id),
            positions=list(selectors.positions_of_user(user_id).order_by("market_id")),
            leverages=selectors.leverages_set(user_id),
            orders=orders,
            algo_ids=selectors.algo_ids_of(orders),
        )
