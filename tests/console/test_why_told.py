"""What pages say of a market that really ran: through the services, an engine and persistence."""

import html
import re
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client

from accounts.models import User
from console.why.views import KINDS
from ledger.services import deposit
from matching.messages.streams import input_stream, output_stream
from matching.messages.vocabulary import CancelReason, OrderType, Side, TimeInForce, TriggerKind
from tests.builders.away import redis_away
from tests.recovery.exchange import MARKET, Exchange, exchange
from trading import services
from trading.models import (
    Fill,
    Liquidation,
    Order,
    OutboxCommand,
)
from trading.orders.request import NewOrder, NewTrigger, OrderChanges

__all__ = ["exchange"]


def told(row: Any, query: str = "") -> str:
    """The text of the row's page."""
    (kind,) = (name for name, kind in KINDS.items() if kind.model is type(row))
    boss, _ = User.objects.get_or_create(username="boss", is_staff=True, is_superuser=True)
    client = Client()
    client.force_login(boss)
    response = client.get(f"/admin/why/{kind}/{row.pk}/{query}")
    assert response.status_code == 200
    content = response.content.decode()
    main = content[content.index('class="answer"') :]
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", main)))


def place(user: User, side: Side, qty: str, **fields: Any) -> int:
    values: dict[str, Any] = {"leverage": 10, "order_type": OrderType.LIMIT} | fields
    return services.place_order(
        user.pk, NewOrder(market_id=MARKET, side=side, qty=qty, **values)
    ).order_id


def order(pk: int) -> Order:
    return Order.objects.get(pk=pk)


def trader(name: str, funds: int) -> User:
    user = User.objects.create(username=name, password="!")
    deposit(user.pk, funds * 1_000_000, approved=True)
    return user


def forget_streams(exchange: Exchange) -> None:
    """As trimming does in time, but for the cursor's own entry."""
    exchange.client.xtrim(output_stream(MARKET), maxlen=1, approximate=False)
    exchange.client.xtrim(input_stream(MARKET), maxlen=0, approximate=False)


def test_a_trade_and_its_chain(exchange: Exchange) -> None:
    exchange.start()
    resting = place(exchange.alice, Side.SHORT, "0.5", price="25000")
    taking = place(exchange.bob, Side.LONG, "0.3", price="25000")
    exchange.settle()
    bought, sold = Fill.objects.order_by("-role")
    for text in (told(bought), told(sold)):
        assert f"order {taking} of bob came and met order {resting} of alice" in text
        assert f"PlaceOrder: Order {taking} By trader bob" in text
        assert "bob bought from alice 0.3 BTC at 25,000.00 USD" in text
        assert f"Output entry {bought.seq}" in text
        assert f"Postings of sequence {bought.seq}" in text
    assert "Fee: 3.75 USD = 0.05 % of 7,500.00 USD, the taker fee" in told(bought)
    assert "as they were then, version 1, by ConfigureMarket" in told(bought)
    text = told(order(resting))
    assert "open: it is in the book" in text
    assert f"sequence {bought.seq} (below)" in text
    placed = told(order(resting), f"?seq={bought.seq - 1}")
    assert f"PlaceOrder: Order {resting} By trader alice" in placed
    assert f"order {resting} of alice was accepted: SHORT 0.5 BTC at 25,000.00 USD" in placed
    place(exchange.alice, Side.SHORT, "0.1", price="25000")
    exchange.settle()
    forget_streams(exchange)
    text = told(bought)
    assert f"the events of sequence {bought.seq}: Redis keeps the newest entries only" in text
    assert f"PlaceOrder: Order {taking} By trader bob" in text
    assert f"The other side: fill {sold.pk}" in text
    assert f"Postings of sequence {bought.seq}" in text


def test_who_cancelled_also_when_redis_has_forgotten(exchange: Exchange) -> None:
    exchange.start()
    operator = User.objects.create(username="olga", password="!", is_staff=True)
    by_operator = place(exchange.alice, Side.SHORT, "0.5", price="25000")
    by_trader = place(exchange.alice, Side.SHORT, "0.5", price="25001")
    immediate = place(exchange.bob, Side.LONG, "0.1", price="24000", time_in_force=TimeInForce.IOC)
    exchange.settle()
    services.cancel_order_as_operator(order(by_operator), by=operator)
    services.cancel_order(exchange.alice.pk, by_trader)
    amended = services.amend_order(exchange.alice.pk, by_trader, OrderChanges(qty="0.4"))
    exchange.settle()
    place(exchange.bob, Side.LONG, "0.1", price="24000")
    exchange.settle()
    late = OutboxCommand.objects.get(command_type="AmendOrder")
    text = told(late)
    assert amended.pk == by_trader
    assert "rejected: the engine knew no such open or waiting order" in text
    assert f"order {by_trader} to 0.4 BTC at 25,001.00 USD, 0.00 USD more held" in text
    for forgets in (False, True):
        if forgets:
            forget_streams(exchange)
        text = told(order(by_operator))
        assert "cancelled: 0.5 BTC left the book without a fill, an operator cancelled it" in text
        assert f"order {by_operator}, reason OPERATOR By operator olga" in text
        text = told(order(by_trader))
        assert "its trader cancelled it" in text
        assert f"order {by_trader}, reason USER By trader alice" in text
        text = told(order(immediate))
        assert "expired: 0.1 BTC left the book without a fill, nothing more was in the book" in text
        assert f"PlaceOrder: Order {immediate} By trader bob" in text
    assert "what the engine answered: Redis keeps the newest entries only" in told(late)


