"""What the account channels say of an order that its engine doesn't know: its client order id, and
the algo that sent it.

The engine knows orders by their ids alone, and its events carry no labels. An order's row is
committed before its command is published, so whoever hears of an order finds its label in Postgres.
Each order is asked for once, all of a batch in one query; the live orders of an account when it
subscribes, so that they are known should Postgres go away.

Nobody waits for Postgres for long: after `WITHIN_S` the events go out as they are, and it is not
asked again for `PAUSE_S`. An event of an order that could not be asked for says nothing about the
label, neither the id nor that there is none.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import structlog
from django.db import connection

from common.postgres.prepared import read_all
from matching.messages.vocabulary import OrderStatus

WITHIN_S = 1.0
PAUSE_S = 2.0
KEPT_MAX = 100_000
LIVE_ORDERS_MAX = 10_000

OwnOrder = tuple[int, int]  # account id, order id


class OrderLabel(NamedTuple):
    client_order_id: str | None = None
    algo_id: int | None = None


Labels = Mapping[OwnOrder, OrderLabel]
_UNLABELLED = OrderLabel()

_LABELLED = """
SELECT placed.user_id, placed.id, placed.client_order_id, slice.algo_id
  FROM trading_order placed LEFT JOIN trading_algoslice slice ON slice.order_id = placed.id
"""
_OF_ORDERS = f"""{_LABELLED}
 WHERE placed.id = ANY(%s::bigint[])
"""
# Statuses are written out, as Postgres finds the index of live orders only by them.
_OF_LIVE_ORDERS = f"""{_LABELLED}
 WHERE placed.user_id = %s
   AND placed.status IN ('{OrderStatus.PENDING}', '{OrderStatus.ASLEEP}', '{OrderStatus.WAITING}',
                  '{OrderStatus.OPEN}')
 ORDER BY placed.id DESC LIMIT {LIVE_ORDERS_MAX}
"""

log = structlog.get_logger(__name__)

Rows = list[tuple[Any, ...]]


class ClientOrderIds:
    """Those used last, for all connections of the process."""

    def __init__(self) -> None:
        self._known: OrderedDict[OwnOrder, OrderLabel] = OrderedDict()
        self._thread = ThreadPoolExecutor(1, "labels")
        self._ask_again_at = 0.0

    def stop(self) -> None:
        self._thread.submit(connection.close)
        self._thread.shutdown(wait=False)

    async def of(self, orders: Iterable[OwnOrder]) -> Labels:
        """Of each order; without those that are not known and can't be asked for now. Empty where
        an order has none, or is not the account's."""
        asked = set(orders)
        if missing := sorted(order_id for own in asked if (order_id := self._unknown(own))):
            rows = await self._ask(lambda: read_all(_OF_ORDERS, (missing,)))
            if rows is not None:
                self._keep({own: _UNLABELLED for own in asked if own[1] in missing})
                self._keep(_labels(rows))
        return {own: self._known[own] for own in asked if own in self._known}

    async def learn_live(self, account_id: int) -> None:
        rows = await self._ask(lambda: read_all(_OF_LIVE_ORDERS, (account_id,)))
        self._keep(_labels(rows or []))

    def _unknown(self, own: OwnOrder) -> int:
        """The order's id; 0 if its label is known."""
        if own not in self._known:
            return own[1]
        self._known.move_to_end(own)
        return 0

    def _keep(self, labels: Labels) -> None:
        self._known.update(labels)
        while len(self._known) > KEPT_MAX:
            self._known.popitem(last=False)

    async def _ask(self, read: Callable[[], Rows]) -> Rows | None:
        """None while Postgres does not answer. A question that hangs holds up its thread, and
        nobody else."""
        if time.monotonic() < self._ask_again_at:
            return None
        try:
            async with asyncio.timeout(WITHIN_S):
                return await asyncio.get_running_loop().run_in_executor(self._thread, read)
        except TimeoutError:
            why = f"no answer within {WITHIN_S} s"
        except Exception as error:  # noqa: BLE001  whatever it is, the events go out
            why = repr(error)
        log.error("feeds_fault", what="labels", error=why)
        self._ask_again_at = time.monotonic() + PAUSE_S
        return None


def _labels(rows: Rows) -> Labels:
    return {(user_id, order_id): OrderLabel(*label) for user_id, order_id, *label in rows}
