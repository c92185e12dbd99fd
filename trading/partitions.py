"""Partitions of the journal, of fills and of orders, by ranges of ids: made ahead, one at a time.

Orders get into partitions by a step of their own (`partition_orders`): the unique index that goes
then is one that the release before names as it inserts orders, so no part of that may be there.
"""

from collections.abc import Mapping
from contextlib import suppress

import redis
from django.conf import settings
from django.db import OperationalError, connection
from django.db.backends.base.base import BaseDatabaseWrapper

from common.postgres.alone import alone
from common.postgres.partitions import (
    Room,
    analyze_if_grown,
    is_partitioned,
    make_ahead,
    room_of,
    summarize_left,
)
from common.postgres.schema.partitioning import partition_by_id, take_back
from common.redis_client import redis_client
from common.sharing.versions import parts_unaware
from ledger.models import JournalEntry, Posting, Wallet
from trading.models import Fill, Order

LOCK = 0x70617274  # "part": of whoever makes or moves partitions
KEYS_OF_NAMES = 1  # `common.sharing.versions.SCHEMA` from which on no part needs the index

_ORDERS = Order._meta.db_table
_INDEX_OF_BEFORE = "order_client_order_id_once_per_user"
_NAMELESS = """
SELECT o.id FROM trading_order o
 WHERE o.client_order_id IS NOT NULL
   AND NOT EXISTS (SELECT FROM trading_ordername named
                    WHERE named.client_order_id = o.client_order_id
                      AND named.user_id = o.user_id AND named.order_id = o.id)
 LIMIT 1
"""


class PartitionsRefused(Exception):
    """The text says what is in the way."""


def partition_widths() -> Mapping[str, int]:
    """How many ids a partition has, by table. Without orders until they are in some."""
    widths = {
        JournalEntry._meta.db_table: settings.PARTITION_ENTRIES,
        Posting._meta.db_table: settings.PARTITION_POSTINGS,
        Fill._meta.db_table: settings.PARTITION_FILLS,
    }
    return widths | ({_ORDERS: settings.PARTITION_ORDERS} if orders_are_partitioned() else {})


def orders_are_partitioned() -> bool:
    with connection.cursor() as cursor:
        return is_partitioned(cursor, _ORDERS)


def partition_orders() -> None:
    """While orders are taken, which wait for half a second at worst. Raises PartitionsRefused, and
    CommandError where a transaction holds the table for minutes. Once it is done, nothing."""
    with alone(LOCK) as is_alone:
        if not is_alone:
            raise PartitionsRefused("partitions are being made or moved just now: try again")
        _require_readiness()
        partition_orders_of(connection)


def partition_orders_of(database: BaseDatabaseWrapper) -> None:
    """Of a database that no release before has ever run on, too."""
    before = (Wallet._meta.db_table,)
    partition_by_id(
        database, _ORDERS, settings.PARTITION_ORDERS, before, without=[_INDEX_OF_BEFORE]
    )


def take_back_orders() -> bool:
    """What a `partition_orders` that was killed left, which would refuse orders one day: False
    where there is nothing, or one is under way. Raises OperationalError where a transaction holds
    the table for long: the next run does it."""
    with alone(LOCK) as is_alone:
        return is_alone and take_back(connection, _ORDERS)


def _require_readiness() -> None:
    try:
        unaware = parts_unaware(redis_client(), KEYS_OF_NAMES)
    except redis.RedisError as error:
        why = f"Redis doesn't answer, so nobody can say which releases run: {error}"
        raise PartitionsRefused(why) from error
    if unaware:
        named = ", ".join(map(str, unaware))
        raise PartitionsRefused(f"could not take orders any more: {named}; upgrade it first")
    with connection.cursor() as cursor:
        cursor.execute(_NAMELESS)
        nameless = cursor.fetchone()
    if nameless is not None:
        why = f"order {nameless[0]} has a client order id without its key: manage.py reconcile"
        raise PartitionsRefused(f"{why} --full says more")


def make_partitions(table: str) -> list[str]:
    """The names of those that are new. Another worker's turn is left to it. Raises OperationalError
    where a transaction holds the table for long: the next run does it."""
    with alone(LOCK) as is_alone:
        if not is_alone:
            return []
        made = make_ahead(table, partition_widths()[table])
        analyze_if_grown(table)
        if made:
            with suppress(OperationalError):
                summarize_left(table)
        return made


def partition_rooms() -> Mapping[str, Room]:
    """By table."""
    return {table: room_of(table) for table in partition_widths()}
