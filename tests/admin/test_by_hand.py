"""What hands do to pages of the console in Chromium: keys in place of a mouse, a button that is
pressed twice, and figures that eyes compare."""

from collections.abc import Iterator
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse
from playwright.sync_api import Page, sync_playwright

from accounts.models import User
from common.admin.record_urls import list_url
from ledger.models import Withdrawal, WithdrawalState
from tests.admin.custody_rows import make_withdrawal
from tests.admin.factories import make_user, make_world
from tests.admin.test_browser import CHROMIUM
from tests.patience import PATIENCE_S
from trading.models import Order, Position

pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium is installed"),
    pytest.mark.django_db(transaction=True),
]
_ALIGNED = "all => all.map(node => [node.innerText, getComputedStyle(node).textAlign])"
FAR_AWAY = "Asia/Tokyo"  # nine hours ahead, the whole year
DESK, PHONE = {"width": 1400, "height": 900}, {"width": 390, "height": 844}


class Seat:
    """A page of a superuser, signed in."""

    def __init__(self, page: Page, address: str) -> None:
        self.page = page
        self._address = address

    def visit(self, path: str) -> None:
        self.page.goto(self._address + path, wait_until="load")

    def tab_to(self, selector: str) -> None:
        """By the tabulator alone."""
        for _ in range(150):
            self.page.keyboard.press("Tab")
            if self.page.evaluate("s => document.activeElement.matches(s)", selector):
                return
        raise AssertionError(f"no key leads to {selector}")


@pytest.fixture
def seat(live_server: object, monkeypatch: pytest.MonkeyPatch) -> Iterator[Seat]:
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")  # as in `test_browser`
    make_world()
    client = Client()
    client.force_login(make_user("boss", is_staff=True, is_superuser=True))
    cookie = client.cookies["sessionid"].value
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        try:
            context = browser.new_context(viewport=DESK, timezone_id=FAR_AWAY)  # type: ignore[arg-type]
            context.set_default_timeout(PATIENCE_S * 1_000)
            url = str(live_server)
            context.add_cookies([{"name": "sessionid", "value": cookie, "url": url}])
            yield Seat(context.new_page(), url)
        finally:
            connection.close()
            browser.close()


def test_a_keyboard_opens_the_menu_and_the_filters(seat: Seat) -> None:
    seat.page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    seat.visit(list_url(Order, ""))
    menu = seat.page.locator("#nav-sidebar")
    assert not menu.is_visible()
    seat.tab_to(".menu-opener")
    seat.page.keyboard.press("Enter")
    menu.wait_for()
    seat.page.keyboard.press("Enter")
    menu.wait_for(state="hidden")
    seat.tab_to(".filters-opener")
    seat.page.keyboard.press("Enter")
    seat.page.locator("#changelist-filter :focus").wait_for()


def test_the_name_of_a_record_is_read_on_a_phone(seat: Seat) -> None:
    order = Order.objects.latest("pk")
    seat.page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    seat.visit(reverse("admin:trading_order_change", args=[order.pk]))
    shown = seat.page.locator(".trail > :last-child")
    assert shown.inner_text() == f"Order {order.pk}"
    assert shown.evaluate("node => node.scrollWidth <= node.clientWidth")


def test_columns_of_figures_stand_to_the_right(seat: Seat) -> None:
    seat.visit(list_url(Position, ""))
    align = "node => getComputedStyle(node).textAlign"
    headings = dict(seat.page.locator("#result_list thead th").evaluate_all(_ALIGNED))
    for column, side in (("margin", "right"), ("entry_price", "right"), ("user_name", "left")):
        cell = seat.page.locator(f"#result_list td.field-{column}").first
        assert cell.evaluate(align) == side, column
    assert (headings["Margin"], headings["Entry price"], headings["User"]) == (
        "right", "right", "left",
    )  # fmt: skip


def test_a_button_that_is_pressed_twice_sends_once(seat: Seat) -> None:
    seat.visit(reverse("admin:announcements_announcement_add"))
    seat.page.evaluate(
        """() => {
            window.sent = 0
            addEventListener('submit', (event) => {
                if (!event.defaultPrevented) window.sent += 1
                event.preventDefault()
            })
        }"""
    )
    seat.page.locator("[name=_save]").dblclick()
    assert seat.page.evaluate("window.sent") == 1


def test_who_points_at_a_time_is_told_what_it_is_there(seat: Seat) -> None:
    order = Order.objects.latest("pk")
    seat.visit(list_url(Order, ""))
    cell = seat.page.get_by_text(f"{order.created_at:%Y-%m-%d %H:%M:%S}").first
    assert cell.get_attribute("title") is None
    cell.hover()
    there = order.created_at.astimezone(ZoneInfo(FAR_AWAY))
    told = cell.get_attribute("title") or ""
    assert told.startswith(f"Here: {there:%Y-%m-%d %H:%M:%S}")
    number = seat.page.locator("#result_list td", has_text="USD").first
    number.hover()
    assert number.get_attribute("title") is None


def test_enter_decides_no_withdrawal(seat: Seat) -> None:
    trader = User.objects.filter(is_staff=False).earliest("pk")
    row = make_withdrawal(trader)
    path = reverse("admin:withdrawal", args=[row.pk])
    seat.visit(path)
    reason = seat.page.locator("form.panel [name=reason]")
    reason.fill("is it")
    seat.page.evaluate("addEventListener('submit', () => { document.body.id = 'sent' }, true)")
    reason.press("Enter")
    assert seat.page.evaluate("document.body.id") != "sent"
    assert Withdrawal.objects.get(pk=row.pk).state == WithdrawalState.WAITING
    client = Client()
    client.force_login(User.objects.get(username="boss"))
    for said in ({}, {"approve": "", "refuse": ""}):
        page = client.post(path, {"reason": "as usual", **said}).content.decode()
        assert "Say which: approve or refuse." in page
    assert Withdrawal.objects.get(pk=row.pk).state == WithdrawalState.WAITING
