"""A newcomer on the trading page: money, an order, a fill, its profit; then cut feeds, a stopped
market, markup, and what axe says."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import httpx
import pytest
from playwright.sync_api import Browser, expect

from accounts.models import User
from announcements.models import Announcement
from common.redis_client import redis_client
from markets.models import Market
from matching.messages.vocabulary import MarketState
from terminal.bundle import folder
from tests.admin.factories import make_user
from tests.flow.committed import committed
from tests.flow.desk import chromium
from tests.flow.exchange import MARK_TICKS, MARKET, PASSWORD, Exchange, Trader, wait_for
from tests.flow.trading_page import TradingPage, retire
from trading.services import set_market_state

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.story,
    pytest.mark.skipif(not folder().is_dir(), reason="the page was not built: make page"),
]
NEWCOMER = "page-newcomer"
MARKUP = '<img src=x onerror="document.title=1"><b>bold</b>'


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    # Playwright keeps an event loop on this thread; the ORM takes that for an async view.
    with pytest.MonkeyPatch.context() as patch, chromium() as found:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        yield found


@pytest.fixture(scope="module")
def stranger(browser: Browser, exchange: Exchange) -> Iterator[TradingPage]:
    """Whoever opens the page for the first time; one page for all of this module, as a browser's
    page is dear."""
    page = TradingPage(browser, exchange.url)
    page.open("/")
    yield page
    page.close()


@pytest.fixture(scope="module")
def newcomer(stranger: TradingPage, exchange: Exchange) -> Iterator[TradingPage]:
    """The same, signed up and funded by clicking."""
    page = stranger
    page.open()
    page.sign_up(NEWCOMER)
    page.fund("10000")
    expect(page.page.get_by_test_id("equity")).to_have_text("10,000.00")
    yield page
    signed_in(exchange, NEWCOMER).cancel_everything()
    committed(retire, NEWCOMER)


def signed_in(exchange: Exchange, username: str) -> Trader:
    """Who signed up by clicking, as the exchange of the tests knows traders."""
    body = {"username": username, "password": PASSWORD}
    answer = exchange.http.post("/auth/signin", json=body).json()
    return Trader(exchange, answer["userId"], username, answer["token"])


def test_whoever_is_not_signed_in_sees_the_market(
    stranger: TradingPage, exchange: Exchange
) -> None:
    page = stranger
    expect(page.button("Sign up or sign in to trade")).to_be_visible()
    page.page.keyboard.press("/")
    expect(page.page.get_by_role("table").locator("tbody tr")).to_have_count(
        len(exchange.http.get("/markets").json()["markets"])
    )
    page.page.get_by_label("Search a market").fill("btc")
    page.page.keyboard.press("Enter")
    expect(page.page).to_have_url(f"{exchange.url}/trade/BTC-PERP")
    assert page.refused == []


def test_the_first_order_until_its_profit(
    newcomer: TradingPage, exchange: Exchange, new_trader: Callable[..., Trader]
) -> None:
    page = newcomer.page
    newcomer.place_limit("Buy / Long", "0.003", "49999.9")
    newcomer.tab("Open orders").click()
    expect(newcomer.row("Open orders")).to_contain_text("Open")
    newcomer.tab("Order book").click()
    expect(page.locator(".bids .own")).to_be_visible()
    other = new_trader()
    sold = other.place("SHORT", "0.003", "49999.9")
    other.wait_until(sold, "filled")
    newcomer.tab("Positions").click()
    held = newcomer.row("Positions")
    expect(held).to_contain_text("0.003 BTC")
    expect(page.get_by_role("log")).to_contain_text("Bought 0.003 BTC-PERP filled")
    exchange.set_mark(MARKET, MARK_TICKS + 1_237, "50123.7")
    profit = Decimal("0.3714")
    # Each process of the API hears of the mark by itself.
    wait_for(lambda: _only_profit(other) == -profit, "the profit of the other side")
    expect(page.get_by_test_id("profit")).to_contain_text(f"+{profit}")
    exchange.set_mark(MARKET, MARK_TICKS, "50000")


def _only_profit(trader: Trader) -> Decimal:
    (position,) = trader.get("/user/positions")["positions"]
    return Decimal(position["unrealizedPnl"])


def test_a_position_is_protected_and_closed(
    newcomer: TradingPage, new_trader: Callable[..., Trader]
) -> None:
    page = newcomer.page
    newcomer.button("TP / SL").click()
    page.get_by_label("Stop at").fill("45000")
    newcomer.button("Protect").click()
    newcomer.tab("Open orders").click()
    expect(newcomer.row("Open orders")).to_contain_text("Waiting")
    other = new_trader()
    other.wait_until(other.place("LONG", "0.01", "49990"), "open")
    newcomer.tab("Positions").click()
    newcomer.button("Close").click()
    newcomer.button("Sell to close").click()
    expect(page.get_by_text("No open positions.")).to_be_visible()
    newcomer.tab("Open orders").click()
    expect(page.get_by_text("No open orders.")).to_be_visible()  # its stop went with it


def test_exits_come_with_the_order_and_are_moved_where_they_wait(
    newcomer: TradingPage, exchange: Exchange, new_trader: Callable[..., Trader]
) -> None:
    page = newcomer.page
    other, third = new_trader(), new_trader()
    for price in ("49900", "50100"):  # what the chart shows reaches beyond both
        third.wait_until(third.place("LONG", "0.001", price), "open")
        other.wait_until(other.place("SHORT", "0.001", price), "filled")
    other.wait_until(other.place("SHORT", "0.004", "50000"), "open")
    page.get_by_label("Take profit / stop loss").check()
    page.locator("input[name=takeProfit]").fill("49000")
    newcomer.place_limit("Buy / Long", "0.004", "50000")
    told = page.get_by_text("takeProfit.price must be above 50000", exact=False)
    expect(told).to_be_visible()
    page.locator("input[name=takeProfit]").fill("51000")
    page.locator("input[name=stopLoss]").fill("49950")
    page.get_by_test_id("submit").click()
    newcomer.tab("Positions").click()
    exits = page.get_by_test_id("exits")
    expect(exits).to_have_text("51,000.0 / 49,950.0")
    mine = signed_in(exchange, NEWCOMER)
    stop = _stop_at(mine, Decimal(49_950))

    newcomer.button("TP / SL").click()
    page.locator("input[name=TAKE_PROFIT]").fill("")
    page.locator("input[name=STOP]").fill("49960")
    newcomer.button("Protect").click()
    expect(exits).to_have_text("– / 49,960.0")
    assert _stop_at(mine, Decimal(49_960)) == stop

    newcomer.drag_the_line(down_px=20)
    expect(page.get_by_text("it is 49960 now")).to_be_visible()
    dropped = Decimal(page.locator("input[name=new-trigger]").input_value())
    assert dropped < 49_960
    newcomer.button("Change order").click()
    expect(exits).to_have_text(f"– / {dropped:,.1f}")
    assert _stop_at(mine, dropped) == stop

    newcomer.tab("Open orders").click()
    newcomer.button(f"Change order {stop}").press("Enter")  # the same without a mouse
    page.locator("input[name=new-trigger]").fill("49940")
    page.keyboard.press("Enter")
    expect(newcomer.row("Open orders")).to_contain_text("49,940.0")


def test_a_position_is_turned_around(
    newcomer: TradingPage, exchange: Exchange, new_trader: Callable[..., Trader]
) -> None:
    other = new_trader()
    other.wait_until(other.place("LONG", "0.02", "49999"), "open")
    newcomer.tab("Positions").click()
    newcomer.button("Reverse").click()
    expect(newcomer.page.locator("dialog")).to_contain_text("Short 0.004")
    newcomer.button("Sell 0.008 at the market").click()
    expect(newcomer.row("Positions")).to_contain_text("Short")
    expect(newcomer.page.get_by_test_id("exits")).to_have_text("– / –")  # its stop went with it
    newcomer.button("Close").click()
    third = new_trader()
    third.wait_until(third.place("SHORT", "0.01", "50001"), "open")
    newcomer.button("Buy to close").click()
    expect(newcomer.page.get_by_text("No open positions.")).to_be_visible()


def _stop_at(trader: Trader, price: Decimal) -> int:
    """The id of the one stop that waits, once its row says that price: the page hears of it
    before."""

    def look() -> int | None:
        live = trader.get("/user/orders?status=waiting")["orders"]
        stops = [order for order in live if order["trigger"]["type"] == "STOP"]
        there = [one["id"] for one in stops if Decimal(one["trigger"]["price"]) == price]
        return int(there[0]) if len(stops) == len(there) == 1 else None

    return wait_for(look, f"a stop at {price}")


def test_what_is_wrong_is_said_beside_the_field(newcomer: TradingPage) -> None:
    page = newcomer.page
    newcomer.place_limit("Buy / Long", "0.003", "49999.95")
    price = page.locator("input[name=price]")
    expect(price).to_have_attribute("aria-invalid", "true")
    told = page.locator(f"[id='{price.get_attribute('aria-describedby')}']")
    expect(told).to_have_text("price must be a multiple of the tick 0.1.")
    price.fill("")


def test_after_a_cut_all_is_right_again_without_a_reload(
    newcomer: TradingPage, exchange: Exchange, new_trader: Callable[..., Trader]
) -> None:
    page = newcomer.page
    banner = page.locator(".banner.bad")
    exchange.stop_api()
    expect(banner).to_contain_text("Connection lost")
    exchange.start_api()
    expect(banner).to_have_count(0)
    other = new_trader()
    other.place("LONG", "0.007", "49321.5")
    expect(page.locator(".bids")).to_contain_text("49,321.5")
    newcomer.place_limit("Sell / Short", "0.002", "51000")
    newcomer.tab("Open orders").click()
    expect(newcomer.row("Open orders")).to_contain_text("51,000.0")
    newcomer.button("Cancel all").click()
    expect(page.get_by_text("No open orders.")).to_be_visible()


def test_after_redis_was_lost_all_is_right_again_without_a_reload(
    newcomer: TradingPage, exchange: Exchange, new_trader: Callable[..., Trader]
) -> None:
    other = new_trader()
    other.wait_until(other.place("LONG", "0.007", "49322.5"), "open")
    bids = newcomer.page.locator(".bids")
    expect(bids).to_contain_text("49,322.5")
    redis_client().flushdb()
    other.wait_until(other.place("LONG", "0.008", "49322.6"), "open")
    expect(bids).to_contain_text("49,322.6")
    expect(bids).to_contain_text("49,322.5")
    newcomer.place_limit("Sell / Short", "0.002", "51001")
    newcomer.tab("Open orders").click()
    expect(newcomer.row("Open orders")).to_contain_text("Open")
    newcomer.button("Cancel all").click()
    expect(newcomer.page.get_by_text("No open orders.")).to_be_visible()
    expect(newcomer.page.locator(".banner")).to_have_count(0)


def test_a_liquidation_is_seen_and_explained(
    newcomer: TradingPage, browser: Browser, exchange: Exchange, new_trader: Callable[..., Trader]
) -> None:
    """Whoever is liquidated reads why on a page of their own; all others see that it was one.

    The mark moves so little that nobody else of this folder is liquidated with them."""
    unlucky, other = new_trader(), new_trader()
    unlucky.wait_until(unlucky.place("SHORT", "0.1", "50000", margin="150"), "open")
    other.wait_until(other.place("LONG", "0.1", "50000", margin="5000"), "filled")
    own = TradingPage(browser, exchange.url, scheme="light")  # as the machine likes it
    own.open()
    assert own.theme() == "light"
    own.sign_in(unlucky.username)
    expect(own.row("Positions")).to_contain_text("Short")
    other.wait_until(other.place("SHORT", "0.2", "51000", margin="4000"), "open")
    exchange.set_mark(MARKET, MARK_TICKS + 15_000, "51500")
    newcomer.tab("Trades").click()
    expect(newcomer.page.locator(".trade-list").first).to_contain_text("Liq")
    newcomer.tab("Order book").click()
    expect(own.page.get_by_role("log")).to_contain_text("Position liquidated")
    expect(own.page.get_by_text("No open positions.")).to_be_visible()
    exchange.set_mark(MARKET, MARK_TICKS, "50000")
    own.tab("Closed positions").click()
    expect(own.row("Closed positions")).to_contain_text("Liquidated")
    own.button("Why?").click()
    dialog = own.page.locator("dialog")
    expect(dialog).to_contain_text("its margin ratio was above 100%")
    expect(dialog).to_contain_text("51500")
    own.page.keyboard.press("Escape")
    own.tab("Ledger").click()
    own.page.get_by_label("Line", exact=True).select_option("realized_pnl")
    expect(own.row("Ledger").first).to_be_visible()
    with own.page.expect_download() as download:
        own.button("CSV").click()
    assert "realized_pnl" in download.value.path().read_text()
    own.close()


def _set_state(state: MarketState) -> None:
    committed(lambda: set_market_state(Market.objects.get(pk=MARKET), state, by=None))


def _announce(text: str, **work: datetime) -> None:
    author = User.objects.filter(username="page-announcer").first()
    author = author or make_user("page-announcer", is_staff=True)
    level = "maintenance" if work else "warning"
    Announcement.objects.create(
        level=level, text=text, shown_from=datetime.now(UTC), made_by=author, **work
    )


def test_a_market_that_does_not_trade_says_so(newcomer: TradingPage) -> None:
    _set_state(MarketState.HALTED)
    expect(newcomer.page.locator(".banner")).to_contain_text("halted")
    _set_state(MarketState.ACTIVE)
    expect(newcomer.page.locator(".banner")).to_have_count(0)


def test_maintenance_is_announced_with_its_time(newcomer: TradingPage) -> None:
    soon = datetime.now(UTC) + timedelta(hours=5)
    committed(_announce, "We upgrade.", work_from=soon, work_until=soon + timedelta(hours=1))
    banner = newcomer.page.locator(".banner")
    expect(banner).to_contain_text("We upgrade. Maintenance:")
    committed(Announcement.objects.all().delete)
    expect(banner).to_have_count(0)


def test_a_page_that_is_loaded_again_is_signed_in_and_as_it_was(newcomer: TradingPage) -> None:
    ticket = newcomer.page.locator("#ticket")
    before = ticket.bounding_box()
    newcomer.page.get_by_role("separator", name="Width of the ticket").press("ArrowLeft")
    after = ticket.bounding_box()
    assert before is not None
    assert after is not None
    assert after["width"] - before["width"] == 24
    kept = newcomer.page.evaluate("() => document.cookie + JSON.stringify(localStorage)")
    assert "eyJ" not in kept
    newcomer.show_in("light")
    newcomer.page.reload()
    expect(newcomer.page.locator(".user")).to_have_text(NEWCOMER)
    assert ticket.bounding_box() == after
    assert newcomer.theme() == "light"


def test_markup_stays_text(newcomer: TradingPage, exchange: Exchange) -> None:
    page = newcomer.page
    said = {"username": NEWCOMER, "password": PASSWORD}
    token = exchange.http.post("/auth/signin", json=said).json()["token"]
    order = {
        **{"marketId": MARKET, "side": "LONG", "orderType": "limit", "qty": "0.001"},
        **{"price": "48000", "leverage": 5, "clientOrderId": MARKUP[:36]},
    }
    headers = {"Authorization": f"Bearer {token}"}
    placed = httpx.post(f"{exchange.url}/order", json=order, headers=headers, timeout=60)
    assert placed.status_code == 202, placed.text
    committed(_announce, MARKUP)
    expect(page.locator(".banner")).to_contain_text(MARKUP)
    newcomer.tab("Order history").click()
    newcomer.button("Why?").first.click()
    expect(page.locator("dialog")).to_contain_text(MARKUP[:36])
    page.keyboard.press("Escape")
    expect(page.locator("dialog")).to_have_count(0)
    assert page.locator("img, .banner b").count() == 0
    assert page.title() == "Exchange"


@pytest.mark.parametrize("width", [1440, 390])
@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_anybody_can_read_and_use_it(
    browser: Browser, newcomer: TradingPage, exchange: Exchange, scheme: str, width: int
) -> None:
    page = TradingPage(browser, exchange.url, width=width, scheme=scheme)
    page.context.add_cookies(newcomer.context.cookies())  # type: ignore[arg-type]
    page.open()
    expect(page.page.locator(".chart")).to_be_attached()
    expect(page.page.locator(".user")).to_be_attached()
    assert page.page.evaluate("document.scrollingElement.scrollWidth") <= width
    assert page.serious_faults() == []
    page.page.keyboard.press("/")
    assert page.serious_faults("dialog") == []
    page.close()


def test_who_signs_out_is_out(newcomer: TradingPage) -> None:
    newcomer.page.reload()
    expect(newcomer.page.locator(".user")).to_have_text(NEWCOMER)
    newcomer.page.locator(".menu summary").click()
    newcomer.button("Sign out").click()
    expect(newcomer.button("Sign up").first).to_be_visible()
    newcomer.page.reload()
    expect(newcomer.button("Sign up").first).to_be_visible()


def test_all_is_as_it_was(exchange: Exchange) -> None:
    """For the modules that share the exchange."""
    committed(Announcement.objects.all().delete)
    wait_for(lambda: exchange.ticker()["state"] == "ACTIVE", "an open market")
