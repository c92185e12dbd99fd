"""Where the pages about one trader as a person are."""

from functools import partial
from typing import Any

from django.urls import URLPattern, path
from django.views.decorators.http import require_safe

from console.people.views import export_view
from console.seen_as.views import seen_as_view


def people_urls(site: Any) -> list[URLPattern]:
    export = site.admin_view(partial(export_view, site=site))
    see = site.admin_view(require_safe(partial(seen_as_view, site=site)))
    return [
        path("people/<int:user_id>/export/", export, name="person-export"),
        path("see-as/<int:user_id>/", see, name="see-as"),
    ]
