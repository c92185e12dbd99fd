"""①–⑤: thousands of limit, market and cancel requests fill exactly as in a naive book.

The first come over HTTP, one after another. The rest are written as the API would write them, many
rows at a time, and go through the same input stream, engine process and worker. What counts in the
end is what Postgres says: fills in their order, what became of every order, and the money.
"""

import itertools
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from django.db import connection, transaction
from django.db.models import F, Sum
from pytest_django.plugin import DjangoDbBlocker

from benchmarks.held import HOLD_OF_ORDERS
from ledger.models import AccountKind, Posting
from matching.messages.commands import CancelAllOrders, CancelOrder, Command, PlaceOrder
from matching.messages.holds import band_edges
from matching.messages.vocabulary import OrderStatus, OrderType, Role, Side
from persistence.models import MarketCursor
from persistence.reconciliation import wallet_differences
from tests.flow.exchange import MARK_TICKS, Exchange, Trader, wait_for
from tests.matching.naive import Happening, NaiveBook, NaiveOrder
from tests.matching.test_against_naive import MARK, seeded_commands
from tests.proofs import share
from trading.commands.order_command import command_of_order
from trading.commands.outbox import command_of_row
from trading.commands.publisher import publish_commands
from trading.models import Fill, Order, OutboxCommand, Position

pytestmark = [pytest.mark.django_db, pytest.mark.slow]

SEED = 20_261_122
REQUESTS = share(5_000)
OVER_HTTP = 600
ROWS_AT_ONCE = 2_000
TRADERS = 30
MARKET = "SEQ-PERP"
BAND_PPM = 100_000
HOLD_PER_LOT = 20_000_000  # money units, twice the margin: never what decides
LEVERAGE = 5


