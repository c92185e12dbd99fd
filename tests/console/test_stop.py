"""Stop: what is asked of engines, what the page says of it, and resumes that were planned."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from console.audit.models import AuditRow
from console.stop.models import MarketStop
from console.tasks import look_after_stops
from markets.models import Market, MarketStatus
from matching.messages.vocabulary import MarketState, StateReason
from tests.admin.factories import make_market, make_order, make_user
from trading.models import OutboxCommand

ClientOf = Callable[[str], Client]
pytestmark = pytest.mark.django_db

URL = "/admin/stop/"
ASKED = {"market": "all", "state": "HALTED", "reason": "a venue printed 0"}


def stop(client: Client, **said: str) -> str:
    response = client.post(URL, {**ASKED, **said}, follow=True)
    assert response.status_code == 200
    return response.content.decode()


def apply_all(state: str = "HALTED", reason: StateReason = StateReason.OPERATOR) -> None:
    """As engine and persistence would."""
    OutboxCommand.objects.filter(applied_seq=None).update(applied_seq=8)
    MarketStatus.objects.update(state=state, state_reason=reason)


@pytest.mark.parametrize("group", ["viewer", "support", "risk", "treasury", "superuser"])
def test_who_may(client_of: ClientOf, market: Market, group: str) -> None:
    client, may = client_of(group), group in ("risk", "superuser")
    assert client.get(URL).status_code == (200 if may else 403)
    assert client.post(URL, ASKED).status_code == (302 if may else 403)
    assert OutboxCommand.objects.exists() == may
    assert (f'href="{URL}"' in client.get("/admin/").content.decode()) == may
    assert Client().get(URL).status_code == 302


@pytest.mark.parametrize("state", ["HALTED", "CANCEL_ONLY", "REDUCE_ONLY"])
def test_all_markets_stop_and_resume(client_of: ClientOf, market: Market, state: str) -> None:
    other, client = make_market("ETH-PERP"), client_of("risk")
    unopened = make_market("NEW-PERP")
    MarketStatus.objects.filter(pk=unopened.pk).update(state=MarketState.PRE_OPEN)
    assert "waiting" in stop(client, state=state)
    sent = OutboxCommand.objects.order_by("market").values_list("market", "payload__state")
    assert list(sent) == [(market.pk, state), (other.pk, state)]
    rows = AuditRow.objects.filter(verb="stop").order_by("market")
    assert [(row.market, row.reason) for row in rows] == [
        (market.pk, ASKED["reason"]),
        (other.pk, ASKED["reason"]),
    ]
    assert [row.command_id for row in rows] == list(
        OutboxCommand.objects.order_by("market").values_list("pk", flat=True)
    )
    assert "data-settled" not in client.get(URL + "?part=body").content.decode()
    apply_all(state)
    part = client.get(URL + "?part=body").content.decode()
    assert "data-settled" in part
    assert "applied at 8" in part
    stop(client, state="ACTIVE", market=other.pk)
    assert OutboxCommand.objects.get(applied_seq=None).payload["state"] == "ACTIVE"
    assert AuditRow.objects.latest("pk").verb == "resume"


def test_orders_are_cancelled_and_those_that_slipped_in_once_more(
    client_of: ClientOf, market: Market
) -> None:
    traders = [make_user(), make_user()]
    for trader in traders:
        make_order(trader, market)
        make_order(trader, market)
    stop(client_of("risk"), cancels_orders="on")
    cancels = OutboxCommand.objects.filter(command_type="CancelAllOrders")
    assert {c.payload["account_id"] for c in cancels} == {trader.pk for trader in traders}
    assert all(c.payload["protective"] and c.payload["reason"] == "OPERATOR" for c in cancels)
    look_after_stops()
    assert cancels.all().count() == 2
    apply_all()
    look_after_stops()
    look_after_stops()
    assert cancels.all().count() == 4  # the rows still say open: each trader once more, and no more
    assert MarketStop.objects.get().swept_at is not None


@pytest.mark.parametrize(
    "said",
    [
        {"reason": ""},
        {"reason": "   "},
        {"market": "NO-PERP"},
        {"state": "SETTLED"},
        {"state": "DELISTED"},
        {"resume_at": "soon"},
        {"resume_at": "2001-01-01 00:00"},
        {"state": "ACTIVE", "cancels_orders": "on"},
        {"reason": "x" * 501},
        {"reason": "\0"},
    ],
)
def test_what_is_refused_does_nothing(
    client_of: ClientOf, market: Market, said: dict[str, str]
) -> None:
    client = client_of("risk")
    rows = AuditRow.objects.count()
    response = client.post(URL, {**ASKED, **said})
    assert response.status_code in (200, 400)
    assert not OutboxCommand.objects.exists()
    assert not MarketStop.objects.exists()
    assert AuditRow.objects.count() == rows


def plan(client: Client, market: Market, ahead: timedelta = timedelta(hours=1)) -> MarketStop:
    stop(client, market=market.pk, resume_at=f"{timezone.now() + ahead:%Y-%m-%d %H:%M:%S}")
    return MarketStop.objects.latest("pk")


def make_due() -> None:
    MarketStop.objects.update(resume_at=timezone.now() - timedelta(hours=5))


def test_a_planned_resume_is_made_up_for(client_of: ClientOf, market: Market) -> None:
    planned = plan(client_of("risk"), market)
    apply_all()
    look_after_stops()
    assert not OutboxCommand.objects.filter(applied_seq=None).exists()
    make_due()
    look_after_stops()
    look_after_stops()
    assert OutboxCommand.objects.get(applied_seq=None).payload["state"] == "ACTIVE"
    planned.refresh_from_db()
    assert planned.resume_ended.startswith("resumed with command")
    row = AuditRow.objects.latest("pk")
    assert (row.verb, row.operator_name, row.reason) == ("resume", "risk-op", ASKED["reason"])


def test_whatever_happened_since_is_stronger(client_of: ClientOf, market: Market) -> None:
    client = client_of("risk")
    first = plan(client, market)
    apply_all("HALTED", StateReason.CIRCUIT_BREAKER)
    make_due()
    look_after_stops()
    first.refresh_from_db()
    assert first.resume_ended.startswith("superseded")
    second = plan(client, market)
    apply_all()
    stop(client, state="REDUCE_ONLY")
    second.refresh_from_db()
    assert second.resume_ended.startswith("superseded")
    assert not OutboxCommand.objects.filter(payload__state="ACTIVE").exists()


def test_a_plan_can_be_dropped_once(client_of: ClientOf, market: Market) -> None:
    client = client_of("risk")
    planned = plan(client, market)
    assert "Don’t resume then" in client.get(URL).content.decode()
    assert "stays as it is" in stop(client, forget=str(planned.pk))
    assert "not ahead any more" in stop(client, forget=str(planned.pk))
    assert "not ahead any more" in stop(client, forget="9" * 30 + "x")
    apply_all()
    make_due()
    look_after_stops()
    assert not OutboxCommand.objects.filter(payload__state="ACTIVE").exists()


def test_the_market_s_page_leads_there(client_of: ClientOf, market: Market) -> None:
    url = reverse("admin:markets_market_change", args=[market.pk])
    assert f"{URL}?market={market.pk}" in client_of("risk").get(url).content.decode()
    assert client_of("superuser").get(URL + "?market=%27x&part=zz").status_code == 200
