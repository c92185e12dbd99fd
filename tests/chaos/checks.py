"""After the storm: was anything that was acknowledged lost, or counted twice?

Each check answers the offending records, in words; an empty list is a pass.
"""

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any

import msgspec
import psycopg
import redis

from matching.messages.limits import MONEY_UNITS_PER_CURRENCY
from matching.messages.streams import Depth, depth_key, output_stream, snapshots_key
from tests.chaos.custody import unquiet
from tests.chaos.exchange import Exchange
from tests.chaos.load import MARKETS, Request
from tests.chaos.transfers import sub_account_units, transfer_rows
from tests.ledger.naive_candles import candle_differences

# What a worker had claimed to send as it was killed is due again after five minutes
# (`common.outgoing`).
QUIET_WITHIN_S = 480.0
LIVE = ("pending", "asleep", "waiting", "open")


def wait_until_quiet(exchange: Exchange) -> list[str]:
    """Nothing pending, nothing unapplied, everything persisted, /health green."""
    deadline = time.monotonic() + QUIET_WITHIN_S
    calm = 0
    reasons: list[str] = []
    while calm < 3:
        try:
            reasons = _unquiet(exchange)
        except (psycopg.Error, redis.RedisError) as error:
            reasons = [f"{type(error).__name__}: {error}"]
        calm = 0 if reasons else calm + 1
        if time.monotonic() > deadline:
            return [f"not quiet after {QUIET_WITHIN_S:.0f} s: {reason}" for reason in reasons]
        time.sleep(1)
    return []


def _unquiet(exchange: Exchange) -> list[str]:
    reasons = []
    with exchange.database() as database:
        for what, query in (
            ("algos not over", "SELECT count(*) FROM trading_algo WHERE next_at IS NOT NULL"),
            ("orders pending", "SELECT count(*) FROM trading_order WHERE status = 'pending'"),
            (
                "commands not applied",
                "SELECT count(*) FROM trading_outboxcommand WHERE applied_seq IS NULL",
            ),
        ):
            count = _one(database, query)
            if count:
                reasons.append(f"{count} {what}")
        with exchange.store() as client:
            for market, seq in database.execute(
                "SELECT market_id, seq FROM persistence_marketcursor"
            ):
                info: Any = client.xinfo_stream(output_stream(market))
                lag = int(info["last-generated-id"].split(b"-")[0]) - seq
                if not 0 <= lag <= 2:  # prices go on, about one command a second
                    reasons.append(f"{market}: {lag} entries not persisted")
        reasons += unquiet(exchange.chain_file, database)
    status, problems = exchange.health()
    if status != 200:
        reasons.append(f"/health answers {status}: {'; '.join(problems)}")
    return reasons


def _one(database: psycopg.Connection, query: str, *values: Any) -> Any:
    row = database.execute(query, values).fetchone()
    return row[0] if row else None


