"""① What a trader owns; positions: open ones, closed ones, their margin and leverage."""

from msgspec import Struct
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.access.authentication import user_id_of
from common.errors import invalid
from common.http.bodies import parse_body
from common.http.paging import keyset_page, query_words
from common.http.schema import PAGING, documented, query
from common.http.windows import TIME_WINDOW, query_window, timed_page
from common.idempotency import read_key
from common.scopes import Scope
from markets.rules import all_market_rules, market_tickers
from trading import selectors, services
from trading.http import examples
from trading.http.answers.orders import MarketCommandSent, OrderPlaced, placed_answer
from trading.http.answers.positions import (
    ClosedPositionsPage,
    EquityAnswer,
    LeverageSet,
    PositionsPage,
    closed_position_answer,
    equity_answer,
    position_answer,
)
from trading.http.queries import (
    OF_MARKET,
    market_filter,
)
from trading.models import LifeEnding
from trading.orders.request import Number
from trading.positions.close import Closing
from trading.positions.equity import equity_of_user


class Body(Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    pass


class MarginChange(Body, frozen=True):
    """Above zero adds, below zero takes out. `idempotencyKey` makes a retry safe: the same key
    counts once."""

    amount: Number
    idempotency_key: str | None = None


class NewLeverage(Body, frozen=True):
    leverage: Number


class EquityView(APIView):
    @documented(
        "Equity",
        answer=EquityAnswer,
        example=examples.EQUITY,
        errors=(401, 403, 503),
        keys=Scope.READ,
    )
    def get(self, request: Request) -> Response:
        """What is free, reserved by open orders, in positions, and what positions have gained at
        the mark price."""
        return Response(equity_answer(equity_of_user(user_id_of(request))))


class PositionMarginView(APIView):
    @documented(
        "Add or take out margin",
        body=MarginChange,
        body_example=examples.MARGIN_CHANGE,
        status=202,
        answer=MarketCommandSent,
        example=examples.MARGIN_SENT,
        errors=(400, 401, 403, 404, 409, 503),
        keys=Scope.TRADE,
    )
    def post(self, request: Request, market_id: str) -> Response:
        """What is added is held at once and becomes margin when the engine takes it."""
        body = parse_body(request, MarginChange)
        key = read_key(body.idempotency_key)
        command_id = services.adjust_margin(user_id_of(request), market_id, body.amount, key)
        answer = MarketCommandSent(
            message="Margin change received.", market_id=market_id, command_id=command_id
        )
        return Response(answer, status=202)


class PositionClosingView(APIView):
    @documented(
        "Close a position",
        body=Closing,
        body_example=examples.CLOSING,
        status=202,
        answer=OrderPlaced,
        example=examples.ORDER_PLACED,
        errors=(400, 401, 403, 404, 409, 503),
        keys=Scope.TRADE,
    )
    def post(self, request: Request, market_id: str) -> Response:
        """Places a reduce-only order of the other side: of the whole position or `qty`, at the
        market or at `price`. A `clientOrderId` that closed here before answers 200 with that
        order."""
        closing = parse_body(request, Closing)
        placed = services.close_position(user_id_of(request), market_id, closing)
        status, answer = placed_answer(placed)
        return Response(answer, status=status)


class LeverageView(APIView):
    @documented(
        "Set the leverage for a market",
        body=NewLeverage,
        body_example=examples.NEW_LEVERAGE,
        answer=LeverageSet,
        example=examples.LEVERAGE_SET,
        errors=(400, 401, 403, 404, 503),
        keys=Scope.TRADE,
    )
    def post(self, request: Request, market_id: str) -> Response:
        """Of orders to come that name neither margin nor leverage."""
        body = parse_body(request, NewLeverage)
        row = services.set_leverage(user_id_of(request), market_id, body.leverage)
        return Response(
            LeverageSet(message="Leverage set.", market_id=market_id, leverage=row.leverage)
        )


class PositionsView(APIView):
    @documented(
        "My positions",
        answer=PositionsPage,
        example=examples.POSITIONS,
        parameters=[OF_MARKET, query("status", "open (if not given) or all."), *PAGING],
        errors=(400, 401, 403, 404, 503),
        keys=Scope.READ,
    )
    def get(self, request: Request) -> Response:
        """Open positions; with `status=all` also those that are flat now."""
        status = request.query_params.get("status", "open")
        if status not in {"open", "all"}:
            raise invalid("status", "status must be open or all.")
        rows = selectors.positions_of_user(
            user_id_of(request), market_filter(request), flat_too=status == "all"
        )
        page, next_cursor = keyset_page(request, rows)
        rules = all_market_rules()
        tickers = market_tickers({row.market_id for row in page})
        leverages = selectors.leverages_set(user_id_of(request))
        positions = [
            position_answer(
                row,
                rules[row.market_id],
                tickers[row.market_id].mark_price_ticks,
                leverages.get(row.market_id),
            )
            for row in page
        ]
        return Response(PositionsPage(positions=positions, next_cursor=next_cursor))


class ClosedPositionsView(APIView):
    may_be_old = True

    @documented(
        "My closed positions",
        answer=ClosedPositionsPage,
        example=examples.CLOSED_POSITIONS,
        parameters=[
            OF_MARKET,
            query("ending", f"Of {', '.join(LifeEnding)}, or several with commas."),
            *TIME_WINDOW,
            *PAGING,
        ],
        errors=(400, 401, 403, 404, 503),
        keys=Scope.READ,
    )
    def get(self, request: Request) -> Response:
        """Each from flat to flat, or to the other side; the last one that closed first. `from` and
        `to` are of `closedAt`."""
        user_id, market_id = user_id_of(request), market_filter(request)
        endings = query_words(request, "ending", list(LifeEnding))
        window = query_window(request)
        rows = selectors.closed_lives_of_user(user_id, market_id, endings, window)
        is_filtered = market_id is not None or endings
        along = selectors.closed_lives_of_user(user_id, window=window) if is_filtered else None
        page, next_cursor = timed_page(request, rows, "closed_at", along)
        rules = all_market_rules()
        positions = [closed_position_answer(row, rules[row.market_id]) for row in page]
        return Response(ClosedPositionsPage(positions=positions, next_cursor=next_cursor))
