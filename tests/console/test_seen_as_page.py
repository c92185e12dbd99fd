"""A trader's own page as an operator sees it: opened with a reason, read and nothing else."""

import re
from collections.abc import Callable
from datetime import timedelta
from html import unescape
from typing import Any

import msgspec
import pytest
from django.test import Client
from django.urls import reverse

from accounts.access.sessions import Origin, open_session
from accounts.models import Session, User
from accounts.services import suspend_user
from common.redis_client import redis_client
from console.audit.models import AuditRow
from console.seen_as import looks
from console.seen_as.answers import SECTIONS
from markets.models import Market
from terminal import bundle, views
from tests.admin.conftest import module_world
from tests.admin.factories import make_order, make_user
from tests.trading.client import forget_caches
from trading.algos.models import Algo
from trading.models import Order

__all__ = ["module_world"]

ClientOf = Callable[[str], Client]
REASON = {"reason": "says that their stop is gone"}
pytestmark = pytest.mark.usefixtures("module_world", "everything")


@pytest.fixture
def trader(everything: Market, monkeypatch: pytest.MonkeyPatch) -> User:
    page = bundle.PageFiles(bundle.BUILDS, "assets/main-1.js")
    monkeypatch.setattr(views, "bundle", lambda: page)
    forget_caches()
    return Order.objects.filter(filled_lots__gt=0).earliest("pk").user


@pytest.fixture
def support(client_of: ClientOf) -> Client:
    return client_of("support")


def page_of(user: User) -> str:
    return reverse("admin:see-as-page", args=[user.pk])


def opened(client: Client, user: User) -> dict[str, str]:
    """What the shell tells its script."""
    response = client.get(page_of(user), REASON)
    assert response.status_code == 200
    return {
        name: unescape(value)
        for name, value in re.findall(r'data-([a-z-]+)="([^"]*)"', response.content.decode())
    }


class Reads:
    """As the page's script asks, of a look that is open."""

    def __init__(self, client: Client, user: User) -> None:
        self.client = client
        told = opened(client, user)
        self.at, self.headers = told["reads"], {looks.HEADER: told["look"]}

    def get(self, call: str, **query: str) -> Any:
        return self.client.get(f"{self.at}/v1/{call}", query, headers=self.headers)

    def told(self, call: str, **query: str) -> Any:
        response = self.get(call, **query)
        assert response.status_code == 200
        assert "no-store" in response["Cache-Control"]
        return msgspec.json.decode(response.content)

    def code(self, call: str, **query: str) -> tuple[int, str]:
        response = self.get(call, **query)
        assert response["Content-Type"] == "application/json"
        return response.status_code, response.json()["code"]


def test_it_is_behind_the_tables_with_their_reason(support: Client, trader: User) -> None:
    tables = support.get(reverse("admin:see-as", args=[trader.pk]), REASON).content.decode()
    (address,) = re.findall(r'href="([^"]*)">Open the trading page', tables)
    assert support.get(unescape(address)).status_code == 200
    newest = AuditRow.objects.filter(verb="see_as").latest("pk")
    assert (newest.words, newest.reason) == ("trading page", REASON["reason"])


