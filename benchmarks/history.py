"""A long-lived exchange's rows, made by Postgres itself in seconds.

Skewed as real ones are: one account has nearly a third of all orders, most have a handful; one
market has not traded for ages; some states and reasons occur only among the oldest rows, where a
list that reads newest first finds them last. Ids have no gaps, and money is balanced entry by
entry, but nobody traded it: balances and positions are plausible, not provable.

Foreign keys and the journal's triggers are off while it is made, which takes a superuser.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from django.db import connection, transaction

from benchmarks.history_around import STATEMENTS
from prices.demo_markets import DEMO_MARKETS

WHALE = 1  # the user id of the account with a third of the orders
WHALE_NAME = "whale"
BUSY_MARKET, SECOND_MARKET, DORMANT_MARKET = "BTC-PERP", "ETH-PERP", "OLD-PERP"


@dataclass(frozen=True)
class Size:
    """How much there is. As many fills and funding payments as orders, half as many commands."""

    orders: int
    users: int


def make_history(size: Size) -> None:
    """Into tables as `migrate` leaves them. Analysed at the end, as autovacuum would have."""
    _make_markets()
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute("SET LOCAL work_mem = '256MB'")
        cursor.execute("SELECT setseed(0.42)")
        cursor.execute(_PLAIN_INDEXES)
        indexes = cursor.fetchall()
        for name, _ in indexes:
            cursor.execute(f'DROP INDEX "{name}"')
        for statement in _statements(size):
            cursor.execute(statement)
        for _, definition in indexes:  # in one go: much sooner than row by row
            cursor.execute(definition)
        _let_sequences_follow(cursor)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE" if not connection.in_atomic_block else "ANALYZE")


def _make_markets() -> None:
    template = DEMO_MARKETS[0].build()
    for market_id in (BUSY_MARKET, SECOND_MARKET, DORMANT_MARKET):
        template.pk = market_id
        template.base_asset = market_id.partition("-")[0]
        template._state.adding = True
        template.save(force_insert=True)
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE markets_marketstatus SET state = 'ACTIVE', mark_price_ticks = 500000,"
            " index_price_ticks = 500000, last_price_ticks = 500000"
        )
        cursor.execute(
            "INSERT INTO markets_leveragetier (market_id, floor_units, max_leverage,"
            " maintenance_ppm) SELECT id, 0, 50, 10000 FROM markets_market"
        )


def _statements(size: Size) -> Iterator[str]:
    numbers = {
        "orders": size.orders,
        "pairs": size.orders // 2,
        "users": size.users,
        "old": max(20, size.orders // 1_000),  # what happened only so long ago
        "settlements": min(200, size.orders // 2_000),  # of thousands of positions each
    }
    for statement in f"{_SQL};\n{STATEMENTS.strip()}".split(";\n"):
        yield re.sub(r"\$(\w+)", lambda found: str(numbers[found.group(1)]), statement)


# Orders come in pairs, a maker (odd id) and its taker. By the number of the pair: half are filled
# in two trades each, most others are cancelled by their traders.
_SQL = """
INSERT INTO accounts_user (id, password, is_superuser, username, is_staff, is_active, date_joined)
SELECT n, '!', false, CASE WHEN n = 1 THEN 'whale' ELSE 'trader' || lpad(n::text, 7, '0') END,
       n BETWEEN 2 AND 9, n NOT BETWEEN 10 AND 30,
       now() - make_interval(mins => $users - n)
  FROM generate_series(1, $users) n;
INSERT INTO ledger_wallet (user_id, available_units, held_units)
SELECT n, 10000000000, 0 FROM generate_series(1, $users) n;
INSERT INTO ledger_account (kind, user_id)
SELECT kind, n FROM generate_series(1, $users) n, unnest('{available,held,margin}'::text[]) kind;
INSERT INTO trading_order (
    id, user_id, market_id, side, order_type, time_in_force, price_ticks, size_lots, margin_units,
    leverage, reduce_only, close_position, maker_fee_ppm, taker_fee_ppm, self_trade_prevention,
    hold_units, held_units, filled_lots, cancelled_lots, filled_cost_units, status, reason,
    client_order_id, trigger_kind, trigger_by, trigger_price_ticks, created_at, updated_at, arrival)
