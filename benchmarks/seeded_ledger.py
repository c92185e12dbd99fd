"""Rows as the API leaves them behind for a session: traders with money, orders placed and pending,
their holds in wallets and journal, commands promised. And the session's entries in Redis.

Each contender gets a database of its own, copied from one that was filled once.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import redis
from django.core.management import call_command
from django.db import connection

from benchmarks.traded_session import FIRST_TIME_MS, Session
from matching.messages.codec import encode_command, encode_entry
from matching.messages.commands import PlaceOrder
from matching.messages.events import OutputEntry
from matching.messages.streams import (
    COMMAND_FIELD,
    ENTRY_FIELD,
    dead_letter_stream,
    epoch_key,
    input_stream,
    output_stream,
    snapshots_key,
    trimmed_key,
)
from tests.builders.servers import on_server

MARKET = "BENCHMARK-PERP"
FUNDS_UNITS = 10**12
KEYS = (
    input_stream,
    output_stream,
    dead_letter_stream,
    epoch_key,
    snapshots_key,
    trimmed_key,
)
FILLED = "exchange_benchmark_filled"
FIRST_TIME = datetime.fromtimestamp(FIRST_TIME_MS / 1000, UTC)

COPY_ORDERS = """
    COPY trading_order (id, user_id, market_id, side, order_type, time_in_force, price_ticks,
                        size_lots, margin_units, leverage, reduce_only, maker_fee_ppm,
                        taker_fee_ppm, self_trade_prevention, hold_units, held_units, created_at,
                        updated_at) FROM STDIN
"""
COPY_COMMANDS = """
    COPY trading_outboxcommand (id, market_id, command_type, payload, created_at) FROM STDIN
"""
JOURNAL_HOLDS = """
    WITH entry AS (
        INSERT INTO ledger_journalentry (kind, market_id, order_id, created_at)
        SELECT 'order_hold', market_id, id, created_at FROM trading_order ORDER BY id
        RETURNING id, order_id
    )
    INSERT INTO ledger_posting (entry_id, account_id, amount_units)
    SELECT entry.id, account.id,
           CASE account.kind WHEN 'held' THEN o.hold_units ELSE -o.hold_units END
      FROM entry JOIN trading_order o ON o.id = entry.order_id
      JOIN ledger_account account ON account.user_id = o.user_id
       AND account.kind IN ('available', 'held')
     ORDER BY entry.id
"""
GIVE_FUNDS = """
    WITH entry AS (
        INSERT INTO ledger_journalentry (kind, created_at) VALUES ('deposit', now()) RETURNING id
    ), funded AS (
        UPDATE ledger_wallet SET available_units = %(units)s RETURNING user_id
    )
    INSERT INTO ledger_posting (entry_id, account_id, amount_units)
    SELECT entry.id, account.id, %(units)s
      FROM entry, funded
      JOIN ledger_account account ON account.user_id = funded.user_id
       AND account.kind = 'available'
     UNION ALL
    SELECT entry.id, account.id, -%(units)s * (SELECT count(*) FROM funded)
      FROM entry, ledger_account account WHERE account.kind = 'deposits'
"""
TAKE_HOLDS = """
    UPDATE ledger_wallet w
       SET available_units = available_units - sums.units, held_units = held_units + sums.units
      FROM (SELECT user_id, sum(hold_units) AS units FROM trading_order GROUP BY user_id) AS sums
     WHERE w.user_id = sums.user_id