class Books:
    """Rows of Postgres at one instant, and everything the traders were told."""

    def __init__(self, database: psycopg.Connection, requests: list[Request]) -> None:
        self.requests = requests
        database.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        self.cursors: dict[str, int] = dict(
            database.execute("SELECT market_id, seq FROM persistence_marketcursor")
        )
        self.seals = int(_one(database, "SELECT count(*) FROM persistence_journalseal"))
        self.orders: dict[int, dict[str, Any]] = {}
        self.by_client_id: dict[str, list[dict[str, Any]]] = defaultdict(list)
        with database.cursor(row_factory=psycopg.rows.dict_row) as cursor:
            cursor.execute(
                "SELECT o.*, u.username FROM trading_order o "
                "JOIN accounts_user u ON u.id = o.user_id ORDER BY o.id"
            )
            for row in cursor:
                self.orders[row["id"]] = row
                self.by_client_id[row["client_order_id"]].append(row)
            self.fills = cursor.execute("SELECT * FROM trading_fill ORDER BY id").fetchall()
            deposits = cursor.execute(
                "SELECT idempotency_key, amount_units, status, entry_id FROM ledger_deposit d "
                "WHERE NOT EXISTS (SELECT 1 FROM custody_chaindeposit c WHERE c.deposit_id = d.id)"
            ).fetchall()
            self.withdrawals = cursor.execute("SELECT * FROM ledger_withdrawal").fetchall()
            self.chain_deposits = cursor.execute(
                "SELECT c.*, (SELECT sum(p.amount_units)::bigint FROM ledger_posting p "
                "JOIN ledger_account a ON a.id = p.account_id AND a.user_id = c.user_id "
                "WHERE p.entry_id = d.entry_id) AS credited_units "
                "FROM custody_chaindeposit c LEFT JOIN ledger_deposit d ON d.id = c.deposit_id"
            ).fetchall()
            self.transfers = transfer_rows(cursor)
            self.sub_account_units = sub_account_units(cursor)
            self.cases = [
                r["words"] for r in cursor.execute("SELECT words FROM custody_custodycase")
            ]
            self.float_units = _sum(cursor, "custody_floatmovement")
            self.posted_out_units = _sum(
                cursor,
                "ledger_posting p JOIN ledger_account a ON a.id = p.account_id "
                "AND a.kind = 'withdrawals'",
            )
            self.commands = cursor.execute(
                "SELECT c.*, u.username FROM trading_outboxcommand c "
                "LEFT JOIN accounts_user u ON u.id = c.created_by_id ORDER BY c.id"
            ).fetchall()
            self.leverages = cursor.execute(
                "SELECT l.*, u.username FROM trading_traderleverage l "
                "JOIN accounts_user u ON u.id = l.user_id"
            ).fetchall()
            self.liquidations = cursor.execute("SELECT * FROM trading_liquidation").fetchall()
            self.fundings = cursor.execute("SELECT * FROM trading_fundingsettlement").fetchall()
            self.positions = cursor.execute("SELECT * FROM trading_position").fetchall()
            self.settlements = cursor.execute("SELECT * FROM trading_settlement").fetchall()
            self.candles = cursor.execute("SELECT * FROM trading_candle").fetchall()
            self.units_per_tick_lot: dict[str, int] = {
                row["id"]: int(row["tick_size"] * row["lot_size"] * MONEY_UNITS_PER_CURRENCY)
                for row in cursor.execute("SELECT id, tick_size, lot_size FROM markets_market")
            }
            self.wallets = cursor.execute("SELECT * FROM ledger_wallet").fetchall()
            algos = cursor.execute("SELECT * FROM trading_algo").fetchall()
            self.algos = {row["id"]: row for row in algos}
            self.slices = _by_algo(cursor, "trading_algoslice")
            self.algo_events = _by_algo(cursor, "trading_algoevent")
        self.deposits: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for deposit in deposits:
            self.deposits[deposit["idempotency_key"]].append(deposit)

    def of(self, kind: str) -> Iterable[Request]:
        return (request for request in self.requests if request.kind == kind)


def _by_algo(cursor: Any, table: str) -> dict[int, list[Any]]:
    found: dict[int, list[Any]] = defaultdict(list)
    for row in cursor.execute(f"SELECT * FROM {table} ORDER BY number"):
        found[row["algo_id"]].append(row)
    return found


def _sum(cursor: Any, rows: str) -> int:
    query = f"SELECT COALESCE(sum(amount_units), 0)::bigint AS sum FROM {rows}"
    return int(cursor.execute(query).fetchone()["sum"])


def lost_orders(books: Books) -> list[str]:
    """Acknowledged, and not there, not finished and not open, or not what was asked for."""
    lost = []
    for request in books.of("order"):
        acknowledged = request.acknowledged
        if acknowledged is None:
            continue
        order = books.orders.get(acknowledged.body["orderId"])
        if order is None or order["client_order_id"] != request.key:
            lost.append(f"order {request.key}: acknowledged as {acknowledged.body}, row {order}")
        elif order["status"] == "pending":
            lost.append(f"order {request.key}: still pending, id {order['id']}")
        elif order["status"] == "waiting" and order["triggered_at"]:
            lost.append(f"order {request.key}: fired and got stuck, id {order['id']}")
        elif order["username"] != request.trader or order["side"] != request.sent["side"]:
            lost.append(f"order {request.key}: row {order} differs from {request.sent}")
    return lost


def doubled_orders(books: Books) -> list[str]:
    """More rows, ids or answers than one for a client order id; rows nobody asked for."""
    doubled = [
        f"client order id {key}: orders {[row['id'] for row in rows]}"
        for key, rows in books.by_client_id.items()
        if len(rows) != 1
    ]
    asked: dict[str, Request] = {}
    for request in books.of("order"):
        asked |= dict.fromkeys(request.keys, request)
        told = {a.body["orderId"] for a in request.attempts if 200 <= a.status < 300}
        refused = request.acknowledged is None and not request.ambiguous
        if len(told) > 1:
            doubled.append(f"order {request.key}: told ids {told}")
        if refused and request.key in books.by_client_id:
            doubled.append(f"order {request.key}: refused with {request.attempts[-1]}, yet there")
    sliced = {f"algo-{a}-{one['number']}" for a, some in books.slices.items() for one in some}
    for key in set(books.by_client_id) - set(asked) - sliced:
        doubled.append(f"client order id {key}: nobody asked for it")
    return doubled


