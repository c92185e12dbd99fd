"""An operator's desk in a real browser: what is clicked is counted, what goes wrong is kept.

Typing is no click; choosing from a list, ticking a box and pressing Enter are one each.
"""

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Response, sync_playwright

from tests.patience import PATIENCE_S

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
CLICKS_MAX = 5
# (name, width, height, colour scheme) of each picture of an answer.
PICTURES = tuple(
    (f"{width}-{scheme}", width, height, scheme)
    for width, height in ((1440, 900), (390, 844))
    for scheme in ("light", "dark")
)


@dataclass(frozen=True)
class Answered:
    """How a question was answered: clicks and seconds from the first page on."""

    question: str
    clicks: int
    seconds: float


class Desk:
    def __init__(self, browser: Browser, url: str, session: str) -> None:
        self._browser = browser
        self._url = url
        self._session = session
        self.page = self._context(1440, 900, "light").new_page()
        self.page.set_default_timeout(PATIENCE_S * 1_000)
        self.page.on("response", self._note)
        self.page.on("pageerror", lambda error: self.wrong.append(f"script: {error}"))
        self.wrong: list[str] = []
        self.clicks = 0
        self._since = 0.0

    def _context(self, width: int, height: int, scheme: str) -> BrowserContext:
        context = self._browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme="dark" if scheme == "dark" else "light",
        )
        cookie = {"name": "sessionid", "value": self._session, "url": self._url}
        context.add_cookies([cookie])  # type: ignore[list-item]
        return context

    def _note(self, response: Response) -> None:
        if response.status >= 400:
            self.wrong.append(f"{response.url}: {response.status}")

    # -- what an operator does

    def sit_down(self) -> None:
        """On the first page, as after signing in."""
        self.page.goto(f"{self._url}/admin/", wait_until="load")
        self.clicks, self._since = 0, time.monotonic()

    def click(self, what: Locator) -> None:
        what.click()
        self.clicks += 1
        self.page.wait_for_load_state("load")

    def menu(self, path: str) -> None:
        self.click(self.page.locator(f'#nav-sidebar a[href="{path}"]'))

    def link(self, text: str) -> None:
        self.click(self.page.locator("#main, main, body").get_by_role("link", name=text).first)

    def button(self, text: str) -> None:
        self.click(self.page.get_by_role("button", name=text).first)

    def find(self, words: str, kind: str) -> None:
        """By the search box, which `/` opens: the first thing of this kind."""
        self.page.keyboard.press("/")
        self.page.locator("#search-input-command").press_sequentially(words)
        self.click(self.page.locator(f'#command-results a[data-description="{kind}"]').first)

    def type(self, field: str, text: str) -> None:
        self.page.locator(f'[name="{field}"]').fill(text)

    def choose(self, field: str, value: str) -> None:
        self.page.locator(f'select[name="{field}"]').select_option(value)
        self.clicks += 1

    def sees(self, text: str) -> None:
        self.page.get_by_text(text).first.wait_for()

    def reads(self) -> str:
        return self.page.locator("body").inner_text()

    # -- what is kept of it

    def answered(self, question: str) -> Answered:
        assert self.wrong == []
        assert self.clicks <= CLICKS_MAX, question
        return Answered(question, self.clicks, time.monotonic() - self._since)

    def take_pictures(self, folder: Path, name: str) -> None:
        """Of the page one is on, on a desk and on a phone, light and dark."""
        for size, width, height, scheme in PICTURES:
            context = self._context(width, height, scheme)
            page = context.new_page()
            page.goto(self.page.url, wait_until="networkidle")
            page.screenshot(path=folder / f"{name}-{size}.jpg", type="jpeg", quality=60)
            context.close()


@contextmanager
def chromium() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("no chromium is installed")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        try:
            yield browser
        finally:
            browser.close()
