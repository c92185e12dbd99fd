"""What a reader of the admin can ask: only what a page offers, and never a secret.

A list that takes any lookup answers "is there a row whose token begins with a?": letter by letter
that gives away what no page shows.
"""

from collections.abc import Callable, Iterator
from itertools import chain
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group
from django.db.models import Field, Model
from django.template.response import SimpleTemplateResponse
from django.test import Client
from django.urls import reverse

from accounts.access.sessions import Origin, open_session
from accounts.models import Session, User
from common.admin.base import BaseAdmin
from common.admin.record_urls import list_url
from markets.models import Market

ClientOf = Callable[[str], Client]

LOOKUPS = (
    "", "__exact", "__iexact", "__in", "__contains", "__startswith", "__regex", "__gt", "__lt",
    "__range", "__isnull", "__year__gt", "__length", "__has_key", "__overlap",
)  # fmt: skip
SECRETS = (
    "password",
    "refresh_hash",
    "session_key",
    "session_data",
    "secret",
    "token",
    "signing_key",
    "public_key",
)
RUBBISH = ("-1", "99999999999999999999999", "9" * 5_000, "2030-13-45'é", "a" * 3_000)

pytestmark = pytest.mark.usefixtures("module_world")

MODELS = sorted(admin.site._registry, key=lambda model: model._meta.label)


def paths_of(model: type[Model], depth: int = 2) -> Iterator[str]:
    """Every field of a model, and through its relations those of their models."""
    fields: list[Any] = list(model._meta.get_fields(include_hidden=True))
    for field in fields:
        yield field.name
        if isinstance(field, Field):
            yield field.attname
        if depth > 1 and field.is_relation and field.related_model:
            yield from (
                f"{field.name}__{path}" for path in paths_of(field.related_model, depth - 1)
            )


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label)
def test_a_list_takes_no_lookup_that_it_does_not_declare(model: type[Model], rf: Any) -> None:
    model_admin = admin.site._registry[model]
    assert isinstance(model_admin, BaseAdmin)
    request = rf.get("/")
    declared = model_admin.declared_lookups(request)
    asked = {f"{path}{lookup}" for path in paths_of(model) for lookup in LOOKUPS}
    allowed = {name for name in asked if model_admin.lookup_allowed(name, "x", request)}
    assert allowed <= declared
    assert not [name for name in declared if any(secret in name for secret in SECRETS)]
    exact = ("__exact", "__isnull", "__in")  # whole values, of which a page names each
    assert not [name for name in declared if "__" in name and not name.endswith(exact)]


def test_what_is_not_declared_is_answered_400(client_of: ClientOf, world: Market) -> None:
    open_session(User.objects.earliest("pk"), Origin(None, "curl"))
    client = client_of("superuser")
    asked = {
        Session: (
            "refresh_hash__startswith=a",
            "refresh_hash__regex=^a",
            "user__password__regex=^a",
        ),
        User: (
            "password__startswith=argon2",
            "sessions__refresh_hash__regex=^a",
            "person__mail__regex=^a",
        ),
        Market: ("orders__user__password__regex=^a", "id__regex=^B"),
    }
    for model, queries in asked.items():
        for query in queries:
            assert client.get(list_url(model, query)).status_code == 400, (model, query)
        assert client.get(list_url(model, "")).status_code == 200


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label)
def test_no_secret_is_a_column_a_field_or_searched(model: type[Model], rf: Any) -> None:
    model_admin = admin.site._registry[model]
    searched = chain(
        model_admin.search_fields,
        *(getattr(model_admin, name) for name in ("search_ids", "search_texts", "search_users")),
    )
    named = [*map(str, model_admin.list_display), *searched]
    assert not [name for name in named if any(secret in name for secret in SECRETS)]


def test_a_reader_never_sees_a_hash(client_of: ClientOf, world: Market) -> None:
    user = User.objects.create_user("holder", password="correct horse battery")
    tokens = open_session(user, Origin("203.0.113.7", "curl"))
    session = Session.objects.get(user=user)
    hidden = (user.password, session.refresh_hash, tokens.refresh, tokens.token)
    client = client_of("viewer")
    for row in (user, session):
        label = f"{row._meta.app_label}_{row._meta.model_name}"
        for page in ("changelist", "change", "history"):
            args = [] if page == "changelist" else [row.pk]
            response = client.get(reverse(f"admin:{label}_{page}", args=args), follow=True)
            assert response.status_code == 200
            assert not [secret for secret in hidden if secret in response.content.decode()]


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label)
def test_nothing_in_an_address_breaks_a_list(
    model: type[Model], client_of: ClientOf, world: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once for each name the page is drawn; after that only what of it knows the address."""
    client = client_of("superuser")
    model_admin: Any = admin.site._registry[model]
    for name in sorted(model_admin.declared_lookups(None) | {"q", "p"}):
        response = client.get(list_url(model, ""), {name: RUBBISH[0]})
        assert response.status_code in {200, 302, 400}, (name, RUBBISH[0])
        with monkeypatch.context() as undrawn:
            undrawn.setattr(SimpleTemplateResponse, "rendered_content", "")
            for value in RUBBISH[1:]:
                response = client.get(list_url(model, ""), {name: value})
                assert response.status_code in {200, 302, 400}, (name, value)
                _look_at_filters(response)
        expected = 200 if name == "q" else 400
        assert client.get(list_url(model, ""), {name: "a\0"}).status_code == expected


def _look_at_filters(response: Any) -> None:
    changes = (getattr(response, "context_data", None) or {}).get("cl")
    if changes is not None:
        for one in changes.filter_specs:
            list(one.choices(changes))


def test_nothing_in_djangos_own_parameters_breaks_a_list(
    client_of: ClientOf, world: Market
) -> None:
    client = client_of("superuser")
    for name in ("o", "e", "all", "_popup", "_to_field", "_facets", "_changelist_filters", "nix"):
        for value in RUBBISH:
            response = client.get(list_url(User, ""), {name: value})
            assert response.status_code in {200, 302, 400}, (name, value)


PLACES = ("{}/change/", "{}/history/", "{}/delete/", "{}/password/", "")


@pytest.mark.parametrize("place", PLACES)
def test_nothing_in_a_path_breaks_the_admin(place: str, client_of: ClientOf, world: Market) -> None:
    client = client_of("superuser")
    for model in (Market, User, Session, Group):
        base = list_url(model, "").split("?")[0]
        for value in ("%00", "0", "-1", "x", "_00", "%ff", "9" * 40, "..%2f", "%F0%9F%92%A9"):
            response = client.get(base + (place.format(value) or value))
            assert response.status_code in {301, 302, 400, 403, 404}, (place, value)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label)
def test_nothing_in_a_form_breaks_an_action(
    model: type[Model], client_of: ClientOf, world: Market
) -> None:
    client = client_of("superuser")
    actions: Any = admin.site._registry[model].actions or ()
    for action in ("nonsense", *actions):
        for value in ("", "\0", "x", "-1", "9" * 30):
            form = {"action": action, "_selected_action": value, "index": value}
            response = client.post(list_url(model, ""), form)
            assert response.status_code in {200, 302, 400, 403}, (action, value)
