"""The trading page in a real browser: what goes wrong on it is kept, what is on it can be asked."""

import re
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Locator, Page, Response, expect

from accounts.models import User
from tests.flow.exchange import PASSWORD
from tests.patience import PATIENCE_S

SERIOUS = ("serious", "critical")


# What the page's policy forbade, as an error on its console.
TELL_BREACHES = """
addEventListener("securitypolicyviolation", (event) => {
  console.error(`policy: ${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}`);
});
"""


class TradingPage:
    """Of a trader of its own, or of nobody."""

    def __init__(
        self,
        browser: Browser,
        url: str,
        *,
        width: int = 1440,
        height: int = 900,
        scheme: Any = "dark",
    ) -> None:
        size: Any = {"width": width, "height": height}
        self.context = browser.new_context(viewport=size, color_scheme=scheme, locale="en-US")
        self.context.add_init_script(TELL_BREACHES)
        self.page: Page = self.context.new_page()
        self.page.set_default_timeout(PATIENCE_S * 1_000)
        expect.set_options(timeout=PATIENCE_S * 1_000)
        self.url = url
        self.wrong: list[str] = []
        self.refused: list[str] = []
        self.page.on("pageerror", lambda error: self.wrong.append(f"script: {error}"))
        self.page.on("console", self._hear)
        self.page.on("request", self._look)
        self.page.on("response", self._note)

    def _hear(self, message: Any) -> None:
        """Refusals are listed for themselves, lost connections are what some tests are about."""
        if message.type == "error" and not re.search("Failed to load|WebSocket", message.text):
            self.wrong.append(message.text)

    def _look(self, request: Any) -> None:
        if not request.url.startswith((self.url, self.url.replace("http", "ws", 1), "blob:")):
            self.wrong.append(f"another host: {request.url}")

    def _note(self, response: Response) -> None:
        if response.status >= 400:
            self.refused.append(f"{response.status} {response.url}")

    def open(self, path: str = "/trade/BTC-PERP") -> None:
        self.page.goto(self.url + path)
        expect(self.page.get_by_role("heading", level=1)).to_contain_text("-PERP")

    def button(self, name: str) -> Locator:
        return self.page.get_by_role("button", name=name, exact=True)

    def tab(self, name: str) -> Locator:
        return self.page.get_by_role("tab", name=re.compile(f"^{name}"))

    def sign_up(self, username: str) -> None:
        self.button("Sign up").first.click()
        self.page.get_by_label("User name").fill(username)
        self.page.get_by_label("Password").fill(PASSWORD)
        self.page.locator("dialog").get_by_role("button", name="Sign up").click()

    def sign_in(self, username: str) -> None:
        self.button("Sign in").click()
        self.page.get_by_label("User name").fill(username)
        self.page.get_by_label("Password").fill(PASSWORD)
        self.page.locator("dialog").get_by_role("button", name="Sign in").click()
        expect(self.page.locator(".user")).to_have_text(username)

    def fund(self, amount: str = "10000") -> None:
        """From the dialog that comes after signing up."""
        self.page.get_by_label("Amount").fill(amount)
        self.button("Get funds").click()
        expect(self.page.get_by_test_id("equity")).not_to_have_text(re.compile("^(–|0.00)$"))

    def place_limit(self, side: str, size: str, price: str) -> None:
        self.button(side).click()
        self.tab("Limit").click()
        self.page.locator("input[name=price]").fill(price)
        self.page.locator("input[name=size]").fill(size)
        self.page.get_by_test_id("submit").click()

    def drag_the_line(self, down_px: int) -> None:
        """The uppermost line of the chart that can be dragged."""
        box = self.page.locator(".plot").bounding_box()
        assert box is not None
        x = box["x"] + box["width"] / 3
        for y in range(int(box["y"]), int(box["y"] + box["height"]), 3):
            self.page.mouse.move(x, y)
            if self.page.locator(".plot.on-line").count():
                self.page.mouse.down()
                self.page.mouse.move(x, y + down_px, steps=4)
                self.page.mouse.up()
                return
        raise AssertionError("no line of the chart can be dragged")

    def row(self, label: str) -> Locator:
        return self.page.get_by_role("table", name=label).locator("tbody tr")

    def show_in(self, theme: str) -> None:
        """ "dark" or "light"."""
        if self.theme() != theme:
            self.button(f"{theme.capitalize()} colours").click()
        assert self.theme() == theme

    def theme(self) -> str:
        return str(self.page.evaluate("document.documentElement.dataset.theme"))

    def serious_faults(self, part: str | None = None) -> list[str]:
        """What axe finds that keeps people from the page, or from a part of it: all else is not
        looked at again."""
        found = Axe().run(self.page, context=part).response["violations"]
        return [
            f"{one['id']}: {node['target']} {node['html'][:120]}"
            for one in found
            if one["impact"] in SERIOUS
            for node in one["nodes"]
        ]

    def close(self) -> None:
        self.context.close()
        assert self.wrong == []


def retire(*usernames: str) -> None:
    """Their names are free for whoever begins the story anew."""
    for user in User.objects.filter(username__in=usernames):
        user.username = f"{user.username}-{user.pk}"
        user.save(update_fields=["username"])