SELECT id, CASE WHEN luck < 0.3 THEN 1 ELSE 1 + floor(($users - 1) * luck * luck * luck)::int END,
       CASE WHEN pair <= $old THEN 'OLD-PERP' WHEN pair % 3 = 0 THEN 'ETH-PERP' ELSE 'BTC-PERP' END,
       CASE WHEN id % 2 = 0 THEN 'LONG' ELSE 'SHORT' END,
       CASE WHEN fate = 7 AND id % 2 = 0 THEN 'market' ELSE 'limit' END,
       CASE WHEN fate = 7 AND id % 2 = 0 THEN 'IOC' WHEN id < $old THEN 'FOK' ELSE 'GTC' END,
       490000 + pair % 20000, 100, 0, 10, id < $old, id < 10, 200, 500, 'EXPIRE_MAKER', 50000000,
       CASE WHEN fate = 99 THEN 50000000 ELSE 0 END,
       CASE WHEN fate < 50 THEN 100 ELSE 0 END,
       CASE WHEN fate BETWEEN 50 AND 98 THEN 100 ELSE 0 END,
       CASE WHEN fate < 50 THEN 100 * (490000 + pair % 20000)::bigint * 100 ELSE 0 END,
       CASE WHEN pair <= 5 THEN 'rejected' WHEN pair <= 10 THEN 'expired'
            WHEN fate < 50 THEN 'filled' WHEN fate < 99 THEN 'cancelled' ELSE 'open' END,
       CASE WHEN pair <= 5 THEN 'MARKET_NOT_ACTIVE' WHEN pair <= 10 THEN 'EXPIRED'
            WHEN fate BETWEEN 50 AND 98 THEN 'USER' ELSE '' END,
       CASE WHEN id % 4 = 0 THEN 'mine-' || id END,
       CASE WHEN id < $old THEN 'STOP' END, CASE WHEN id < $old THEN 'MARK' END,
       CASE WHEN id < $old THEN 400000 ELSE 0 END,
       now() - make_interval(secs => $orders - id), now() - make_interval(secs => $orders - id), 0
  FROM (SELECT id, (id + 1) / 2 AS pair, ((id + 1) / 2) % 100 AS fate, random() AS luck
          FROM generate_series(1, $orders) id) numbered;
INSERT INTO trading_fill (
    market_id, trade_id, role, order_id, execution, user_id, side, price_ticks, size_lots,
    fee_units, realized_pnl_units, seq, executed_at)
SELECT market_id, 4 * pair + half, CASE WHEN id % 2 = 0 THEN 'TAKER' ELSE 'MAKER' END, id,
       CASE WHEN id <= $old THEN 'LIQUIDATION' ELSE 'TRADE' END,
       user_id, side, price_ticks, 50, 1000, 0, id + half, created_at
  FROM (SELECT *, (id + 1) / 2 AS pair FROM trading_order WHERE filled_lots > 0) orders,
       generate_series(0, 1) half
 ORDER BY id, half;
INSERT INTO trading_candle (market_id, interval_ms, start_ms, open_ticks, high_ticks, low_ticks,
                            close_ticks, volume_lots, quote_units, trade_count)
SELECT CASE WHEN n < $orders / 10 - 20 THEN 'BTC-PERP' ELSE 'OLD-PERP' END, ms,
       (1760000000000 / ms - n) * ms, 500000, 500100, 499900, 500000, 100, 5000000000, 2
  FROM generate_series(1, $orders / 10) n,
       unnest('{60000,300000,900000,3600000,14400000,86400000}'::integer[]) ms;
INSERT INTO trading_position (user_id, market_id, position_lots, entry_cost_units, margin_units,
                              realized_pnl_units, seq, updated_at)
SELECT user_id, market_id, lots, lots * 100 * (450000 + user_id % 100000),
       abs(lots) * 100 * (60000 + user_id % 7919 * 7), 0, seq, changed_at
  FROM (SELECT user_id, market_id, max(seq) AS seq, max(executed_at) AS changed_at,
               CASE user_id % 3 WHEN 0 THEN 0 WHEN 1 THEN 1 ELSE -1 END
               * (1 + user_id % 97)::bigint AS lots
          FROM trading_fill GROUP BY user_id, market_id) traded;
INSERT INTO trading_positionlife (
    user_id, market_id, side, opened_seq, opened_at, closed_seq, closed_at, ending, max_lots,
    entry_lots, entry_units, exit_lots, exit_units, realized_pnl_units, fee_units,
    liquidation_fee_units, insurance_units, loss_share_units, funding_units)
