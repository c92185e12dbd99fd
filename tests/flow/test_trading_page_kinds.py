"""What the ticket has behind "More", and what becomes of it below: pairs, icebergs, matched prices,
and algos that are paused, resumed and ended by hand."""

import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import expect

from terminal.bundle import folder
from tests.flow.desk import chromium
from tests.flow.exchange import Exchange, Trader
from tests.flow.trading_page import TradingPage

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.story,
    pytest.mark.skipif(not folder().is_dir(), reason="the page was not built: make page"),
]


class Ticket(TradingPage):
    def more(self, kind: str, **fields: str) -> None:
        self.tab("More").click()
        self.page.locator("select[name=more-kind]").select_option(kind)
        for name, text in fields.items():
            named = name if name in ("price", "size") else f"more-{name}"
            self.page.locator(f"input[name={named}]").fill(text)

    def submit(self) -> None:
        self.page.get_by_test_id("submit").click()

    def cancel_all(self) -> None:
        self.tab("Open orders").click()
        self.button("Cancel all").click()
        expect(self.page.get_by_text("No open orders.")).to_be_visible()


@pytest.fixture(scope="module")
def ticket(exchange: Exchange) -> Iterator[Ticket]:
    trader = exchange.trader("20000")
    with pytest.MonkeyPatch.context() as patch, chromium() as browser:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        page = Ticket(browser, exchange.url)
        page.open()
        page.sign_in(trader.username)
        yield page
        page.close()


def test_of_a_pair_one_cancels_the_other(ticket: Ticket) -> None:
    ticket.more("pair", price="49500", size="0.004")
    ticket.submit()
    stop = ticket.page.locator("input[name=more-stop]")
    expect(stop).to_have_attribute("aria-invalid", "true")
    ticket.more("pair", stop="50600", price="49500", size="0.004")
    ticket.submit()
    ticket.tab("Open orders").click()
    rows = ticket.row("Open orders")
    expect(rows).to_have_count(2)
    expect(rows.filter(has_text="Stop")).to_contain_text(re.compile(r"pair with \d+"))
    expect(rows.filter(has_text="50,600.0")).to_contain_text("Waiting")
    expect(rows.filter(has_text="49,500.0")).to_contain_text("Open")
    rows.filter(has_text="49,500.0").get_by_role("button", name="Cancel").click()
    expect(ticket.page.get_by_text("No open orders.")).to_be_visible()


def test_of_a_breakout_s_two_stops_the_one_that_fires_ends_the_other(
    ticket: Ticket, new_trader: Callable[..., Trader]
) -> None:
    """Fired by the last price, which a trade moves: the mark is other traders', too."""
    page, maker, taker = ticket.page, new_trader(), new_trader()
    maker.wait_until(maker.place("LONG", "0.001", "50000"), "open")
    taker.wait_until(taker.place("SHORT", "0.001", "50000"), "filled")
    ticket.button("Sell / Short").click()
    ticket.more("breakout", above="50600", below="50700", size="0.004")
    ticket.submit()  # a sell below 50,700 would fire at once
    expect(page.locator("input[name=more-below]")).to_have_attribute("aria-invalid", "true")
    expect(page.locator("input[name=more-above]")).not_to_have_attribute("aria-invalid", "true")
    ticket.button("Buy / Long").click()
    ticket.more("breakout", above="49000", below="49500")
    ticket.submit()
    expect(page.locator("input[name=more-above]")).to_have_attribute("aria-invalid", "true")
    ticket.more("breakout", above="50600", below="49700")
    page.get_by_role("button", name="Which price fires it: Buy above").click()
    expect(page.locator(".foreseen").first).to_contain_text("Waits")
    ticket.submit()
    ticket.tab("Open orders").click()
    rows = ticket.row("Open orders")
    expect(rows).to_have_count(2)
    for price, side in (("50,600.0", "Buy"), ("49,700.0", "Sell")):
        leg = rows.filter(has_text=price)
        expect(leg).to_contain_text(re.compile(rf"{side}.*pair with \d+.*Waiting"))
        expect(leg).to_contain_text("Last")
    assert ticket.serious_faults() == []
    maker.wait_until(maker.place("LONG", "0.002", "49600"), "open")
    taker.place("SHORT", "0.001", "49600")
    expect(page.get_by_text("No open orders.")).to_be_visible()
    ticket.tab("Order history").click()
    history = ticket.row("Order history")
    expect(history.nth(0)).to_contain_text(re.compile("Buy.*Other fired"))
    expect(history.nth(1)).to_contain_text(re.compile("Sell.*0.001 / 0.004"))
    ticket.tab("Open orders").click()


