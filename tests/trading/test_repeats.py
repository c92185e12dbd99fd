"""The same key again: the first answer if it asks for the same, 409 with what differs if not."""

import json
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis
from django.db import connection

from ledger.models import Deposit, JournalEntry, Wallet
from ledger.services import deposit
from markets.models import Market
from matching.messages.vocabulary import MarketState
from tests.trading.client import (
    Answer,
    Api,
    Trader,
    make_market,
    make_trader,
    order_body,
    set_ticker,
)
from tests.trading.intake_server import IntakeApi, IntakeServer
from tests.trading.test_reading import add_position
from trading.models import Order, OutboxCommand, Position

pytestmark = pytest.mark.django_db(transaction=True)

MARGIN = "/user/positions/BTC-PERP/margin"


@pytest.fixture(params=["one", "batch", "intake"])
def place(request: pytest.FixtureRequest, trader: Trader) -> Iterator[Callable[..., Answer]]:
    """An order under an id, by each way there is."""
    deposit(trader.user.pk, 10**12, approved=True)

    def one(key: str = "mine", **fields: Any) -> Answer:
        return trader.place(clientOrderId=key, **fields)

    def batch(key: str = "mine", **fields: Any) -> Answer:
        body = {"orders": [order_body(clientOrderId=key, **fields)]}
        (item,) = trader.api.post("/orders/batch", body).body["results"]
        if not item["ok"]:
            return Answer(409 if item["code"] == "CLIENT_ORDER_ID_REUSED" else 400, item)
        return Answer(200 if "before" in item["message"] else 202, item)

    if request.param == "intake":
        server = IntakeServer()
        trader.api = IntakeApi(trader.api.token, server)
        yield one
        server.stop()
    else:
        yield batch if request.param == "batch" else one


STOP = {"type": "STOP", "price": "26000"}
OTHER = {"side": "LONG", "orderType": "market", "qty": "0.5", "leverage": 5, "trigger": STOP}
CLOSING = {"side": "LONG", "orderType": "market", "closePosition": True, "trigger": STOP}
# What is asked first, what is asked then, and what differs; nothing is another spelling of it.
AGAIN: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    ({}, {"qty": 0.5, "price": "2.5e4", "margin": "2500.000"}, ""),
    ({}, {"timeInForce": "GTC", "postOnly": False, "reduceOnly": False}, ""),
    ({}, {"selfTradePrevention": "EXPIRE_MAKER"}, ""),
    ({"postOnly": True}, {"timeInForce": "GTX"}, ""),
    ({"expiresAt": "2126-01-01T00:00:00Z"}, {"expiresAt": "2126-01-01T02:00:00+02:00"}, ""),
    ({"trigger": STOP}, {"trigger": STOP | {"by": "MARK", "price": 26_000.0}}, ""),
    ({"other": OTHER}, {"other": OTHER | {"timeInForce": "IOC", "qty": 0.50}}, ""),
    ({"other": OTHER}, {"other": OTHER | {"timeInForce": "FOK"}}, "other"),
    ({"other": CLOSING}, {"other": CLOSING | {"reduceOnly": True}}, ""),
    ({}, {"selfTradePrevention": "EXPIRE_TAKER"}, "selfTradePrevention"),
    ({}, {"side": "SHORT"}, "side"),
    ({}, {"qty": "0.4"}, "qty"),
    ({}, {"price": "24999.9"}, "price"),
    ({}, {"margin": "2500.000001"}, "margin"),
    ({}, {"margin": None, "leverage": 5}, "leverage, margin"),
    ({"margin": None, "leverage": 5}, {"leverage": 6}, "leverage"),
    ({}, {"timeInForce": "IOC"}, "timeInForce"),
    ({}, {"postOnly": True}, "timeInForce"),
    ({}, {"reduceOnly": True}, "reduceOnly"),
    ({}, {"orderType": "market", "price": None}, "orderType, price, timeInForce"),
    ({}, {"expiresAt": "2126-01-01T00:00:00Z"}, "expiresAt"),
    ({}, {"trigger": STOP}, "trigger"),
    ({"trigger": STOP}, {"trigger": STOP | {"by": "LAST"}}, "trigger"),
    ({"trigger": STOP}, {"trigger": STOP | {"type": "TAKE_PROFIT", "price": "24000"}}, "trigger"),
    ({}, {"marketId": "ETH-PERP"}, "marketId"),
]


