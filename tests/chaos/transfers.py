"""Transfers, between a trader's accounts and to others, and what became of each.

A trader's sub-account trades nothing: what is in its wallet is what transfers brought and took.

Each check answers the offending records, in words; an empty list is a pass.
"""

import random
from collections import Counter
from typing import TYPE_CHECKING, Any

from tests.chaos.load import Caller, Request

if TYPE_CHECKING:  # which reads the rows
    from tests.chaos.checks import Books

UNIT = 1_000_000
MAIN, SUB_ACCOUNT = "main", "hedge"

# Of an account as traders know it; a sub-account's row has its main account's id in its name.
_NAME = (
    "COALESCE((SELECT main.username || '/' || split_part({0}.username, '/', 2) "
    "FROM accounts_user main WHERE main.id = {0}.parent_id), {0}.username)"
)
_POSTED = (
    "(SELECT sum(p.amount_units)::bigint FROM ledger_posting p JOIN ledger_account a "
    "ON a.id = p.account_id WHERE p.entry_id = t.entry_id AND a.user_id = t.{0}_user_id)"
)


def transfer_rows(cursor: Any) -> list[dict[str, Any]]:
    """With both ends by name, and what either got by the entry's postings."""
    query = (
        f"SELECT t.*, {_NAME.format('source')} AS from_name, {_NAME.format('target')} AS to_name, "
        f"{_POSTED.format('from')} AS left, {_POSTED.format('to')} AS came FROM ledger_transfer t "
        "JOIN accounts_user source ON source.id = t.from_user_id "
        "JOIN accounts_user target ON target.id = t.to_user_id"
    )
    found: list[dict[str, Any]] = cursor.execute(query).fetchall()
    return found


def sub_account_units(cursor: Any) -> dict[str, int]:
    query = (
        f"SELECT {_NAME.format('u')} AS name, w.available_units FROM ledger_wallet w "
        "JOIN accounts_user u ON u.id = w.user_id WHERE u.parent_id IS NOT NULL"
    )
    return {row["name"]: row["available_units"] for row in cursor.execute(query)}


class Purses:
    """A trader's sub-account, and the others to whom money may be sent."""

    def __init__(self, caller: Caller, others: list[str], rng: random.Random) -> None:
        self._caller, self._others, self._rng = caller, others, rng
        self._is_open = False

    def open(self) -> None:
        request = Request(self._caller.name, "account", "", {"name": SUB_ACCOUNT})
        self._caller.send("POST", "/user/accounts", request)
        # Refused: an attempt without an answer had made it.
        self._is_open = any(a.status in (201, 409) for a in request.attempts)

    def move(self, key: str) -> None:
        """More, now and then, than there is."""
        if not self._is_open:
            return
        draw = self._rng.random()
        if draw < 0.45:
            ends = {"toAccount": SUB_ACCOUNT}
        elif draw < 0.8:
            ends = {"fromAccount": SUB_ACCOUNT, "toAccount": MAIN}
        else:
            ends = {"toUsername": self._rng.choice(self._others)}
        amount = self._rng.choice((1, 3, 20, 90, 400, 5_000))
        sent = {"amount": str(amount), "idempotencyKey": key} | ends
        self._caller.send(
            "POST", "/user/transfers", Request(self._caller.name, "transfer", key, sent)
        )


def wrong_transfers(books: "Books") -> list[str]:
    """Told → row → money, each once, with what was asked for."""
    wrong = []
    rows = {row["idempotency_key"]: row for row in books.transfers}
    if len(rows) != len(books.transfers):
        wrong.append("an idempotency key has two transfers")
    asked = {request.key: request for request in books.of("transfer")}
    for key, request in asked.items():
        row = rows.get(key)
        told = {a.body["id"] for a in request.attempts if 200 <= a.status < 300}
        if request.acknowledged and (row is None or told != {row["id"]}):
            wrong.append(f"transfer {key}: told {told}, row {row}")
        elif row is not None and not (request.acknowledged or request.ambiguous):
            wrong.append(f"transfer {key}: refused with {request.attempts[-1]}, yet there")
        elif row is not None and _ends(row) != _asked_ends(request):
            wrong.append(f"transfer {key}: {row} for {request.sent}")
    wrong += [f"transfer {key}: nobody asked for it" for key in set(rows) - set(asked)]
    return wrong + _wallets_that_differ(books)


def _ends(row: dict[str, object]) -> tuple[object, ...]:
    return row["from_name"], row["to_name"], row["amount_units"], row["left"], row["came"]


def _asked_ends(request: Request) -> tuple[object, ...]:
    """The amount three times: of the row, and of its entry's two postings."""
    sent, units = request.sent, int(request.sent["amount"]) * UNIT
    source = _name(request.trader, sent.get("fromAccount", MAIN))
    target = sent.get("toUsername") or _name(request.trader, sent["toAccount"])
    return source, target, units, -units, units


def _name(trader: str, account: str) -> str:
    return trader if account == MAIN else f"{trader}/{account}"


def _wallets_that_differ(books: "Books") -> list[str]:
    """Sub-accounts, by the amounts that were asked for and acknowledged, or found."""
    expected: Counter[str] = Counter()
    for row in books.transfers:
        expected[row["from_name"]] -= row["amount_units"]
        expected[row["to_name"]] += row["amount_units"]
    return [
        f"{name} has {units} available, its transfers say {expected[name]}"
        for name, units in books.sub_account_units.items()
        if units != expected[name]
    ]


def happened(books: "Books") -> dict[str, int]:
    to_others = sum(row["sender_id"] != row["receiver_id"] for row in books.transfers)
    return {
        "transfers between accounts": len(books.transfers) - to_others,
        "transfers to others": to_others,
        "transfers refused": sum(
            request.acknowledged is None and not request.ambiguous
            for request in books.of("transfer")
        ),
    }
