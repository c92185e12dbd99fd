"""Take the pictures of README.md and docs/operating.md from a running demo exchange.

    python docs/take_screenshots.py http://127.0.0.1:8000 operator PASSWORD

Needs the packages of requirements-dev.txt and a Chromium. Let the simulator trade until its first
liquidation before, so that there is something to see.
"""

import secrets
import shutil
import sys
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

FOLDER = Path(__file__).parent / "screenshots"
WIDTH, HEIGHT, LONG_HEIGHT = 1600, 1000, 1700
SETTLED_MS = 3_000


def main(site: str, username: str, password: str) -> None:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    FOLDER.mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT})
        page.goto(f"{site}/admin/login/?next=/admin/status/")
        page.fill("input[name=username]", username)
        page.fill("input[name=password]", password)
        page.press("input[name=password]", "Enter")
        page.wait_for_load_state("networkidle")
        _take(page, "status")
        page.goto(f"{site}/admin/trading/order/")
        _take(page, "orders")
        _take_first(page, f"{site}/admin/trading/order/?status__exact=filled", "order")
        _take_first(page, f"{site}/admin/markets/market/", "market")
        _take_first(page, f"{site}/admin/trading/position/", "position")
        _take_first(page, f"{site}/admin/trading/liquidation/", "liquidation")
        page.goto(f"{site}/docs")
        page.wait_for_selector(".opblock")
        _take(page, "api")
        _take_trading(browser, site)
        browser.close()


def _take_trading(browser: Browser, site: str) -> None:
    """The trading page of a newcomer with a position and an order, on a desk and on a phone."""
    desk = browser.new_context(viewport={"width": 1440, "height": 900}, color_scheme="dark")
    page = desk.new_page()
    page.goto(f"{site}/trade/BTC-PERP")
    page.get_by_role("button", name="Sign up", exact=True).first.click()
    page.get_by_label("User name").fill(f"newcomer-{secrets.token_hex(3)}")
    page.get_by_label("Password").fill(secrets.token_urlsafe(12))
    page.locator("dialog button[type=submit]").click()
    page.get_by_role("button", name="Get funds").click()
    page.get_by_role("tab", name="Market", exact=True).click()
    page.locator("input[name=size]").fill("0.05")
    page.get_by_test_id("submit").click()
    page.get_by_test_id("profit").wait_for()
    page.get_by_role("tab", name="Limit", exact=True).click()
    page.locator(".bids button").nth(3).click()
    page.locator("input[name=size]").fill("0.02")
    page.get_by_test_id("submit").click()
    page.locator(".bids .own").wait_for()
    page.locator(".asks button").last.click()
    page.locator("input[name=size]").fill("0.1")
    page.get_by_text("Liquidation price").wait_for()
    page.locator(".toast").first.wait_for(state="detached")
    _take(page, "trading")
    page.get_by_role("button", name="Light colours").click()
    _start_algo(page)
    _take(page, "trading-light")
    _take_account(page)
    _take_phone(browser, page, "dark", "trading-phone", "Chart")
    _take_phone(browser, page, "light", "trading-phone-light", "Trade")


def _start_algo(page: Page) -> None:
    """What is behind More, and how far it is."""
    page.get_by_role("tab", name="More", exact=True).click()
    page.locator("select[name=more-kind]").select_option("twap")
    page.locator("input[name=size]").fill("0.2")
    page.get_by_test_id("submit").click()
    page.get_by_role("tab", name="Algos (1)", exact=True).click()
    page.get_by_role("table", name="Algos").wait_for()
    page.locator(".toast").first.wait_for(state="detached")


def _take_account(page: Page) -> None:
    page.locator(".menu summary").click()
    page.get_by_role("button", name="Account and security").click()
    page.locator(".account-parts").get_by_role("button", name="Referrals", exact=True).click()
    page.get_by_role("button", name="Make a code").click()
    page.get_by_role("table", name="Referral codes").wait_for()
    page.get_by_role("button", name="Close", exact=True).focus()
    page.wait_for_timeout(SETTLED_MS)
    page.screenshot(path=FOLDER / "trading-account.png")
    page.keyboard.press("Escape")


def _take_phone(browser: Browser, desk: Page, scheme: Any, name: str, part: str) -> None:
    phone = browser.new_context(viewport={"width": 390, "height": 844}, color_scheme=scheme)
    kept = [one for one in desk.context.cookies() if one.get("name") != "theme"]
    phone.add_cookies(kept)  # type: ignore[arg-type]
    page = phone.new_page()
    page.goto(desk.url)
    page.locator(".user").wait_for()
    page.get_by_role("navigation").get_by_role("button", name=part).click()
    page.locator(".legend").wait_for(state="attached")
    page.wait_for_timeout(SETTLED_MS)
    page.screenshot(path=FOLDER / f"{name}.png")


def _take_first(page: Page, url: str, name: str) -> None:
    """The page of the first record in a list; these are long."""
    page.goto(url)
    page.locator("#result_list tbody th a").first.click()
    page.set_viewport_size({"width": WIDTH, "height": LONG_HEIGHT})
    _take(page, name)
    page.set_viewport_size({"width": WIDTH, "height": HEIGHT})


def _take(page: Page, name: str) -> None:
    page.wait_for_load_state("networkidle")
    page.screenshot(path=FOLDER / f"{name}.png")


if __name__ == "__main__":
    main(*sys.argv[1:])
