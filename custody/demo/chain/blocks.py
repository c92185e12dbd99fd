"""Blocks: what waits goes in, what is in is confirmed, and now and then it all comes out again."""

import random
import secrets
import sqlite3

from custody.demo.chain import FINAL, Temper
from custody.demo.chain.state import (
    BLOCK,
    DEPOSIT,
    FINAL_STATE,
    GONE,
    PAYOUT,
    POOL,
    ChainState,
    height_of,
    tell,
)

BAD = "dm1bad"  # the beginning of addresses to which nothing arrives


class Blocks:
    def __init__(self, state: ChainState, temper: Temper, seed: int) -> None:
        self._state, self._temper = state, temper
        self._rng = random.Random(seed)  # noqa: S311  a game

    def next_block(self) -> int:
        """One more, in one transaction; perhaps others go first. Answers its height."""
        with self._state.writing() as base:
            if self._rng.random() < self._temper.reorganises:
                self._take_back(base, self._rng.randint(1, FINAL - 1), self._temper.drops)
            height = height_of(base) + 1
            base.execute("UPDATE fact SET value = ? WHERE name = 'height'", (height,))
            for row in _in_state(base, BLOCK):
                _confirm(base, row, height)
            for row in _in_state(base, POOL):
                if self._rng.random() >= self._temper.waits:
                    self._include(base, row, height)
            return height

    def reorganise(self, depth: int, drops: float) -> None:
        """At somebody's bidding. Deeper than `FINAL` takes back what was final, too."""
        with self._state.writing() as base:
            self._take_back(base, depth, drops)

    def _include(self, base: sqlite3.Connection, row: sqlite3.Row, height: int) -> None:
        fails = row["address"].startswith(BAD) or self._rng.random() < self._temper.fails
        if row["kind"] == PAYOUT and not row["is_counted"] and fails:
            base.execute("UPDATE transfer SET state = ? WHERE id = ?", (GONE, row["id"]))
            tell(base, row["id"], "failed", words="the network refused it")
            return
        base.execute(
            "UPDATE transfer SET state = ?, height = ?, is_counted = 1, reference = ? WHERE id = ?",
            (BLOCK, height, row["reference"] or f"tx{secrets.token_hex(12)}", row["id"]),
        )
        tell(base, row["id"], "seen" if row["kind"] == DEPOSIT else "sent", 1)

    def _take_back(self, base: sqlite3.Connection, depth: int, drops: float) -> None:
        """What was sent stays sent: it waits for another block. What came in may be gone for good:
        its sender spent it elsewhere."""
        above = height_of(base) - depth
        taken = base.execute(
            "SELECT * FROM transfer WHERE height > ? AND state IN (?, ?) ORDER BY rowid",
            (above, BLOCK, FINAL_STATE if depth >= FINAL else BLOCK),
        ).fetchall()
        for row in taken:
            is_deposit = row["kind"] == DEPOSIT
            is_gone = is_deposit and self._rng.random() < drops
            base.execute(
                "UPDATE transfer SET state = ?, height = NULL, is_counted = ? WHERE id = ?",
                (GONE if is_gone else POOL, 0 if is_deposit else 1, row["id"]),
            )
            if is_deposit:
                tell(base, row["id"], "orphaned")


def _in_state(base: sqlite3.Connection, state: str) -> list[sqlite3.Row]:
    query = "SELECT * FROM transfer WHERE state = ? ORDER BY rowid"
    return base.execute(query, (state,)).fetchall()


def _confirm(base: sqlite3.Connection, row: sqlite3.Row, height: int) -> None:
    confirmations = height - row["height"] + 1
    is_final = confirmations >= FINAL
    if is_final:
        base.execute("UPDATE transfer SET state = ? WHERE id = ?", (FINAL_STATE, row["id"]))
    if row["kind"] == DEPOSIT:
        tell(base, row["id"], "seen", confirmations)
    else:
        tell(base, row["id"], "confirmed" if is_final else "sent", confirmations)
