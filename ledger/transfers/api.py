"""① Transfers between a trader's accounts, and to other traders."""

from datetime import datetime

import msgspec
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.access.authentication import user_id_of
from accounts.families.services import MAIN, main_id_of
from accounts.models import User
from common.http.bodies import parse_body
from common.http.paging import page_of
from common.http.schema import PAGING, documented
from common.idempotency import read_key
from common.scopes import Scope
from ledger.api import Amount
from ledger.transfers import services
from ledger.transfers.models import Transfer
from ledger.transfers.selectors import transfer_of, transfers_of
from ledger.withdrawals.factors import require_fresh_factor
from markets.conversions import to_units, units_text


class TransferBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """From `fromAccount`, by id or name (`main` if not given), to `toAccount` of your own or, where
    the operator allows it, to the main account of `toUsername`. `idempotencyKey` makes a retry
    safe: the same key transfers once."""

    amount: Amount
    idempotency_key: str
    from_account: str = MAIN
    to_account: str | None = None
    to_username: str | None = None


class Party(msgspec.Struct, frozen=True, rename="camel"):
    """One end of a transfer: an account of your own by id and name, or another trader by
    `username`."""

    account_id: int | None
    account: str | None
    username: str | None


# `from` is a word of Python.
class TransferAnswer(msgspec.Struct, frozen=True, rename={"source": "from", "target": "to"}):
    id: int
    amount: str
    source: Party
    target: Party
    at: datetime


class TransfersAnswer(msgspec.Struct, frozen=True, rename="camel"):
    transfers: list[TransferAnswer]
    next_cursor: str | None


TRANSFER_EXAMPLE = {
    "id": 12,
    "amount": "250",
    "from": {"accountId": 42, "account": "main", "username": None},
    "to": {"accountId": 43, "account": "hedge", "username": None},
    "at": "2026-01-05T09:30:00.125000Z",
}


class TransfersView(APIView):
    @documented(
        "Transfer",
        body=TransferBody,
        body_example={"amount": "250", "toAccount": "hedge", "idempotencyKey": "to-hedge-1"},
        answer=TransferAnswer,
        example=TRANSFER_EXAMPLE,
        errors=(400, 401, 403, 404, 409, 503),
        keys=Scope.WITHDRAW,
    )
    def post(self, request: Request) -> Response:
        """At once, free, and of what is available only. Of the main account alone: its session, or
        a key of it that may withdraw. To another trader it asks for what a withdrawal asks: a
        session for a fresh second factor, and nobody within a day of a reset."""
        body = parse_body(request, TransferBody)
        if body.to_username is not None:
            require_fresh_factor(request)
        new = services.NewTransfer(
            amount_units=to_units(body.amount, "amount"),
            key=read_key(body.idempotency_key),
            from_account=body.from_account,
            to_account=body.to_account,
            to_username=body.to_username,
        )
        user_id = user_id_of(request)
        made = services.transfer(user_id, new)
        return Response(_transfer(transfer_of(made.pk), user_id))

    @documented(
        "List transfers",
        answer=TransfersAnswer,
        example={"transfers": [TRANSFER_EXAMPLE], "nextCursor": None},
        parameters=PAGING,
        errors=(400, 401, 403, 404, 503),
        keys=Scope.READ,
    )
    def get(self, request: Request) -> Response:
        """Sent and received, newest first: of all your accounts, or of the one in X-Account."""
        user_id = user_id_of(request)
        page, next_cursor = page_of(
            request, lambda limit, before: transfers_of(user_id, limit, before)
        )
        family_id = main_id_of(user_id)
        return Response(TransfersAnswer([_transfer(row, family_id) for row in page], next_cursor))


def _transfer(row: Transfer, family_id: int) -> TransferAnswer:
    return TransferAnswer(
        id=row.pk,
        amount=units_text(row.amount_units),
        source=_party(row.from_user, row.sender, family_id),
        target=_party(row.to_user, row.receiver, family_id),
        at=row.transferred_at,
    )


def _party(account: User, main: User, family_id: int) -> Party:
    """Of another family nobody learns more than the name of its main account."""
    if main.pk == family_id:
        return Party(account.pk, account.account_name or MAIN, None)
    return Party(None, None, main.username)
