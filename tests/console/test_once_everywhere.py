"""Every form of the console has the guard of `console.once`, whichever page and view it is."""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from html import unescape
from urllib.parse import urlsplit

import pytest
from django.contrib import admin
from django.test import Client
from django.urls import resolve, reverse
from django.urls.converters import IntConverter

from console.once import guard
from console.once.models import SentForm
from tests.admin.factories import make_world
from tests.console.rendered import forms_of
from tests.console.test_doors import LEADS_ON, _patterns

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def boss(client_of: Callable[[str], Client]) -> Client:
    return client_of("superuser")


# Who posts there is not signed in yet, or no more; each takes what is good once.
OUTSIDE = {
    "login", "logout", "factor", "factor-options", "factor-enrol", "factor-enrol-options",
    "join", "unlock", "jsi18n",
}  # fmt: skip

# Take GET alone, whoever posts.
READ_ONLY = {"see-as-page", "see-as-read"}


def _addresses() -> Iterator[tuple[str, str]]:
    """Of every view of the site, by name; of records that are not there, as nobody gets so far."""
    for pattern in _patterns(admin.site.get_urls()):
        if pattern.name not in LEADS_ON:
            converters = pattern.pattern.converters.items()
            given = {
                name: 1 if isinstance(kind, IntConverter) else "x" for name, kind in converters
            }
            if pattern.name == "app_list":
                given = {"app_label": "trading"}
            elif pattern.name == "auth_user_password_change":
                given = {"id": 1}
            yield pattern.name or "", reverse(f"admin:{pattern.name}", kwargs=given)


def test_every_view_of_the_site_has_the_guard(
    boss: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was sent before leads where it led, whichever view it was."""
    SentForm.objects.create(pk="before", location="/admin/status/")
    monkeypatch.setattr(guard, "_key_of", lambda _: "before")
    unguarded: set[str] = set()
    for name, url in _addresses():
        if name in READ_ONLY:
            assert boss.post(url).status_code == 405
        elif name not in OUTSIDE and boss.post(url).get("Location") != "/admin/status/":
            unguarded.add(name)
    assert unguarded == set()


def test_every_form_of_every_page_says_which_it_is(boss: Client) -> None:
    """And is sent to a view of the site."""
    make_world()
    found: Counter[str] = Counter()
    for url, page in _pages(boss):
        for form in forms_of(page):
            (token,) = form.fields.get(guard.TOKEN, [""])
            assert token, (url, form.action)
            match = resolve(urlsplit(form.action).path or urlsplit(url).path)
            assert match.namespace == "admin", (url, form.action)
            found[match.url_name or ""] += 1
    assert len(found) > 40
    assert {"announcements_announcement_add", "stop", "freeze", "launch"} <= set(found)


def _pages(client: Client) -> Iterator[tuple[str, str]]:
    """What the console links to, from its first page on: two of each view."""
    ahead, seen, of_view = ["/admin/"], {"/admin/"}, Counter[str]()
    while ahead:
        url = ahead.pop()
        name = resolve(urlsplit(url).path).url_name or ""
        of_view[name] += 1
        if of_view[name] > 2 or name in OUTSIDE:
            continue
        answer = client.get(url)
        if answer.status_code != 200 or "html" not in answer["Content-Type"]:
            continue
        page = answer.content.decode()
        yield url, page
        for link in map(unescape, re.findall(r'href="(/admin/[^"#]*)', page)):
            if link not in seen:
                seen.add(link)
                ahead.append(link)
