"""The page's shell: everything on it is drawn by its script."""

from dataclasses import dataclass

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.csrf import csrf_exempt

from common.http.errors import method_not_allowed
from terminal.bundle import bundle

THEMES = ("dark", "light")


@dataclass(frozen=True)
class SeenTrader:
    """Whose page somebody else looks at, who can do nothing there.

    refused   why the API refuses the trader, in a word; "" where it doesn't
    reads     where the trader's own is read, in place of the API
    look      what these reads bring along
    back      where the looker came from
    """

    user_id: int
    username: str
    refused: str
    reads: str
    look: str
    back: str


@csrf_exempt  # so that whoever posts here is told what is wrong with that
def shell(request: HttpRequest, market_id: str = "") -> HttpResponse:  # noqa: ARG001  the script's
    """Whatever the address names, the script looks for it. The theme is known here, so that no
    page flashes in the other."""
    if request.method not in ("GET", "HEAD"):
        return method_not_allowed(request, ["GET", "HEAD"])
    return shell_page(request)


def shell_page(request: HttpRequest, seen: SeenTrader | None = None) -> HttpResponse:
    page = bundle()
    if page is None:
        return render(request, "terminal/unbuilt.html", status=503)
    theme = request.COOKIES.get("theme", "")
    said = {
        "page": page,
        "theme": theme if theme in THEMES else "",
        "demo": settings.DEMO,
        "networks": settings.CUSTODY_NETWORKS,
        "seen": seen,
    }
    return render(request, "terminal/shell.html", said)
