"""Where the pages are. All but one's own are for whoever is on the way in."""

from collections.abc import Callable
from functools import partial
from typing import Any

from django.urls import URLPattern, path
from django.views.decorators.csrf import csrf_protect

from console.factors import views


def factor_urls(site: Any, on_page: Callable[[Any], Any]) -> list[URLPattern]:
    """``on_page``: what pages of the console allow scripts of ours."""
    own = site.admin_view(partial(views.own_view, site=site))
    return [
        # Before Django's, which is for who may come in: also for whoever is to show a factor first.
        path("logout/", csrf_protect(site.logout), name="logout"),
        path("factors/", own, name="factors"),
        path("factor/", on_page(partial(views.show_view, site=site)), name="factor"),
        path("factor/passkey/", views.options_view, name="factor-options"),
        path("factor/enrol/", on_page(partial(views.enrol_view, site=site)), name="factor-enrol"),
        path("factor/enrol/passkey/", views.enrol_options_view, name="factor-enrol-options"),
        path("unlock/<str:token>/", on_page(partial(views.unlock_view, site=site)), name="unlock"),
    ]
