"""See as this trader: what the API answers them, nobody else's, and no way to act."""

import re
from collections.abc import Callable
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
from console.seen_as.answers import SECTIONS, answered
from ledger.models import Posting
from markets.models import Market
from tests.admin.conftest import module_world
from tests.admin.factories import make_order, make_user
from tests.trading.client import forget_caches
from trading.models import Fill, Order

__all__ = ["module_world"]

ClientOf = Callable[[str], Client]
REASON = {"reason": "asks where the fee came from"}
pytestmark = pytest.mark.usefixtures("module_world", "everything")


@pytest.fixture
def trader(everything: Market) -> User:
    forget_caches()
    return Order.objects.filter(filled_lots__gt=0).earliest("pk").user


def see(client: Client, user: User, **asked: str) -> str:
    response = client.get(reverse("admin:see-as", args=[user.pk]), asked)
    assert response.status_code == 200
    return response.content.decode()


def content(page: str) -> str:
    """What the page itself shows, without what is around every page."""
    return page.partition('<p class="notice')[2].rpartition("</section>")[0]


@pytest.mark.parametrize("group", ["viewer", "risk", "treasury"])
def test_it_is_for_support(client_of: ClientOf, trader: User, group: str) -> None:
    url = reverse("admin:see-as", args=[trader.pk])
    client = client_of(group)
    assert client.get(url, REASON).status_code == 403
    assert (
        url
        not in client.get(reverse("admin:accounts_user_change", args=[trader.pk])).content.decode()
    )
    assert not AuditRow.objects.filter(verb="see_as").exists()


def test_it_is_on_the_trader_s_page(client_of: ClientOf, trader: User) -> None:
    client = client_of("support")
    page = client.get(reverse("admin:accounts_user_change", args=[trader.pk])).content.decode()
    assert reverse("admin:see-as", args=[trader.pk]) in page


@pytest.mark.parametrize("name", SECTIONS)
def test_each_part_is_what_the_api_answers(client_of: ClientOf, trader: User, name: str) -> None:
    token = open_session(trader, Origin(None, "")).token
    section = SECTIONS[name]
    answer = Client().get(section.call, headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 200
    told: dict[str, Any] = msgspec.json.decode(answer.content)
    found = answered(name, trader.pk, {})
    assert found.items == (told[section.rows] if section.rows else [told])
    assert found.items or name == "closed"
    page = unescape(see(client_of("support"), trader, **REASON, show=name))
    for item in found.items:
        for value in item.values():
            assert isinstance(value, bool | dict | None) or str(value) in page


def test_nothing_of_anybody_else(client_of: ClientOf, trader: User, everything: Market) -> None:
    stranger = make_user("somebody-else")
    make_order(stranger, everything, client_order_id="of-somebody-else")
    page = see(client_of("support"), trader, **REASON)
    for name in SECTIONS:
        for item in answered(name, trader.pk, {}).items:
            assert item.get("userId", trader.pk) == trader.pk
    of_others = {*Posting.objects.exclude(account__user=trader).values_list("pk", flat=True)}
    shown = {item["id"] for item in answered("ledger", trader.pk, {"limit": "500"}).items}
    assert not shown & of_others
    others = Fill.objects.exclude(user=trader).values_list("pk", flat=True)
    assert not {item["id"] for item in answered("fills", trader.pk, {}).items} & {*others}
    assert "somebody-else" not in page


def test_each_look_is_in_the_audit_with_its_reason(client_of: ClientOf, trader: User) -> None:
    client = client_of("support")
    for asked in ({}, {"reason": ""}, {"reason": "  "}, {"reason": "x" * 501}):
        page = see(client, trader, **asked)
        assert "Balances" not in page.partition('id="reason"')[0].partition("<table")[2]
        assert "You see what" not in page
    assert not AuditRow.objects.filter(verb="see_as").exists()
    assert "You see what" in see(client, trader, **REASON)
    see(client, trader, **REASON, show="fills")
    whole, fills = AuditRow.objects.filter(verb="see_as").order_by("pk")
    assert (whole.object_key, whole.reason) == (str(trader.pk), REASON["reason"])
    assert whole.words == "balances, positions"
    assert fills.words == "fills"


def test_nothing_can_be_done(client_of: ClientOf, trader: User) -> None:
    client = client_of("support")
    url = reverse("admin:see-as", args=[trader.pk])
    for name in (None, *SECTIONS):
        asked = REASON | ({"show": name} if name else {})
        own = content(see(client, trader, **asked))
        assert own
        assert not re.findall(r"<(?:form|button|input|select|textarea)\b", own)
    for method in ("post", "put", "patch", "delete"):
        assert getattr(client, method)(f"{url}?reason=x", {}).status_code == 405


def test_it_costs_the_trader_no_budget(client_of: ClientOf, trader: User) -> None:
    client = client_of("support")
    see(client, trader, **REASON)
    assert not [key for key in redis_client().keys("limits:*") if f":{trader.pk}".encode() in key]
    assert Session.objects.filter(user=trader, ended_at=None).count() <= 1


def test_pages_lead_further_back(client_of: ClientOf, trader: User, everything: Market) -> None:
    made = [make_order(trader, everything).pk for _ in range(30)]
    client = client_of("support")
    first = see(client, trader, **REASON, show="orders")
    (older,) = re.findall(r'href="(\?[^"]*cursor=[^"]*)">Older', first)
    second = client.get(reverse("admin:see-as", args=[trader.pk]) + unescape(older))
    assert second.status_code == 200
    assert f">{made[0]}<" in second.content.decode()
    assert f">{made[0]}<" not in first


@pytest.mark.parametrize("cursor", ["x", "-1", "9" * 60, "1-1", "'"])
def test_rubbish_is_answered_in_words(client_of: ClientOf, trader: User, cursor: str) -> None:
    client = client_of("support")
    for name in SECTIONS:
        see(client, trader, **REASON, show=name, cursor=cursor)
    see(client, trader, **REASON, show=cursor)
    for key in ("0", "9" * 30):
        assert client.get(f"/admin/see-as/{key}/", REASON).status_code == 404


def test_of_who_is_suspended_it_says_so(client_of: ClientOf, trader: User) -> None:
    suspend_user(trader)
    assert "is suspended: the API refuses them" in see(client_of("support"), trader, **REASON)


def test_who_has_no_wallet_is_told_in_words(client_of: ClientOf) -> None:
    nobody = make_user("nobody")
    page = see(client_of("support"), nobody, **REASON)
    assert "You see what" in page
