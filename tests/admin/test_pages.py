"""Every list and every record page shows, in human units, to those who may and to nobody else."""

import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from http import HTTPStatus
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.admin import SimpleListFilter
from django.contrib.admin.templatetags.admin_list import results
from django.contrib.admin.utils import quote
from django.db import connection, transaction
from django.db.models import Model
from django.template.response import SimpleTemplateResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from pytest_django.plugin import DjangoDbBlocker

from accounts.access.sessions import Origin, open_session
from accounts.models import Person, Session, User
from common.admin.quick_rows import QuickRows
from common.admin.record_urls import list_url, url_of
from ledger.models import Account, Wallet
from markets.models import Market, MarketStatus
from markets.rules import forget_markets
from tests.admin.conftest import operator_name
from tests.admin.factories import make_market, make_order, make_trade, make_user, make_world
from tests.admin.money_rows import NOW
from tests.admin.without_pages import WITHOUT_A_PAGE
from trading.models import (
    Order,
    OutboxCommand,
    Position,
)

ClientOf = Callable[[str], Client]
Rows = Callable[[], AbstractContextManager[Market]]

MODELS = sorted(admin.site._registry, key=lambda model: model._meta.label)
APPS = (
    "announcements",
    "approvals",
    "mails",
    "accounts",
    "markets",
    "trading",
    "prices",
    "ledger",
    "custody",
    "persistence",
    "gateway",
)
OURS = [m for m in MODELS if m._meta.app_label in APPS]
EDITED = {
    "announcements.Announcement",
    "accounts.TermsVersion",
    "accounts.User",
    "markets.Market",
    "prices.PriceSource",
    "trading.FeeTier",
    "trading.UserFeeTier",
}
ENGINE_WRITTEN = [model for model in OURS if model._meta.label not in EDITED]
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("module_world")]
by_label = pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label)


def get(client: Client, url: str) -> str:
    response = client.get(url)
    assert response.status_code == HTTPStatus.OK, (url, response.status_code)
    return response.content.decode()


def test_every_model_of_ours_has_a_page() -> None:
    from django.apps import apps

    ours = {m._meta.label for app in APPS for m in apps.get_app_config(app).get_models()}
    without = {label for labels in WITHOUT_A_PAGE.values() for label in labels.split()}
    assert ours - without == {model._meta.label for model in OURS}
    assert without <= ours


@pytest.mark.parametrize(("group", "most"), [("superuser", 30), ("viewer", 5)])
@by_label
def test_lists_and_records_render(
    client_of: ClientOf, world: Market, model: type[Model], group: str, most: int
) -> None:
    """And show no "no" as a fault: Django's own is a red cross."""
    client = client_of(group)
    client.force_login(User.objects.get(username=f"{group}-op"))  # and a line in the log, below
    if (model, group) == (Person, "viewer"):  # who people are is support's to see
        assert client.get(list_url(model, "")).status_code == 403
        return
    rows = [url_of(model, row.pk) for row in model._default_manager.all()[:most]]
    for url in (list_url(model, ""), *rows):
        assert not re.search(r"icon-(no|yes)\.svg", get(client, url)), url


@pytest.mark.parametrize("query", ["", "p=1000000", "q=1"])
@by_label
def test_rows_of_lists_are_those_of_django_s_own_tag(
    client_of: ClientOf, world: Market, model: type[Model], query: str
) -> None:
    response: Any = client_of("superuser").get(list_url(model, query))
    shown = response.context_data["cl"]
    rows = "\n".join(f"<tr>{''.join(cells)}</tr>" for cells in results(shown))
    if isinstance(shown, QuickRows) and rows:
        unlabelled = re.sub(r' data-label="[^"]*"', "", shown.rows_in_html())
        assert unlabelled == rows


@pytest.mark.parametrize("key", [7, "BTC-PERP", "a_b/c?d&e=f'g", "ä ö", '"<b>%'])
def test_addresses_of_records_are_those_of_django(key: int | str) -> None:
    assert url_of(Market, key) == reverse("admin:markets_market_change", args=[quote(key)])


