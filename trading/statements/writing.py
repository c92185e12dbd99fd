"""A statement as CSV and as JSON, written while it is read."""

import csv
import io
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from itertools import islice
from typing import Any, Protocol

import msgspec

from markets.conversions import units_text
from trading.statements.reading import AccountLine, Balances, Statement

PIECE_LINES = 500

NO_SUM = "The statement doesn't add up; the operators have been told."
CUT_SHORT = "The statement was cut short: the database does not answer. Ask for it again."


class Writer(Protocol):
    """Each answers text that goes out as it is. After ``head`` and any number of ``lines`` comes
    one of the others."""

    content_type: str

    def head(self, statement: Statement) -> str: ...
    def lines(self, lines: list[AccountLine]) -> str: ...
    def tail(self, statement: Statement) -> str: ...
    def cut_short(self) -> str: ...


def pieces(lines: Iterator[AccountLine]) -> Iterator[list[AccountLine]]:
    while piece := list(islice(lines, PIECE_LINES)):
        yield piece


class CsvWriter:
    """One table: `record` says what a row is. The last is `complete`, with how many movements there
    were, or `error`."""

    content_type = "text/csv; charset=utf-8"

    _COLUMNS = (
        "record", "time", "account", "kind", "cause", "marketId", "orderId", "tradeId", "entryId",
        "id", "amount", "balance",
    )  # fmt: skip

    def head(self, statement: Statement) -> str:
        start = _time(statement.start)
        return self._rows(
            self._COLUMNS,
            *(
                ("opening", start, kind, *[""] * 8, units_text(units))
                for kind, units in statement.opening.items()
            ),
        )

    def lines(self, lines: list[AccountLine]) -> str:
        return self._rows(
            *(
                (
                    "movement",
                    _time(line.at),
                    line.account,
                    line.kind,
                    line.cause,
                    line.market_id or "",
                    line.order_id or "",
                    line.trade_id or "",
                    line.entry_id,
                    line.posting_id,
                    units_text(line.amount_units),
                    units_text(line.balance_units),
                )
                for line in lines
            )
        )

    def tail(self, statement: Statement) -> str:
        end_time = "" if statement.end is None else _time(statement.end)
        sums = [
            ("sum", "", "", _name(name), "", market_id, *[""] * 4, units_text(units), "")
            for market_id, of_it in sorted(statement.markets.items())
            for name, units in asdict(of_it).items()
        ]
        closing = [
            ("closing", end_time, kind, *[""] * 8, units_text(units))
            for kind, units in statement.closing.items()
        ]
        missing = [
            ("error", "", kind, NO_SUM, *[""] * 6, units_text(units), "")
            for kind, units in statement.difference.items()
        ]
        end = missing or [("complete", *[""] * 9, str(statement.line_count), "")]
        return self._rows(*sums, *closing, *end)

    def cut_short(self) -> str:
        return self._rows(("error", "", "", CUT_SHORT, *[""] * 8))

    def _rows(self, *rows: Any) -> str:
        text = io.StringIO()
        csv.writer(text, lineterminator="\r\n").writerows(rows)
        return text.getvalue()


class JsonWriter:
    """One object. Its last members are `closing` and `complete`; an `error` stands before them
    where the sums don't agree, and in their place where it was cut short."""

    content_type = "application/json"

    def __init__(self) -> None:
        self._is_first = True

    def head(self, statement: Statement) -> str:
        said = {
            "accountId": statement.user_id,
            "from": _time(statement.start),
            "to": None if statement.end is None else _time(statement.end),
            "opening": _balances(statement.opening),
        }
        return f'{_json(said)[:-1]},"movements":['

    def lines(self, lines: list[AccountLine]) -> str:
        written = ",".join(_json(_line(line)) for line in lines)
        before, self._is_first = ("" if self._is_first else ","), False
        return f"{before}{written}"

    def tail(self, statement: Statement) -> str:
        said: dict[str, Any] = {
            "markets": {
                market_id: {
                    _camel(_name(name)): units_text(units) for name, units in asdict(of_it).items()
                }
                for market_id, of_it in sorted(statement.markets.items())
            },
        }
        if missing := statement.difference:
            said["error"] = _error("STATEMENT_FAULTY", NO_SUM) | {
                "missing": {kind: units_text(units) for kind, units in missing.items()}
            }
        said["closing"] = _balances(statement.closing)
        said["complete"] = not missing
        return f"],{_json(said)[1:]}"

    def cut_short(self) -> str:
        said = {"error": _error("DATABASE_UNAVAILABLE", CUT_SHORT), "complete": False}
        return f"],{_json(said)[1:]}"


def _line(line: AccountLine) -> dict[str, Any]:
    return {
        "id": line.posting_id,
        "entryId": line.entry_id,
        "account": line.account.value,
        "kind": line.kind,
        "cause": line.cause,
        "marketId": line.market_id,
        "orderId": line.order_id,
        "tradeId": line.trade_id,
        "amount": units_text(line.amount_units),
        "balance": units_text(line.balance_units),
        "createdAt": _time(line.at),
    }


def _balances(balances: Balances) -> dict[str, str]:
    each = {kind.value: units_text(units) for kind, units in balances.items()}
    return each | {"total": units_text(sum(balances.values()))}


def _error(code: str, message: str) -> dict[str, Any]:
    return {"code": code, "message": message}


def _name(field: str) -> str:
    return field.removesuffix("_units")


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(word.capitalize() for word in others)


def _json(said: dict[str, Any]) -> str:
    return msgspec.json.encode(said).decode()


def _time(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")
