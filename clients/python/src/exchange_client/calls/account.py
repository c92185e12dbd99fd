"""An account's money, positions and history."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from exchange_client.calls.call import Call, body_of, path_of, query_of
from exchange_client.models import account as models
from exchange_client.models.orders import new_id


def snapshot() -> Call[models.Snapshot]:
    """All of an account at one moment, and at which entries of the account channel that was."""
    return Call("GET", "/user/snapshot", models.Snapshot)


def equity() -> Call[models.Equity]:
    return Call("GET", "/user/equity", models.Equity)


def positions(
    *, market_id: str | None = None, status: str | None = None, limit: int | None = None
) -> Call[models.Positions]:
    query = query_of(market_id=market_id, status=status, limit=limit)
    return Call("GET", "/user/positions", models.Positions, query)


def closed_positions(
    *,
    market_id: str | None = None,
    ending: str | Sequence[str] | None = None,
    from_: datetime | None = None,
    to: datetime | None = None,
    limit: int | None = None,
) -> Call[models.ClosedPositions]:
    query = query_of(market_id=market_id, ending=ending, from_=from_, to=to, limit=limit)
    return Call("GET", "/user/positions/history", models.ClosedPositions, query)


def fills(
    *,
    market_id: str | None = None,
    order_id: int | None = None,
    client_order_id: str | None = None,
    from_: datetime | None = None,
    to: datetime | None = None,
    limit: int | None = None,
) -> Call[models.Fills]:
    query = query_of(
        market_id=market_id,
        order_id=order_id,
        client_order_id=client_order_id,
        from_=from_,
        to=to,
        limit=limit,
    )
    return Call("GET", "/user/fills", models.Fills, query)


def funding_payments(
    *,
    market_id: str | None = None,
    from_: datetime | None = None,
    to: datetime | None = None,
    limit: int | None = None,
) -> Call[models.FundingPayments]:
    query = query_of(market_id=market_id, from_=from_, to=to, limit=limit)
    return Call("GET", "/user/funding", models.FundingPayments, query)


def ledger(
    *,
    kind: str | Sequence[str] | None = None,
    market_id: str | None = None,
    order_id: int | None = None,
    from_: datetime | None = None,
    to: datetime | None = None,
    limit: int | None = None,
) -> Call[models.Ledger]:
    query = query_of(
        kind=kind, market_id=market_id, order_id=order_id, from_=from_, to=to, limit=limit
    )
    return Call("GET", "/user/ledger", models.Ledger, query)


def fees() -> Call[models.Fees]:
    return Call("GET", "/user/fees", models.Fees)


def set_leverage(market_id: str, leverage: int) -> Call[models.LeverageSet]:
    """Of orders to come that name neither margin nor leverage."""
    path = path_of("/user/leverage/{}", market_id)
    return Call("POST", path, models.LeverageSet, body=body_of(leverage=leverage))


def adjust_margin(
    market_id: str, amount: Decimal, *, idempotency_key: str | None = None
) -> Call[models.MarginSent]:
    """Adds to a position's margin; below zero, takes out."""
    path = path_of("/user/positions/{}/margin", market_id)
    body = body_of(amount=amount, idempotency_key=idempotency_key or new_id())
    return Call("POST", path, models.MarginSent, body=body)


def accounts() -> Call[models.Accounts]:
    return Call("GET", "/user/accounts", models.Accounts, of_account=False)


def make_account(name: str) -> Call[models.Account]:
    return Call(
        "POST",
        "/user/accounts",
        models.Account,
        body=body_of(name=name),
        may_repeat=False,
        of_account=False,
    )


def transfer(
    amount: Decimal,
    *,
    to_account: str | None = None,
    to_username: str | None = None,
    from_account: str | None = None,
    idempotency_key: str | None = None,
) -> Call[models.Transfer]:
    """Between accounts of yours, or to another trader. Moves once, however often it is sent."""
    body = body_of(
        amount=amount,
        idempotency_key=idempotency_key or new_id(),
        from_account=from_account,
        to_account=to_account,
        to_username=to_username,
    )
    return Call("POST", "/user/transfers", models.Transfer, body=body, of_account=False)


def transfers(*, limit: int | None = None) -> Call[models.Transfers]:
    return Call("GET", "/user/transfers", models.Transfers, query_of(limit=limit))


def fund(amount: Decimal, *, idempotency_key: str | None = None) -> Call[models.Funded]:
    """Play money, where the exchange gives it."""
    body = body_of(amount=amount, idempotency_key=idempotency_key or new_id())
    return Call("POST", "/user/onramp", models.Funded, body=body)
