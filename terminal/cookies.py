"""How a page keeps a session: the refresh token in a cookie that no script reads and no other site
sends, and a mark beside it that says there is one.
"""

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase

from accounts.access.tokens import refresh_lifetime
from common.errors import DomainError, ErrorCode

REFRESH = "session_refresh"
MARK = "session_there"  # what a script may know, so that nobody asks in vain
PATH = "/page"


def keep(response: HttpResponseBase, refresh: str) -> None:
    lasts_s = int(refresh_lifetime().total_seconds())
    response.set_cookie(
        REFRESH,
        refresh,
        max_age=lasts_s,
        path=PATH,
        secure=settings.HTTPS,
        httponly=True,
        samesite="Strict",
    )
    response.set_cookie(MARK, "1", max_age=lasts_s, secure=settings.HTTPS, samesite="Strict")


def forget(response: HttpResponseBase) -> None:
    response.delete_cookie(REFRESH, path=PATH, samesite="Strict")
    response.delete_cookie(MARK, samesite="Strict")


def refresh_of(request: HttpRequest) -> str:
    """ "" where there is none."""
    return request.COOKIES.get(REFRESH, "")


def require_own_page(request: HttpRequest) -> None:
    """A cookie is sent by the browser, whoever asked it to: so only pages of this very origin are
    listened to. `SameSite` keeps other sites out, this also neighbours under the same domain, and
    whoever would sign somebody in as himself. Browsers name the origin of every POST; no page can
    say another. Raises DomainError."""
    origin = request.headers.get("Origin", "")
    own = f"{'https' if request.is_secure() else 'http'}://{request.get_host()}"
    if origin != own and origin not in settings.CSRF_TRUSTED_ORIGINS:
        message = (
            "This call is for the exchange's own page. Programs sign in with POST /auth/signin."
        )
        raise DomainError(ErrorCode.FORBIDDEN, message)
