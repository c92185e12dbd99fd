"""① A trader's past: funding payments and closed positions."""

from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.access.authentication import user_id_of
from common.http.paging import keyset_page, query_words
from common.http.schema import PAGING, documented, query
from common.http.windows import TIME_WINDOW, query_window, timed_page
from markets.rules import all_market_rules
from trading import selectors
from trading.http import examples
from trading.http.history_answers import (
    ClosedPositionsPage,
    FundingPaymentsPage,
    closed_position_answer,
    funding_payment_answer,
)
from trading.http.queries import OF_MARKET, market_filter
from trading.models import LifeEnding


class FundingPaymentsView(APIView):
    @documented(
        "My funding payments",
        answer=FundingPaymentsPage,
        example=examples.FUNDING_PAYMENTS,
        parameters=[OF_MARKET, *TIME_WINDOW, *PAGING],
        errors=(400, 401, 403, 404, 503),
    )
    def get(self, request: Request) -> Response:
        """Of all markets, newest first. `from` and `to` are of `settledAt`."""
        user_id, market_id = user_id_of(request), market_filter(request)
        window = query_window(request)
        rows = selectors.payments_of_user(user_id, market_id, window)
        is_filtered = market_id is not None or window.is_bounded
        along = selectors.payments_of_user(user_id) if is_filtered else None
        page, next_cursor = keyset_page(request, rows.select_related("settlement"), along=along)
        rules = all_market_rules()
        payments = [funding_payment_answer(row, rules[row.settlement.market_id]) for row in page]
        return Response(FundingPaymentsPage(payments=payments, next_cursor=next_cursor))


class ClosedPositionsView(APIView):
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
