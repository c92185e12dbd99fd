"""Keys as operators see them: no secret, how they are used, and support revokes with a reason."""

from collections.abc import Callable

import pytest
from django.test import Client

from accounts.models import ApiKey, User
from common.admin.record_urls import list_url, url_of
from console.audit.models import AuditRow
from console.groups import ACTIONS
from tests.admin.factories import make_user
from tests.admin.sign_ins import ADDRESS, make_api_key
from tests.admin.test_actions import act

ClientOf = Callable[[str], Client]
pytestmark = pytest.mark.django_db


@pytest.fixture
def api_key() -> ApiKey:
    return make_api_key(make_user("holder"))


def test_support_sees_how_a_key_is_used(client_of: ClientOf, api_key: ApiKey) -> None:
    client = client_of("support")
    sealed = bytes(api_key.sealed_secret or b"")
    for url in (
        list_url(ApiKey, ""),
        url_of(ApiKey, api_key.pk),
        url_of(User, api_key.user_id),
    ):
        text = client.get(url).content.decode()
        for word in ("market maker", "read, trade", ADDRESS, ">7<", api_key.public_id[:10]):
            assert word in text, (url, word)
        for secret in (sealed.decode(), sealed.hex(), api_key.public_id):
            assert secret not in text, url
    found = client.get(list_url(ApiKey, f"q={api_key.public_id}")).content.decode()
    assert "market maker" in found
    for secret in (sealed.decode(), sealed.hex(), api_key.public_id[:-1]):
        assert "market maker" not in client.get(list_url(ApiKey, f"q={secret}")).content.decode()


@pytest.mark.parametrize("group", sorted(ACTIONS))
def test_support_alone_revokes(client_of: ClientOf, api_key: ApiKey, group: str) -> None:
    client = client_of(group)
    assert client.post(url_of(ApiKey, api_key.pk), {"name": "x"}).status_code in (302, 403)
    act(client, ApiKey, "revoke", [api_key])  # without a reason nobody does
    api_key.refresh_from_db()
    assert api_key.revoked_at is None
    data = {"action": "revoke", "_selected_action": [api_key.pk], "confirmed": "yes"}
    client.post(list_url(ApiKey, ""), data | {"reason": "leaked in a repository"})
    api_key.refresh_from_db()
    assert (api_key.revoked_at is not None) == (group == "support")
    if group == "support":
        assert api_key.revoke_reason == "leaked in a repository"
        assert AuditRow.objects.filter(reason="leaked in a repository").count() == 1
        again = client.post(list_url(ApiKey, ""), data | {"reason": "again"})
        assert "revoked already" in again.content.decode()


def test_a_frozen_traders_page_says_that_keys_are_refused(
    client_of: ClientOf, api_key: ApiKey
) -> None:
    client = client_of("support")
    page = f"/admin/freeze/{api_key.user_id}/"
    assert "<dt>API keys</dt>" in client.get(page).content.decode()
    client.post(page, {"reason": "asked by the police"})
    assert "<dt>API keys, refused</dt>" in client.get(page).content.decode()
    assert "its owner is suspended" in client.get(url_of(ApiKey, api_key.pk)).content.decode()
