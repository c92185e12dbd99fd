"""A trader's own page as support sees it, in a real browser: all of it, and no way to act."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from playwright.sync_api import Browser, Request, WebSocket, expect

from accounts.models import User
from console.audit.models import AuditRow
from terminal.bundle import folder
from tests.admin.factories import make_user
from tests.flow.committed import committed
from tests.flow.desk import chromium
from tests.flow.exchange import Exchange, Trader
from tests.flow.trading_page import TradingPage, retire

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.story,
    pytest.mark.skipif(not folder().is_dir(), reason="the page was not built: make page"),
]
SUPPORT = "page-support"
REASON = "says that their stop is gone"
TABS = (
    "Positions", "Open orders", "Algos", "Order history", "Fills", "Closed positions", "Funding",
    "Ledger",
)  # fmt: skip
# Of a trader who is signed in in the same browser.
OWN = {"session_there": "1", "session_refresh": "a-refresh-token"}
ACTS = re.compile(
    "cancel|change|close$|reverse|tp / sl|^buy|^sell|sign|deposit|withdraw|funds|csv|pause|resume|"
    "end|leverage|confirm|keys|fees|account and|share of",
    re.IGNORECASE,
)


@dataclass
class Sent:
    """All that left a page."""

    requests: list[tuple[str, str]] = field(default_factory=list)
    frames: list[str] = field(default_factory=list)

    def note(self, request: Request) -> None:
        self.requests.append((request.method, urlsplit(request.url).path))

    def listen(self, socket: WebSocket) -> None:
        socket.on("framesent", lambda frame: self.frames.append(str(frame)))


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    # Playwright keeps an event loop on this thread; the ORM takes that for an async view.
    with pytest.MonkeyPatch.context() as patch, chromium() as found:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        yield found


def _signed_in_support() -> tuple[User, str]:
    user = make_user(SUPPORT, is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename="see_as_trader"))
    client = Client()
    client.force_login(user)
    return user, client.cookies["sessionid"].value


@dataclass
class Seen:
    page: TradingPage
    trader: Trader
    other: Trader
    resting: int
    operator: User
    sent: Sent

    def shown(self) -> str:
        return self.page.page.locator("body").inner_text()


@pytest.fixture(scope="module")
def seen(browser: Browser, exchange: Exchange) -> Iterator[Seen]:
    """A trader with a position and an order, looked at from the tables."""
    trader, other = exchange.trader(), exchange.trader()
    bought = trader.place("LONG", "0.003", "49999.9")
    other.place("SHORT", "0.003", "49999.9")
    trader.wait_until(bought, "filled")
    resting = trader.place("LONG", "0.01", "49000")
    trader.wait_until(resting, "open")
    operator, session = committed(_signed_in_support)
    page, sent = TradingPage(browser, exchange.url), Sent()
    cookies: list[Any] = [
        {"name": "sessionid", "value": session, "url": exchange.url},
        {"name": "session_there", "value": OWN["session_there"], "url": exchange.url},
        {"name": "session_refresh", "value": OWN["session_refresh"], "url": f"{exchange.url}/page"},
    ]
    page.context.add_cookies(cookies)
    page.page.goto(f"{exchange.url}/admin/see-as/{trader.user_id}/")
    page.page.get_by_label("Reason").fill(REASON)
    page.button("Look").click()
    page.page.on("request", sent.note)
    page.page.on("websocket", sent.listen)
    page.page.get_by_role("link", name="Open the trading page").click()
    yield Seen(page, trader, other, resting, operator, sent)
    page.close()
    committed(retire, SUPPORT)


def test_what_the_trader_has_is_there(seen: Seen) -> None:
    page = seen.page
    band = page.page.locator(".seen-band")
    expect(band).to_contain_text(f"You see this page as {seen.trader.username}.")
    expect(band).to_contain_text("Nothing can be done here.")
    expect(page.row("Positions")).to_contain_text("0.003 BTC")
    expect(page.page.get_by_test_id("equity")).not_to_have_text("–")
    expect(page.page.locator("#ticket")).to_contain_text("Margin of positions")
    page.tab("Open orders").click()
    expect(page.row("Open orders")).to_contain_text("49,000.0")
    page.button("BTC-PERP Buy").click()
    page.tab("Order book").click()
    expect(page.page.locator(".bids .own")).to_be_visible()
    (row,) = AuditRow.objects.filter(operator=seen.operator, words="trading page")
    assert (row.object_key, row.reason) == (str(seen.trader.user_id), REASON)


def test_nothing_is_there_to_act_by(seen: Seen) -> None:
    page = seen.page.page
    for tab in TABS:
        seen.page.tab(tab).click()
        expect(page.get_by_role("tabpanel").locator(".loading")).to_have_count(0)
        for control in page.locator("button, input, [role=slider], form, summary").all():
            name = control.get_attribute("aria-label") or control.inner_text()
            assert not ACTS.search(name), (tab, name)
    assert page.locator("form").count() == 0
    assert page.locator("#ticket").locator("button, input, select").count() == 0


def test_keys_and_clicks_lead_to_nothing_but_looking(seen: Seen, exchange: Exchange) -> None:
    page = seen.page.page
    for key in "bspz":
        page.keyboard.press(key)
    page.locator(".bids li").first.click()
    with pytest.raises(AssertionError, match="no line of the chart can be dragged"):
        seen.page.drag_the_line(30)
    expect(page.locator("dialog")).to_have_count(0)
    page.keyboard.press("/")
    page.get_by_label("Search a market").fill("eth")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text("ETH-PERP")
    assert page.url.startswith(f"{exchange.url}/admin/see-as/{seen.trader.user_id}/page/?")
    page.go_back()
    seen.page.tab("Positions").click()
    seen.page.button("How BTC-PERP stands").click()
    expect(page.locator("dialog")).to_contain_text("0.003")
    page.keyboard.press("Escape")


def test_the_next_read_shows_what_has_changed(seen: Seen) -> None:
    page = seen.page
    page.tab("Fills").click()
    expect(page.row("Fills")).to_have_count(1)
    another = seen.trader.place("LONG", "0.002", "48000")
    bought = seen.trader.place("LONG", "0.001", "49999.9")
    seen.other.place("SHORT", "0.001", "49999.9")
    seen.trader.wait_until(bought, "filled")
    expect(page.row("Fills")).to_have_count(2)
    page.tab("Open orders").click()
    expect(page.row("Open orders").filter(has_text="48,000.0")).to_be_visible()
    page.tab("Positions").click()
    expect(page.row("Positions")).to_contain_text("0.004 BTC")
    seen.trader.send("DELETE", f"/order/{another}")
    page.tab("Open orders").click()
    expect(page.row("Open orders")).to_have_count(1)


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_anybody_can_read_it(seen: Seen, theme: str) -> None:
    seen.page.show_in(theme)
    assert seen.page.serious_faults() == []


def test_it_fits_a_phone(seen: Seen) -> None:
    page = seen.page.page
    page.set_viewport_size({"width": 390, "height": 844})
    for part in ("Chart", "Book", "Account", "Positions"):
        page.locator(".phone-pages").get_by_role("button", name=part).click()
        assert page.evaluate("document.documentElement.scrollWidth") == 390, part
        expect(page.locator(".seen-band")).to_be_visible()
    assert seen.page.serious_faults() == []
    page.set_viewport_size({"width": 1440, "height": 900})


def test_nothing_but_reads_left_the_page(seen: Seen, exchange: Exchange) -> None:
    assert seen.sent.requests
    assert {method for method, _ in seen.sent.requests} == {"GET"}
    paths = {path for _, path in seen.sent.requests}
    assert not [path for path in paths if path.startswith(("/page", "/v1/user", "/v1/order"))]
    assert f"/admin/see-as/{seen.trader.user_id}/api/v1/user/positions" in paths
    assert seen.sent.frames
    assert not [frame for frame in seen.sent.frames if "auth" in frame or "account" in frame]
    kept = {one["name"]: one["value"] for one in seen.page.context.cookies(f"{exchange.url}/page")}
    assert OWN.items() <= kept.items()
    assert seen.page.refused == []


def test_who_may_look_no_more_is_told_so_and_shown_nothing(seen: Seen) -> None:
    page = seen.page
    page.tab("Open orders").click()
    expect(page.row("Open orders")).to_contain_text("49,000.0")
    committed(seen.operator.user_permissions.clear)
    expect(page.page.locator(".seen-band")).to_contain_text("Nothing more is shown")
    expect(page.page.get_by_role("tabpanel")).to_contain_text("is shown any more")
    assert "49,000.0" not in page.page.get_by_role("tabpanel").inner_text()
    expect(page.page.get_by_test_id("equity")).to_have_text("–")
    assert page.page.locator("button", has_text="Sign").count() == 0
