"""A viewer who guesses: no page of the admin answers a right guess at a secret otherwise than a
wrong one, whichever of Django's own parameters, pages and actions it is asked by."""

import json
import re
from collections.abc import Callable, Iterator
from itertools import chain, cycle
from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db.models import CharField, Model, TextField
from django.template.response import SimpleTemplateResponse
from django.test import Client
from django.urls import reverse

from accounts.access.sessions import Origin, open_session
from accounts.models import Person, Session, User
from common.admin.record_urls import list_url
from markets.models import Market
from tests.builders.factors import make_app
from tests.trading.client import PASSWORD

ClientOf = Callable[[str], Client]

pytestmark = pytest.mark.usefixtures("module_world")

MODELS = sorted(admin.site._registry, key=lambda model: model._meta.label)
CONFIRM = re.compile(r"\bConfirm\b")
SEEN_BY_VIEWERS = [model for model in MODELS if model is not Person]
ROW_KEY = re.compile(r'name="_selected_action" value="([^"]*)"')
ROW_LINK = re.compile(r'<th class="field-[^"]*"><a href="([^"?]*)')
AUTOCOMPLETE = "/admin/autocomplete/"


@pytest.fixture
def holder(world: Market) -> User:
    """Whose secrets are guessed at, among others that sort differently by them."""
    for number in range(3):
        user = User.objects.create_user(f"other{number}", password=f"{PASSWORD} {number}")
        open_session(user, Origin("203.0.113.7", "curl"))
    user = User.objects.create_user("holder", password=PASSWORD)
    open_session(user, Origin("203.0.113.7", "curl"))
    return user


@pytest.fixture
def viewer(client_of: ClientOf, holder: User) -> Client:
    return client_of("viewer")


def secrets_of(holder: User) -> dict[str, str]:
    session = Session.objects.get(user=holder)
    return {"password": holder.password, "refresh_hash": session.refresh_hash}


def rows_on(page: str) -> list[str]:
    return ROW_KEY.findall(page) or ROW_LINK.findall(page)


def test_a_list_is_ordered_and_counted_as_it_is_whatever_is_asked(
    viewer: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SimpleTemplateResponse, "rendered_content", "")  # but what is drawn is made
    for model in SEEN_BY_VIEWERS:
        assert admin.site._registry[model].date_hierarchy is None
        response: Any = viewer.get(list_url(model, ""))
        as_it_is = list(response.context_data["cl"].result_list)
        for asked in ({"o": "1.-2"}, {"o": "-99.password"}, {"_facets": "True"}):
            response = viewer.get(list_url(model, ""), asked)
            assert response.status_code in {200, 302, 400}, (model, asked)
            if response.status_code == 200:
                shown = response.context_data["cl"]
                assert list(shown.result_list) == as_it_is, (model, asked)
                assert not shown.add_facets


@pytest.mark.parametrize("popup", [{}, {"_popup": "1"}], ids=["page", "popup"])
@pytest.mark.parametrize(
    ("model", "name"), [(User, "password"), (Session, "refresh_hash")], ids=["user", "session"]
)
def test_guesses_at_a_secret_are_refused_right_or_wrong(
    model: type[Model], name: str, popup: dict[str, str], viewer: Client, holder: User
) -> None:
    secret = secrets_of(holder)[name]
    for right, wrong in ((secret, secret[:-1] + "~"), (secret[:9], "~" * 9), (secret, "")):
        for lookup in ("", "__exact", "__startswith", "__regex", "__gt", "__contains", "__in"):
            for value in (right, wrong):
                asked = {f"{name}{lookup}": value} | popup
                assert viewer.get(list_url(model, ""), asked).status_code == 400, lookup
        found, missed = (viewer.get(list_url(model, ""), {"q": q} | popup) for q in (right, wrong))
        assert found.status_code == missed.status_code == 200
        if wrong:
            assert not rows_on(found.content.decode())


def change_pages(model: type[Model], value: str) -> Iterator[str]:
    label = f"admin:{model._meta.app_label}_{model._meta.model_name}"
    for page in ("change", "history", "delete"):
        yield reverse(f"{label}_{page}", args=[value])


def test_a_record_is_found_by_its_key_alone(viewer: Client, holder: User) -> None:
    """``_to_field`` would look it up by another column: a password's hash, a name."""
    popups = cycle(({}, {"_popup": "1"}))
    for model in SEEN_BY_VIEWERS:
        others = [field for field in model._meta.concrete_fields if not field.primary_key]
        words = [field.name for field in others if isinstance(field, CharField | TextField)]
        for name in {*words, others[-1].name, "pk__regex"}:
            asked = {"_to_field": name} | next(popups)
            assert viewer.get(list_url(model, ""), asked).status_code == 400, (model, asked)
    for secret in secrets_of(holder).values():
        for path in chain(change_pages(User, secret[:40]), change_pages(Session, secret[:40])):
            for name in ("password", "refresh_hash", "username"):
                response = viewer.get(path, {"_to_field": name} | next(popups))
                assert response.status_code in {302, 400, 403, 404}, (path, name)
                assert response.headers.get("Location", "/admin/") == "/admin/"