def test_every_term_counts(place: Callable[..., Answer], redis_db: redis.Redis) -> None:
    make_market("ETH-PERP")
    set_ticker(redis_db, "ETH-PERP")
    for number, (first, then, differs) in enumerate(AGAIN):
        key = f"mine-{number}"
        placed = place(key, **first)
        assert placed.status == 202, placed
        assert place(key, **first).status == 200
        again = place(key, **first | then)
        if differs:
            assert (again.status, again.code) == (409, "CLIENT_ORDER_ID_REUSED"), (then, again)
            assert f"which differs in {differs}." in again.body["message"]
        else:
            assert (again.status, again.body["orderId"]) == (200, placed.body["orderId"]), again
    assert Order.objects.filter(client_order_id__isnull=False).count() == len(AGAIN)


def test_what_was_asked_outlives_what_became_of_it(
    place: Callable[..., Answer], redis_db: redis.Redis
) -> None:
    """An amendment, another leverage set, rules that changed: none makes it another order."""
    placed = place()
    Order.objects.update(
        status="open", price_ticks=240_000, size_lots=400, margin_units=2_000_000_000
    )
    assert place().status == 200
    assert place(price="24000", qty="0.4", margin="2000").status == 409  # what it is now
    Market.objects.update(max_size_lots=100, min_size_lots=50)
    set_ticker(redis_db, state=MarketState.HALTED)
    again = place()
    assert (again.status, again.body["orderId"]) == (200, placed.body["orderId"]), again
    assert place(qty="x").status == 400


def test_an_order_from_before_terms_were_remembered_is_no_repeat(
    place: Callable[..., Answer],
) -> None:
    place()
    Order.objects.update(terms_asked=None)
    again = place()
    assert (again.status, again.code) == (409, "CLIENT_ORDER_ID_REUSED")


def test_the_leverage_set_since_makes_no_other_order(trader: Trader) -> None:
    trader.api.post("/user/leverage/BTC-PERP", {"leverage": 20})
    body = order_body(margin=None, clientOrderId="x")
    assert trader.api.post("/order", body).status == 202
    trader.api.post("/user/leverage/BTC-PERP", {"leverage": 30})
    assert trader.api.post("/order", body).status == 200
    assert trader.api.post("/order", body | {"leverage": 20}).status == 409  # named, now


# --- money under a key ----------------------------------------------------------------------------


@pytest.fixture
def holder(trader: Trader) -> Trader:
    add_position(trader, 200, 5_000_000_000, 1_000_000_000)
    return trader


def margin(api: Api, amount: Any = "250.5", key: Any = "k", market_id: str = "BTC-PERP") -> Answer:
    path = MARGIN.replace("BTC-PERP", market_id)
    return api.post(path, {"amount": amount, "idempotencyKey": key})


@pytest.mark.parametrize("amount", ["250.5", "-250.5"])
def test_margin_under_a_key_moves_once(holder: Trader, amount: str) -> None:
    first = margin(holder.api, amount)
    assert first.status == 202, first
    # The same, also when it could not be done again.
    Wallet.objects.filter(user=holder.user).update(available_units=0)
    Position.objects.update(margin_units=0)
    assert [margin(holder.api, amount), margin(holder.api, amount + "0")] == [first, first]
    other = margin(holder.api, amount.replace("5", "6"))
    assert (other.status, other.code) == (409, "IDEMPOTENCY_KEY_REUSED")
    assert f"a margin change of {amount} in BTC-PERP" in other.body["message"]
    assert margin(holder.api, amount.lstrip("-") if "-" in amount else f"-{amount}").status == 409
    assert OutboxCommand.objects.filter(command_type="AdjustMargin").count() == 1
    assert JournalEntry.objects.filter(kind="margin_hold").count() == (amount[0] != "-")


def test_a_key_is_its_senders_and_of_one_market(holder: Trader, redis_db: redis.Redis) -> None:
    make_market("ETH-PERP")
    set_ticker(redis_db, "ETH-PERP")
    first = margin(holder.api)
    assert margin(holder.api, market_id="ETH-PERP").code == "IDEMPOTENCY_KEY_REUSED"
    other = make_trader()
    add_position(other, 200, 5_000_000_000, 1_000_000_000)
    assert margin(other.api).body["commandId"] != first.body["commandId"]
    assert margin(holder.api, key="l").body["commandId"] != first.body["commandId"]
    assert margin(holder.api, key=None).status == 202
    unfit: list[Any] = ["", "x" * 65, 5, []]
    assert {margin(holder.api, key=key).status for key in unfit} == {400}


