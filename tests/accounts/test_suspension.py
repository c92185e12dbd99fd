"""A suspended user is refused within a minute, in every process, Redis or not."""

import pytest
from pytest_django import DjangoAssertNumQueries

from accounts.access import authentication, refusals
from accounts.models import User
from accounts.services import resume_user, suspend_user
from tests.trading.client import PASSWORD, Api, make_trader

pytestmark = pytest.mark.django_db


def test_suspended_at_once_where_it_is_done_and_resumed() -> None:
    trader = make_trader(0)
    assert trader.api.get("/user/orders").status == 200
    suspend_user(trader.user)
    answer = trader.api.get("/user/orders")
    assert (answer.status, answer.code) == (403, "ACCOUNT_SUSPENDED")
    resume_user(trader.user)
    again = {"username": trader.user.username, "password": PASSWORD}
    token = Api().post("/auth/signin", again).body["token"]
    assert Api(token).get("/user/orders").status == 200


def test_suspending_one_leaves_the_others() -> None:
    trader, other = make_trader(0), make_trader(0)
    suspend_user(trader.user)
    assert other.api.get("/user/orders").status == 200
    assert list(User.objects.filter(is_active=False)) == [trader.user]
    suspend_user(other.user)
    resume_user(trader.user)
    assert list(User.objects.filter(is_active=False)) == [other.user]
    assert other.api.get("/user/orders").code == "ACCOUNT_SUSPENDED"


def test_other_processes_learn_of_it_within_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1_000.0
    monkeypatch.setattr("accounts.access.refusals.time.monotonic", lambda: now)
    trader = make_trader(0)
    assert trader.api.get("/user/orders").status == 200
    User.objects.filter(pk=trader.user.pk).update(is_active=False)  # sends no signal here
    assert trader.api.get("/user/orders").status == 200
    now += refusals.POSTGRES_REFRESH_S + 0.1
    assert trader.api.get("/user/orders").status == 403
    assert refusals.POSTGRES_REFRESH_S < 60


def test_the_suspended_neither_sign_in_nor_refresh() -> None:
    trader = make_trader(0)
    suspend_user(trader.user)
    credentials = {"username": trader.user.username, "password": PASSWORD}
    assert Api().post("/auth/signin", credentials).code == "ACCOUNT_SUSPENDED"
    wrong = credentials | {"password": "wrong guess"}
    assert Api().post("/auth/signin", wrong).code == "WRONG_CREDENTIALS"
    assert Api().post("/auth/refresh", {"refresh": trader.refresh}).code == "ACCOUNT_SUSPENDED"


@pytest.mark.usefixtures("still")
def test_a_request_asks_nothing_about_its_user(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    trader = make_trader(0)
    trader.api.get("/user/orders")
    with django_assert_num_queries(0):
        assert authentication.authenticate_token(str(trader.api.token)).pk == trader.user.pk
