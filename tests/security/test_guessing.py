"""Guesses at passwords: at the API's door and the admin's, by name and by address; the way out."""

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import redis
from django.db import connection
from django.test import Client
from django.urls import reverse

from accounts.access import guesses
from accounts.access.guesses import Secret, sign_in_secret
from accounts.models import GuessKind, GuessLock, SignInFailure, User
from accounts.tasks import forget_old_sessions
from common.admin.record_urls import list_path
from common.limits.budgets import Rate
from console.audit.models import AuditRow
from mails.models import Mail
from tests.builders.keys import KeyApi, make_key
from tests.builders.people import give_mail, text_of
from tests.trading.client import PASSWORD, Answer, Api, Trader, forget_caches, make_trader

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
    assert not GuessLock.objects.exists()


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
    assert staff_sign_in(name, PASSWORD, "192.0.2.9").status_code == 429  # from wherever
    at_api = sign_in(name, PASSWORD, "192.0.2.9")  # at both doors
    assert (at_api.status, at_api.code) == (429, "TOO_MANY_REQUESTS")
    GuessLock.objects.update(locked_until=datetime.now(UTC))
    assert staff_sign_in("operator", PASSWORD).status_code == 302


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
    sign_in("nobody", "wrong guess", "192.0.2.8")
    rows = SignInFailure.objects.order_by("pk").values_list("username", "address", "door")
    assert list(rows) == [
        ("operator", "192.0.2.7", "console"),
        ("trader", "192.0.2.7", "console"),
        ("nobody", "192.0.2.8", "api"),
    ]
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
    for number in range(60):
        answer = sign_in(f"nobody{number}", "wrong guess", "::ffff:192.0.2.7")
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


def test_waits_double_up_to_a_quarter_of_an_hour() -> None:
    secret = sign_in_secret("Secret", 2)
    assert guesses.attempt(secret) == 0
    for longest in LONGEST_WAITS_S:
        assert guesses.attempt(secret) == 0
        assert longest - 20 <= guesses.attempt(secret) <= longest
        GuessLock.objects.update(locked_until=datetime.now(UTC))
    guesses.start_over(secret)
    assert guesses.attempt(secret) == 0
    assert guesses.attempt(secret) == 0
    GuessLock.objects.update(locked_until=None, tried_at=datetime.now(UTC) - timedelta(days=2))
    assert guesses.attempt(secret) == 0
    assert GuessLock.objects.get().attempts == 1  # what is long ago is forgotten
    GuessLock.objects.update(tried_at=datetime.now(UTC) - timedelta(days=2))
    forget_old_sessions()
    assert not GuessLock.objects.exists()


def test_guesses_are_counted_without_redis(operator: User, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*args: Any, **kwargs: Any) -> None:
        raise redis.ConnectionError("planted")

    with monkeypatch.context() as patched:
        patched.setattr(redis.Redis, "execute_command", away)
        statuses = [sign_in("operator", "wrong guess").status for _ in range(12)]
    assert statuses == [401] * 10 + [429] * 2


# --- the way out ----------------------------------------------------------------------------------


def lock(name: str) -> None:
    while sign_in(name, "wrong guess").status != 429:
        pass


def token_mailed() -> str:
    (mail,) = Mail.objects.all()
    assert mail.to == "ann@example.com"
    (token,) = re.findall(r'"token": "([^"]+)"', text_of(mail))
    return str(token)


@pytest.fixture
def ann() -> Trader:
    trader = make_trader(funds_units=0)
    give_mail(trader.user, "ann@example.com")
    return trader


def test_a_mail_lifts_the_lock_once(ann: Trader) -> None:
    name = ann.user.username
    lock(name)
    token = token_mailed()
    assert token not in str(list(GuessLock.objects.values()))
    assert sign_in(name, PASSWORD).status == 429
    for wrong in ("", "x", "a" * 43, token[:-1]):
        assert Api().post("/auth/unlock", {"token": wrong}).code == "TOKEN_INVALID"
    assert Api().post("/auth/unlock", {"token": token}).status == 200
    assert Api().post("/auth/unlock", {"token": token}).code == "TOKEN_INVALID"
    assert sign_in(name, PASSWORD).status == 200


def test_a_link_that_is_old_lifts_nothing(ann: Trader) -> None:
    lock(ann.user.username)
    GuessLock.objects.update(mailed_at=datetime.now(UTC) - timedelta(hours=25))
    assert Api().post("/auth/unlock", {"token": token_mailed()}).code == "TOKEN_INVALID"


def test_no_more_than_a_mail_an_hour(ann: Trader) -> None:
    lock(ann.user.username)
    for _ in range(3):
        GuessLock.objects.update(locked_until=datetime.now(UTC))
        assert sign_in(ann.user.username, "wrong guess").status == 401
    assert Mail.objects.count() == 1


def test_what_is_open_goes_on_while_the_name_is_locked(ann: Trader) -> None:
    key = KeyApi(make_key(ann))
    lock(ann.user.username)
    assert sign_in(ann.user.username, PASSWORD).status == 429
    assert ann.api.get("/auth/sessions").status == 200
    assert key.get("/user/orders").status == 200
    change = {"password": PASSWORD, "newPassword": "staple of my own"}
    assert ann.api.post("/auth/password", change).status == 200


def test_operators_see_locks_and_lift_them(operator: User, ann: Trader) -> None:
    lock("nobody")
    lock(ann.user.username)
    client = Client()
    client.force_login(operator)
    path = reverse("admin:accounts_guesslock_changelist")
    page = client.get(path).content.decode()
    assert "nobody" in page
    assert ann.user.username in page
    key = GuessLock.objects.get(whose=ann.user.username).pk
    said = {"action": "lift", "_selected_action": key, "confirmed": "yes"}
    assert "Lifted" in client.post(path, said, follow=True).content.decode()
    assert sign_in(ann.user.username, PASSWORD).status == 200
    assert AuditRow.objects.filter(verb="lift").exists()


@pytest.mark.parametrize("whose", ["{own} 192.0.2.1", "{own}", "{other}"])
def test_whoever_guesses_lifts_no_lock_of_it(operator: User, ann: Trader, whose: str) -> None:
    """With an operator's cookie: at the code that is asked for before what is dangerous, or at the
    password; or with others' help at a trader's."""
    whose = whose.format(own=operator.pk, other=ann.user.pk)
    kind = GuessKind.PASSWORD if " " in whose else GuessKind.SECOND_FACTOR
    secret = Secret(kind, whose, 1)
    assert guesses.attempt(secret) == 0
    lock = GuessLock.objects.get()
    client = Client()
    client.force_login(operator)
    said = {"action": "lift", "_selected_action": lock.pk, "confirmed": "yes"}
    client.post(list_path(GuessLock), said)
    assert GuessLock.objects.filter(pk=lock.pk).exists()
    assert guesses.attempt(secret) > 0


def test_the_page_of_the_mail_lifts_by_post_alone(operator: User, settings: Any) -> None:
    settings.CONSOLE_URL = "https://console.example.com"
    give_mail(operator, "ann@example.com")
    lock("operator")
    (path,) = re.findall(
        r"https://console.example.com(/admin/unlock/\S+/),", text_of(Mail.objects.get())
    )
    assert Client().get(path).status_code == 200
    assert staff_sign_in("operator", PASSWORD).status_code == 429
    assert "is lifted" in Client().post(path).content.decode()
    assert staff_sign_in("operator", PASSWORD).status_code == 302
    assert Client().post(path).status_code == 410
