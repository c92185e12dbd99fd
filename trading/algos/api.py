"""① Algos: starting, looking at, pausing, resuming and ending them."""

from datetime import UTC, datetime
from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.access.authentication import user_id_of
from accounts.law.countries import is_asker_blocked
from common.http.bodies import parse_body
from common.http.paging import keyset_page, query_text, query_words
from common.http.schema import PAGING, documented, query
from common.scopes import Scope
from markets.conversions import to_whole
from markets.rules import all_market_rules, market_rules
from trading.algos import services
from trading.algos.answers import (
    EXAMPLE,
    NEW_ALGO,
    AlgoRecord,
    AlgosPage,
    algo_answer,
    algo_record,
)
from trading.algos.models import Algo, AlgoKind, AlgoState
from trading.algos.request import NewAlgo
from trading.algos.selectors import AlgoFilter, algo_of_user, algos_of_user, figures_of
from trading.http.limits import spend_further
from trading.http.queries import OF_MARKET, market_filter
from trading.orders.terms import CLIENT_ORDER_ID_LENGTH_MAX


def _now() -> datetime:
    return datetime.now(UTC)


def _answer(algo: Algo, status: int = 200) -> Response:
    return Response(algo_record(algo, market_rules(algo.market_id)), status=status)


class AlgosView(APIView):
    @documented(
        "Start an algo",
        body=NewAlgo,
        body_example=NEW_ALGO,
        status=202,
        answer=AlgoRecord,
        example=EXAMPLE,
        errors=(400, 401, 403, 404, 409, 451, 503),
        keys=Scope.TRADE,
    )
    def post(self, request: Request) -> Response:
        """Orders that the exchange sends for you, also while you are away, each an ordinary order
        with the client order id `algo-<id>-<number>`. The first are sent with the answer. A
        SCALED costs as many orders as it has. A `clientAlgoId` that was used before answers 200
        with the first algo under it."""
        new = parse_body(request, NewAlgo)
        if new.kind is AlgoKind.SCALED and new.count is not None:
            spend_further(request, self, to_whole(new.count, "count"))
        is_blocked = is_asker_blocked(request.META)
        started = services.start_algo(user_id_of(request), new, _now(), is_blocked=is_blocked)
        return _answer(started.algo, 200 if started.repeated else 202)

    @documented(
        "My algos",
        answer=AlgosPage,
        example={
            "algos": [{name: EXAMPLE[name] for name in EXAMPLE if name != "slices"}],
            "nextCursor": None,
        },
        parameters=[
            query("state", f"Of {', '.join(AlgoState)}, or several with commas."),
            query("kind", f"Of {', '.join(AlgoKind)}, or both with a comma."),
            OF_MARKET,
            query("clientAlgoId", "Only the one with this id of yours."),
            *PAGING,
        ],
        errors=(400, 401, 403, 404, 503),
        operation_id="algos_list",
        keys=Scope.READ,
    )
    def get(self, request: Request) -> Response:
        """Newest first."""
        asked = AlgoFilter(
            states=query_words(request, "state", list(AlgoState)),
            kinds=query_words(request, "kind", list(AlgoKind)),
            market_id=market_filter(request),
            client_algo_id=query_text(request, "clientAlgoId", CLIENT_ORDER_ID_LENGTH_MAX),
        )
        user_id = user_id_of(request)
        along = None if asked == AlgoFilter() else algos_of_user(user_id)
        page, next_cursor = keyset_page(request, algos_of_user(user_id, asked), along=along)
        rules, figures = all_market_rules(), figures_of(page)
        algos = [algo_answer(row, rules[row.market_id], figures[row.pk]) for row in page]
        return Response(AlgosPage(algos=algos, next_cursor=next_cursor))


_ONE: dict[str, Any] = {"answer": AlgoRecord, "example": EXAMPLE}


class AlgoView(APIView):
    @documented("One algo", **_ONE, errors=(401, 403, 404, 503), keys=Scope.READ)
    def get(self, request: Request, algo_id: int) -> Response:
        """With its newest 100 slices, the last one first."""
        return _answer(algo_of_user(user_id_of(request), algo_id))

    @documented(
        "End an algo", **_ONE, status=202, errors=(401, 403, 404, 409, 503), keys=Scope.TRADE
    )
    def delete(self, request: Request, algo_id: int) -> Response:
        """Sends no further slice, and asks the engine to cancel its open orders. A fill may still
        be faster."""
        return _answer(services.cancel_algo(user_id_of(request), algo_id, _now()), 202)


class AlgoPausingView(APIView):
    @documented("Pause an algo", **_ONE, errors=(401, 403, 404, 409, 503), keys=Scope.TRADE)
    def post(self, request: Request, algo_id: int) -> Response:
        """Of a TWAP: no further slice until it is resumed. A SCALED has sent all it has."""
        return _answer(services.pause_algo(user_id_of(request), algo_id, _now()))


class AlgoResumingView(APIView):
    @documented("Resume an algo", **_ONE, errors=(401, 403, 404, 409, 503), keys=Scope.TRADE)
    def post(self, request: Request, algo_id: int) -> Response:
        """It goes on where it was, and ends later by as long as it was paused."""
        return _answer(services.resume_algo(user_id_of(request), algo_id, _now()))
