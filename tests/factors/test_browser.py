"""A passkey in the newest Chromium, whose virtual authenticator is as a device has it."""

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.contrib.auth.models import Group
from django.db import connection
from playwright.sync_api import Browser, Page, expect, sync_playwright

from accounts.models import Factor, StaffSession, User
from accounts.staff.sessions import SessionStore
from tests.patience import PATIENCE_S
from tests.trading.client import PASSWORD

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")

pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium is installed"),
    pytest.mark.django_db(transaction=True),
]


@pytest.fixture
def site(live_server: Any, settings: Any, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")  # as in tests/admin/test_browser.py
    settings.PASSKEY_RP_ID = "localhost"
    settings.PASSKEY_ORIGINS = [str(live_server)]
    User.objects.create_superuser("boss", password=PASSWORD)
    return str(live_server)


@pytest.fixture
def browser(site: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        try:
            yield browser
        finally:
            connection.close()
            browser.close()


def page_with_authenticator(browser: Browser, scheme: Any, width: int) -> tuple[Page, list[str]]:
    context = browser.new_context(viewport={"width": width, "height": 844}, color_scheme=scheme)
    page = context.new_page()
    page.set_default_timeout(PATIENCE_S * 1_000)
    session = context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
    }
    session.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on(
        "console",
        lambda said: (
            wrong.append(f"{said.text} {said.location['url']}") if said.type == "error" else None
        ),
    )
    return page, wrong


def sign_in(page: Page, site: str) -> None:
    page.goto(f"{site}/admin/login/")
    page.fill("#id_username", "boss")
    page.fill("#id_password", PASSWORD)
    page.click("#login-form button")


def arrive(page: Page, address: str) -> None:
    """And have all of the page, which else is left while a part of it is on its way."""
    expect(page).to_have_url(address)
    page.wait_for_load_state("networkidle")


def look(page: Page) -> None:
    """Readable and usable, and nothing beside the screen."""
    found = Axe().run(page).response["violations"]
    serious = [one for one in found if one["impact"] in ("serious", "critical")]
    assert serious == [], [(one["id"], one["nodes"][0]["html"]) for one in serious]
    beside = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    assert beside <= 0, page.url


def grow_stale() -> None:
    row = StaffSession.objects.exclude(user=None).latest("opened_at")
    store = SessionStore()
    data = store.decode(row.session_data)
    data["factor_shown_at"] = (datetime.now(UTC) - timedelta(minutes=6)).isoformat()
    StaffSession.objects.filter(pk=row.pk).update(session_data=store.encode(data))


@pytest.mark.parametrize(
    ("scheme", "width"), [("dark", 390), pytest.param("light", 1440, marks=pytest.mark.drill)]
)
def test_a_passkey_from_the_first_sign_in_to_a_dangerous_act(
    browser: Browser, site: str, scheme: Literal["light", "dark"], width: int
) -> None:
    page, wrong = page_with_authenticator(browser, scheme, width)
    sign_in(page, site)
    expect(page).to_have_url(f"{site}/admin/factor/enrol/")
    look(page)
    page.get_by_role("button", name="Set up an app").click()
    expect(page.locator("img.qr")).to_be_visible()
    assert page.locator("img.qr").evaluate("image => image.complete && image.naturalWidth > 100")
    look(page)
    page.get_by_role("button", name="Make a passkey").click()
    expect(page.locator(".recovery-codes li")).to_have_count(10)
    look(page)
    page.get_by_role("link", name="I have kept them").click()
    arrive(page, f"{site}/admin/")
    assert Factor.objects.get(kind="passkey").sign_count >= 0

    page.context.clear_cookies()
    sign_in(page, site)
    expect(page).to_have_url(f"{site}/admin/factor/")
    look(page)
    page.get_by_role("button", name="Use your passkey").click()
    arrive(page, f"{site}/admin/")

    grow_stale()
    page.goto(f"{site}/admin/auth/group/add/")
    page.fill("#id_name", "night shift")
    page.locator("[name=_save]").click()
    expect(page.get_by_text("Show your second factor")).to_be_visible()
    assert not Group.objects.filter(name="night shift").exists()
    look(page)
    page.get_by_role("button", name="Use your passkey").click()
    arrive(page, f"{site}/admin/auth/group/")
    assert Group.objects.filter(name="night shift").exists()

    page.goto(f"{site}/admin/factors/")
    expect(page.get_by_role("cell", name="passkey").first).to_be_visible()
    look(page)
    refused = [text for text in wrong if "403" not in text]  # the page that asks is one
    assert refused == []