SELECT user_id, market_id, side, seq, executed_at, seq + 1, executed_at,
       CASE WHEN trade_id < $old THEN 'ADL' ELSE 'CLOSED' END, 50, 50, 2500000000, 50, 2500000000,
       0, 2000, 0, 0, 0, 0
  FROM trading_fill;
INSERT INTO ledger_journalentry (id, kind, market_id, order_id, created_at)
SELECT id, 'order_hold', market_id, id, created_at FROM trading_order;
INSERT INTO ledger_journalentry (id, kind, market_id, seq, order_id, trade_id, created_at)
SELECT $orders + id, 'fill', market_id, seq, order_id, trade_id, executed_at FROM trading_fill;
INSERT INTO ledger_journalentry (kind, id, market_id, seq, order_id, created_at)
SELECT 'hold_release', 3 * $orders::bigint + id, market_id, id, id, updated_at
  FROM trading_order WHERE cancelled_lots > 0;
INSERT INTO ledger_journalentry (id, kind, created_at)
SELECT 5 * $orders::bigint + n, 'deposit', now() FROM generate_series(1, $users) n;
ANALYZE ledger_account, ledger_journalentry, trading_order;
INSERT INTO ledger_posting (entry_id, account_id, amount_units)
SELECT entry.id, account.id, line.units
  FROM ledger_journalentry entry
  JOIN trading_order placed ON placed.id = entry.order_id
 CROSS JOIN LATERAL (VALUES
    ('order_hold', 'available', -50000000), ('order_hold', 'held', 50000000),
    ('hold_release', 'held', -50000000), ('hold_release', 'available', 50000000),
    ('fill', 'held', -25000000), ('fill', 'margin', 24000000), ('fill', 'available', 999000)
 ) line (of_kind, account_kind, units)
  JOIN ledger_account account
    ON account.user_id = placed.user_id AND account.kind = line.account_kind
 WHERE entry.kind = line.of_kind
 ORDER BY entry.id;
INSERT INTO ledger_posting (entry_id, account_id, amount_units)
SELECT entry.id, account.id, 1000
  FROM ledger_journalentry entry, ledger_account account
 WHERE entry.kind = 'fill' AND account.kind = 'fees';
INSERT INTO ledger_posting (entry_id, account_id, amount_units)
SELECT 5 * $orders::bigint + user_id, id, 10000000000 FROM ledger_account WHERE kind = 'available';
INSERT INTO ledger_posting (entry_id, account_id, amount_units)
SELECT 5 * $orders::bigint + n, id, -10000000000
  FROM generate_series(1, $users) n, ledger_account WHERE kind = 'deposits';
INSERT INTO ledger_deposit (user_id, amount_units, status, entry_id, requested_at)
SELECT n, 10000000000, CASE WHEN n <= 20 THEN 'requested' ELSE 'approved' END,
       CASE WHEN n > 20 THEN 5 * $orders::bigint + n END, now() FROM generate_series(1, $users) n;
INSERT INTO trading_fundingsettlement (id, market_id, seq, funding_time, settled_at, rate_ppb,
                                       mark_price_ticks, per_lot_units, paid_units)
SELECT n, CASE WHEN n <= 2 THEN 'OLD-PERP' WHEN n % 2 = 0 THEN 'ETH-PERP' ELSE 'BTC-PERP' END, n,
       now() - make_interval(hours => 8 * ($settlements - n)),
       now() - make_interval(hours => 8 * ($settlements - n)), 100000, 500000, 10, 1000
  FROM generate_series(1, $settlements) n;
INSERT INTO trading_fundingpayment (settlement_id, user_id, position_lots, amount_units)
SELECT settlement, n, 10, -100
  FROM generate_series(1, $settlements) settlement,
       generate_series(1, least($users, $orders / $settlements)) n;
INSERT INTO trading_liquidation (
    market_id, user_id, seq, ordinal, liquidated_at, mark_price_ticks, position_lots,
    entry_cost_units, margin_units, equity_units, maintenance_units, fee_reserve_units, limit_ticks,
    cancelled_orders, filled_lots, deleveraged_lots, fee_units, insurance_paid_units, left_lots,
    returned_units)