def test_the_shell_says_whose_page_it_is_and_nothing_of_a_session(
    support: Client, trader: User
) -> None:
    response = support.get(page_of(trader), REASON)
    told = opened(support, trader)
    assert (told["user-id"], told["username"]) == (str(trader.pk), trader.username)
    assert told["refused"] == ""
    assert (told["reads"], told["back"]) == (
        f"/admin/see-as/{trader.pk}/api",
        reverse("admin:accounts_user_change", args=[trader.pk]),
    )
    assert response["Content-Security-Policy"] == Client().get("/")["Content-Security-Policy"]
    assert "unsafe" not in response["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in response["Content-Security-Policy"]
    assert response["X-Frame-Options"] == "DENY"
    assert "no-store" in response["Cache-Control"]
    assert not response.cookies
    assert "data-look" not in Client().get("/").content.decode()


def test_a_name_is_text_and_no_markup(support: Client, trader: User) -> None:
    trader.username = '"><script>alert(1)</script>'
    trader.save(update_fields=["username"])
    text = support.get(page_of(trader), REASON).content.decode()
    assert text.count("<script") == 1
    assert opened(support, trader)["username"] == trader.username


@pytest.mark.parametrize("reason", [None, "", "  ", "x" * 501])
def test_without_a_reason_it_asks_for_one(
    support: Client, trader: User, reason: str | None
) -> None:
    response = support.get(page_of(trader), {} if reason is None else {"reason": reason})
    assert (response.status_code, response["Location"]) == (
        302,
        reverse("admin:see-as", args=[trader.pk]),
    )
    assert not AuditRow.objects.filter(verb="see_as").exists()


def test_a_look_is_in_the_audit_once(support: Client, trader: User) -> None:
    reads = Reads(support, trader)
    for _ in range(3):
        reads.told("user/equity")
        reads.told("user/orders", limit="500")
    (row,) = AuditRow.objects.filter(verb="see_as")
    assert (row.object_key, row.words, row.reason) == (
        str(trader.pk),
        "trading page",
        REASON["reason"],
    )


@pytest.mark.parametrize("group", ["viewer", "risk", "treasury"])
def test_it_is_for_support(client_of: ClientOf, support: Client, trader: User, group: str) -> None:
    reads = Reads(support, trader)
    reads.client = client_of(group)
    assert reads.client.get(page_of(trader), REASON).status_code == 403
    assert reads.code("user/equity") == (403, "FORBIDDEN")
    assert AuditRow.objects.filter(verb="see_as").count() == 1


def test_who_is_not_signed_in_is_told_nothing(support: Client, trader: User) -> None:
    reads = Reads(support, trader)
    stranger = Client()
    assert "/login/" in stranger.get(page_of(trader), REASON)["Location"]
    reads.client = stranger
    assert reads.code("user/equity") == (403, "FORBIDDEN")
    token = open_session(trader, Origin(None, "")).token
    reads.headers |= {"Authorization": f"Bearer {token}"}
    assert reads.code("user/equity") == (403, "FORBIDDEN")


def test_the_next_read_is_refused_once_it_is_not_allowed_any_more(
    support: Client, trader: User
) -> None:
    reads = Reads(support, trader)
    reads.told("user/equity")
    operator = User.objects.get(username="support-op")
    held = list(operator.groups.all())
    operator.groups.clear()
    assert reads.code("user/equity") == (403, "FORBIDDEN")
    operator.groups.set(held)
    reads.told("user/equity")
    support.logout()
    assert reads.code("user/equity") == (403, "FORBIDDEN")
    support.force_login(operator)
    assert reads.code("user/equity") == (401, "TOKEN_INVALID")  # of the session before


def test_the_console_must_let_them_in_too(
    support: Client, trader: User, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads = Reads(support, trader)
    operator = User.objects.filter(username="support-op")
    operator.update(is_staff=False)
    assert reads.code("user/equity") == (403, "FORBIDDEN")
    operator.update(is_staff=True)
    reads.told("user/equity")
    settings.DEMO = False
    monkeypatch.setattr("console.factors.door.shown_at", lambda _: None)  # no second factor
    assert reads.code("user/equity") == (403, "FORBIDDEN")


def test_nothing_is_read_of_whom_no_look_is_open(
    client_of: ClientOf, support: Client, trader: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads = Reads(support, trader)
    other = make_user("somebody-else")
    at = reads.at
    reads.at = reverse("admin:see-as", args=[other.pk]) + "api"
    assert reads.code("user/equity") == (401, "TOKEN_INVALID")
    reads.at, look = at, reads.headers[looks.HEADER]
    for rubbish in ("", "x", look[:-1], look + "x", "é"):
        reads.headers = {looks.HEADER: rubbish}
        assert reads.code("user/equity") == (401, "TOKEN_INVALID")
    reads.headers = {looks.HEADER: look}
    reads.client = client_of("superuser")
    assert reads.code("user/equity") == (401, "TOKEN_INVALID")
    reads.client = support
    monkeypatch.setattr(looks, "LASTS", timedelta(seconds=-1))
    assert reads.code("user/equity") == (401, "TOKEN_EXPIRED")


@pytest.mark.parametrize("call", [*(section.call[1:] for section in SECTIONS.values()), "algos"])
def test_it_reads_what_the_api_answers_the_trader(support: Client, trader: User, call: str) -> None:
    token = open_session(trader, Origin(None, "")).token
    answer = Client().get(f"/{call}", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 200
    assert Reads(support, trader).get(call).content == answer.content


def test_one_algo_of_the_trader_s_and_of_nobody_else(support: Client) -> None:
    algo = Algo.objects.earliest("pk")
    assert Reads(support, algo.user).told(f"algos/{algo.pk}")["id"] == algo.pk
    stranger = Reads(support, make_user("somebody-else"))
    assert stranger.code(f"algos/{algo.pk}") == (404, "ALGO_NOT_FOUND")
    assert stranger.code(f"algos/{'9' * 30}") == (404, "ALGO_NOT_FOUND")


def test_another_trader_s_rows_are_never_in_it(
    support: Client, trader: User, everything: Market
) -> None:
    stranger = make_user("somebody-else")
    theirs = make_order(stranger, everything, client_order_id="of-somebody-else")
    own = make_order(trader, everything)
    reads = Reads(support, trader)
    ids = [order["id"] for order in reads.told("user/orders", limit="500")["orders"]]
    assert own.pk in ids
    assert theirs.pk not in ids
    assert reads.told("user/fills", orderId=str(theirs.pk))["fills"] == []
    reads.headers |= {"X-Account": stranger.username}
    assert theirs.pk not in [one["id"] for one in reads.told("user/orders")["orders"]]


@pytest.mark.parametrize(
    "call",
    [
        "user/keys", "user/profile", "user/factors", "user/statement", "user/data", "user/accounts",
        "user/withdrawals", "user/deposits", "user/referrals", "auth/sessions", "auth/sign-ins",
        "order/preview", "markets", "user/equity/", "user/EQUITY", "user/../user/keys", "x", "/",
        "user/equity%2f..%2fkeys", "algos/1/pause", "algos/x",
    ],
)  # fmt: skip
def test_what_is_not_listed_is_not_there(support: Client, trader: User, call: str) -> None:
    assert Reads(support, trader).code(call) == (404, "NOT_FOUND")


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete", "head", "options"])
def test_nothing_but_reading(support: Client, trader: User, method: str) -> None:
    reads = Reads(support, trader)
    strict = Client(enforce_csrf_checks=True)
    for call in ("user/orders", "algos", "orders", "order/1", "user/keys"):
        answer = getattr(strict, method)(f"{reads.at}/v1/{call}", headers=reads.headers)
        assert (answer.status_code, answer["Allow"]) == (405, "GET")
    if method != "head":
        assert getattr(support, method)(page_of(trader)).status_code == 405


@pytest.mark.parametrize(
    ("call", "query"),
    [
        ("user/orders", {"limit": "0"}),
        ("user/orders", {"limit": "x"}),
        ("user/orders", {"status": "sleepy"}),
        ("user/fills", {"cursor": "'"}),
        ("user/fills", {"from": "yesterday"}),
        ("user/ledger", {"cursor": "9" * 60}),
        ("algos", {"state": "x"}),
    ],
)
def test_a_bad_query_is_refused_as_the_api_refuses_it(
    support: Client, trader: User, call: str, query: dict[str, str]
) -> None:
    token = open_session(trader, Origin(None, "")).token
    answer = Client().get(f"/{call}", query, headers={"Authorization": f"Bearer {token}"})
    found = Reads(support, trader).get(call, **query)
    assert found.status_code == answer.status_code == 400
    assert found.json() == answer.json()


def test_it_costs_the_trader_nothing(support: Client, trader: User) -> None:
    before = Session.objects.filter(user=trader).count()
    reads = Reads(support, trader)
    for section in SECTIONS.values():
        reads.told(section.call[1:])
    assert not [key for key in redis_client().keys("limits:*") if f":{trader.pk}".encode() in key]
    assert Session.objects.filter(user=trader).count() == before


def test_who_is_kept_out_is_shown_with_a_word(support: Client, trader: User) -> None:
    suspend_user(trader)
    assert opened(support, trader)["refused"] == "suspended"
    assert "equity" in Reads(support, trader).told("user/equity")


def test_who_is_frozen_too(support: Client, everything: Market) -> None:
    frozen = make_user("freezing")
    asked = {"reason": "asked by the police"}
    assert support.post(reverse("admin:freeze", args=[frozen.pk]), asked).status_code == 302
    assert opened(support, frozen)["refused"] == "frozen"
    assert Reads(support, frozen).told("user/positions")["positions"] == []


@pytest.mark.parametrize("key", ["0", "9" * 30])
def test_nobody_is_nobody_s_page(support: Client, trader: User, key: str) -> None:
    assert support.get(f"/admin/see-as/{key}/page/", REASON).status_code == 404
    reads = Reads(support, trader)
    reads.at = f"/admin/see-as/{key}/api"
    assert reads.code("user/equity") == (401, "TOKEN_INVALID")
