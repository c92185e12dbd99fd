"""Operators who change and delete the same rows at once: nobody waits in a circle, and each row is
told of once."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection, transaction
from django.test import Client

from common.admin.acts import Act, Verb, tell
from common.admin.record_urls import list_url
from console.audit.models import AuditRow
from tests.patience import PATIENCE_S
from trading.models import FeeTier

ClientOf = Callable[[str], Client]
pytestmark = pytest.mark.django_db(transaction=True)

_WAITING = """
SELECT count(*)
  FROM pg_locks waiting JOIN pg_locks held USING (pid) JOIN pg_database ON oid = held.database
 WHERE NOT waiting.granted AND datname = current_database()
"""


@pytest.fixture
def tiers() -> list[FeeTier]:
    return [
        FeeTier.objects.create(name=name, maker_fee_ppm=0, taker_fee_ppm=300)
        for name in ("one", "two")
    ]


def delete(client: Client, tiers: list[FeeTier]) -> int:
    data = {
        "action": "delete_selected",
        "_selected_action": [tier.pk for tier in tiers],
        "post": "yes",
    }
    try:
        return client.post(list_url(FeeTier, ""), data).status_code
    finally:
        connection.close()


def wait_until_somebody_waits() -> None:
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        with connection.cursor() as cursor:
            cursor.execute(_WAITING)
            if cursor.fetchone()[0]:
                return
        time.sleep(0.01)
    raise AssertionError("nobody waits for a lock")


def test_who_deletes_waits_for_who_changes(client_of: ClientOf, tiers: list[FeeTier]) -> None:
    client = client_of("risk")
    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            FeeTier.objects.filter(pk=tiers[1].pk).update(taker_fee_ppm=400)
            deleting = pool.submit(delete, client, tiers)
            wait_until_somebody_waits()
            tell(Act(verb=Verb.CHANGED, obj=tiers[1], words="taker fee"))
        assert deleting.result(PATIENCE_S) == 302
    rows = AuditRow.objects.filter(object_kind="trading.FeeTier").order_by("pk")
    assert [row.verb for row in rows] == ["changed", "deleted", "deleted"]
    assert not FeeTier.objects.exists()


def test_what_two_delete_is_told_once(client_of: ClientOf, tiers: list[FeeTier]) -> None:
    clients = [client_of("risk"), client_of("superuser")]
    with ThreadPoolExecutor(2) as pool:
        with transaction.atomic():
            FeeTier.objects.select_for_update().get(pk=tiers[0].pk)
            orders = (tiers, tiers[::-1])
            asked = [pool.submit(delete, *one) for one in zip(clients, orders, strict=True)]
            wait_until_somebody_waits()
        assert [one.result(PATIENCE_S) for one in asked] == [302, 302]
    told = AuditRow.objects.filter(verb="deleted").values_list("object_key", flat=True)
    assert sorted(told) == sorted(str(tier.pk) for tier in tiers)


def test_an_odd_form_deletes_in_one_transaction_too(
    client_of: ClientOf, tiers: list[FeeTier], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Django takes the action that ``index`` names, whatever others there are."""

    def fail(*_: object) -> None:
        raise InterruptedError

    monkeypatch.setattr("trading.admin.traders.FeeTierAdmin.delete_queryset", fail)
    data = {"action": ["delete_selected", ""], "index": "0", "post": "yes"}
    with pytest.raises(InterruptedError):
        client_of("risk").post(list_url(FeeTier, ""), data | {"_selected_action": [tiers[0].pk]})
    assert not AuditRow.objects.filter(verb="deleted").exists()
