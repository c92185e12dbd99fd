"""What the account channel tells of algos: each event once and in order, to their trader alone,
also what was committed while Postgres couldn't be asked."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from accounts.models import User
from common.http.bodies import to_struct
from feeds.algos import AlgoNews
from markets.models import Market
from matching.messages.vocabulary import OrderStatus
from tests.feeds.conftest import Ear, Feeds, accepted, subscribed_account
from tests.trading.client import Trader, make_tiers, make_trader, set_ticker
from tests.trading.test_algos import SCALED, TWAP
from trading.algos import runner, services
from trading.algos.models import Algo, AlgoEvent
from trading.algos.request import NewAlgo
from trading.algos.telling import ToldEvent
from trading.models import Order
from trading.services import configure_market

pytestmark = pytest.mark.django_db(transaction=True)

START = datetime(2026, 1, 5, 9, 30, tzinfo=UTC)


@pytest.fixture
def trader(feeds: Feeds) -> Trader:
    for market in Market.objects.all():
        configure_market(market, by=None, tiers=make_tiers())
    set_ticker(feeds.redis)
    return make_trader()


def start(user: User, terms: dict[str, Any], **fields: Any) -> Algo:
    return services.start_algo(user.pk, to_struct(terms | fields, NewAlgo), START).algo


def hear_algo(ear: Ear, count: int) -> list[dict[str, Any]]:
    heard = [ear.hear() for _ in range(count)]
    assert {message["type"] for message in heard} == {"algo"}
    return heard


def test_a_trader_hears_of_each_step_and_nobody_else_does(feeds: Feeds, trader: Trader) -> None:
    other = make_trader()
    (mine, _), (theirs, _) = (subscribed_account(feeds, one.user) for one in (trader, other))
    algo = start(trader.user, TWAP, clientAlgoId="in-slowly")
    started, sent = hear_algo(mine, 2)
    first = Order.objects.get(client_order_id=f"algo-{algo.pk}-1")
    assert started["timeMs"] > 0
    assert started | {"timeMs": 0} == {
        "channel": "account",
        "type": "algo",
        "marketId": "BTC-PERP",
        "event": "AlgoStarted",
        "algoId": algo.pk,
        "clientAlgoId": "in-slowly",
        "number": 1,
        "state": "running",
        "slice": None,
        "orderId": None,
        "reason": None,
        "timeMs": 0,
    }
    assert (sent["event"], sent["number"], sent["slice"]) == ("AlgoSliceSent", 2, 1)
    assert sent["orderId"] == first.pk
    services.pause_algo(trader.user.pk, algo.pk, START)
    services.pause_algo(trader.user.pk, algo.pk, START)  # it is paused: nothing happens
    services.resume_algo(trader.user.pk, algo.pk, START)
    services.cancel_algo(trader.user.pk, algo.pk, START)
    told = [(m["event"], m["number"], m["state"], m["reason"]) for m in hear_algo(mine, 3)]
    assert told == [
        ("AlgoPaused", 3, "paused", None),
        ("AlgoResumed", 4, "running", None),
        ("AlgoEnded", 5, "cancelled", "USER"),
    ]
    # Whatever was told to the other account would have come before this.
    own = start(other.user, TWAP)
    assert {m["algoId"] for m in hear_algo(theirs, 2)} == {own.pk}


def test_an_end_says_why_and_a_refused_slice_too(feeds: Feeds, trader: Trader) -> None:
    ear, _ = subscribed_account(feeds, trader.user, id="mine")
    algo = start(trader.user, SCALED, qty="4", count=4, leverage=8)
    Order.objects.update(status=OrderStatus.FILLED, filled_lots=1, held_units=0)
    runner.run_due_algos(START + timedelta(seconds=6))
    heard = hear_algo(ear, 6)
    assert {m["id"] for m in heard} == {"mine"}
    assert [m["number"] for m in heard] == [1, 2, 3, 4, 5, 6]
    sent = [m for m in heard if m["event"] == "AlgoSliceSent"]
    refused = [m for m in heard if m["event"] == "AlgoSliceRefused"]
    assert len(sent) + len(refused) == 4
    assert refused
    for one in refused:
        assert one["reason"] == "INSUFFICIENT_BALANCE"
        assert one["message"]
        assert one["orderId"] is None
    algo.refresh_from_db()
    assert heard[-1]["event"] == "AlgoEnded"
    assert (heard[-1]["state"], heard[-1]["reason"]) == (algo.state, algo.reason)


def test_what_was_undone_was_never_told(
    feeds: Feeds, trader: Trader, monkeypatch: pytest.MonkeyPatch
) -> None:
    ear, _ = subscribed_account(feeds, trader.user)
    with monkeypatch.context() as broken:
        broken.setattr(services, "take_step", _fail)
        with pytest.raises(ZeroDivisionError):
            start(trader.user, TWAP)
    assert not AlgoEvent.objects.exists()
    start(trader.user, TWAP)
    assert [m["number"] for m in hear_algo(ear, 2)] == [1, 2]


def _fail(*_: object) -> None:
    raise ZeroDivisionError


def test_an_engine_s_event_of_a_slice_names_its_algo(feeds: Feeds, trader: Trader) -> None:
    algo = start(trader.user, TWAP)
    slice_order = Order.objects.get()
    ear, _ = subscribed_account(feeds, trader.user)
    feeds.write_entry(1, accepted(slice_order.pk, trader.user.pk))
    while (heard := ear.hear())["type"] == "algo":
        pass  # of the half minute before
    (event,) = heard["events"]
    assert event["algoId"] == algo.pk
    assert event["clientOrderId"] == f"algo-{algo.pk}-1"


class Played:
    """Those who listen; Postgres is away while ``is_away``."""

    def __init__(self, *user_ids: int) -> None:
        self.user_ids = user_ids
        self.told: list[str] = []
        self.is_away = False

    def listened_to(self) -> tuple[int, ...]:
        return self.user_ids

    def tell(self, account_id: int, text: str) -> None:
        assert account_id in self.user_ids
        self.told.append(text)

    async def read(self, ask: Callable[[], list[ToldEvent]]) -> list[ToldEvent] | None:
        return None if self.is_away else ask()


def test_a_look_goes_back_to_the_last_that_succeeded(trader: Trader) -> None:
    played = Played(trader.user.pk)
    news = AlgoNews(played, played.read)

    def look() -> int:
        step = news.step()
        with pytest.raises(StopIteration):
            step.send(None)  # nothing in it waits
        return len(played.told)

    assert look() == 0
    start(trader.user, TWAP)
    played.is_away = True
    assert look() == 0
    played.is_away = False
    assert look() == 2
    assert look() == 2
