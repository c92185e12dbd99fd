"""Terms of service: whoever hasn't accepted them opens nothing, and can always leave."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import redis
from django.test import Client
from django.urls import reverse

from accounts.law.standing import TermsStanding, standing
from accounts.law.terms import publish_terms
from accounts.models import TermsAcceptance, TermsVersion, User
from common.errors import DomainError
from markets.models import Market
from tests.accounts.test_sessions import sign_up
from tests.trading.client import (
    PASSWORD,
    Api,
    Trader,
    forget_caches,
    make_market,
    make_trader,
    order_body,
    set_ticker,
)
from tests.trading.intake_server import IntakeApi
from trading.models import Order

pytestmark = pytest.mark.django_db(transaction=True)


def publish(text: str = "Be fair.", ahead: timedelta = timedelta()) -> TermsVersion:
    by, _ = User.objects.get_or_create(username="publisher")
    terms = TermsVersion(text=text, in_force_at=datetime.now(UTC) + ahead)
    publish_terms(terms, by)
    standing.forget()
    return terms


def accept(trader: Trader, version: Any) -> Any:
    return trader.api.post("/user/terms", {"termsVersion": version})


@pytest.fixture
def market(redis_db: redis.Redis) -> Iterator[Market]:
    forget_caches()
    market = make_market()
    set_ticker(redis_db)
    yield market
    forget_caches()


@pytest.fixture(params=["django", "intake"])
def trader(market: Market, request: pytest.FixtureRequest) -> Trader:
    trader = make_trader()
    if request.param == "intake":
        trader.api = IntakeApi(trader.api.token)
    return trader


def test_without_terms_nobody_is_asked(trader: Trader) -> None:
    assert Api().get("/terms").body == {"inForce": None, "toCome": None}
    assert trader.place().status == 202
    assert accept(trader, 1).status == 400


def test_what_opens_is_refused_and_what_closes_is_not(trader: Trader) -> None:
    before = trader.place(clientOrderId="before")
    assert before.status == 202
    assert publish().version == 1
    refused = trader.place()
    assert (refused.status, refused.code) == (403, "TERMS_NOT_ACCEPTED")
    assert trader.place(clientOrderId="before").status == 200  # it was placed
    assert trader.place(reduceOnly=True, margin=None).status == 202
    Order.objects.update(status="open")
    amend = trader.api.send("PATCH", f"/order/{before.body['orderId']}", b'{"price": "24990"}')
    assert amend.code == "TERMS_NOT_ACCEPTED"
    many = {"orders": [{"orderId": before.body["orderId"], "price": "24990"}]}
    amended = trader.api.send("PATCH", "/orders/batch", json.dumps(many).encode())
    assert amended.body["results"][0]["code"] == "TERMS_NOT_ACCEPTED"
    key = {"name": "bot", "password": PASSWORD, "permissions": ["read"]}
    assert trader.api.post("/user/keys", key).code == "TERMS_NOT_ACCEPTED"
    assert trader.api.post("/user/onramp", {"amount": "5"}).code == "TERMS_NOT_ACCEPTED"
    assert trader.api.delete(f"/order/{before.body['orderId']}").status == 202
    assert accept(trader, 1).body == {"acceptedVersion": 1, "inForceVersion": 1}
    assert trader.place().status == 202


def test_a_batch_fares_order_by_order(trader: Trader) -> None:
    publish()
    orders = [order_body(), order_body(reduceOnly=True, margin=None)]
    answer = trader.api.post("/orders/batch", {"orders": orders})
    codes = [result.get("code") for result in answer.body["results"]]
    assert codes[0] == "TERMS_NOT_ACCEPTED"
    assert codes[1] is None


def test_signing_up_accepts(market: Market) -> None:
    publish()
    assert sign_up("alice").code == "TERMS_NOT_ACCEPTED"
    assert not User.objects.filter(username="alice").exists()
    body = {"username": "alice", "password": PASSWORD, "termsVersion": 1}
    assert Api().post("/auth/signup", body).status == 201
    row = TermsAcceptance.objects.get()
    assert (row.user.username, row.terms.version, row.address) == ("alice", 1, "127.0.0.1")


@pytest.mark.parametrize("version", [0, 2, -1, 2**63])
def test_terms_that_are_none(version: int, market: Market) -> None:
    publish()
    assert accept(make_trader_now(), version).status == 400
    body = {"username": "alice", "password": PASSWORD, "termsVersion": version}
    assert Api().post("/auth/signup", body).status in (400, 403)
    assert not User.objects.filter(username="alice").exists()


def make_trader_now() -> Trader:
    body = {"username": "bob", "password": PASSWORD, "termsVersion": 1}
    answer = Api().post("/auth/signup", body)
    return Trader(Api(answer.body["token"]), User.objects.get(username="bob"), "")


def test_new_terms_ask_anew_from_their_time_on(trader: Trader) -> None:
    publish()
    accept(trader, 1)
    assert trader.place().status == 202
    coming = publish("Be fairer.", timedelta(hours=1))
    said = Api().get("/terms").body
    assert (said["inForce"]["version"], said["toCome"]["text"]) == (1, "Be fairer.")
    assert trader.place().status == 202
    early = make_trader_now()
    assert accept(early, 2).body == {"acceptedVersion": 2, "inForceVersion": 1}
    TermsVersion.objects.filter(pk=coming.pk).update(in_force_at=datetime.now(UTC))
    standing.forget()
    assert trader.place().code == "TERMS_NOT_ACCEPTED"
    assert early.place().code != "TERMS_NOT_ACCEPTED"
    assert accept(trader, 1).status == 400
    assert accept(trader, 2).status == 200
    assert accept(trader, 2).status == 200
    assert trader.place().status == 202
    assert TermsAcceptance.objects.filter(user=trader.user).count() == 2


@pytest.mark.usefixtures("still")
def test_orders_of_who_accepted_ask_postgres_nothing(
    market: Market, django_assert_num_queries: Any
) -> None:
    trader = make_trader()
    terms = publish()
    TermsAcceptance.objects.create(user=trader.user, terms=terms)
    known = TermsStanding()
    with django_assert_num_queries(3):  # which is in force, for whom, and whether
        assert known.refused([trader.user.pk]) == frozenset()
    with django_assert_num_queries(0):
        assert known.refused([trader.user.pk]) == frozenset()
    others = [make_trader_like().pk for _ in range(3)]
    with django_assert_num_queries(2):
        assert known.refused([*others, trader.user.pk]) == frozenset(others)


def make_trader_like() -> User:
    return User.objects.create_user(f"other{User.objects.count()}")


def test_versions_come_in_order(db: None) -> None:
    publish()
    publish("two", timedelta(hours=2))
    for ahead in (timedelta(hours=1), timedelta(hours=-1)):
        with pytest.raises(DomainError, match="in_force_at"):
            publish("three", ahead)


def test_an_operator_publishes(client_of: Callable[[str], Client], db: None) -> None:
    url = reverse("admin:accounts_termsversion_add")
    said = {"text": "<b>Be fair.</b>", "in_force_at_0": "2000-01-01", "in_force_at_1": "00:00"}
    boss = client_of("superuser")
    assert client_of("support").post(url, said).status_code == 403
    boss.post(url, said)
    assert not TermsVersion.objects.exists()  # not in the past
    later = datetime.now(UTC) + timedelta(days=1)
    boss.post(url, said | {"in_force_at_0": f"{later:%Y-%m-%d}"})
    terms = TermsVersion.objects.get()
    assert (terms.version, terms.published_by.username) == (1, "superuser-op")
    page = reverse("admin:accounts_termsversion_change", args=[terms.pk])
    text = boss.get(page).content.decode()
    assert "&lt;b&gt;Be fair." in text
    assert boss.post(page, said | {"text": "other"}).status_code == 403
    assert boss.get(reverse("admin:accounts_termsversion_changelist")).status_code == 200