def test_an_iceberg_shows_a_part(ticket: Ticket, exchange: Exchange) -> None:
    ticket.more("iceberg", price="49400", size="0.1", visibleQty="0.02")
    ticket.submit()
    expect(ticket.row("Open orders")).to_contain_text("iceberg of 0.02")
    exchange.wait_for_book(bids=[["49400", "0.02"]])


def test_another_part_of_it_is_shown(ticket: Ticket, exchange: Exchange) -> None:
    page, row = ticket.page, ticket.row("Open orders")
    part = page.locator("input[name=new-visible-qty]")

    def change(text: str) -> None:
        row.get_by_role("button", name="Change").click()
        part.fill(text)
        ticket.button("Change order").click()

    change("0.2")
    expect(page.locator("dialog .field.wrong")).to_contain_text("visibleQty must be from")
    expect(part).to_have_attribute("aria-invalid", "true")
    assert ticket.serious_faults("dialog") == []
    page.keyboard.press("Escape")
    change("0.03")
    expect(row).to_contain_text("iceberg of 0.03")
    exchange.wait_for_book(bids=[["49400", "0.03"]])
    change("")  # all of it
    exchange.wait_for_book(bids=[["49400", "0.1"]])
    expect(row).not_to_contain_text("iceberg")
    ticket.cancel_all()


def test_a_plain_order_becomes_an_iceberg(ticket: Ticket, exchange: Exchange) -> None:
    ticket.place_limit("Buy / Long", "0.05", "49300")
    row = ticket.row("Open orders")
    row.get_by_role("button", name="Change").click()
    ticket.page.locator("input[name=new-visible-qty]").fill("0.01")
    ticket.page.keyboard.press("Enter")
    expect(row).to_contain_text("iceberg of 0.01")
    exchange.wait_for_book(bids=[["49300", "0.01"]])
    ticket.cancel_all()


def test_a_price_is_taken_from_the_book(ticket: Ticket, new_trader: Callable[..., Trader]) -> None:
    other = new_trader()
    other.wait_until(other.place("LONG", "0.01", "49876.5"), "open")
    ticket.more("match", size="0.003")
    ticket.submit()
    row = ticket.row("Open orders")
    expect(row).to_contain_text("best of its side")
    expect(row).to_contain_text("49,876.5")
    ticket.cancel_all()


def test_a_scaled_order_is_seen_whole_and_ended(ticket: Ticket) -> None:
    ticket.more("scaled", fromPrice="49100", toPrice="49400", count="4", size="0.04")
    expect(ticket.page.get_by_text("4 orders of about 0.01 BTC")).to_be_visible()
    ticket.submit()
    ticket.tab("Open orders").click()
    rows = ticket.row("Open orders")
    expect(rows.filter(has_text=re.compile(r"algo \d+, part \d"))).to_have_count(4)
    for price in ("49,100.0", "49,200.0", "49,300.0", "49,400.0"):
        expect(rows.filter(has_text=price)).to_contain_text("Open")
    expect(ticket.tab("Algos")).to_have_text("Algos (1)")
    ticket.tab("Algos").click()
    row = ticket.row("Algos")
    expect(row).to_contain_text("4 / 4, 4 open")
    row.get_by_role("button", name="End").click()
    expect(row).to_contain_text("Cancelled")
    ticket.tab("Open orders").click()
    expect(ticket.page.get_by_text("No open orders.")).to_be_visible()


def test_a_twap_is_paused_resumed_and_ended(
    ticket: Ticket, new_trader: Callable[..., Trader]
) -> None:
    other = new_trader()
    other.wait_until(other.place("SHORT", "0.02", "50000"), "open")
    ticket.more("twap", durationS="10", intervalS="1", size="0.02")
    ticket.submit()
    expect(ticket.page.locator("input[name=more-intervalS]")).to_have_attribute(
        "aria-invalid", "true"
    )
    ticket.more("twap", durationS="10", intervalS="300")
    ticket.submit()
    expect(ticket.tab("Algos")).to_have_text("Algos (1)")
    ticket.tab("Algos").click()
    row = ticket.row("Algos").first
    expect(row).to_contain_text("0.01 / 0.02")
    row.get_by_role("button", name="Pause").click()
    expect(row).to_contain_text("Paused")
    row.get_by_role("button", name="Resume").click()
    expect(row).to_contain_text("Running")
    row.get_by_role("button", name="Orders").click()
    expect(ticket.page.locator("dialog")).to_contain_text("0.01 of 0.01, Filled")
    assert ticket.serious_faults("dialog") == []
    ticket.page.keyboard.press("Escape")
    assert ticket.serious_faults() == []  # the ticket's fields, and the list below
    row.get_by_role("button", name="End").click()
    expect(row).to_contain_text("Cancelled")
    expect(ticket.tab("Algos")).to_have_text("Algos")
