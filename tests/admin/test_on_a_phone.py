"""Every page of the console and a record of every model, in Chromium, on a desk and on a phone:
nothing is cut off, and nothing is wider than the screen or longer than anybody scrolls."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib import admin
from django.db import connection
from django.test import Client
from django.urls import reverse
from playwright.sync_api import Page, sync_playwright

from accounts.models import User
from common.admin.record_urls import list_url, url_of
from console.alerts.models import Alert
from console.doors.pages import PAGES
from console.groups import create_groups
from ledger.models import Withdrawal
from tests.admin.factories import make_user, make_world
from tests.admin.test_browser import CHROMIUM
from trading.models import Order

pytestmark = [
    pytest.mark.drill,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium is installed"),
    pytest.mark.django_db(transaction=True),
]

DESK, PHONE = {"width": 1440, "height": 900}, {"width": 390, "height": 844}
SCREENS_MAX = 4
# Asked by scripts, for a file, or by who isn't in yet.
NO_PAGES = {
    "autocomplete", "jsi18n", "view_on_site", "today-series", "launch-preview", "launch-check",
    "factor-options", "factor-enrol-options", "logout", "invitation-link", "invitation-withdraw",
    "export-file", "family-statement", "login", "join", "factor", "factor-enrol", "unlock",
    "password_change_done", "stress-run", "hindsight-run", "app_list",
    "see-as-page", "see-as-read",
}  # fmt: skip

# What sticks out of the screen, or holds more than it shows and can't be scrolled.
CUT_OFF = """() => {
    const wide = document.documentElement.clientWidth
    const found = []
    const scrolls = (node) => {
        for (let at = node; at; at = at.parentElement) {
            const style = getComputedStyle(at)
            if (/auto|scroll/.test(style.overflowX) && at.scrollWidth > at.clientWidth) return true
            if (style.position === 'fixed') return true
        }
        return false
    }
    for (const node of document.body.querySelectorAll('*')) {
        const box = node.getBoundingClientRect()
        if (!box.width || !box.height || getComputedStyle(node).visibility === 'hidden') continue
        if (box.right > wide + 1 && !scrolls(node)) {
            found.push(`${node.tagName} ${node.className} to ${Math.round(box.right)}`)
        }
    }
    return found.slice(0, 5)
}"""


@pytest.fixture
def phone(live_server: object, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Page, str]]:
    """Signed in."""
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")  # as in `test_browser`
    create_groups()
    make_world()
    client = Client()
    client.force_login(make_user("boss", is_staff=True, is_superuser=True))
    cookie = client.cookies["sessionid"].value
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        try:
            context = browser.new_context(viewport=DESK)  # type: ignore[arg-type]
            url = str(live_server)
            context.add_cookies([{"name": "sessionid", "value": cookie, "url": url}])
            yield context.new_page(), url
        finally:
            connection.close()
            browser.close()


def addresses() -> Iterator[str]:
    trader = User.objects.filter(is_staff=False).order_by("pk")[0]
    arguments: dict[str, list[Any]] = {
        "withdrawal": [Withdrawal.objects.latest("pk").pk],
        "alert": [Alert.objects.latest("pk").pk],
        "operator": [User.objects.get(username="boss").pk],
        "why": ["order", Order.objects.latest("pk").pk],
        "launch-market": ["BTC-PERP"],
        "market-versions": ["BTC-PERP"],
    }
    of_trader = ("person-export", "see-as", "family", "freeze", "risk-trader")
    arguments |= {name: [trader.pk] for name in of_trader}
    for page in PAGES:
        if page.see is not None and page.name not in NO_PAGES:
            yield reverse(f"admin:{page.name}", args=arguments.get(page.name, []))
    for model in sorted(admin.site._registry, key=lambda model: model._meta.label):
        yield list_url(model, "")
        row = model._default_manager.order_by("pk").first()
        if row is not None:
            yield url_of(model, row.pk)


def test_every_page_fits(phone: tuple[Page, str]) -> None:
    page, url = phone
    wrong = []
    for path in dict.fromkeys(addresses()):
        page.set_viewport_size(PHONE)  # type: ignore[arg-type]
        answer = page.goto(url + path, wait_until="load")
        assert answer is not None
        assert answer.status == 200, path
        wrong += [f"{path}: on a phone {one}" for one in page.evaluate(CUT_OFF)]
        screens = page.evaluate("document.documentElement.scrollHeight") / PHONE["height"]
        if screens > SCREENS_MAX and not path.endswith("?"):  # lists are as long as they are
            wrong.append(f"{path}: {screens:.1f} screens")
        page.set_viewport_size(DESK)  # type: ignore[arg-type]
        wrong += [f"{path}: on a desk {one}" for one in page.evaluate(CUT_OFF)]
    assert wrong == [], "\n".join(wrong)