@by_label
def test_every_filter_of_a_list_is_taken(
    client_of: ClientOf, world: Market, model: type[Model]
) -> None:
    client = client_of("superuser")
    response: Any = client.get(list_url(model, ""))
    shown = response.context_data["cl"]
    for spec in shown.filter_specs:
        queries = [choice["query_string"].removeprefix("?") for choice in spec.choices(shown)]
        get(client, list_url(model, queries[-1]))
        if not isinstance(spec, SimpleListFilter):  # of Django's own, Django sees to it
            continue
        refused = client.get(list_url(model, re.sub(r"=[^&]*", "=%27%22", queries[-1])))
        assert refused.status_code in (HTTPStatus.OK, HTTPStatus.FOUND)


@by_label
def test_lists_can_be_searched_by_anything(
    client_of: ClientOf, world: Market, model: type[Model], monkeypatch: pytest.MonkeyPatch
) -> None:
    client = client_of("superuser")
    for words in ("1", "trader"):
        get(client, list_url(model, "") + f"q={words}")
    monkeypatch.setattr(SimpleTemplateResponse, "rendered_content", "")  # of what is not found
    for words in ("mine-1 x", "9" * 30, "٣", "'\"%;--", "\u0000"):
        get(client, list_url(model, "") + f"q={words}")


@pytest.mark.parametrize("model", ENGINE_WRITTEN, ids=lambda model: model._meta.label)
def test_rows_of_the_exchange_are_read_only_even_to_a_superuser(
    client_of: ClientOf, world: Market, model: type[Model]
) -> None:
    client = client_of("superuser")
    row = model._default_manager.first()
    assert row is not None
    meta = model._meta
    before = model._default_manager.filter(pk=row.pk).values().get()
    urls = [
        url_of(model, row.pk),
        reverse(f"admin:{meta.app_label}_{meta.model_name}_add"),
        reverse(f"admin:{meta.app_label}_{meta.model_name}_delete", args=[row.pk]),
    ]
    for url in urls:
        assert client.post(url, {"post": "yes"}).status_code == HTTPStatus.FORBIDDEN, url
    assert model._default_manager.filter(pk=row.pk).values().get() == before


@pytest.fixture(scope="module")
def rolled_back(module_world: None, django_db_blocker: DjangoDbBlocker) -> Rows:
    """More rows for one look at all pages, as making them takes far longer than looking."""

    @contextmanager
    def rows() -> Iterator[Market]:
        with django_db_blocker.unblock(), transaction.atomic():
            try:
                yield make_market()
            finally:
                transaction.set_rollback(True)

    return rows


@pytest.mark.usefixtures("still")
def test_lists_take_no_more_queries_with_more_rows(rolled_back: Rows) -> None:
    with rolled_back():
        client = _superuser()
        few = {model: _known(client, list_url(model, "")) for model in MODELS}
        make_world(traders=30)
        for name in range(30):
            make_world(0, f"M{name}-PERP")
        forget_markets()
        get(client, list_url(MODELS[0], ""))  # what is remembered of markets is read here
        assert {model: _queries(client, list_url(model, "")) for model in MODELS} == few


@pytest.mark.usefixtures("still")
def test_records_take_no_more_queries_with_more_rows(rolled_back: Rows) -> None:
    with rolled_back() as market:
        client = _superuser()
        owner = Order.objects.earliest("pk").user
        urls = {model: url_of(model, _row_of(model, owner)) for model in OURS}
        few = {model: _known(client, url) for model, url in urls.items()}
        _busy(owner, market)
        assert {model: _known(client, url) for model, url in urls.items()} == few


def _superuser() -> Client:
    client = Client()
    client.force_login(User.objects.get(username=operator_name("superuser")))
    return client


def _row_of(model: type[Model], owner: User) -> Any:
    """A row that everything added later belongs to, where the model has one."""
    if model is Order:
        return Order.objects.filter(user=owner, filled_lots__gt=0).earliest("pk").pk
    if model in {Wallet, User}:
        return owner.pk
    if model in {Account, Position}:
        return model._default_manager.filter(user=owner).earliest("pk").pk
    return model._default_manager.order_by("pk")[0].pk


def _busy(owner: User, market: Market) -> None:
    """Thirty more trades of one order, each with another trader."""
    order = Order.objects.filter(user=owner, filled_lots__gt=0).earliest("pk")
    for _ in range(30):
        make_trade(order, make_order(make_user(), market, side="SHORT"), size_lots=1)
        make_order(owner, market)
    make_world(traders=30)