class Recorded:
    """The recorded requests, the naive book beside them, and the ids that Postgres gave."""

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange
        self.traders: list[Trader] = []
        lowest, highest = band_edges(MARK_TICKS, BAND_PPM)
        self.edges = {Side.LONG: highest, Side.SHORT: lowest}
        self.naive = NaiveBook(lowest, highest)
        self.happened: list[Happening] = []
        self.ids: dict[int, int] = {}  # number of the request → order id
        self.requests = 0
        self.entries = 3  # of the input stream: rules, state, index price

    def run(self) -> None:
        self._open_market()
        self.traders = [self.exchange.trader("100000000") for _ in range(TRADERS)]
        requests = seeded_commands(SEED, REQUESTS)
        for request in itertools.islice(requests, OVER_HTTP):
            self._send(request)
            self._apply_naively(request)
        while some := list(itertools.islice(requests, ROWS_AT_ONCE)):
            self._write(some)
            for request in some:
                self._apply_naively(request)
        self._wait_until_persisted()

    def _open_market(self) -> None:
        self.exchange.open_market(
            MARKET,
            max_size_lots=1_000_000,
            max_open_interest_lots=10**9,
            max_open_orders=100_000,
            price_band_ppm=BAND_PPM,
        )

    # -- one by one, over HTTP

    def _send(self, request: Command) -> None:
        if isinstance(request, PlaceOrder):
            self.ids[request.order_id] = self._place(request)
            self.entries += 1
            return
        assert isinstance(request, CancelOrder | CancelAllOrders)
        path = f"/orders?marketId={MARKET}"
        if isinstance(request, CancelOrder):
            path = f"/order/{self.ids[request.order_id]}"
        answer = self._trader(request.account_id).send("DELETE", path)
        # 409: the order is known to have ended, and the naive book says the same.
        assert answer.status_code in (202, 409), answer.text
        self.entries += answer.status_code == 202

    def _place(self, request: PlaceOrder) -> int:
        body = {
            "marketId": MARKET,
            "side": request.side,
            "qty": f"{request.size_lots / 1000:.3f}",
            "orderType": request.order_type,
            "leverage": LEVERAGE,
            "timeInForce": request.time_in_force,
            "selfTradePrevention": request.self_trade_prevention,
        }
        if request.order_type is OrderType.LIMIT:
            body["price"] = f"{self._price(request) / 10:.1f}"
        answer = self._trader(request.account_id).send("POST", "/order", json=body)
        assert answer.status_code == 202, answer.text
        return int(answer.json()["orderId"])

    def _trader(self, number: int) -> Trader:
        return self.traders[number - 1]

    def _price(self, request: PlaceOrder) -> int:
        """The recorded prices are around `MARK`; ours around the market's."""
        if request.order_type is OrderType.MARKET:
            return self.edges[request.side]
        return MARK_TICKS + request.price_ticks - MARK

    # -- many at once, as the API writes them

    def _write(self, requests: Sequence[Command]) -> None:
        rows: list[Order | OutboxCommand] = []
        with transaction.atomic():
            places = [request for request in requests if isinstance(request, PlaceOrder)]
            orders = Order.objects.bulk_create(self._order(request) for request in places)
            for place, order in zip(places, orders, strict=True):
                self.ids[place.order_id] = order.pk
            with connection.cursor() as cursor:
                cursor.execute(HOLD_OF_ORDERS, [[order.pk for order in orders]])
            cancels = OutboxCommand.objects.bulk_create(
                self._cancel(request) for request in requests if not isinstance(request, PlaceOrder)
            )
            orders_left, cancels_left = iter(orders), iter(cancels)
            for request in requests:
                of_place = isinstance(request, PlaceOrder)
                rows.append(next(orders_left) if of_place else next(cancels_left))
        publish_commands((MARKET, self._command(row)) for row in rows)
        self.entries += len(rows)

    def _order(self, request: PlaceOrder) -> Order:
        now = datetime.now(UTC)
        hold_units = HOLD_PER_LOT * request.size_lots
        return Order(
            user_id=self._trader(request.account_id).user_id,
            market_id=MARKET,
            side=request.side.value,
            order_type=request.order_type.value,
            time_in_force=request.time_in_force.value,
            price_ticks=self._price(request),
            size_lots=request.size_lots,
            margin_units=0,
            leverage=LEVERAGE,
            reduce_only=False,
            self_trade_prevention=request.self_trade_prevention.value,
            hold_units=hold_units,
            held_units=hold_units,
            created_at=now,
            updated_at=now,
        )

    def _cancel(self, request: Command) -> OutboxCommand:
        assert isinstance(request, CancelOrder | CancelAllOrders)
        user_id = self._trader(request.account_id).user_id
        changes: dict[str, Any] = {"account_id": user_id}
        if isinstance(request, CancelOrder):
            changes["order_id"] = self.ids[request.order_id]
        payload = msgspec.to_builtins(msgspec.structs.replace(request, **changes))
        del payload["command_id"]
        return OutboxCommand(market_id=MARKET, command_type=type(request).__name__, payload=payload)

    def _command(self, row: Order | OutboxCommand) -> Command:
        return command_of_order(row) if isinstance(row, Order) else command_of_row(row)

    # -- what should happen, and when it has

    def _apply_naively(self, request: Command) -> None:
        self.requests += 1
        if isinstance(request, CancelOrder):
            account_id = self._trader(request.account_id).user_id
            self.happened += self.naive.cancel(self.ids[request.order_id], account_id)
        elif isinstance(request, CancelAllOrders):
            self.happened += self.naive.cancel_all(self._trader(request.account_id).user_id)
        else:
            assert isinstance(request, PlaceOrder)
            order = NaiveOrder(
                self.ids[request.order_id],
                self._trader(request.account_id).user_id,
                request.side is Side.LONG,
                self._price(request),
                request.size_lots,
                self.requests,
            )
            self.happened += self.naive.place(
                order,
                request.time_in_force,
                request.self_trade_prevention,
                request.order_type is OrderType.MARKET,
            )

    def _wait_until_persisted(self) -> None:
        orders = Order.objects.filter(market=MARKET, status=OrderStatus.PENDING)
        cancels = OutboxCommand.objects.filter(market=MARKET, applied_seq=None)
        wait_for(lambda: not orders.exists() and not cancels.exists(), "everything persisted")


@pytest.fixture(scope="module")
def sequence(exchange: Exchange, django_db_blocker: DjangoDbBlocker) -> Recorded:
    """After the whole run. Outside any test's transaction: other processes read these rows."""
    sequence = Recorded(exchange)
    with django_db_blocker.unblock():
        sequence.run()
    return sequence


