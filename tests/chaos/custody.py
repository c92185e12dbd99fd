"""What went out and came in, counted a third time: the chain's own file against our rows and
against what traders were told. Nothing here uses the code that moves the money.

Each check answers the offending records, in words; an empty list is a pass.
"""

import random
import sqlite3
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import psycopg

from tests.chaos.load import NO_ANSWER, Attempt, Caller, Request

if TYPE_CHECKING:  # which asks here whether all is quiet
    from tests.chaos.checks import Books

UNIT = 1_000_000
OPEN = ("pool", "block")  # of a transfer on the chain


class Outside:
    """A trader's way in and out: the address book, the deposit address, a wallet on the chain."""

    def __init__(self, caller: Caller, chain_url: str, rng: random.Random) -> None:
        self._caller, self._chain, self._rng = caller, chain_url, rng
        self._client = httpx.Client(timeout=10)
        self._address = "dm1" + "".join(rng.choices("0123456789abcdef", k=40))
        self._deposit_address = ""
        self._is_open = False

    def open(self) -> None:
        name = self._caller.name
        body = {"network": "demo", "address": self._address, "label": "outside"}
        request = Request(name, "book", "", body)
        self._caller.send("POST", "/user/withdrawal-addresses", request)
        # Refused: an attempt without an answer had added it.
        self._is_open = any(a.status in (201, 409) for a in request.attempts)
        found = self._caller.read("/user/deposit-addresses?network=demo", tries=60)
        if found is not None:
            self._deposit_address = found["depositAddresses"][0]["address"]

    def withdraw(self, key: str) -> None:
        if not self._is_open:
            return
        sent = {
            "amount": str(self._rng.choice((1, 7, 35, 160, 700, 3_000))),
            "network": "demo",
            "address": self._address,
            "idempotencyKey": key,
        }
        request = Request(self._caller.name, "withdraw", key, sent)
        self._caller.send("POST", "/user/withdrawals", request)

    def cancel(self) -> None:
        page = self._caller.read("/user/withdrawals?limit=20")
        waiting = [w for w in page["withdrawals"] if w["status"] == "waiting"] if page else []
        if waiting:
            key = str(self._rng.choice(waiting)["id"])
            request = Request(self._caller.name, "withdraw_cancel", key, {})
            self._caller.send("DELETE", f"/user/withdrawals/{key}", request)

    def send_in(self, key: str) -> None:
        """Until the chain has taken it, or the run is over: it knows its id."""
        if not self._deposit_address:
            return
        sent = {
            "id": key, "to": self._deposit_address, "amount": str(self._rng.randint(1, 300)),
        }  # fmt: skip
        request = Request(self._caller.name, "send_in", key, sent)
        self._caller.requests.append(request)
        for _ in range(40):
            attempt = self._once(sent)
            request.attempts.append(attempt)
            if attempt.status != NO_ANSWER:
                return
            time.sleep(0.25)

    def _once(self, sent: dict[str, Any]) -> Attempt:
        at = time.monotonic()
        try:
            answer = self._client.post(f"{self._chain}/transfers", json=sent)
            return Attempt(at, answer.status_code, answer.json())
        except (httpx.HTTPError, ValueError) as error:
            return Attempt(at, NO_ANSWER, type(error).__name__)


def chain_rows(path: Path) -> list[dict[str, Any]]:
    base = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    base.row_factory = sqlite3.Row
    try:
        return [dict(row) for row in base.execute("SELECT * FROM transfer ORDER BY rowid")]
    finally:
        base.close()


def chain_float(path: Path) -> int:
    base = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        (units,) = base.execute("SELECT value FROM fact WHERE name = 'float'").fetchone()
        return int(units)
    finally:
        base.close()


def unquiet(path: Path, database: psycopg.Connection) -> list[str]:
    """What is still on its way."""
    reasons = []
    on_the_chain = sum(row["state"] in OPEN for row in chain_rows(path))
    if on_the_chain:
        reasons.append(f"{on_the_chain} transfers open on the chain")
    for what, query in (
        ("withdrawals on their way", "ledger_withdrawal WHERE state IN"
         " ('held', 'approved', 'sending', 'sent')"),
        ("deposits to come", "custody_chaindeposit WHERE state = 'seen'"),
        ("stops", "ledger_sendingstop WHERE closed_at IS NULL"),
        ("news not applied", "custody_custodynews WHERE applied_at IS NULL"),
    ):  # fmt: skip
        row = database.execute(f"SELECT count(*) FROM {query}").fetchone()
        if row and row[0]:
            reasons.append(f"{row[0]} {what}")
    return reasons


