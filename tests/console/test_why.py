"""Why? Who may ask, a sentence for all the engine knows, and the chain from command to postings."""

from collections.abc import Callable
from typing import get_args

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from console.why.causes import COMMANDS
from console.why.endings import ENDINGS, EXECUTIONS, STATE_REASONS, STATUSES
from console.why.happened import HAPPENED
from console.why.refusals import REFUSALS
from console.why.views import KINDS
from markets.models import Market
from matching.messages.events import Event
from matching.messages.vocabulary import (
    CancelReason,
    ExecutionType,
    OrderStatus,
    RejectCode,
    StateReason,
)
from tests.admin.conftest import world as rows_of_everything
from tests.admin.factories import make_user
from trading.commands.outbox import PromisedCommand

ClientOf = Callable[[str], Client]
pytestmark = pytest.mark.django_db

# The name `world` is the ledger's here.
everything = rows_of_everything
GROUPS = ["viewer", "support", "risk", "treasury", "superuser"]
by_kind = pytest.mark.parametrize("kind", KINDS)


def url_of_why(kind: str, key: object = None) -> str:
    if key is None:
        key = KINDS[kind].model._default_manager.latest("pk").pk
    return f"/admin/why/{kind}/{key}/"


def page(client: Client, url: str) -> str:
    response = client.get(url)
    assert response.status_code == 200, url
    return response.content.decode()


def test_every_word_of_the_engine_has_its_sentence() -> None:
    assert set(REFUSALS) == set(RejectCode)
    assert set(ENDINGS) == set(CancelReason)
    assert set(STATE_REASONS) == set(StateReason)
    assert set(EXECUTIONS) == set(ExecutionType)
    assert set(STATUSES) == set(OrderStatus)
    assert set(HAPPENED) == set(get_args(Event))
    assert set(COMMANDS) == {kind.__name__ for kind in get_args(PromisedCommand)}


@by_kind
@pytest.mark.parametrize("group", GROUPS)
def test_who_may_view_the_record_may_ask(
    client_of: ClientOf, everything: Market, kind: str, group: str
) -> None:
    client, url = client_of(group), url_of_why(kind)
    assert client.get(url).status_code == 200
    assert client.head(url).status_code == 200
    for method in (client.post, client.put, client.patch, client.delete):
        assert method(url).status_code == 405
    assert Client().get(url).status_code == 302


@by_kind
def test_who_may_not_view_the_record_may_not_ask(everything: Market, kind: str) -> None:
    user, client = make_user("narrow-op", is_staff=True), Client()
    others = Permission.objects.exclude(
        codename=f"view_{KINDS[kind].model._meta.model_name}"
    ).filter(codename__startswith="view_", content_type__app_label="trading")
    user.user_permissions.set(others)
    client.force_login(user)
    assert client.get(url_of_why(kind)).status_code == 403


@by_kind
def test_unknown_and_rubbish(client_of: ClientOf, everything: Market, kind: str) -> None:
    client, url = client_of("viewer"), url_of_why(kind)
    for key in ("0", "9" * 18, "9" * 30, "x", "-1"):
        assert client.get(url_of_why(kind, key)).status_code == 404, key
    for query in ("?seq=", "?seq=x", "?seq=%00", "?seq=" + "9" * 40, "?what=ever"):
        assert client.get(url + query).status_code == 200, query
    assert client.get("/admin/why/wallet/1/").status_code == 404


@by_kind
def test_records_lead_there(client_of: ClientOf, everything: Market, kind: str) -> None:
    client, model = client_of("viewer"), KINDS[kind].model
    for row in model._default_manager.all():
        url = url_of_why(kind, row.pk)
        meta = model._meta
        record = reverse(f"admin:{meta.app_label}_{meta.model_name}_change", args=[row.pk])
        assert f'href="{url}"' in page(client, record)
        assert f'href="{record}"' in page(client, url)
