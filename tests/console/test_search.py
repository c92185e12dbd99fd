"""The search box: what a person has in hand leads to records and pages that one may see."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from accounts.models import User
from common.admin.record_urls import url_of
from markets.models import Market
from tests.admin.factories import make_user
from trading.models import Fill, Order

ClientOf = Callable[[str], Client]
SEARCH = reverse("admin:search")


def found(client: Client, words: str) -> str:
    response = client.get(SEARCH, {"s": words, "extended": "1"})
    assert response.status_code == 200, words
    return response.content.decode()


@pytest.mark.parametrize("group", ["superuser", "viewer", "support", "risk", "treasury"])
def test_a_name_an_id_and_a_page_are_found(
    client_of: ClientOf, everything: Market, group: str
) -> None:
    client = client_of(group)
    alice, order = make_user("alice-of-wonder"), Order.objects.earliest("pk")
    assert url_of(User, alice.pk) in found(client, "alice-of")
    assert url_of(Order, order.pk) in found(client, str(order.pk))
    assert order.client_order_id
    assert url_of(Order, order.pk) in found(client, order.client_order_id)
    assert url_of(Market, everything.pk) in found(client, everything.pk[:3].lower())
    assert "/admin/trading/liquidation/" in found(client, "liquid")
    assert "No results" in found(client, "nothing-like-it")


def test_nothing_is_found_of_what_one_may_not_see(everything: Market) -> None:
    clerk = make_user("clerk", is_staff=True)
    clerk.user_permissions.add(Permission.objects.get(codename="view_fill"))
    client = Client()
    client.force_login(clerk)
    fill, order = Fill.objects.earliest("pk"), Order.objects.earliest("pk")
    assert url_of(Fill, fill.pk) in found(client, str(fill.pk))
    assert "/admin/trading/order/" not in found(client, str(order.pk))
    assert "/admin/accounts/" not in found(client, "trader")


@pytest.mark.parametrize("words", ["", " ", "a" * 3_000, "9" * 40, "'\"%;--", "٣"])
def test_rubbish_finds_nothing_and_hurts_nobody(
    client_of: ClientOf, everything: Market, words: str
) -> None:
    found(client_of("viewer"), words)


def test_strangers_are_sent_to_sign_in(db: None) -> None:
    response = Client().get(SEARCH, {"s": "alice"})
    assert response.status_code == 302
    assert response["Location"].startswith("/admin/login/")