"""


def fill(session: Session) -> None:
    """Make the database that the others are copies of; Django is connected to it afterwards."""
    _recreate(FILLED, "template1")
    use(FILLED)
    call_command("migrate", verbosity=0)
    _make_traders(session)
    _copy(COPY_ORDERS, (_order_row(c) for c in session.commands if isinstance(c, PlaceOrder)))
    _copy(COPY_COMMANDS, (_command_row(e) for e in session.entries if e.command_id))
    with connection.cursor() as cursor:
        cursor.execute(GIVE_FUNDS, {"units": FUNDS_UNITS})
        cursor.execute(JOURNAL_HOLDS)
        cursor.execute(TAKE_HOLDS)
        cursor.execute("VACUUM ANALYZE")


def copy_of_filled(name: str) -> None:
    """Connect Django to a fresh copy under this name."""
    connection.close()
    _recreate(name, FILLED)
    use(name)
    with connection.cursor() as cursor:
        cursor.execute("CHECKPOINT")  # so that none pays for what another wrote


def use(name: str) -> None:
    connection.close()
    connection.settings_dict["NAME"] = name


def drop(*names: str) -> None:
    connection.close()
    with on_server() as server:
        for name in names:
            server.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


def url_of(name: str) -> str:
    """Of a database of this server, for other processes."""
    of_server = connection.settings_dict
    user, password = of_server["USER"], of_server["PASSWORD"]
    return f"postgres://{user}:{password}@{of_server['HOST']}:{of_server['PORT']}/{name}"


def open_market(client: redis.Redis, session: Session) -> None:
    """Streams of a market that has its starting point and all of the session's commands."""
    from persistence.recovery.starting_points import make_starting_point

    client.delete(*(key(MARKET) for key in KEYS))
    make_starting_point(MARKET)
    pipe = client.pipeline(transaction=False)
    for input_id, command in zip(session.input_ids, session.commands, strict=True):
        fields: Any = {COMMAND_FIELD: encode_command(command)}
        pipe.xadd(input_stream(MARKET), fields, id=input_id)
    pipe.execute()


def publish(client: redis.Redis, entries: Sequence[OutputEntry]) -> None:
    """Append the entries to the output stream."""
    pipe = client.pipeline(transaction=False)
    for entry in entries:
        fields: Any = {ENTRY_FIELD: encode_entry(entry)}
        pipe.xadd(output_stream(MARKET), fields, id=f"{entry.seq}-0")
    pipe.execute()


def _recreate(name: str, template: str) -> None:
    drop(name)
    with on_server() as server:
        server.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY FILE_COPY')


def _make_traders(session: Session) -> None:
    from accounts.models import User
    from ledger.models import USER_ACCOUNT_KINDS, Account, Wallet
    from tests.builders.markets import build_market

    build_market(MARKET, max_open_interest_lots=10**9).save()
    user_ids = sorted({c.account_id for c in session.commands if isinstance(c, PlaceOrder)})
    User.objects.bulk_create(User(pk=n, username=f"trader{n}", password="!") for n in user_ids)
    Wallet.objects.bulk_create(Wallet(user_id=n) for n in user_ids)
    Account.objects.bulk_create(
        Account(kind=kind, user_id=n) for n in user_ids for kind in USER_ACCOUNT_KINDS
    )


def _order_row(order: PlaceOrder) -> tuple[Any, ...]:
    return (
        order.order_id,
        order.account_id,
        MARKET,
        order.side.value,
        order.order_type.value,
        order.time_in_force.value,
        order.price_ticks,
        order.size_lots,
        order.margin_units,
        order.leverage,
        order.reduce_only,
        order.maker_fee_ppm,
        order.taker_fee_ppm,
        order.self_trade_prevention.value,
        order.hold_units,
        order.hold_units,
        FIRST_TIME,
        FIRST_TIME,
    )


def _command_row(entry: OutputEntry) -> tuple[Any, ...]:
    made_at = FIRST_TIME + timedelta(milliseconds=entry.time_ms - FIRST_TIME_MS)
    return (entry.command_id, MARKET, "CancelOrder", "{}", made_at)


def _copy(statement: str, rows: Iterable[tuple[Any, ...]]) -> None:
    connection.ensure_connection()
    with psycopg.Cursor(connection.connection).copy(statement) as copy:
        for row in rows:
            copy.write_row(row)