def test_a_refused_change_leaves_the_key_free(holder: Trader) -> None:
    assert margin(holder.api, "10000.000001").code == "INSUFFICIENT_BALANCE"
    assert margin(holder.api, "1").status == 202


@pytest.mark.parametrize("amount", ["10", "-10"])
def test_a_key_counts_once_among_requests_at_once(holder: Trader, amount: str) -> None:
    found: list[Answer] = []
    begin = threading.Barrier(8)

    def send() -> None:
        begin.wait()
        found.append(margin(Api(holder.api.token), amount))
        connection.close()

    threads = [threading.Thread(target=send) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {answer.status for answer in found} == {202}
    assert len({answer.body["commandId"] for answer in found}) == 1
    assert OutboxCommand.objects.filter(command_type="AdjustMargin").count() == 1
    held = Wallet.objects.get(user=holder.user).held_units
    assert held == (10_000_000 if amount == "10" else 0)


def test_deposits_at_once_under_one_key(trader: Trader, settings: Any) -> None:
    settings.SELF_ONRAMP = True
    body = {"amount": "7", "idempotencyKey": "k"}
    assert trader.api.post("/user/onramp", body) == trader.api.post("/user/onramp", body)
    other = trader.api.post("/user/onramp", body | {"amount": "7.000001"})
    assert (other.status, other.code) == (409, "IDEMPOTENCY_KEY_REUSED")
    assert Deposit.objects.filter(idempotency_key="k").count() == 1


# --- no number is rounded before it is checked ----------------------------------------------------

HAIR = "50.0000000000000000000000000001"
UNSOUND = [
    *(HAIR, f"-{HAIR}", "50.00000000000000000000000000000000001", "0.0000001", "1e-30", "5e-7"),
    *("1e400", "9" * 64, "9" * 5_000, "+-5", "5\u3000", "٥", "５", "0x10", "1_000", "NaN", "sNaN"),
    *("Infinity", "-Infinity", "-0", "0e9", "", ".", "e5", "1,5", "50.0000001e0"),
]


CODES = {"INVALID_NUMBER", "NUMBER_OUT_OF_RANGE", "MALFORMED_JSON", "MISSING_FIELD"}


def test_numbers_that_would_have_to_be_rounded_in_orders(
    trader: Trader, place: Callable[..., Answer]
) -> None:
    """As text and, where JSON has it, as a number."""
    for text in UNSOUND:
        for field in ("qty", "price", "margin"):
            answer = place(**{field: text})
            assert (answer.status, answer.body["field"]) == (400, field), answer
            raw = json.dumps(order_body()).replace(f'"{order_body()[field]}"', text, 1)
            answer = trader.api.send("POST", "/order", raw.encode())
            assert answer.status == 400, (raw, answer)
    assert not Order.objects.exists()


def test_amounts_that_would_have_to_be_rounded(holder: Trader) -> None:
    for text in UNSOUND:
        for path in ("/user/onramp", MARGIN):
            for raw in (f'"{text}"', text):
                answer = holder.api.send("POST", path, f'{{"amount": {raw}}}'.encode())
                assert answer.status == 400, (path, raw, answer)
                assert answer.code in CODES | {"INVALID_AMOUNT"}
    for raw in (HAIR, f"-{HAIR}", f'"{HAIR}"', f'"-{HAIR}"', "50.0000000000001"):
        answer = holder.api.send("POST", MARGIN, f'{{"amount": {raw}}}'.encode())
        assert (answer.status, answer.code) == (400, "INVALID_AMOUNT")
        message = "amount must be a multiple of the smallest amount 0.000001."
        assert answer.body["message"] == message
    assert Wallet.objects.get(user=holder.user).available_units == 10_000_000_000


def test_what_is_exact_is_taken_to_the_digit(holder: Trader) -> None:
    spellings = ["0.1", '"0.1"', "1e-1", "0.100000", '".1"', '"+0.1"', '"10e-2"', "1E-1"]
    for raw in spellings:
        assert holder.api.send("POST", MARGIN, f'{{"amount": {raw}}}'.encode()).status == 202
    rows = OutboxCommand.objects.filter(command_type="AdjustMargin")
    assert [row.payload["amount_units"] for row in rows] == [100_000] * len(spellings)
