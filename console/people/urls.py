"""Where the pages about one trader as a person are."""

from functools import partial
from typing import Any

from django.urls import URLPattern, path
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe

from console.people.views import export_view
from console.seen_as.page import page_view
from console.seen_as.reads import read_view
from console.seen_as.views import seen_as_view


def people_urls(site: Any) -> list[URLPattern]:
    export = site.admin_view(partial(export_view, site=site))
    see = site.admin_view(require_safe(partial(seen_as_view, site=site)))
    page = site.bare_view(require_safe(page_view))
    # Exempt, so that whoever posts there is told what is wrong with that.
    read = csrf_exempt(partial(read_view, site=site))
    return [
        path("people/<int:user_id>/export/", export, name="person-export"),
        path("see-as/<int:user_id>/", see, name="see-as"),
        path("see-as/<int:user_id>/page/", page, name="see-as-page"),
        path("see-as/<int:user_id>/api/v1/<path:call>", read, name="see-as-read"),
    ]