def test_autocomplete_names_nobody_by_a_secret(
    viewer: Client, client_of: ClientOf, holder: User
) -> None:
    """It serves the one field of a page that asks it, and finds users by name alone. What leads to
    no other model it serves of none: one of those for each."""
    own = {"app_label": "trading", "model_name": "userfeetier", "field_name": "user"}
    secrets = secrets_of(holder)
    for client in (viewer, client_of("risk")):
        for model in apps.get_models():
            fields = {field.is_relation and field.name: field for field in model._meta.get_fields()}
            for field in fields.values():
                where = {
                    "app_label": model._meta.app_label,
                    "model_name": str(model._meta.model_name),
                    "field_name": field.name,
                }
                response = client.get(AUTOCOMPLETE, {"term": "h"} | where)
                expected = {200} if where == own else {403, 404}
                assert response.status_code in expected, where
        for secret in secrets.values():
            for term in (secret, secret[:6], f"^{secret[:3]}"):
                response = client.get(AUTOCOMPLETE, {"term": term} | own)
                assert json.loads(response.content)["results"] == []
    found = json.loads(client.get(AUTOCOMPLETE, {"term": "holder"} | own).content)["results"]
    assert found == [{"id": str(holder.pk), "text": "holder"}]
    for rubbish in (
        {},
        own | {"field_name": "nix"},
        own | {"app_label": "\0"},
        own | {"page": "x"},
    ):
        assert client.get(AUTOCOMPLETE, {"term": "h"} | rubbish).status_code in {400, 403, 404}
    assert client.get(AUTOCOMPLETE, {"term": "\0"} | own).status_code in {200, 400}


@pytest.mark.parametrize(
    "target",
    ["https://evil.example/", "//evil.example/", "\\\\evil.example", "javascript:alert(1)"],
)
def test_nobody_is_sent_elsewhere(target: str, holder: User) -> None:
    operator = User.objects.create_superuser("boss", password=PASSWORD)
    app = make_app(operator)
    credentials = {"username": "boss", "password": PASSWORD, "next": target}
    client = Client()
    response = client.post("/admin/login/", credentials, query_params={"next": target})
    assert (response.status_code, response["Location"]) == (302, "/admin/factor/")
    shown = {"second_factor_code": app.code(), "next": target}
    response = client.post("/admin/factor/", shown, query_params={"next": target})
    assert (response.status_code, response["Location"]) == (302, "/admin/")
    for path in ("/admin/login/", "/admin/logout/", "/admin/factor/"):
        for ask in (client.get, client.post):
            response = ask(path, query_params={"next": target})
            assert "evil" not in response.headers.get("Location", ""), path
            assert "javascript" not in response.headers.get("Location", ""), path
        client.force_login(operator)
    content_type = ContentType.objects.get_for_model(User).pk
    for path in (f"/admin/r/{content_type}/{holder.pk}/", "/admin/r/999999/1/", "/admin/r/x/1/"):
        assert client.get(path).status_code == 404


def test_no_history_says_a_secret(viewer: Client, client_of: ClientOf, holder: User) -> None:
    boss = client_of("superuser")
    staff = User.objects.create_user("staff", password=PASSWORD, is_staff=True)
    new = "staple of my own"
    form = {"password1": new, "password2": new, "usable_password": "true"}
    changed = boss.post(f"/admin/accounts/user/{staff.pk}/password/", form)
    assert changed.status_code == 302
    before, hashed = staff.password, User.objects.get(pk=staff.pk).password
    assert hashed != before
    entry = LogEntry.objects.latest("pk")
    pages = [
        f"/admin/accounts/user/{staff.pk}/history/",
        list_url(LogEntry, ""),
        reverse("admin:admin_logentry_change", args=[entry.pk]),
        "/admin/",
    ]
    for client in (viewer, boss):
        for path in pages:
            response = client.get(path, follow=True)
            assert response.status_code == 200, path
            page = response.content.decode()
            assert not [secret for secret in (new, hashed, before) if secret in page], path


def test_a_viewer_has_no_action_that_does_or_gives_away(viewer: Client) -> None:
    """Also none that a library would add: no export, and no deletion."""
    for model in MODELS:
        offered: Any = admin.site._registry[model].actions or ()
        names = [getattr(one, "__name__", one) for one in offered]
        rows = model._base_manager.order_by("pk")
        keys = [str(key) for key in rows.values_list("pk", flat=True)[:20]]
        before = list(rows.values())
        for action in (*names, "delete_selected", "export_admin_action"):
            form = {"action": action, "_selected_action": keys, "index": 0, "post": "yes"}
            response = viewer.post(list_url(model, ""), form)
            assert response.status_code in {200, 302, 403}, (model, action)
            assert "Content-Disposition" not in response.headers
            assert not CONFIRM.search(response.content.decode()), (model, action)
        assert list(rows.values()) == before
        added = viewer.get(list_url(model, "").split("?")[0] + "add/")
        assert added.status_code == 403, model