def test_a_crash_of_the_price(exchange: Exchange) -> None:
    """From 25,000 to 20,000 while the engine is away: who trusted the old price is refused, who is
    long with tenfold leverage is liquidated, and with an empty book the short is deleveraged."""
    engine = exchange.start()
    place(exchange.alice, Side.SHORT, "0.3", price="25000")
    place(exchange.bob, Side.LONG, "0.3", price="25000")
    carol = trader("carol", 10_000)
    protected = place(exchange.bob, Side.LONG, "0.1", price="22600")
    exchange.settle()
    engine.stop()
    exchange.move_index(200_000)
    refused = place(carol, Side.LONG, "0.1", price="25000", leverage=5)
    exchange.engine("second")
    exchange.settle()
    text = told(order(refused))
    limit = "limit 25,000.00 USD > 22,000.00 USD, which is the mark price 20,000.00 USD + 10 %"
    assert f"rejected: at this price it could only fill outside the price band: {limit}" in text
    assert f"PlaceOrder: Order {refused} By trader carol" in text
    assert "Asked for 10 % around the mark price" in text
    row = Liquidation.objects.get()
    text = told(row)
    assert "liquidated: needs" in text
    assert (
        "= margin 750.00 USD + value 6,000.00 USD − entry cost 7,500.00 USD = -750.00 USD" in text
    )
    assert "UpdateIndexPrice: 20,000.00 USD By the prices process" in text
    assert "0.3 BTC deleveraged" in text
    assert f"By Liquidation {row.pk}" in told(order(protected))
    assert "its trader’s position was liquidated" in told(order(protected)).replace("'", "’")
    (gone,) = Fill.objects.filter(execution="ADL", user=exchange.alice)
    text = told(gone)
    assert "0.3 BTC of alice at 22,500.00 USD deleveraged: a bankrupt position" in text
    assert "It was number 1 that this liquidation was closed against" in text
    assert f"The liquidation: Liquidation {row.pk} of bob" in text
    forget_streams(exchange)
    text = told(order(refused))
    assert "Not kept: " in text
    assert "the numbers it was judged by" in text


def test_a_condition_came_true_and_the_wallet_had_too_little(exchange: Exchange) -> None:
    """A stop to buy 0.1 at 25,200, worth 2,545.20 at its slippage limit of 1 %."""
    exchange.start()
    dora = trader("dora", 200)
    trigger = NewTrigger(type=TriggerKind.STOP, price="25200")
    stop = place(dora, Side.LONG, "0.1", order_type=OrderType.MARKET, trigger=trigger)
    exchange.settle()
    assert "waiting: it waits for its condition" in told(order(stop))
    exchange.move_index(252_000)
    exchange.settle()
    ended = order(stop)
    assert ended.reason == CancelReason.UNAFFORDABLE
    margin, loss, fee = Decimal("254.52"), Decimal("25.20"), Decimal("1.2726")
    needs = f"needs {margin + loss + fee:.4f} USD = margin {margin} USD + open loss {loss} USD"
    text = told(ended)
    assert f"{needs} + fee {fee} USD, at the mark price 25,200.00 USD; 200.00 USD was free" in text
    assert "without a hold: the wallet had too little By the exchange itself" in text
    deposit(dora.pk, 5_000_000, approved=True)
    assert "200.00 USD was free" in told(ended)
    forget_streams(exchange)
    assert "needs" not in told(ended)


def test_redis_away(exchange: Exchange, monkeypatch: pytest.MonkeyPatch) -> None:
    exchange.start()
    pk = place(exchange.alice, Side.SHORT, "0.5", price="25000")
    exchange.settle()
    away = redis_away()
    monkeypatch.setattr("console.why.stream.request_redis_client", lambda: away)
    text = told(order(pk))
    assert "what Redis keeps: it does not answer now" in text
    assert "open: it is in the book" in text
