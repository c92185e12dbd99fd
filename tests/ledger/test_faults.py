"""Faults of persistence as rows: seen, passed, retried, quarantined."""

from http import HTTPStatus

import pytest
from django.contrib.auth.models import Group
from django.test import Client

from accounts.models import User
from common.admin.record_urls import list_url, url_of
from common.errors import DomainError
from console.groups import create_groups
from matching.messages.codec import encode_entry
from matching.messages.streams import output_stream
from persistence import faults, tasks
from persistence.models import FaultResolution, PersistenceFault, QuarantinedEntry
from tests.ledger.prices import mark_price
from tests.ledger.world import make_user, open_market, rows


def priced(world, price_ticks):
    return world.say(mark_price(price_ticks, price_ticks))


def test_a_fault_is_one_row_until_the_cursor_passes_it(world):
    first, second = priced(world, 1), priced(world, 2)
    world.publish(second)
    tasks.persist_market(world.market_id)
    tasks.persist_market(world.market_id)
    fault = PersistenceFault.objects.get()
    assert (fault.seq, fault.kind, fault.resolved_at) == (1, "SequenceGap", None)
    assert "goes on at 2-0" in fault.reason
    assert fault.last_seen > fault.first_seen
    world.redis_db.delete(output_stream(world.market_id))
    world.publish(first, second)
    tasks.persist_market(world.market_id)
    fault.refresh_from_db()
    assert fault.resolution == FaultResolution.PERSISTED
    assert rows(world)["cursor"][0] == 2


def test_other_markets_go_on_and_have_faults_of_their_own(world):
    open_market("ETH-PERP")
    priced(world, 1)
    world.publish_bytes("1-0", b"?")
    world.redis_db.xadd(output_stream("ETH-PERP"), {"no": "entry"}, id="1-0")
    for market_id in (world.market_id, "ETH-PERP"):
        tasks.persist_market(market_id)
    assert set(PersistenceFault.objects.values_list("market_id", flat=True)) == {
        "BTC-PERP",
        "ETH-PERP",
    }


def test_an_unreadable_entry_can_be_quarantined_and_its_command_stays(world):
    world.publish(priced(world, 1))
    bad = priced(world, 2)
    world.publish_bytes("2-0", b"\xff not an entry")
    tasks.persist_market(world.market_id)
    fault = PersistenceFault.objects.get()
    faults.quarantine_entry(fault.pk, world.bob.pk)
    cursor = rows(world)["cursor"]
    assert cursor[:2] == (2, world.entries[0].input_id)
    kept = QuarantinedEntry.objects.get()
    assert (bytes(kept.payload), kept.input_id) == (b"\xff not an entry", "")
    third = priced(world, 3)
    world.publish(third)
    tasks.persist_market(world.market_id)
    assert rows(world)["cursor"][0] == third.seq == bad.seq + 1
    assert rows(world)["status"][2] == 3


def test_what_is_quarantined_is_what_the_operator_saw(world):
    priced(world, 1)
    world.publish_bytes("1-0", b"?")
    tasks.persist_market(world.market_id)
    fault = PersistenceFault.objects.get()
    world.redis_db.delete(output_stream(world.market_id))
    world.publish_bytes("1-0", encode_entry(world.entries[0]))
    with pytest.raises(DomainError) as refused:
        faults.quarantine_entry(fault.pk, world.bob.pk)
    assert refused.value.code == "FAULT_CHANGED"
    faults.retry_fault(fault.pk, world.bob.pk)
    fault.refresh_from_db()
    assert (fault.resolution, fault.resolved_by_id) == (FaultResolution.PERSISTED, world.bob.pk)


def test_a_gap_has_nothing_to_quarantine(world):
    priced(world, 1)
    world.publish(priced(world, 2))
    tasks.persist_market(world.market_id)
    with pytest.raises(DomainError, match="rebuildengine --market BTC-PERP --force"):
        faults.quarantine_entry(PersistenceFault.objects.get().pk, world.bob.pk)
    assert rows(world)["cursor"][0] == 0


@pytest.mark.parametrize(("group", "may"), [("risk", True), ("support", False), ("viewer", False)])
def test_only_risk_resolves_faults(world, group, may):
    priced(world, 1)
    world.publish_bytes("1-0", b"?")
    tasks.persist_market(world.market_id)
    fault = PersistenceFault.objects.get()
    create_groups()
    operator = make_user("operator", 0)
    User.objects.filter(pk=operator.pk).update(is_staff=True)
    operator.groups.add(Group.objects.get(name=group))
    client = Client()
    client.force_login(operator)
    assert b"undecodable" in client.get(url_of(PersistenceFault, fault.pk)).content
    data = {"action": "quarantine", "_selected_action": [fault.pk]}
    asked = client.post(list_url(PersistenceFault, ""), data)
    assert (b"starts over from the database" in asked.content) == may
    answer = client.post(list_url(PersistenceFault, ""), data | {"confirmed": "yes"}, follow=True)
    assert answer.status_code == HTTPStatus.OK
    assert QuarantinedEntry.objects.exists() == may
    if may:
        entry = QuarantinedEntry.objects.get()
        assert b"undecodable" in client.get(url_of(QuarantinedEntry, entry.pk)).content
