"""Why? Who may ask, a sentence for all the engine knows, and the chain from command to postings."""

from collections.abc import Callable
from typing import Any, get_args

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
from tests.admin.conftest import module_world
from tests.admin.factories import make_user
from trading.commands.outbox import PromisedCommand
from trading.models import OutboxCommand

__all__ = ["module_world"]

ClientOf = Callable[[str], Client]
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("module_world")]

GROUPS = ["viewer", "support", "risk", "treasury", "superuser"]


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


@pytest.mark.parametrize("group", GROUPS)
def test_who_may_view_the_record_may_ask(
    client_of: ClientOf, everything: Market, group: str
) -> None:
    client = client_of(group)
    for url in map(url_of_why, KINDS):
        assert client.get(url).status_code == 200
        assert client.head(url).status_code == 200
        for method in (client.post, client.put, client.patch, client.delete):
            assert method(url).status_code == 405
        assert Client().get(url).status_code == 302


def test_who_may_not_view_the_record_may_not_ask(everything: Market) -> None:
    user = make_user("narrow-op", is_staff=True)
    views = Permission.objects.filter(
        codename__startswith="view_", content_type__app_label="trading"
    )
    for kind, asked in KINDS.items():
        user.user_permissions.set(views.exclude(codename=f"view_{asked.model._meta.model_name}"))
        client = Client()
        client.force_login(user)
        found = {other: client.get(url_of_why(other)).status_code for other in KINDS}
        assert found == dict.fromkeys(KINDS, 200) | {kind: 403}


def test_of_what_else_is_shown_only_what_may_be_viewed(everything: Market) -> None:
    user, client = make_user("narrow-op", is_staff=True), Client()
    user.user_permissions.set(Permission.objects.filter(codename="view_liquidation"))
    client.force_login(user)
    text = page(client, url_of_why("liquidation"))
    assert "of a kind you may not view" in text
    assert "Postings of sequence" not in text
    assert reverse("admin:trading_liquidation_changelist") in text
    for hidden in ("fill", "position", "journalentry"):
        assert f"/{hidden}/" not in text


def test_unknown_and_rubbish(client_of: ClientOf, everything: Market) -> None:
    client = client_of("viewer")
    for kind in KINDS:
        for key in ("0", "9" * 18, "9" * 30, "x", "-1"):
            assert client.get(url_of_why(kind, key)).status_code == 404, key
        for query in ("?seq=", "?seq=x", "?seq=" + "9" * 40, "?what=ever"):
            assert client.get(url_of_why(kind) + query).status_code == 200, query
    assert client.get("/admin/why/wallet/1/").status_code == 404


def test_a_payload_nobody_here_wrote(client_of: ClientOf, everything: Market) -> None:
    client = client_of("viewer")
    payloads: list[Any] = [{}, {"account_id": "x", "order_id": None}, {"config": 5}, [], 7]
    for command_type in (*COMMANDS, "Nonsense"):
        for payload in payloads:
            row = OutboxCommand.objects.create(
                market=everything, command_type=command_type, payload=payload, applied_seq=7
            )
            page(client, url_of_why("command", row.pk))


def test_records_lead_there(client_of: ClientOf, everything: Market) -> None:
    client = client_of("viewer")
    for kind, asked in KINDS.items():
        for row in asked.model._default_manager.all():
            url, meta = url_of_why(kind, row.pk), asked.model._meta
            record = reverse(f"admin:{meta.app_label}_{meta.model_name}_change", args=[row.pk])
            assert f'href="{url}"' in page(client, record)
            assert f'href="{record}"' in page(client, url)