def wrong_orders(books: Books) -> list[str]:
    """Filled sums against fills; sizes, states and holds against each other."""
    filled: Counter[int] = Counter()
    for fill in books.fills:
        filled[fill["order_id"]] += fill["size_lots"]
    wrong = []
    for order in books.orders.values():
        left = order["size_lots"] - order["filled_lots"] - order["cancelled_lots"]
        fits = {
            "filled": left == 0 and order["filled_lots"] > 0,
            "open": left > 0,
            "waiting": order["filled_lots"] == order["cancelled_lots"] == order["held_units"] == 0,
            "asleep": order["filled_lots"] == order["cancelled_lots"] == order["held_units"] == 0,
            "rejected": order["filled_lots"] == 0,
            "cancelled": left == 0,
            "expired": left == 0,
        }.get(order["status"], False)
        sums = filled[order["id"]] == order["filled_lots"]
        if not fits or not sums or (order["status"] not in LIVE and order["held_units"]):
            wrong.append(f"order {order['id']}: {order}, fills sum to {filled[order['id']]}")
    return wrong


def uncancelled(books: Books) -> list[str]:
    """Acknowledged cancels whose orders, acknowledged before, are still open."""
    wrong = []
    placed: dict[str, list[tuple[float, int, str, str]]] = defaultdict(list)
    for request in books.of("order"):
        if request.acknowledged:
            # When the answer was there isn't recorded; the next request of the thread is later.
            order_id = request.acknowledged.body["orderId"]
            at_s = request.acknowledged.sent_s
            sent = request.sent
            if sent.get("trigger") and (sent.get("reduceOnly") or sent.get("closePosition")):
                continue  # it protects a position: a cancel of all leaves it alone
            placed[request.trader].append((at_s, order_id, sent["marketId"], sent["side"]))
    for request in books.of("cancel"):
        order = books.orders[int(request.key)]
        if request.acknowledged and order["status"] in LIVE:
            wrong.append(f"order {order['id']}: cancel acknowledged, {order['status']}")
    for request in books.of("cancel_all"):
        if not request.acknowledged:
            continue
        for at_s, order_id, market, side in placed[request.trader]:
            meant = at_s < request.acknowledged.sent_s and request.key in ("", market)
            meant = meant and request.note in ("", side)
            if meant and books.orders[order_id]["status"] in LIVE:
                wrong.append(f"order {order_id}: cancel all {request.key!r} acknowledged, open")
    return wrong


def wrong_deposits(books: Books) -> list[str]:
    """Each acknowledged one counted exactly once, with its amount."""
    wrong = []
    for request in books.of("onramp"):
        rows = books.deposits.get(request.key, [])
        amount = int(Decimal(request.sent["amount"]) * 1_000_000)
        counted = [r for r in rows if r["amount_units"] == amount and r["entry_id"]]
        most = len(rows) <= 1 and len(counted) == len(rows)
        if not most or (request.acknowledged and not counted):
            wrong.append(f"deposit {request.key} of {amount}: rows {rows}")
    asked = {request.key for request in books.of("onramp")}
    wrong += [f"deposit {key}: nobody asked for it" for key in set(books.deposits) - asked]
    return wrong


