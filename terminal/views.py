"""The page's shell: everything on it is drawn by its script."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.csrf import csrf_exempt

from common.http.errors import method_not_allowed
from terminal.bundle import bundle

THEMES = ("dark", "light")


@csrf_exempt  # so that whoever posts here is told what is wrong with that
def shell(request: HttpRequest, market_id: str = "") -> HttpResponse:  # noqa: ARG001  the script's
    """Whatever the address names, the script looks for it. The theme is known here, so that no
    page flashes in the other."""
    if request.method not in ("GET", "HEAD"):
        return method_not_allowed(request, ["GET", "HEAD"])
    page = bundle()
    if page is None:
        return render(request, "terminal/unbuilt.html", status=503)
    theme = request.COOKIES.get("theme", "")
    said = {
        "page": page,
        "theme": theme if theme in THEMES else "",
        "demo": settings.DEMO,
        "networks": settings.CUSTODY_NETWORKS,
    }
    return render(request, "terminal/shell.html", said)