SELECT CASE WHEN n <= 20 THEN 'OLD-PERP' ELSE 'BTC-PERP' END, 1 + n % $users, n, 0,
       now() - make_interval(secs => $orders - n), 500000, 10, 500000000, 1000000, 0, 100, 100,
       490000, 0, 10, 0, 100, 0, 0, 0
  FROM generate_series(1, $orders / 10) n;
INSERT INTO trading_settlement (market_id, user_id, seq, settled_at, price_ticks, position_lots,
                                realized_pnl_units, insurance_units, returned_units)
SELECT 'OLD-PERP', n, 1000, now(), 500000, 10, 0, 0, 0 FROM generate_series(1, $users / 10) n;
INSERT INTO trading_outboxcommand (market_id, command_type, payload, created_by_id, created_at,
                                   applied_seq)
SELECT CASE WHEN n <= 20 THEN 'OLD-PERP' ELSE 'BTC-PERP' END,
       CASE WHEN n <= 20 THEN 'SetMarketState' ELSE 'CancelOrder' END, '{}', 1 + n % $users,
       now() - make_interval(secs => $orders - 2 * n), CASE WHEN n > 10 THEN n END
  FROM generate_series(1, $orders / 2) n;
INSERT INTO accounts_session (user_id, refresh_hash, opened_at, renewed_at, expires_at, address,
                              client, ended_at, end_reason)
SELECT 1 + n % $users, md5(n::text), now(), now(), now() + interval '7 days', '203.0.113.7',
       'curl/7.88.1', CASE WHEN n % 2 = 0 THEN now() - interval '1 day' END,
       CASE WHEN n % 2 = 0 THEN 'signed_out' ELSE '' END
  FROM generate_series(1, 2 * $users) n;
INSERT INTO django_admin_log (action_time, user_id, content_type_id, object_id, object_repr,
                              action_flag, change_message)
SELECT now(), 2 + n % 8, (SELECT id FROM django_content_type WHERE model = 'order'), n::text,
       'Order ' || n, CASE WHEN n <= 20 THEN 1 ELSE 2 END, 'cancelled'
  FROM generate_series(1, $orders / 10) n;
INSERT INTO persistence_deadletter (market_id, seq, input_id, reason, payload, recorded_at)
SELECT CASE WHEN n <= 20 THEN 'OLD-PERP' ELSE 'BTC-PERP' END, n, n || '-0', 'no type', 'x', now()
  FROM generate_series(1, $orders / 20) n;
INSERT INTO trading_feetier (id, name, maker_fee_ppm, taker_fee_ppm)
VALUES (1, 'Makers', -50, 300), (2, 'Friends', 0, 300);
INSERT INTO trading_userfeetier (user_id, tier_id)
SELECT n, CASE WHEN n <= 20 THEN 2 ELSE 1 END FROM generate_series(1, $users / 10) n;
INSERT INTO trading_traderleverage (user_id, market_id, leverage)
SELECT n, CASE WHEN n <= 20 THEN 'OLD-PERP' ELSE 'BTC-PERP' END, 5
  FROM generate_series(1, $users / 10) n;
INSERT INTO trading_countdown (user_id, market_id, due_ms)
SELECT n, CASE WHEN n <= 20 THEN 'OLD-PERP' ELSE 'BTC-PERP' END, 1
  FROM generate_series(1, $users / 10) n"""

_PLAIN_INDEXES = """
SELECT indexrelid::regclass, replace(pg_get_indexdef(indexrelid), ' ON ONLY ', ' ON ')
  FROM pg_index
 WHERE NOT indisunique AND indrelid::regclass::text ~ '^(accounts|custody|ledger|trading)_'
   AND indexrelid NOT IN (SELECT inhrelid FROM pg_inherits)  -- those of partitions go along
"""

_SEQUENCES = """
SELECT table_name, sequence_name
  FROM information_schema.columns,
       pg_get_serial_sequence(quote_ident(table_name), 'id') sequence_name
 WHERE table_schema = 'public' AND column_name = 'id' AND sequence_name IS NOT NULL
"""


def _let_sequences_follow(cursor: object) -> None:
    cursor.execute(_SEQUENCES)  # type: ignore[attr-defined]
    for table, sequence in cursor.fetchall():  # type: ignore[attr-defined]
        cursor.execute(  # type: ignore[attr-defined]
            f'SELECT setval(%s, greatest(1, (SELECT max(id) FROM "{table}")))', [sequence]
        )
