"""① Fills and funding payments of a trader."""

from dataclasses import replace

from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.access.authentication import user_id_of
from common.http.paging import cursor_asked, keyset_page, page_limit
from common.http.schema import PAGING, documented
from common.http.windows import TIME_WINDOW, place_asked, place_of, query_window, timed_page
from common.postgres import keysets
from common.postgres.windows import TimedPlace
from common.scopes import Scope
from ledger.archive.reach import Reach
from markets.rules import all_market_rules
from matching.messages.limits import MAX_ID
from trading import selectors
from trading.archive.models import files_end, last_archived_at
from trading.archive.shown import with_old_fills
from trading.archive.traders import Enough, OfTrader
from trading.http import examples
from trading.http.answers.history import (
    FillsPage,
    FundingPaymentsPage,
    fill_answer,
    funding_payment_answer,
)
from trading.http.queries import (
    OF_MARKET,
    OF_ORDER,
    market_filter,
    order_filter,
)
from trading.models import Fill


class FundingPaymentsView(APIView):
    may_be_old = True

    @documented(
        "My funding payments",
        answer=FundingPaymentsPage,
        example=examples.FUNDING_PAYMENTS,
        parameters=[OF_MARKET, *TIME_WINDOW, *PAGING],
        errors=(400, 401, 403, 404, 503),
        keys=Scope.READ,
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


class FillsView(APIView):
    may_be_old = True

    @documented(
        "My fills",
        answer=FillsPage,
        example=examples.FILLS,
        parameters=[OF_MARKET, *OF_ORDER, *TIME_WINDOW, *PAGING],
        errors=(400, 401, 403, 404, 503),
        keys=Scope.READ,
    )
    def get(self, request: Request) -> Response:
        """Newest first; your own side of each trade. `from` and `to` are of `executedAt`."""
        user_id, market_id = user_id_of(request), market_filter(request)
        order_id, window = order_filter(request, user_id), query_window(request)
        rows = selectors.fills_of_user(user_id, market_id, order_id, window)
        along = None
        if market_id and order_id is None:
            along = selectors.fills_of_user(user_id, window=window)
        most = page_limit(request) + 1
        count = most if along is None else keysets.LOOK_BACK_ROWS
        enough = Enough(market_id, most) if market_id else None
        of_files = OfTrader(user_id, None, order_id, window=window)
        if window.is_bounded:
            times = Reach[TimedPlace]()
            page, next_cursor = with_old_fills(
                user_id,
                lambda: timed_page(request, rows, "executed_at", along, times.ended_at),
                lambda found: _has_none_before(found[1], user_id),
                replace(of_files, behind=place_asked(request)).latest(count, enough, times),
            )
        else:
            ids = Reach[int]()
            before = cursor_asked(request) or MAX_ID
            page, next_cursor = with_old_fills(
                user_id,
                lambda: keyset_page(request, rows, along=along, reached=ids.ended_at),
                lambda found: _has_none_below(*found, user_id),
                replace(of_files, end_id=before).newest(count, enough, ids),
            )
        rules = all_market_rules()
        fills = [fill_answer(row, rules[row.market_id]) for row in page]
        return Response(FillsPage(fills=fills, next_cursor=next_cursor))


def _has_none_before(next_cursor: str | None, user_id: int) -> bool:
    """Whether no file can have a fill of a trader on a page by time: times of several markets don't
    rise with ids, so one that lies in a file may be later than one that doesn't."""
    if next_cursor is None:
        return False
    last_at = last_archived_at(user_id)
    return last_at is None or last_at < place_of(next_cursor).at


def _has_none_below(page: list[Fill], next_cursor: str | None, user_id: int) -> bool:
    """Whether no file can have a fill of a trader on a page by id. One that goes on behind its last
    row is full, and the table has all that is younger than a row of it. One that goes on elsewhere
    was looked for in two looks, between which a partition may have gone."""
    if next_cursor is None:
        return False
    is_full = bool(page) and page[-1].pk == int(next_cursor)
    return is_full or int(next_cursor) >= files_end(user_id)