def _known(client: Client, url: str) -> int:
    """Queries, once content types and the like are remembered."""
    get(client, url)
    return _queries(client, url)


def _queries(client: Client, url: str) -> int:
    with CaptureQueriesContext(connection) as queries:
        get(client, url)
    return len(queries)


def test_what_came_from_outside_is_escaped(client_of: ClientOf, world: Market) -> None:
    make_order(make_user(), world, client_order_id="<script>alert(1)</script>")
    client = client_of("viewer")
    page = get(client, list_url(Order, "") + "q=<script>alert(1)</script>")
    assert "1 order" in page
    assert "<script>alert" not in page


def test_orders_are_found_by_id_client_order_id_and_username(
    client_of: ClientOf, world: Market
) -> None:
    client = client_of("viewer")
    wanted = make_order(make_user("Ada"), world, client_order_id="my-own-4711")
    for words in (str(wanted.pk), "my-own-4711", "ada", "AD"):
        page = get(client, list_url(Order, f"q={words}"))
        assert url_of(Order, wanted.pk) in page, words
        assert "1 order" in page, words


def test_long_lists_are_paged_by_key_and_not_counted(client_of: ClientOf, world: Market) -> None:
    client = client_of("viewer")
    trader = make_user()
    newest = [make_order(trader, world).pk for _ in range(60)][::-1]
    first = get(client, list_url(Order, ""))
    assert "50 orders" in first
    assert f'?p={newest[49]}">Older' in first
    make_order(trader, world)  # what arrives meanwhile doesn't shift the pages
    second = get(client, list_url(Order, f"p={newest[49]}"))
    for pk in newest[50:]:
        assert f'href="{url_of(Order, pk)}' in second, pk
    assert f'href="{url_of(Order, newest[49])}' not in second
    assert ">Newest</a>" in second
    assert "Older" not in get(client, list_url(MarketStatus, ""))


def test_tables_are_shown_only_to_those_who_may_view_their_rows(world: Market) -> None:
    from django.contrib.auth.models import Permission

    clerk = make_user("clerk", is_staff=True)
    clerk.user_permissions.add(
        Permission.objects.get(codename="view_order", content_type__app_label="trading")
    )
    client = Client()
    client.force_login(clerk)
    page = get(client, url_of(Order, Order.objects.earliest("pk").pk))
    assert "Life" in page
    assert "Holds and postings" not in page
    assert "Fills" not in page


@pytest.mark.parametrize("path", ["", "status/", "trading/order/"])
def test_pages_are_for_staff(path: str, world: Market) -> None:
    trader = make_user()
    client = Client()
    for _ in range(2):  # signed out, then signed in as a trader
        response = client.get(f"/admin/{path}")
        assert response.status_code == HTTPStatus.FOUND
        assert "/admin/login/" in response["Location"]
        client.force_login(trader)


def test_tokens_of_traders_are_never_shown(client_of: ClientOf, world: Market) -> None:
    tokens = open_session(make_user("holder"), Origin("203.0.113.7", "curl"))
    client = client_of("superuser")
    row = Session.objects.get(user__username="holder")
    for url in (list_url(Session, ""), url_of(Session, row.pk)):
        page = get(client, url)
        assert "holder" in page
        assert "203.0.113.7" in page
        assert tokens.refresh not in page
        assert row.refresh_hash not in page


def test_times_and_commands_are_readable(client_of: ClientOf, world: Market) -> None:
    client = client_of("viewer")
    assert f"{NOW:%Y-%m-%d %H:%M:%S}" in get(client, list_url(Order, ""))
    command = OutboxCommand.objects.latest("pk")
    assert "HALTED" in get(client, url_of(OutboxCommand, command.pk))


def test_titles_have_names_and_no_numbers_of_people(client_of: ClientOf, world: Market) -> None:
    """On the page, in the list of what is to be chosen, and so in what is kept of it."""
    client, looked_at = client_of("superuser"), 0
    for model in OURS:
        for row in model._default_manager.order_by("pk")[:3]:
            page = client.get(url_of(model, row.pk)).content.decode()
            title = re.findall(r"<title>(.*?)</title>", page, re.DOTALL)
            looked_at += len(title)
            for words in (str(row), *title):
                assert re.search(r"\b(user|account)s? #?\d", words) is None, (model, words)
                assert " object (" not in words, (model, words)
    assert looked_at > 60
