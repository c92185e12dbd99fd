"""① Withdrawals over HTTP: ask, look, cancel."""

from datetime import datetime
from http import HTTPStatus

import msgspec
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.access.authentication import user_id_of
from common.errors import invalid
from common.http.bodies import parse_body
from common.http.paging import keyset_page
from common.http.schema import PAGING, documented
from common.idempotency import read_key
from common.limits.askers import address_of
from common.scopes import Scope
from ledger.api import Amount
from ledger.models import Withdrawal
from ledger.models.withdrawal_terms import ADDRESS_MAX, NETWORK_MAX
from ledger.withdrawals import deciding, selectors
from ledger.withdrawals.asking import NewWithdrawal, ask_for_withdrawal
from ledger.withdrawals.factors import require_fresh_factor
from markets.conversions import to_units, units_text


class WithdrawalBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """`address` is one of your address book. `idempotencyKey` makes a retry safe: the same key
    withdraws once."""

    amount: Amount
    network: str
    address: str
    idempotency_key: str


class WithdrawalAnswer(msgspec.Struct, frozen=True, rename="camel"):
    """`status` as docs/withdrawals.md has it: `held`, `waiting`, `approved`, `sending`, `sent`, and
    at the end `confirmed`, `failed`, `cancelled` or `refused`. Until then its amount is locked.
    `reference` is the network's name of the transfer."""

    id: int
    status: str
    amount: str
    network: str
    address: str
    reference: str | None
    confirmations: int
    requested_at: datetime
    changed_at: datetime


class WithdrawalsAnswer(msgspec.Struct, frozen=True, rename="camel"):
    withdrawals: list[WithdrawalAnswer]
    next_cursor: str | None


EXAMPLE = {
    "id": 12,
    "status": "approved",
    "amount": "250",
    "network": "demo",
    "address": "dm1q5c8f0a7b3e2d9c6f1a4b8e7d0c3f6a9b2",
    "reference": None,
    "confirmations": 0,
    "requestedAt": "2026-01-05T09:30:00.125000Z",
    "changedAt": "2026-01-05T09:30:00.125000Z",
}


class WithdrawalsView(APIView):
    @documented(
        "Withdraw",
        body=WithdrawalBody,
        body_example={
            "amount": "250",
            "network": "demo",
            "address": EXAMPLE["address"],
            "idempotencyKey": "rent-january",
        },
        status=202,
        answer=WithdrawalAnswer,
        example=EXAMPLE,
        errors=(400, 401, 403, 404, 409, 503),
        keys=Scope.WITHDRAW,
    )
    def post(self, request: Request) -> Response:
        """To an address of your address book; a session shows its second factor first
        (POST /auth/confirm). The amount is locked at once, and leaves once custody
        has confirmed it; until it is approved you may cancel it."""
        body = parse_body(request, WithdrawalBody)
        asked = NewWithdrawal(
            amount_units=to_units(body.amount, "amount"),
            network=_text(body.network, "network", NETWORK_MAX),
            address=_text(body.address, "address", ADDRESS_MAX),
            idempotency_key=read_key(body.idempotency_key),
            asked_from=address_of(request),
        )
        require_fresh_factor(request)
        row = ask_for_withdrawal(user_id_of(request), asked)
        return Response(_answer(row), status=HTTPStatus.ACCEPTED)

    @documented(
        "Your withdrawals",
        answer=WithdrawalsAnswer,
        example={"withdrawals": [EXAMPLE], "nextCursor": None},
        parameters=PAGING,
        errors=(400, 401, 403, 503),
        keys=Scope.READ,
    )
    def get(self, request: Request) -> Response:
        """Newest first."""
        rows = selectors.withdrawals_of(user_id_of(request))
        page, next_cursor = keyset_page(request, rows)
        return Response(WithdrawalsAnswer([_answer(row) for row in page], next_cursor))


class WithdrawalView(APIView):
    @documented(
        "Cancel a withdrawal",
        answer=WithdrawalAnswer,
        example=EXAMPLE | {"status": "cancelled"},
        errors=(401, 403, 404, 409, 503),
        keys=Scope.WITHDRAW,
    )
    def delete(self, request: Request, withdrawal_id: int) -> Response:
        """Until it is approved; its amount is available again at once."""
        return Response(_answer(deciding.cancel(user_id_of(request), withdrawal_id)))


def _text(text: str, field: str, length_max: int) -> str:
    """Raises DomainError."""
    if not 1 <= len(text) <= length_max:
        message = f"{field} must have 1 to {length_max} characters."
        raise invalid(field, message)
    return text


def _answer(row: Withdrawal) -> WithdrawalAnswer:
    return WithdrawalAnswer(
        id=row.pk,
        status=row.state,
        amount=units_text(row.amount_units),
        network=row.network,
        address=row.address,
        reference=row.reference or None,
        confirmations=row.confirmations,
        requested_at=row.requested_at,
        changed_at=row.state_at,
    )
