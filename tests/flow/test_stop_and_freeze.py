"""A market is stopped and a trader frozen in the console; engine and worker carry it out."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.utils import timezone

from accounts.access.refusals import HEARD_EVERYWHERE_S
from accounts.models import Freeze, User
from console.audit.models import AuditRow
from console.stop.models import MarketStop
from console.stop.services import LATE_FOR
from console.tasks import look_after_freezes, look_after_stops
from markets.rules import forget_markets
from tests.flow.committed import Operator, committed
from tests.flow.exchange import MARKET, PASSWORD, Exchange, Trader, wait_for
from trading.selectors import open_position

pytestmark = pytest.mark.django_db

NewTrader = Callable[..., Trader]
STOP = "/admin/stop/"


@pytest.fixture(scope="module")
def console(exchange: Exchange, django_db_blocker: Any) -> Iterator[Operator]:
    with django_db_blocker.unblock():
        yield Operator("boss")


def state_is(exchange: Exchange, state: str) -> Callable[[], bool]:
    return lambda: exchange.ticker()["state"] == state


def test_a_market_stops_with_its_orders_cancelled_and_comes_back_as_it_was(
    exchange: Exchange, new_trader: NewTrader, console: Operator
) -> None:
    trader = new_trader()
    rests = trader.place("LONG", "0.1", "49000")
    waits = trader.place("LONG", "0.1", None, trigger={"type": "STOP", "price": "51000"})
    trader.wait_until(rests, "open")
    trader.wait_until(waits, "waiting")
    in_an_hour = f"{timezone.now() + timedelta(hours=1):%Y-%m-%d %H:%M:%S}"
    stop = {"market": MARKET, "cancels_orders": "on", "resume_at": in_an_hour}
    console.post(STOP, state="CANCEL_ONLY", **stop)
    console.post(STOP, state="HALTED", **stop)
    wait_for(state_is(exchange, "HALTED"), "the engine to stop the market")
    trader.wait_until(rests, "cancelled")
    trader.wait_until(waits, "cancelled")
    # Each process of the API hears of it by itself, and the engine refuses what one took meanwhile.
    tried = partial(trader.try_to_place, "LONG", "0.1", "49000")
    wait_for(lambda: tried().json().get("code") == "MARKET_NOT_OPEN", "orders to be refused")
    stops = MarketStop.objects.filter(market=MARKET)
    committed(stops.update, asked_at=timezone.now() - LATE_FOR)

    def swept() -> bool:
        committed(look_after_stops)
        return console.is_settled(STOP)

    wait_for(swept, "nothing late, and nothing that waits for the engine")
    committed(stops.filter(pk=stops.latest("pk").pk).update, resume_at=timezone.now())
    committed(look_after_stops)
    wait_for(state_is(exchange, "ACTIVE"), "the market to open as planned")
    wait_for(lambda: tried().status_code == 202, "an order")
    ended = stops.latest("pk").resume_ended
    assert ended.startswith("resumed with command")
    assert AuditRow.objects.filter(verb="resume", words__endswith=ended).count() == 1


def test_a_post_only_market_comes_back_post_only(exchange: Exchange, console: Operator) -> None:
    def act(action: str) -> None:
        chosen = {"action": action, "_selected_action": MARKET, "confirmed": "yes"}
        console.post("/admin/markets/market/", **chosen)

    act("post_only")
    wait_for(state_is(exchange, "POST_ONLY"), "the market to take makers alone")
    console.post(STOP, market=MARKET, state="HALTED")
    wait_for(state_is(exchange, "HALTED"), "the market to stop")
    console.post(STOP, market=MARKET, state="ACTIVE")
    wait_for(state_is(exchange, "POST_ONLY"), "the market to be as it was")
    act("resume")
    wait_for(state_is(exchange, "ACTIVE"), "the market to open")


def test_a_trader_is_frozen_with_all_orders_and_positions_and_comes_back(
    exchange: Exchange, new_trader: NewTrader, console: Operator
) -> None:
    forget_markets()  # this process reads the market's state, as the API's does
    maker, mallory = new_trader(), exchange.trader()
    maker.wait_until(maker.place("SHORT", "0.1", "50000"), "open")
    mallory.wait_until(mallory.place("LONG", "0.1", "50000"), "filled")
    rests = mallory.place("LONG", "0.1", "49000")
    protects = mallory.place(
        "SHORT", "0.1", None, reduceOnly=True, trigger={"type": "STOP", "price": "45000"}
    )
    mallory.wait_until(rests, "open")
    mallory.wait_until(protects, "waiting")
    maker.wait_until(maker.place("LONG", "0.1", "49900"), "open")
    before = User.objects.filter(pk=mallory.user_id).values().get()
    page = f"/admin/freeze/{mallory.user_id}/"
    console.post(page, reduces="on")
    wait_for(
        lambda: mallory.try_to_place("LONG", "0.1", "49000").status_code in (401, 403),
        "the API to refuse the frozen",
    )
    heard = timezone.now() - timedelta(seconds=HEARD_EVERYWHERE_S)
    freezes = Freeze.objects.filter(user=mallory.user_id)
    committed(freezes.update, frozen_at=heard)

    def nothing_is_left() -> bool:
        committed(look_after_freezes)
        return console.is_settled(page) and open_position(mallory.user_id, MARKET) is None

    wait_for(nothing_is_left, "nothing that lives, and no position")
    signs_in = {"username": mallory.username, "password": PASSWORD}
    refused = exchange.http.post("/auth/signin", json=signs_in)
    assert refused.json()["code"] == "ACCOUNT_SUSPENDED"
    frozen = freezes.get()
    console.post(page, freeze=str(frozen.pk))
    assert User.objects.filter(pk=mallory.user_id).values().get() == before
    back = exchange.http.post("/auth/signin", json=signs_in)
    assert back.status_code == 200, back.text
    mallory.token = back.json()["token"]
    for order_id in (rests, protects):
        assert mallory.order(order_id)["status"] == "cancelled"

    def trades_again() -> bool:
        return mallory.try_to_place("LONG", "0.1", "48000").status_code == 202

    wait_for(trades_again, "every process to have heard that they are back")
    mallory.cancel_everything()
