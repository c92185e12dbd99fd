"""① A trader's money: funding, and every movement."""

from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any

import msgspec
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.access.authentication import user_id_of
from accounts.law.countries import require_served
from accounts.law.terms import require_accepted
from common.errors import DomainError, ErrorCode
from common.http.bodies import parse_body
from common.http.paging import page_of, query_int, query_text, query_words
from common.http.schema import PAGING, documented, query
from common.http.windows import TIME_WINDOW, query_window
from common.idempotency import read_key
from common.scopes import Scope
from ledger import selectors, services
from ledger.models import Deposit, DepositStatus, Posting, Wallet
from markets.conversions import to_units, units_text
from markets.models import Market
from matching.messages.limits import MAX_ID

MARKET_ID_LENGTH_MAX = 32


# Any: a wrong type is answered by `to_units`, which names what it wants.
Amount = Annotated[
    Any, msgspec.Meta(extra_json_schema={"oneOf": [{"type": "string"}, {"type": "number"}]})
]


class OnrampBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """`idempotencyKey` makes a retry safe: the same key deposits once."""

    amount: Amount
    idempotency_key: str | None = None


class BalanceAnswer(msgspec.Struct, frozen=True):
    id: int
    available: str
    locked: str


class OnrampAnswer(msgspec.Struct, frozen=True, rename="camel"):
    """`balance` where the money is in the wallet; `status` where an operator decides."""

    message: str
    deposit_id: int
    status: str
    balance: BalanceAnswer | msgspec.UnsetType = msgspec.UNSET


class LedgerLine(msgspec.Struct, frozen=True, rename="camel"):
    """One movement on one of the trader's accounts: available, held or margin. `cause` is why:
    `fill`, `funding`, `deposit`, … `kind` is what was gained or lost by it: `realized_pnl`, `fee`,
    `liquidation_fee`, `insurance_cover`, `loss_share`; lines of another kind are called as their
    cause. Of these `deposit`, `withdrawal`, `adjustment`, `transfer`, `referral` and `funding`
    bring or take money, the others move it from one account of the trader to another and sum to
    zero."""

    id: int
    entry_id: int
    kind: str
    cause: str
    account: str
    amount: str
    market_id: str | None
    order_id: int | None
    trade_id: int | None
    created_at: datetime


class LedgerAnswer(msgspec.Struct, frozen=True, rename="camel"):
    ledger: list[LedgerLine]
    next_cursor: str | None


class OnrampView(APIView):
    @documented(
        "Deposit from the faucet",
        body=OnrampBody,
        body_example={"amount": "10000", "idempotencyKey": "first-deposit"},
        answer=OnrampAnswer,
        example={
            "message": "Deposited 10000.",
            "depositId": 7,
            "status": "approved",
            "balance": {"id": 42, "available": "10000", "locked": "0"},
        },
        errors=(400, 401, 403, 409, 451, 503),
        keys=Scope.TRADE,
    )
    def post(self, request: Request) -> Response:
        """Where the operator lets traders fund themselves this is a faucet of play money, there at
        once (200).
        Elsewhere this makes a request that an operator approves (202, without a balance)."""
        require_served(request.META)
        require_accepted(user_id_of(request))
        body = parse_body(request, OnrampBody)
        amount_units = to_units(body.amount, "amount")
        key = read_key(body.idempotency_key)
        deposit, wallet = services.deposit(user_id_of(request), amount_units, key)
        return _onramp_answer(deposit, wallet)


def _onramp_answer(deposit: Deposit, wallet: Wallet) -> Response:
    amount = units_text(deposit.amount_units)
    if deposit.status == DepositStatus.APPROVED:
        balance = BalanceAnswer(
            id=wallet.pk,
            available=units_text(wallet.available_units),
            locked=units_text(wallet.held_units),
        )
        answer = OnrampAnswer(f"Deposited {amount}.", deposit.pk, deposit.status, balance)
        return Response(answer, status=HTTPStatus.OK)
    waiting = deposit.status == DepositStatus.REQUESTED
    message = (
        f"A deposit of {amount} waits for an operator's approval."
        if waiting
        else f"The deposit of {amount} was refused by an operator."
    )
    return Response(OnrampAnswer(message, deposit.pk, deposit.status), status=HTTPStatus.ACCEPTED)


class LedgerView(APIView):
    @documented(
        "Movements of money",
        answer=LedgerAnswer,
        example={
            "ledger": [
                {
                    "id": 1205,
                    "entryId": 604,
                    "kind": "fill",
                    "cause": "fill",
                    "account": "margin",
                    "amount": "1000",
                    "marketId": "BTC-PERP",
                    "orderId": 311,
                    "tradeId": 90,
                    "createdAt": "2026-01-05T09:30:00.125000Z",
                }
            ],
            "nextCursor": "1205",
        },
        parameters=[
            query("kind", f"Of {', '.join(selectors.LEDGER_KINDS)}, or several with commas."),
            query("marketId", "Only of this market."),
            query("orderId", "Only of this order.", int),
            *TIME_WINDOW,
            *PAGING,
        ],
        errors=(400, 401, 403, 404, 503),
        keys=Scope.READ,
    )
    def get(self, request: Request) -> Response:
        """Every posting on the trader's accounts, newest first. Their sum is what is available,
        held and in margin."""
        asked = _ledger_filter(request)
        looked_to: int | None = None

        def read(limit: int, before: int | None) -> list[Posting]:
            nonlocal looked_to
            found = selectors.newest_postings_of_user(user_id_of(request), asked, limit, before)
            looked_to = found.looked_to
            return found.postings

        page, next_cursor = page_of(request, read)
        if next_cursor is None and looked_to is not None:
            next_cursor = str(looked_to)
        return Response(LedgerAnswer([_ledger_line(posting) for posting in page], next_cursor))


def _ledger_filter(request: Request) -> selectors.LedgerFilter:
    asked = request.query_params
    return selectors.LedgerFilter(
        kinds=query_words(request, "kind", selectors.LEDGER_KINDS),
        market_id=_market_id(request),
        order_id=query_int(request, "orderId", 0, 1, MAX_ID) if "orderId" in asked else None,
        window=query_window(request),
    )


def _market_id(request: Request) -> str | None:
    market_id = query_text(request, "marketId", MARKET_ID_LENGTH_MAX)
    if market_id is not None and not Market.objects.filter(pk=market_id).exists():
        message = f"There is no market {market_id}."
        raise DomainError(ErrorCode.MARKET_NOT_FOUND, message, "marketId")
    return market_id


def _ledger_line(posting: Posting) -> LedgerLine:
    entry = posting.entry
    return LedgerLine(
        id=posting.pk,
        entry_id=entry.pk,
        kind=posting.kind or entry.kind,
        cause=entry.kind,
        account=posting.account.kind,
        amount=units_text(posting.amount_units),
        market_id=entry.market_id,
        order_id=entry.order_id,
        trade_id=entry.trade_id,
        created_at=entry.created_at,
    )