def money_created_or_destroyed(books: Books) -> list[str]:
    """Wallets + margin + fees + insurance − entry cost = all that came in, from rows alone: fees
    and insurance from fills and settlements, what operators put in from their commands."""
    topped_up = sum(
        c["payload"]["amount_units"] for c in books.commands if c["command_type"] == "FundInsurance"
    )
    came_in = topped_up + sum(
        d["amount_units"] for rows in books.deposits.values() for d in rows if d["entry_id"]
    )
    came_in += sum(d["amount_units"] for d in books.chain_deposits if d["deposit_id"])
    came_in -= sum(w["amount_units"] for w in books.withdrawals if w["state"] == "confirmed")
    there = {
        "wallets": sum(w["available_units"] + w["held_units"] for w in books.wallets),
        "margin": sum(p["margin_units"] for p in books.positions),
        "entry cost": -sum(p["entry_cost_units"] for p in books.positions),
        "fees": sum(f["fee_units"] for f in books.fills),
        "insurance": topped_up
        + sum(row["insurance_units"] for row in (*books.fills, *books.settlements)),
    }
    held = {row["user_id"]: row["held_units"] for row in books.wallets}
    reserved: Counter[int] = Counter()
    for order in books.orders.values():
        reserved[order["user_id"]] += order["held_units"]
    for withdrawal in books.withdrawals:
        if withdrawal["end_entry_id"] is None:
            reserved[withdrawal["user_id"]] += withdrawal["amount_units"]
    wrong = [
        f"user {user}: the wallet holds {units}, its orders and withdrawals {reserved[user]}"
        for user, units in held.items()
        if units != reserved[user]
    ]
    if sum(there.values()) != came_in:
        wrong.append(f"{there} sum to {sum(there.values())}, {came_in} came in")
    lots: Counter[str] = Counter()
    for position in books.positions:
        lots[position["market_id"]] += position["position_lots"]
    return wrong + [f"{market}: positions sum to {net}" for market, net in lots.items() if net]


def wrong_candles(books: Books) -> list[str]:
    """Candles against all fills: a batch that was written again would show."""
    return candle_differences(books.fills, books.candles, books.units_per_tick_lot)


def unexpected_answers(books: Books) -> list[str]:
    """500s, and refusals that only an exchange at odds with itself gives."""
    wrong = []
    for request in books.requests:
        for attempt in request.attempts:
            code = (isinstance(attempt.body, dict) and attempt.body.get("code")) or ""
            if attempt.status in (500, 403, 404) or code.endswith("_REUSED"):
                wrong.append(f"{request.kind} {request.key}: {attempt.status} {attempt.body}")
    return wrong


def book_differences(exchange: Exchange) -> list[str]:
    """Open orders by price against the depth the engine shows. Both move on: some tries."""
    differences: list[str] = []
    for _ in range(20):
        with exchange.database() as database, exchange.store() as client:
            differences = []
            for (market,) in database.execute("SELECT id FROM markets_market").fetchall():
                differences += _market_book_differences(database, client, market)
        if not differences:
            return []
        time.sleep(0.5)
    return differences


def _market_book_differences(
    database: psycopg.Connection, client: redis.Redis, market: str
) -> list[str]:
    data: Any = client.get(depth_key(market))
    if data is None:
        return [f"{market}: no depth is shown"]
    depth = msgspec.json.decode(data, type=Depth)
    levels: dict[str, dict[int, int]] = {"LONG": {}, "SHORT": {}}
    rows = database.execute(
        "SELECT side, price_ticks, sum(least(size_lots - filled_lots - cancelled_lots, "
        "CASE visible_lots WHEN 0 THEN size_lots ELSE visible_lots - filled_lots %% visible_lots "
        "END))::bigint FROM trading_order WHERE market_id = %s AND status = 'open' GROUP BY 1, 2",
        [market],
    )
    for side, price, lots in rows:
        levels[side][price] = lots
    shown = {"LONG": dict(depth.bids), "SHORT": dict(depth.asks)}
    return [
        f"{market} {side}: engine shows {shown[side]}, rows say {levels[side]}"
        for side in levels
        if shown[side] != levels[side]
    ]


def unclean(exchange: Exchange) -> list[str]:
    """`manage.py reconcile`, behind the newest seal and in full, and `verifyreplay` from the oldest
    snapshot kept."""
    found = []
    for arguments in ((), ("--full",)):
        status, said = exchange.manage("reconcile", *arguments)
        if status:
            found.append(f"reconcile {' '.join(arguments)}: {said.strip()}")
    with exchange.store() as client:
        starts = {market: _oldest_start(client, market) for market in MARKETS}
    for market, seq in starts.items():
        status, said = exchange.manage("verifyreplay", "--market", market, "--from", str(seq + 1))
        if status:
            found.append(f"verifyreplay: {said.strip()}")
    return found


def _oldest_start(client: redis.Redis, market: str) -> int:
    seqs: Any = client.hkeys(snapshots_key(market))
    return min(int(seq) for seq in seqs)


BOOK_CHECKS: dict[str, Callable[[Books], list[str]]] = {
    "lost orders": lost_orders,
    "doubled orders": doubled_orders,
    "orders in a wrong state": wrong_orders,
    "cancels without effect": uncancelled,
    "deposits lost or doubled": wrong_deposits,
    "money created or destroyed": money_created_or_destroyed,
    "candles that differ from fills": wrong_candles,
    "answers that can't be": unexpected_answers,
}
