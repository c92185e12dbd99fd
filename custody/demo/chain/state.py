"""All the chain knows, in one SQLite file."""

import json
import re
import secrets
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

AMOUNT_MAX = 10**17
ADDRESS = re.compile(r"dm1[0-9a-z]{20,60}")
DEPOSIT, PAYOUT = "deposit", "payout"
# Of a transfer: waits for a block; in one; gone for good, or failed; final.
POOL, BLOCK, GONE, FINAL_STATE = "pool", "block", "gone", "final"

_TABLES = """
CREATE TABLE IF NOT EXISTS fact (name TEXT PRIMARY KEY, value INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS address (address TEXT PRIMARY KEY);
CREATE TABLE IF NOT EXISTS transfer (
    id TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    address TEXT NOT NULL,
    amount_units INTEGER NOT NULL CHECK (amount_units > 0),
    state TEXT NOT NULL,
    height INTEGER,
    reference TEXT NOT NULL DEFAULT '',
    is_counted INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS transfer_open ON transfer (state) WHERE state IN ('pool', 'block');
CREATE INDEX IF NOT EXISTS transfer_of_address ON transfer (address);
CREATE TABLE IF NOT EXISTS news (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, body TEXT NOT NULL, is_told INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS news_of_transfer ON news (json_extract(body, '$.id'), seq);
CREATE INDEX IF NOT EXISTS news_untold ON news (seq) WHERE is_told = 0;
"""


class Refused(Exception):
    """``status`` as HTTP has it."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status, self.message = status, message


class ChainState:
    """One connection, one transaction at a time."""

    def __init__(self, path: Path, float_units: int) -> None:
        self._lock = threading.RLock()
        self._base = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._base.row_factory = sqlite3.Row
        self._base.execute("PRAGMA journal_mode = WAL")
        self._base.execute("PRAGMA synchronous = FULL")
        self._base.executescript(_TABLES)
        with self.writing() as base:
            for name, value in (("float", float_units), ("height", 0)):
                base.execute("INSERT OR IGNORE INTO fact VALUES (?, ?)", (name, value))

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """All or nothing, and on disk."""
        with self._lock:
            self._base.execute("BEGIN IMMEDIATE")
            try:
                yield self._base
            except BaseException:
                self._base.execute("ROLLBACK")
                raise
            self._base.execute("COMMIT")

    def close(self) -> None:
        with self._lock:
            self._base.close()

    def read(self, query: str, *values: Any) -> list[sqlite3.Row]:
        with self._lock:
            return self._base.execute(query, values).fetchall()

    # -- what custody is asked

    def take_payout(self, send_id: str, address: str, amount_units: int) -> dict[str, Any]:
        """How it stands; sent once. Raises Refused."""
        with self.writing() as base:
            found = base.execute("SELECT * FROM transfer WHERE id = ?", (send_id,)).fetchone()
            if found is None:
                return self._new_payout(base, send_id, address, amount_units)
            if (found["kind"], found["address"], found["amount_units"]) != (
                PAYOUT, address, amount_units,
            ):  # fmt: skip
                raise Refused(409, "this id is another transfer's")
            newest = (
                "SELECT body, seq FROM news WHERE json_extract(body, '$.id') = ? "
                "ORDER BY seq DESC LIMIT 1"
            )
            row = base.execute(newest, (send_id,)).fetchone()
            return {**json.loads(row["body"]), "seq": row["seq"]}

    def _new_payout(
        self, base: sqlite3.Connection, send_id: str, address: str, amount_units: int
    ) -> dict[str, Any]:
        if not ADDRESS.fullmatch(address) or not 0 < amount_units <= AMOUNT_MAX:
            raise Refused(422, "no such address, or no such amount")
        if not 1 <= len(send_id) <= 120:
            raise Refused(422, "an id has 1 to 120 characters")
        waiting = base.execute(
            "SELECT coalesce(sum(amount_units), 0) FROM transfer "
            "WHERE kind = 'payout' AND state = 'pool' AND NOT is_counted"
        ).fetchone()[0]
        if balance_of(base) - waiting < amount_units:
            raise Refused(503, "the hot wallet has not enough")
        base.execute(
            "INSERT INTO transfer (id, kind, address, amount_units, state) VALUES (?, ?, ?, ?, ?)",
            (send_id, PAYOUT, address, amount_units, POOL),
        )
        return tell(base, send_id, "taken")

    def new_addresses(self, count: int) -> list[str]:
        made = ["dm1" + secrets.token_hex(20) for _ in range(min(max(count, 0), 1_000))]
        with self.writing() as base:
            base.executemany("INSERT INTO address VALUES (?)", [(one,) for one in made])
        return made

    def news(self, after: int, limit: int) -> list[dict[str, Any]]:
        rows = self.read(
            "SELECT seq, body FROM news WHERE seq > ? ORDER BY seq LIMIT ?",
            after,
            min(max(limit, 1), 1_000),
        )
        return [{**json.loads(row["body"]), "seq": row["seq"]} for row in rows]

    def balance(self) -> dict[str, int]:
        """True once all news up to ``seq`` is."""
        with self._lock:
            (seq,) = self._base.execute("SELECT coalesce(max(seq), 0) FROM news").fetchone()
            return {"balanceUnits": balance_of(self._base), "seq": seq}

    # -- what anybody outside may do

    def transfer_in(self, transfer_id: str, address: str, amount_units: int) -> str:
        """From a wallet outside that has all the money there is. The same id sends once."""
        if not ADDRESS.fullmatch(address) or not 0 < amount_units <= AMOUNT_MAX:
            raise Refused(422, "no such address, or no such amount")
        with self.writing() as base:
            if not base.execute("SELECT 1 FROM address WHERE address = ?", (address,)).fetchone():
                raise Refused(422, "the address is nobody's")
            base.execute(
                "INSERT OR IGNORE INTO transfer (id, kind, address, amount_units, state) "
                "VALUES (?, ?, ?, ?, ?)",
                (transfer_id, DEPOSIT, address, amount_units, POOL),
            )
        return transfer_id

    def arrived_at(self, address: str) -> int:
        """What payouts brought to an address outside."""
        (row,) = self.read(
            "SELECT coalesce(sum(amount_units), 0) AS sum FROM transfer "
            "WHERE kind = 'payout' AND is_counted AND address = ?",
            address,
        )
        return int(row["sum"])


def balance_of(base: sqlite3.Connection) -> int:
    """Of the hot wallet: what is counted, which each change of tells as news."""
    (units,) = base.execute(
        "SELECT (SELECT value FROM fact WHERE name = 'float') + coalesce(sum("
        "CASE kind WHEN 'deposit' THEN amount_units ELSE -amount_units END), 0) "
        "FROM transfer WHERE is_counted"
    ).fetchone()
    return int(units)


def height_of(base: sqlite3.Connection) -> int:
    return int(base.execute("SELECT value FROM fact WHERE name = 'height'").fetchone()[0])


def tell(
    base: sqlite3.Connection, transfer_id: str, state: str, confirmations: int = 0, words: str = ""
) -> dict[str, Any]:
    """The next number, in the transaction of what it tells."""
    row = base.execute("SELECT * FROM transfer WHERE id = ?", (transfer_id,)).fetchone()
    body = {
        "kind": row["kind"],
        "id": row["id"],
        "address": row["address"],
        "amountUnits": row["amount_units"],
        "state": state,
        "confirmations": confirmations,
        "reference": row["reference"],
        "words": words,
    }
    cursor = base.execute("INSERT INTO news (body) VALUES (?)", (json.dumps(body),))
    return {**body, "seq": cursor.lastrowid}
