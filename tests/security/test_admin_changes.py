"""What the operator log says of an edit, and what an operator is shown before saying yes."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.db.models import Model
from django.test import Client

from accounts.access.sessions import Origin, open_session
from accounts.models import User
from common.admin.record_urls import list_url, url_of
from markets.models import Market
from prices.models import PriceSource
from tests.admin.factories import make_order, make_top_up, make_user
from tests.admin.money_rows import make_deposit
from trading.models import FeeTier, OutboxCommand, UserFeeTier

ClientOf = Callable[[str], Client]

pytestmark = pytest.mark.usefixtures("alone")


def fields_of(client: Client, url: str) -> dict[str, str]:
    """What a browser would send back of the page as it is."""
    context = client.get(url).context
    forms = [context["adminform"].form]
    for inline in context["inline_admin_formsets"]:
        forms += [inline.formset.management_form, *inline.formset.forms]
    data: dict[str, str] = {}
    for form in forms:
        for bound in form:
            value = bound.value()
            if bound.field.disabled or value is None or value is False:
                continue
            if isinstance(value, list):
                data[bound.html_name] = [getattr(one, "pk", one) for one in value]  # type: ignore[assignment]
                continue
            data[bound.html_name] = "on" if value is True else str(value)
    return data


def save(client: Client, url: str, **changes: str) -> str:
    response = client.post(url, fields_of(client, url) | changes, follow=True)
    assert response.status_code == 200
    assert "text-red-600" not in response.content.decode()
    return response.content.decode()


def edited(market: Market) -> list[Model]:
    tier = FeeTier.objects.create(name="Makers", maker_fee_ppm=-50, taker_fee_ppm=300)
    trader = make_user()
    return [
        market,
        tier,
        UserFeeTier.objects.create(user=trader, tier=tier),
        PriceSource.objects.earliest("pk"),
        trader,
    ]


def test_what_is_saved_as_it_was_leaves_no_trace(client_of: ClientOf, market: Market) -> None:
    rows, client = edited(market), client_of("superuser")
    Market.objects.update(config_version=7)
    before = [type(row)._default_manager.filter(pk=row.pk).values().get() for row in rows]
    for row in rows:
        assert "was changed." in save(client, url_of(type(row), row.pk)), row
    assert [type(row)._default_manager.filter(pk=row.pk).values().get() for row in rows] == before
    assert not LogEntry.objects.exists()
    assert not OutboxCommand.objects.exists()


@pytest.mark.parametrize(
    "typed",
    [
        {"taker_fee_percent": "0.0500"},
        {"taker_fee_percent": "00.05", "min_notional": "5.00"},
        {"funding_interval": "8:00:00"},
        {"max_size": "100.000"},
        {"tiers-0-floor": "0.00", "tiers-1-maintenance_percent": "2.0000"},
    ],
)
def test_a_number_typed_otherwise_is_no_change(
    client_of: ClientOf, market: Market, typed: dict[str, str]
) -> None:
    save(client_of("risk"), url_of(Market, market.pk), **typed)
    assert not LogEntry.objects.exists()
    assert not OutboxCommand.objects.exists()


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ({"taker_fee_percent": "0.06"}, "Changed taker fee 0.05 % → 0.06 %."),
        ({"min_notional": "7.5"}, "Changed minimum order value 5 USD → 7.5 USD."),
        ({"max_size": "50"}, "Changed maximum size 100 BTC → 50 BTC."),
        ({"funding_interval": "04:00:00"}, "Changed funding every 08:00:00 → 04:00:00."),
        ({"max_open_orders": "150"}, "Changed open orders per account 200 → 150."),
        (
            {"tiers-1-maintenance_percent": "2.5"},
            "Changed maintenance margin 2 % → 2.5 % for leverage tier “BTC-PERP 25×”.",
        ),
        ({"tiers-1-DELETE": "on"}, "Deleted leverage tier “BTC-PERP 25×”."),
    ],
)
def test_an_edit_is_logged_from_what_to_what(
    client_of: ClientOf, market: Market, typed: dict[str, str], words: str
) -> None:
    save(client_of("risk"), url_of(Market, market.pk), **typed)
    assert LogEntry.objects.get().get_change_message() == words
    assert OutboxCommand.objects.get().command_type == "ConfigureMarket"


def test_edits_of_other_rows(client_of: ClientOf, market: Market) -> None:
    _, tier, member, source, trader = edited(market)
    other = FeeTier.objects.create(name="Friends", maker_fee_ppm=0, taker_fee_ppm=100)
    client = client_of("superuser")
    edits: list[tuple[Any, dict[str, str], str]] = [
        (tier, {"taker_fee_percent": "0.04"}, "Changed taker fee 0.03 % → 0.04 %."),
        (member, {"tier": str(other.pk)}, "Changed tier Makers → Friends."),
        (source, {"weight": "3"}, "Changed weight 1 → 3."),
        (trader, {"username": "renamed"}, f"Changed username {trader} → renamed."),
        (trader, {"is_staff": "on"}, "Changed staff status no → yes."),
    ]
    for row, typed, words in edits:
        save(client, url_of(type(row), row.pk), **typed)
        assert LogEntry.objects.latest("pk").get_change_message() == words


def test_a_password_is_not_in_the_log(client_of: ClientOf) -> None:
    client, user = client_of("superuser"), make_user()
    secret = "wholly unlikely words"
    answers = {"password1": secret, "password2": secret, "usable_password": "true"}
    client.post(url_of(User, user.pk).replace("change", "password"), answers)
    user.refresh_from_db()
    assert user.check_password(secret)
    entry = LogEntry.objects.get()
    assert secret not in entry.change_message
    assert entry.get_change_message() == "Changed password."


def test_the_question_says_what_matters_of_each_row(client_of: ClientOf, market: Market) -> None:
    trader = make_user("alice")
    open_session(trader, Origin("203.0.113.7", "curl"))
    asked: list[tuple[Any, str, tuple[str, ...]]] = [
        (make_deposit(trader), "approve", ("alice", "1,000.00 USD", "Requested")),
        (
            make_order(trader, market),
            "cancel_selected",
            ("alice", "BTC-PERP", "LONG", "0.5 BTC", "2,500.00 USD"),
        ),
        (make_top_up(market, trader), "approve", ("5.00 USD", "alice", "as agreed")),
        (market, "pause", ("ACTIVE", "2,510.00 USD")),
        (trader, "suspend", ("alice", "active")),
        (trader.sessions.get(), "end", ("alice", "203.0.113.7")),
        (PriceSource.objects.earliest("pk"), "disable", ("BTC-PERP",)),
    ]
    client = client_of("superuser")
    for row, action, words in asked:
        form = {"action": action, "_selected_action": row.pk}
        page = client.post(list_url(type(row), ""), form).content.decode()
        table = page.partition("confirm-rows")[2].partition("</table>")[0]
        assert str(row) in table
        for word in words:
            assert word in re.sub(r"<[^>]+>", " ", table), (row, word)
