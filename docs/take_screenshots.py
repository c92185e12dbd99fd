"""Take the pictures of docs/operating.md from a running demo exchange.

    python docs/take_screenshots.py http://127.0.0.1:8000 operator PASSWORD

Needs the packages of requirements-dev.txt and a Chromium. Let the simulator trade until its first
liquidation before, so that there is something to see.
"""

import shutil
import sys
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

FOLDER = Path(__file__).parent / "screenshots"
WIDTH, HEIGHT, LONG_HEIGHT = 1600, 1000, 1700


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
        browser.close()


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
