"""① What came in from outside."""

from datetime import datetime

import msgspec
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.access.authentication import user_id_of
from common.http.paging import keyset_page
from common.http.schema import PAGING, documented
from common.scopes import Scope
from custody.deposits import deposits_of
from custody.models import ChainDeposit
from markets.conversions import units_text


class DepositAnswer(msgspec.Struct, frozen=True, rename="camel"):
    """`status`: `seen` while it has fewer than `confirmationsNeeded`, `orphaned` where its block
    was taken back, `credited` once it is in the wallet."""

    id: int
    status: str
    amount: str
    network: str
    address: str
    reference: str
    confirmations: int
    confirmations_needed: int
    seen_at: datetime
    credited_at: datetime | None


class DepositsAnswer(msgspec.Struct, frozen=True, rename="camel"):
    deposits: list[DepositAnswer]
    next_cursor: str | None


class DepositsView(APIView):
    @documented(
        "Your deposits",
        answer=DepositsAnswer,
        example={
            "deposits": [
                {
                    "id": 8,
                    "status": "credited",
                    "amount": "250",
                    "network": "demo",
                    "address": "dm1q5c8f0a7b3e2d9c6f1a4b8e7d0c3f6a9b2",
                    "reference": "t41",
                    "confirmations": 3,
                    "confirmationsNeeded": 3,
                    "seenAt": "2026-01-05T09:30:00.125000Z",
                    "creditedAt": "2026-01-05T09:30:06.250000Z",
                }
            ],
            "nextCursor": None,
        },
        parameters=PAGING,
        errors=(400, 401, 403, 503),
        keys=Scope.READ,
    )
    def get(self, request: Request) -> Response:
        """Transfers to your deposit addresses, newest first. Play money of POST /user/onramp came
        from nowhere: it is in GET /user/ledger alone."""
        page, next_cursor = keyset_page(request, deposits_of(user_id_of(request)))
        return Response(DepositsAnswer([_answer(row) for row in page], next_cursor))


def _answer(row: ChainDeposit) -> DepositAnswer:
    return DepositAnswer(
        id=row.pk,
        status=row.state,
        amount=units_text(row.amount_units),
        network=row.network,
        address=row.address,
        reference=row.reference,
        confirmations=row.confirmations,
        confirmations_needed=row.needed,
        seen_at=row.seen_at,
        credited_at=row.credited_at,
    )
