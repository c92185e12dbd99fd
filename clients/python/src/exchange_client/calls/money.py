"""Withdrawals, and what is a file: statements and the exchange's days."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from exchange_client.calls.call import Call, body_of, path_of, query_of
from exchange_client.models import money as models
from exchange_client.models.orders import new_id


def withdraw(
    amount: Decimal, network: str, address: str, *, idempotency_key: str | None = None
) -> Call[models.Withdrawal]:
    """To an address of the trader's book. Withdraws once, however often it is sent."""
    body = body_of(
        amount=amount,
        network=network,
        address=address,
        idempotency_key=idempotency_key or new_id(),
    )
    return Call("POST", "/user/withdrawals", models.Withdrawal, body=body)


def withdrawals(*, limit: int | None = None) -> Call[models.Withdrawals]:
    return Call("GET", "/user/withdrawals", models.Withdrawals, query_of(limit=limit))


def cancel_withdrawal(withdrawal_id: int) -> Call[models.Withdrawal]:
    """Until it is approved."""
    return Call("DELETE", path_of("/user/withdrawals/{}", withdrawal_id), models.Withdrawal)


def withdrawal_addresses() -> Call[models.WithdrawalAddresses]:
    """Entries are added in a session of a person, not by programs."""
    return Call("GET", "/user/withdrawal-addresses", models.WithdrawalAddresses)


def daily_files(
    *,
    market_id: str | None = None,
    kind: str | Sequence[str] | None = None,
    day: date | None = None,
    limit: int | None = None,
) -> Call[models.DailyFiles]:
    """Those that were made last come first."""
    said = None if day is None else day.isoformat()
    query = query_of(market_id=market_id, kind=kind, day=said, limit=limit)
    return Call("GET", "/downloads", models.DailyFiles, query, is_public=True)


@dataclass(frozen=True)
class FileCall:
    """One that is answered with a file. It is whole by its ``sha256``, or where its last line
    begins with ``last``."""

    call: Call[None]
    sha256: str = ""
    last: bytes = b""


def statement(*, from_: datetime | None = None, to: datetime | None = None) -> FileCall:
    """Every movement of the account as CSV, with what it had before and after; from the beginning,
    up to now, where no other time is asked."""
    query = query_of(from_=from_, to=to, format="csv")
    return FileCall(Call("GET", "/user/statement", type(None), query), last=b"complete,")


def daily_file(file: models.DailyFile) -> FileCall:
    return FileCall(Call("GET", file.path, type(None), is_public=True), sha256=file.sha256)
