"""① GET /user/snapshot."""

from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.access.authentication import user_id_of
from common.http.schema import documented
from common.scopes import Scope
from markets.rules import all_market_rules, market_tickers
from persistence.snapshots.reading import AccountSnapshot, snapshot_of
from trading.http import examples
from trading.http.answers.answer import Answer
from trading.http.answers.orders import OrderAnswer, order_answer
from trading.http.answers.positions import (
    EquityAnswer,
    PositionAnswer,
    equity_answer,
    position_answer,
)


class SnapshotAnswer(Answer, frozen=True):
    """`seq` has the last entry that is in it, by market: what the account channel tells later comes
    on top. `orders` are those that may still fill."""

    seq: dict[str, int]
    equity: EquityAnswer
    positions: list[PositionAnswer]
    orders: list[OrderAnswer]


EXAMPLE = {
    "seq": {"BTC-PERP": 112},
    "equity": examples.EQUITY,
    "positions": examples.POSITIONS["positions"],
    "orders": examples.ORDERS["orders"],
}


class SnapshotView(APIView):
    @documented(
        "My account at one moment",
        answer=SnapshotAnswer,
        example=EXAMPLE,
        errors=(401, 403, 503),
        keys=Scope.READ,
    )
    def get(self, request: Request) -> Response:
        """Money, open positions and live orders, all of one moment. Subscribe to `account` with its
        `seq` as `lastSeq`, and nothing is missed or told twice."""
        return Response(_answer(snapshot_of(user_id_of(request))))


def _answer(snapshot: AccountSnapshot) -> SnapshotAnswer:
    rules = all_market_rules()
    tickers = market_tickers({one.market_id for one in snapshot.positions})
    marks = {id: ticker.mark_price_ticks for id, ticker in tickers.items()}
    return SnapshotAnswer(
        seq=snapshot.seqs,
        equity=equity_answer(snapshot.holdings.equity(marks)),
        positions=[
            position_answer(
                one,
                rules[one.market_id],
                marks[one.market_id],
                snapshot.leverages.get(one.market_id),
            )
            for one in snapshot.positions
        ],
        orders=[
            order_answer(one, rules[one.market_id], snapshot.algo_ids) for one in snapshot.orders
        ],
    )