def wrong_withdrawals(books: "Books", path: Path) -> list[str]:
    """Told → row → chain, and back: each once, with what was asked for."""
    wrong = []
    rows = {row["idempotency_key"]: row for row in books.withdrawals}
    if len(rows) != len(books.withdrawals):
        wrong.append("an idempotency key has two withdrawals")
    asked = {request.key: request for request in books.of("withdraw")}
    for key, request in asked.items():
        row = rows.get(key)
        ids = {a.body["id"] for a in request.attempts if 200 <= a.status < 300}
        if request.acknowledged and (row is None or ids != {row["id"]}):
            wrong.append(f"withdrawal {key}: told {ids}, row {row}")
        if row is not None and row["amount_units"] != int(request.sent["amount"]) * UNIT:
            wrong.append(f"withdrawal {key}: {row} for {request.sent}")
    wrong += [f"withdrawal {key}: nobody asked for it" for key in set(rows) - set(asked)]
    for request in books.of("withdraw_cancel"):
        row = next((r for r in books.withdrawals if str(r["id"]) == request.key), None)
        if request.acknowledged and (row is None or row["state"] != "cancelled"):
            wrong.append(f"withdrawal {request.key}: cancel acknowledged, {row}")
    return wrong + _against_the_chain(books, path)


def _against_the_chain(books: "Books", path: Path) -> list[str]:
    payouts = {row["id"]: row for row in chain_rows(path) if row["kind"] == "payout"}
    wrong = []
    for row in books.withdrawals:
        sent = payouts.pop(str(row["send_id"]), None)
        state = sent["state"] if sent else None
        expected = {"confirmed": ("final",), "failed": ("gone",)}.get(row["state"], (None,))
        if state not in expected:
            wrong.append(f"withdrawal {row['id']} is {row['state']} here, {state} on the chain")
        elif sent is not None and (sent["address"], sent["amount_units"]) != (
            row["address"], row["amount_units"],
        ):  # fmt: skip
            wrong.append(f"withdrawal {row['id']}: {row} went as {sent}")
    return wrong + [f"the chain sent {row}, which nobody asked for" for row in payouts.values()]


def wrong_chain_deposits(books: "Books", path: Path) -> list[str]:
    """Told → chain → row → money, and back: each once."""
    on_chain = {row["id"]: row for row in chain_rows(path) if row["kind"] == "deposit"}
    rows = {row["reference"]: row for row in books.chain_deposits}
    wrong = []
    for request in books.of("send_in"):
        if request.acknowledged and request.key not in on_chain:
            wrong.append(f"transfer {request.key}: taken, and not on the chain")
    for name, sent in on_chain.items():
        row = rows.get(name)
        credited = row is not None and row["state"] == "credited"
        if credited is not (sent["state"] == "final"):
            wrong.append(f"transfer {name} is {sent['state']} on the chain, here {row}")
        elif row is not None and credited:
            same = (row["amount_units"], row["address"]) == (sent["amount_units"], sent["address"])
            if not same or row["credited_units"] != sent["amount_units"]:
                wrong.append(f"transfer {name}: {sent} became {row}")
    wrong += [f"deposit {name} is not on the chain" for name in set(rows) - set(on_chain)]
    money = Counter(row["deposit_id"] for row in rows.values() if row["deposit_id"])
    wrong += [f"deposit {key} is credited {n} times" for key, n in money.items() if n > 1]
    return wrong


def custody_off_ledger(books: "Books", path: Path) -> list[str]:
    """The hot wallet, by the chain's rows alone, against the journal's accounts alone."""
    counted = [row for row in chain_rows(path) if row["is_counted"]]
    signed = (r["amount_units"] * (1 if r["kind"] == "deposit" else -1) for r in counted)
    held = chain_float(path) + sum(signed)
    asked_in = sum(row["credited_units"] or 0 for row in books.chain_deposits)
    expected = books.float_units + asked_in - books.posted_out_units
    wrong = [] if held == expected else [f"the chain holds {held}, the ledger says {expected}"]
    wrong += [f"a case: {words}" for words in books.cases]
    return wrong


def happened(books: "Books") -> dict[str, int]:
    states = Counter(row["state"] for row in books.withdrawals)
    deposits = Counter(row["state"] for row in books.chain_deposits)
    return {
        "withdrawals confirmed": states["confirmed"],
        "withdrawals failed": states["failed"],
        "withdrawals by operators": sum(r["first_by_id"] is not None for r in books.withdrawals),
        "withdrawals cancelled": states["cancelled"],
        "deposits credited": deposits["credited"],
        "deposits taken back": deposits["orphaned"],
    }
