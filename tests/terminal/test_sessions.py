"""Sign-in from the page: what the cookie is, who may use it, and when it ends."""

import json
from datetime import UTC, datetime, timedelta
from http.cookies import Morsel
from typing import Any

import pytest
from django.test import Client

from accounts.access.sessions import REFRESH_KEPT_FOR
from accounts.models import EndReason, Session
from accounts.services import suspend_user
from tests.builders.factors import make_app
from tests.trading.client import PASSWORD, Api, Trader

pytestmark = pytest.mark.django_db
OWN = "http://testserver"


class Page:
    """A browser on the exchange's page: it keeps cookies, and says whose page it is."""

    def __init__(self, origin: str | None = OWN) -> None:
        self.browser = Client(raise_request_exception=False)
        self._said: dict[str, Any] = {} if origin is None else {"HTTP_ORIGIN": origin}

    def post(self, path: str, body: Any = None) -> tuple[int, Any]:
        data = b"" if body is None else json.dumps(body).encode()
        answer: Any = self.browser.generic("POST", path, data, "application/json", **self._said)
        return answer.status_code, answer.json()

    def sign(self, token: str) -> None:
        self._said |= {"HTTP_AUTHORIZATION": f"Bearer {token}"}

    def sign_in(self, name: str) -> tuple[int, Any]:
        return self.post("/page/signin", {"username": name, "password": PASSWORD})

    def cookie(self, name: str = "session_refresh") -> Morsel[str]:
        return self.browser.cookies[name]


@pytest.fixture
def page(trader: Trader) -> Page:
    signed_in = Page()
    assert signed_in.sign_in(trader.user.username)[0] == 200
    return signed_in


def test_no_script_gets_the_refresh_token_and_no_other_site_sends_it(
    trader: Trader, settings: Any
) -> None:
    settings.HTTPS = True
    page = Page()
    status, said = page.sign_in(trader.user.username)
    assert (status, sorted(said)) == (200, ["operates", "token", "userId", "username"])
    kept, mark = page.cookie(), page.cookie("session_there")
    assert (kept["httponly"], kept["secure"], kept["samesite"]) == (True, True, "Strict")
    assert kept["path"] == "/page"
    assert (mark.value, mark["path"], mark["samesite"]) == ("1", "/", "Strict")
    assert kept.value not in json.dumps(said)


def test_signing_up_is_signing_in() -> None:
    page = Page()
    status, said = page.post("/page/signup", {"username": "new", "password": PASSWORD})
    assert status == 201
    assert Api(said["token"]).get("/user/equity").status == 200
    assert page.post("/page/token")[1]["username"] == "new"


@pytest.mark.parametrize("origin", [None, "null", "http://evil.test", "http://sub.testserver"])
@pytest.mark.parametrize("path", ["signup", "signin", "signin/factor", "token", "signout"])
def test_only_our_own_page_is_listened_to(page: Page, origin: str | None, path: str) -> None:
    other = Page(origin)
    other.browser.cookies = page.browser.cookies
    status, said = other.post(f"/page/{path}")
    assert (status, said["code"]) == (403, "FORBIDDEN")
    assert page.post("/page/token")[0] == 200  # nothing happened to it


def test_a_page_may_be_loaded_again_and_again_within_the_hour(page: Page) -> None:
    first = page.cookie().value
    for _ in range(3):
        status, said = page.post("/page/token")
        assert status == 200
        assert Api(said["token"]).get("/user/equity").status == 200
    assert page.cookie().value == first
    long_ago = datetime.now(UTC) - REFRESH_KEPT_FOR - timedelta(seconds=1)
    Session.objects.update(renewed_at=long_ago)
    assert page.post("/page/token")[0] == 200
    assert page.cookie().value != first


def test_a_cookie_that_was_traded_in_ends_its_session(page: Page, trader: Trader) -> None:
    thief = Page()
    thief.browser.cookies.load(page.cookie().OutputString())
    Session.objects.update(renewed_at=datetime.now(UTC) - REFRESH_KEPT_FOR * 2)
    assert page.post("/page/token")[0] == 200
    assert thief.post("/page/token")[0] == 401
    status, said = page.post("/page/token")
    assert (status, said["code"]) == (401, "REFRESH_INVALID")
    assert page.cookie().value == page.cookie("session_there").value == ""  # taken away
    ended = Session.objects.get(user=trader.user, end_reason=EndReason.TOKEN_REUSED)
    assert ended.ended_at is not None


def test_without_a_cookie_there_is_no_token() -> None:
    for path in ("token", "signout"):
        status, said = Page().post(f"/page/{path}")
        assert (status, said["code"]) == (401, "REFRESH_INVALID")


def test_signing_out_ends_the_session(page: Page) -> None:
    token = page.post("/page/token")[1]["token"]
    kept = page.cookie().OutputString()
    assert page.post("/page/signout")[0] == 200
    assert Api(token).get("/user/equity").code == "SESSION_ENDED"
    again = Page()
    again.browser.cookies.load(kept)
    assert again.post("/page/token")[0] == 401


def test_a_new_password_keeps_the_page_signed_in_and_ends_all_else(
    page: Page, trader: Trader
) -> None:
    change = {"password": PASSWORD, "newPassword": "staple of my own"}
    token = page.post("/page/token")[1]["token"]
    assert page.post("/page/password", change)[0] == 401  # the cookie alone is not enough
    page.sign(token)
    before = page.cookie().value
    status, said = page.post("/page/password", change)
    assert (status, sorted(said)) == (200, ["operates", "token", "userId", "username"])
    assert page.cookie().value not in (before, json.dumps(said))
    assert Api(token).get("/user/equity").code == "SESSION_ENDED"
    assert trader.api.get("/user/equity").code == "SESSION_ENDED"
    assert page.post("/page/token")[1]["userId"] == trader.user.pk
    other = Page("http://evil.test")
    other.sign(said["token"])
    assert other.post("/page/password", change)[1]["code"] == "FORBIDDEN"


def test_it_is_a_session_like_any_other(page: Page, trader: Trader) -> None:
    listed = trader.api.get("/auth/sessions").body["sessions"]
    theirs = next(one for one in listed if not one["current"])
    assert trader.api.delete(f"/auth/sessions/{theirs['sessionId']}").status == 200
    assert page.post("/page/token")[0] == 401


def test_the_suspended_get_none(page: Page, trader: Trader) -> None:
    suspend_user(trader.user)
    assert page.post("/page/token")[0] in (401, 403)


def test_a_second_factor_is_asked_for(trader: Trader) -> None:
    app = make_app(trader.user)
    page = Page()
    status, asked = page.sign_in(trader.user.username)
    assert (status, asked["code"]) == (401, "SECOND_FACTOR_REQUIRED")
    assert "session_refresh" not in page.browser.cookies
    wrong = {"challenge": asked["challenge"], "code": "000000"}
    assert page.post("/page/signin/factor", wrong)[0] == 403
    right = {"challenge": asked["challenge"], "code": app.code()}
    assert page.post("/page/signin/factor", right)[0] == 200
    assert page.post("/page/token")[0] == 200
