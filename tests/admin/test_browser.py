"""The newest Chromium walks the admin: no errors in its console, no request that fails."""

import shutil
from collections.abc import Iterator
from typing import Literal

import pytest
import redis
from axe_playwright_python.sync_playwright import Axe
from django.db import connection
from django.test import Client
from playwright.sync_api import Page, Response, sync_playwright

from accounts.models import User
from common.admin.record_urls import list_url, url_of
from ledger.models import Deposit, JournalEntry, Posting, Wallet
from markets.models import LeverageTier, Market, MarketStatus
from prices.models import PriceSource
from tests.admin.factories import make_user, make_world
from tests.patience import PATIENCE_S
from trading.models import (
    Fill,
    FundingSettlement,
    Liquidation,
    Order,
    OutboxCommand,
    Position,
)

EDITED = (Market, Order, Liquidation, User)
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")

pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium is installed"),
    pytest.mark.django_db(transaction=True),
]


class Watched:
    """A signed-in page, and everything that went wrong on it."""

    def __init__(self, page: Page, address: str) -> None:
        self.page = page
        self._address = address
        self.wrong: list[str] = []
        page.on("console", lambda m: self._note(f"{m.type}: {m.text}", m.type == "error"))
        page.on("pageerror", lambda error: self._note(f"script: {error}"))
        # A page that is left may still be asking for its icon.
        page.on(
            "requestfailed",
            lambda r: self._note(f"{r.url}: {r.failure}", not r.url.endswith("/icon.svg")),
        )
        page.on("response", self._check)

    def _note(self, text: str, wrong: bool = True) -> None:
        if wrong:
            self.wrong.append(text)

    def _check(self, response: Response) -> None:
        self._note(f"{response.url}: {response.status}", response.status >= 400)

    def visit(self, path: str) -> None:
        self.page.goto(self._address + path, wait_until="networkidle")
        assert self.wrong == [], path


@pytest.fixture
def watched(live_server: object, monkeypatch: pytest.MonkeyPatch) -> Iterator[Watched]:
    # Playwright keeps an event loop on this thread; the ORM takes that for an async view.
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
    make_world()
    client = Client()
    client.force_login(make_user("boss", is_staff=True, is_superuser=True))
    cookie = client.cookies["sessionid"].value
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        try:
            context = browser.new_context(viewport={"width": 1400, "height": 900})
            address = str(live_server)
            context.add_cookies([{"name": "sessionid", "value": cookie, "url": address}])
            yield Watched(context.new_page(), address)
        finally:
            connection.close()  # under Playwright's loop the test had one of its own
            browser.close()


@pytest.mark.drill
def test_lists_records_and_status_show_without_errors(watched: Watched) -> None:
    models = (Market, MarketStatus, LeverageTier, Order, Fill, Position, OutboxCommand, User)
    forced = (Liquidation, FundingSettlement, PriceSource)
    for model in (*models, *forced, Wallet, JournalEntry, Posting, Deposit):
        watched.visit(list_url(model, ""))
        row = model._default_manager.order_by("pk")[0]
        watched.visit(url_of(model, row.pk))
    watched.visit("/admin/")
    watched.visit("/admin/status/")


@pytest.mark.parametrize("scheme", ["light", pytest.param("dark", marks=pytest.mark.drill)])
def test_anybody_can_read_and_use_it(
    live_server: object, monkeypatch: pytest.MonkeyPatch, scheme: Literal["light", "dark"]
) -> None:
    """axe finds nothing serious: contrast, names of controls, what a screen reader is told."""
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
    make_world()
    client = Client()
    client.force_login(make_user("boss", is_staff=True, is_superuser=True))
    cookie = client.cookies["sessionid"].value
    pages = ["/admin/", "/admin/status/", list_url(Order, "")]
    pages += [url_of(model, model._default_manager.order_by("pk")[0].pk) for model in EDITED]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        try:
            context = browser.new_context(color_scheme=scheme, bypass_csp=True)
            context.add_cookies([{"name": "sessionid", "value": cookie, "url": str(live_server)}])
            page = context.new_page()
            found = [one for path in pages for one in _serious(page, f"{live_server}{path}")]
            assert found == []
        finally:
            connection.close()
            browser.close()


def _serious(page: Page, address: str) -> list[str]:
    page.goto(address, wait_until="networkidle")
    violations = Axe().run(page).response["violations"]
    return [
        f"{address}: {found['id']} {found['nodes'][0]['target']}"
        for found in violations
        if found["impact"] in ("serious", "critical")
    ]


def test_the_status_page_refreshes_itself(watched: Watched, redis_db: redis.Redis) -> None:
    watched.visit("/admin/status/")
    page = watched.page
    assert page.locator(".status-market h2").inner_text().startswith("BTC-PERP")
    make_world(0, "ETH-PERP")
    page.get_by_role("link", name="ETH-PERP").wait_for(timeout=1_000 * PATIENCE_S)
    assert watched.wrong == []


def test_an_operator_cancels_an_order(watched: Watched) -> None:
    order = Order.objects.filter(status="open").latest("pk")
    watched.visit(list_url(Order, f"q={order.pk}"))
    page = watched.page
    page.locator("input.action-select").first.check()
    page.locator("select[name=action]").select_option("cancel_selected")
    page.get_by_role("button", name="Run").click()
    page.get_by_role("heading", name="Cancel these orders?").wait_for()
    page.get_by_role("button", name="Yes").click()
    page.get_by_text("(1 in all)").wait_for()
    command = OutboxCommand.objects.latest("pk")
    assert (command.command_type, command.payload["order_id"]) == ("CancelOrder", order.pk)
    assert watched.wrong == []
