"""Guesses at passwords: at the API's door and the admin's, by name and by address."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import redis
from django.db import connection
from django.test import Client
from django.urls import reverse

from accounts.models import SignInFailure, User
from accounts.tasks import forget_old_sessions
from common.limits import waits
from common.limits.budgets import Rate
from tests.trading.client import PASSWORD, Answer, Api, forget_caches

pytestmark = pytest.mark.django_db(transaction=True)

LOGIN = "/admin/login/"


@pytest.fixture(autouse=True)
def _counts(redis_db: redis.Redis) -> Iterator[None]:
    forget_caches()
    yield
    forget_caches()


def sign_in(name: str, password: str, address: str = "192.0.2.1") -> Answer:
    body = f'{{"username": "{name}", "password": "{password}"}}'.encode()
    return Api().send("POST", "/auth/signin", body, REMOTE_ADDR=address)


def staff_sign_in(name: str, password: str, address: str = "192.0.2.1") -> Any:
    return Client(REMOTE_ADDR=address).post(LOGIN, {"username": name, "password": password})


@pytest.fixture
def operator() -> User:
    return User.objects.create_superuser("operator", password=PASSWORD)


def test_an_address_is_stopped_whatever_names_it_tries(operator: User) -> None:
    for name in range(28):
        assert sign_in(f"nobody{name}", "wrong guess").status == 401
    statuses = [sign_in(f"other{name}", "wrong guess").status for name in range(32)]
    assert statuses.count(429) >= 20
    assert sign_in("operator", PASSWORD, "192.0.2.2").status == 200


def test_an_ipv6_network_is_one_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("accounts.throttles.GUESSES", Rate(1, 3_600, burst=30))  # not by speed
    for host in range(60):
        answer = sign_in(f"nobody{host}", "wrong guess", f"2001:db8:0:1::{host:x}")
    assert answer.status == 429
    assert sign_in("nobody", "wrong guess", "2001:db8:0:2::1").status == 401


def test_right_passwords_cost_nothing(operator: User) -> None:
    assert {sign_in("operator", PASSWORD).status for _ in range(60)} == {200}
    assert {staff_sign_in("operator", PASSWORD).status_code for _ in range(60)} == {302}


def test_guesses_at_once_are_counted_like_guesses_in_turn(operator: User) -> None:
    def guess(_: int) -> int:
        try:
            return sign_in("operator", "wrong guess").status
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(guess, range(25)))
    assert statuses.count(401) == 10
    assert statuses.count(429) == 15


@pytest.mark.parametrize("name", ["operator", "nobody"])
def test_the_admins_door_closes_alike_for_names_that_are_and_are_not(
    operator: User, name: str
) -> None:
    answers = [staff_sign_in(name, "wrong guess") for _ in range(7)]
    assert [answer.status_code for answer in answers] == [200] * 5 + [429] * 2
    assert 20 < int(answers[-1]["Retry-After"]) <= 32
    assert "Too many wrong passwords" in answers[-1].content.decode()
    refused = staff_sign_in(name.upper(), PASSWORD)
    assert refused.status_code == 429  # also the right one, until then
    assert (
        staff_sign_in("operator", PASSWORD, "192.0.2.9").status_code == 302
    )  # nobody is locked out


def test_a_right_password_starts_over(operator: User) -> None:
    for _ in range(3):
        for _ in range(4):
            assert staff_sign_in("operator", "wrong guess").status_code == 200
        assert staff_sign_in("operator", PASSWORD).status_code == 302


def test_an_address_is_stopped_at_the_admins_door_too(operator: User) -> None:
    statuses = [staff_sign_in(f"nobody{name}", "wrong guess").status_code for name in range(60)]
    assert statuses[:28] == [200] * 28
    assert statuses.count(429) >= 20


def test_failures_at_the_admins_door_are_seen_by_other_operators(operator: User) -> None:
    trader = User.objects.create_user("trader", password=PASSWORD)
    staff_sign_in("operator", "wrong guess", "192.0.2.7")
    staff_sign_in("trader", PASSWORD, "192.0.2.7")  # right, but no operator
    staff_sign_in("operator", PASSWORD)
    rows = list(SignInFailure.objects.order_by("pk").values_list("username", "address"))
    assert rows == [("operator", "192.0.2.7"), ("trader", "192.0.2.7")]
    client = Client()
    client.force_login(operator)
    page = client.get(reverse("admin:accounts_signinfailure_changelist")).content.decode()
    assert "192.0.2.7" in page
    assert "trader" in page
    SignInFailure.objects.update(failed_at=datetime.now(UTC) - timedelta(days=91))
    forget_old_sessions()
    assert not SignInFailure.objects.exists()
    assert trader.pk


def test_ipv4_in_ipv6s_clothes_is_itself() -> None:
    for _ in range(60):
        answer = sign_in("nobody", "wrong guess", "::ffff:192.0.2.7")
    assert answer.status == 429
    assert sign_in("nobody", "wrong guess", "::ffff:192.0.2.8").status == 401
    assert sign_in("nobody", "wrong guess", "192.0.2.7").status == 429


def test_right_passwords_without_end_are_too_much_hashing(
    operator: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("accounts.throttles.ATTEMPTS", Rate(1, 3_600, burst=3))
    statuses = [sign_in("operator", PASSWORD).status for _ in range(5)]
    assert statuses == [200, 200, 200, 429, 429]
    assert sign_in("operator", PASSWORD, "192.0.2.2").status == 200


def test_an_operators_cookie_is_no_way_to_guess_the_password(operator: User) -> None:
    client = Client()
    client.force_login(operator)
    new = {"new_password1": "staple of my own", "new_password2": "staple of my own"}

    def change(old_password: str) -> Any:
        url = reverse("admin:password_change")
        return client.post(url, {"old_password": old_password} | new)

    statuses = [change(f"wrong guess {number}").status_code for number in range(7)]
    assert statuses == [200] * 5 + [429] * 2
    assert SignInFailure.objects.filter(username="operator").count() == 5
    refused = change(PASSWORD)
    assert (refused.status_code, refused.has_header("Retry-After")) == (429, True)
    operator.refresh_from_db()
    assert operator.check_password(PASSWORD)


LONGEST_WAITS_S = [32, 64, 128, 256, 512, 900, 900, 900]


def test_waits_double_up_to_a_quarter_of_an_hour(redis_db: redis.Redis) -> None:
    assert waits.attempt("secret", 2) == 0
    for longest in LONGEST_WAITS_S:
        assert waits.attempt("secret", 2) == 0
        assert longest - 20 <= waits.attempt("secret", 2) <= longest
        redis_db.hset(waits.KEY.format("secret"), "until", 0)


def test_waits_double_without_redis(monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*args: Any, **kwargs: Any) -> None:
        raise redis.ConnectionError("planted")

    with monkeypatch.context() as patched:
        patched.setattr(redis.Redis, "execute_command", away)
        assert waits.attempt("secret", 2) == 0
        for longest in LONGEST_WAITS_S:
            assert waits.attempt("secret", 2) == 0
            assert longest - 20 <= waits.attempt("secret", 2) <= longest
            attempts, _ = waits._local._known["secret"]
            waits._local._known["secret"] = attempts, 0
        waits.start_over("secret")
        assert waits.attempt("secret", 1) == 0