def test_the_fills_are_those_of_the_naive_book(sequence: Recorded) -> None:
    assert sequence.requests == REQUESTS
    expected = [happening[1:] for happening in sequence.happened if happening[0] == "fill"]
    assert len(expected) > REQUESTS // 5  # the run is worth its name
    takers = Fill.objects.filter(market=MARKET, role=Role.TAKER).order_by("trade_id")
    makers = Fill.objects.filter(market=MARKET, role=Role.MAKER).order_by("trade_id")
    columns = ("trade_id", "order_id", "price_ticks", "size_lots")
    pairs = zip(takers.values_list(*columns), makers.values_list(*columns), strict=True)
    found = []
    for number, (taker, maker) in enumerate(pairs, 1):
        assert taker[0] == maker[0] == number  # gapless
        assert taker[2:] == maker[2:]
        found.append((maker[1], taker[1], *taker[2:]))
    assert found == expected


def test_what_became_of_every_order(sequence: Recorded) -> None:
    cancelled: dict[int, tuple[str, int]] = {}
    rejected = set()
    for happening in sequence.happened:
        match happening:
            case ("cancel", int(order_id), str(reason), int(lots)):
                cancelled[order_id] = (reason, lots)
            case ("reject", int(order_id), "PRICE_OUTSIDE_BAND"):
                rejected.add(order_id)
    resting = {order.order_id: order.lots for order in sequence.naive.resting}
    assert len(resting) > 50
    orders = list(Order.objects.filter(market=MARKET))
    assert len(orders) == len(sequence.ids)
    for order in orders:
        reason, lots = cancelled.get(order.pk, ("", 0))
        assert (order.reason, order.cancelled_lots) == (reason, lots), order.pk
        assert (order.status == OrderStatus.OPEN) is (order.pk in resting), order.pk
        assert order.remaining_lots == resting.get(order.pk, 0), order.pk
    assert not rejected


def test_the_book_over_http_is_the_naive_one(sequence: Recorded) -> None:
    def levels(is_long: bool) -> list[list[str]]:
        return [
            [f"{Decimal(price) / 10:f}", f"{(Decimal(lots) / 1000).normalize():f}"]
            for price, lots in sequence.naive.levels(is_long)[:20]
        ]

    def shown() -> tuple[Any, Any]:
        depth = sequence.exchange.http.get(f"/markets/{MARKET}/depth?limit=20").json()
        return depth["bids"], depth["asks"]

    def exact(side: list[list[str]]) -> list[tuple[Decimal, Decimal]]:
        return [(Decimal(price), Decimal(qty)) for price, qty in side]

    bids, asks = shown()
    assert exact(bids) == exact(levels(True))
    assert exact(asks) == exact(levels(False))


def test_the_money_adds_up(sequence: Recorded) -> None:
    assert wallet_differences() == []
    assert Posting.objects.aggregate(total=Sum("amount_units"))["total"] == 0
    positions = Position.objects.filter(market=MARKET)
    assert positions.aggregate(net=Sum("position_lots"))["net"] == 0
    # Of those who traded here alone: elsewhere a withdrawal is held, too.
    users = [trader.user_id for trader in sequence.traders]
    margin = Posting.objects.filter(account__kind=AccountKind.MARGIN, account__user__in=users)
    assert (
        margin.aggregate(all=Sum("amount_units"))["all"]
        == positions.aggregate(all=Sum("margin_units"))["all"]
    )
    held = Posting.objects.filter(account__kind=AccountKind.HELD, account__user__in=users)
    assert (
        held.aggregate(all=Sum("amount_units"))["all"]
        == Order.objects.filter(market=MARKET).aggregate(all=Sum("held_units"))["all"]
    )
    fills = Fill.objects.filter(market=MARKET)
    volume = fills.aggregate(all=Sum(F("price_ticks") * F("size_lots")))["all"]
    by_orders = Order.objects.filter(market=MARKET).aggregate(all=Sum("filled_cost_units"))["all"]
    assert by_orders == volume * 100  # money units of one lot at one tick
    # More where a cancel took its still pending order along once more, which changes nothing.
    assert MarketCursor.objects.get(pk=MARKET).seq >= sequence.entries
