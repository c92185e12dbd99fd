"""The search box: what a person has in hand, an id, a number or the beginning of a name, leads to
records of every list that can be searched and that they may see.

Each list says itself what a search may mean (`BaseAdmin.search_walks`), as alternatives that an
index answers: a search costs the same however long the tables are.
"""

import time
from collections.abc import Iterator
from typing import Any

from django.contrib.admin import AdminSite
from django.core.paginator import Paginator
from django.db import DataError
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from common.admin.base import BaseAdmin
from common.admin.record_urls import url_of
from common.postgres.keysets import newest_keys
from console.navigation import JOBS, sidebar

FOUND_PER_LIST_MAX = 5
WORDS_LENGTH_MAX = 200


def search_view(site: AdminSite, request: HttpRequest) -> HttpResponse:
    """Unfold's box asks it as its user types, and shows the list it answers."""
    term = request.GET.get("s", "").strip()[:WORDS_LENGTH_MAX]
    if not term or "\0" in term:
        return HttpResponse()
    started = time.monotonic()
    found = [*_pages(site, request, term), *_records(site, request, term)]
    paginator = Paginator(found, max(len(found), 1))
    context = {
        "page_obj": paginator,
        "results": paginator.page(1),
        "page_counter": 0,
        "execution_time": time.monotonic() - started,
        "command_show_history": False,
    }
    return TemplateResponse(request, "unfold/helpers/command_results.html", context)


def _pages(site: AdminSite, request: HttpRequest, term: str) -> Iterator[dict[str, str]]:
    for group in sidebar(site, request):
        for item in group["items"]:
            if term.lower() in item["title"].lower():
                yield _found(item["title"], group["title"], item["link"], item["icon"])


def _records(site: AdminSite, request: HttpRequest, term: str) -> Iterator[dict[str, str]]:
    icons = {item.target: item.icon for items in JOBS.values() for item in items}
    for model, model_admin in site._registry.items():
        searched = isinstance(model_admin, BaseAdmin) and model_admin.walks_searches()
        if not (searched and model_admin.has_view_permission(request)):
            continue
        for row in _rows(model_admin, request, term):
            name = str(model._meta.verbose_name)
            icon = icons.get(model._meta.label, "data_object")
            yield _found(str(row), name, url_of(model, row.pk), icon)


def _rows(model_admin: Any, request: HttpRequest, term: str) -> list[Any]:
    walks: list[Q] = model_admin.search_walks(term)
    rows = model_admin.get_queryset(request)
    try:
        keys = newest_keys([rows.filter(walk) for walk in walks], FOUND_PER_LIST_MAX)
        return list(rows.filter(pk__in=keys).order_by("-pk"))
    except (ValueError, DataError):  # no such value is possible there
        return []


def _found(title: str, kind: str, link: str, icon: str) -> dict[str, str]:
    return {"title": title, "description": kind, "link": link, "icon": icon}
