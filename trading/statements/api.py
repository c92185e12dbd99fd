"""① A trader's statement, as JSON or CSV."""

from typing import Any

import msgspec
from django.http import StreamingHttpResponse
from django.http.response import HttpResponseBase
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.access.authentication import user_id_of
from common.errors import invalid
from common.http.rendering import StructJSONRenderer
from common.http.schema import documented, query
from common.http.windows import TIME_WINDOW, query_window
from common.scopes import Scope
from trading.http.limits import spend_further
from trading.statements.services import statement_of, written
from trading.statements.writing import CsvWriter, JsonWriter, Writer

COST = 25  # of the budget of reads
_WRITERS: dict[str, type[Writer]] = {"csv": CsvWriter, "json": JsonWriter}


class StatementBalances(msgspec.Struct, frozen=True):
    available: str
    held: str
    margin: str
    total: str


class StatementLine(msgspec.Struct, frozen=True, rename="camel"):
    """As a line of GET /user/ledger, with the balance of its account after it."""

    id: int
    entry_id: int
    account: str
    kind: str
    cause: str
    market_id: str | None
    order_id: int | None
    trade_id: int | None
    amount: str
    balance: str
    created_at: str


class StatementMarket(msgspec.Struct, frozen=True, rename="camel"):
    """As it moved the account: what was paid is below zero."""

    realized_pnl: str
    fee: str
    liquidation_fee: str
    insurance: str
    funding: str


class StatementError(msgspec.Struct, frozen=True):
    """`missing` at the end, by account, where the sums don't agree."""

    code: str
    message: str
    missing: dict[str, str] | msgspec.UnsetType = msgspec.UNSET


_NAMES = {"account_id": "accountId", "start": "from"}  # `from` is a word of Python


class StatementAnswer(msgspec.Struct, frozen=True, rename=_NAMES):
    """`opening` and the movements are `closing`, which is looked up apart from them. `complete`,
    the last member, is false, and `error` says why, where they are not, or where the statement was
    cut short."""

    account_id: int
    start: str
    to: str | None
    opening: StatementBalances
    movements: list[StatementLine]
    complete: bool
    markets: dict[str, StatementMarket] | msgspec.UnsetType = msgspec.UNSET
    closing: StatementBalances | msgspec.UnsetType = msgspec.UNSET
    error: StatementError | msgspec.UnsetType = msgspec.UNSET


class _Csv(BaseRenderer):
    """Only to be accepted: errors are JSON whatever was asked."""

    media_type = "text/csv"
    format = "csv"

    def render(self, data: Any, *_: Any, **__: Any) -> bytes:
        return StructJSONRenderer().render(data)


class StatementView(APIView):
    renderer_classes = [StructJSONRenderer, _Csv]

    @documented(
        "Statement",
        answer=StatementAnswer,
        example={
            "accountId": 42,
            "from": "2026-01-01T00:00:00Z",
            "to": "2026-02-01T00:00:00Z",
            "opening": {"available": "0", "held": "0", "margin": "0", "total": "0"},
            "movements": [
                {
                    "id": 1,
                    "entryId": 1,
                    "account": "available",
                    "kind": "deposit",
                    "cause": "deposit",
                    "marketId": None,
                    "orderId": None,
                    "tradeId": None,
                    "amount": "100",
                    "balance": "100",
                    "createdAt": "2026-01-05T09:30:00.125000Z",
                }
            ],
            "markets": {},
            "closing": {"available": "100", "held": "0", "margin": "0", "total": "100"},
            "complete": True,
        },
        parameters=[
            *TIME_WINDOW,
            query("format", "`csv` or `json`; else as Accept says, JSON if that is open."),
        ],
        errors=(400, 401, 403, 404, 503),
        keys=Scope.READ,
    )
    def get(self, request: Request) -> HttpResponseBase:
        """Every movement of the account within the time, in the order it was posted, between what
        it had before and after, which is checked. From the beginning, up to now, where no other
        time is asked. Costs as much as 25 reads."""
        word = self._format(request)
        window = query_window(request)
        spend_further(request, self, COST)
        statement = statement_of(user_id_of(request), window)
        writer = _WRITERS[word]()
        response = StreamingHttpResponse(
            (piece.encode() for piece in written(statement, writer)),
            content_type=writer.content_type,
        )
        response["Content-Disposition"] = f'attachment; filename="statement.{word}"'
        return response

    def _format(self, request: Request) -> str:
        word = request.query_params.get("format")
        if word is None:
            return str(request.accepted_renderer.format)
        if word not in _WRITERS:
            raise invalid("format", f"format must be one of {', '.join(_WRITERS)}.")
        return word

    def handle_exception(self, exc: Exception) -> Response:
        """In JSON, as everywhere."""
        self.request.accepted_renderer = StructJSONRenderer()
        self.request.accepted_media_type = StructJSONRenderer.media_type
        return super().handle_exception(exc)
