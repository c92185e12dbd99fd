"""Stop: what is asked of engines, what the page says of it, and resumes that were planned."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import redis
from django.db import OperationalError, connection, connections
from django.db.models import QuerySet
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from console.audit.models import AuditRow
from console.stop import services
from console.stop.models import MarketStop
from console.stop.services import resume_due
from console.tasks import look_after_freezes, look_after_stops
from markets.models import Market, MarketStatus
from matching.messages.vocabulary import MarketState, OrderStatus, StateReason
from tests.admin.factories import make_market, make_order, make_user
from tests.admin.test_actions import act
from trading import services as trading
from trading.models import Order, OutboxCommand

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


def cancels() -> QuerySet[OutboxCommand]:
    return OutboxCommand.objects.filter(command_type="CancelAllOrders").order_by("pk")


def test_orders_are_cancelled_and_those_that_slip_in_as_long_as_any_can(
    client_of: ClientOf, market: Market
) -> None:
    traders = [make_user(), make_user()]
    for trader in traders:
        make_order(trader, market)
        make_order(trader, market)
    client = client_of("risk")
    stop(client, cancels_orders="on")
    assert {c.payload["account_id"] for c in cancels()} == {trader.pk for trader in traders}
    assert all(c.payload["protective"] and c.payload["reason"] == "OPERATOR" for c in cancels())
    look_after_stops()
    assert cancels().count() == 2
    for times in (2, 3, 4):  # each time one more has slipped in
        end_orders()
        make_order(traders[1], market)
        look_after_stops()
        look_after_stops()
        assert cancels().count() == times + 1
    end_orders()
    look_after_stops()
    assert "data-settled" not in client.get(URL).content.decode()
    past_the_window()
    make_order(traders[0], market)
    look_after_stops()
    assert cancels().count() == 6
    end_orders()
    make_order(traders[0], market)  # at most those that the page shows
    look_after_stops()
    assert cancels().count() == 6
    assert "data-settled" in client.get(URL).content.decode()


def end_orders() -> None:
    """As engine and persistence would."""
    apply_all()
    Order.objects.update(status=OrderStatus.CANCELLED, held_units=0)


def past_the_window() -> None:
    MarketStop.objects.update(asked_at=timezone.now() - services.LATE_FOR)


def test_orders_that_reduce_stay_where_they_may_be_placed(
    client_of: ClientOf, market: Market
) -> None:
    reduces, opens = make_user(), make_user()
    stop(client_of("risk"), state="REDUCE_ONLY", cancels_orders="on")
    apply_all("REDUCE_ONLY")
    make_order(reduces, market, reduce_only=True)
    make_order(opens, market)
    look_after_stops()
    assert [c.payload["account_id"] for c in cancels()] == [opens.pk]


@pytest.mark.parametrize("planned", [True, False])
def test_late_orders_go_before_it_opens_and_none_after(
    client_of: ClientOf, market: Market, planned: bool
) -> None:
    client, trader = client_of("risk"), make_user()
    if planned:
        plan(client, market, cancels_orders="on")
        make_due()
    else:
        stop(client, cancels_orders="on")
    apply_all()
    make_order(trader, market)
    if planned:
        resume_due()
    else:
        stop(client, state="ACTIVE")
    asked = OutboxCommand.objects.filter(applied_seq=None).order_by("pk")
    assert [c.command_type for c in asked] == ["CancelAllOrders", "SetMarketState"]
    apply_all("ACTIVE")
    look_after_stops()
    assert cancels().count() == 1


def test_who_opens_a_market_elsewhere_keeps_its_orders(client_of: ClientOf, market: Market) -> None:
    client = client_of("risk")
    stop(client, cancels_orders="on")
    act(client, Market, "resume", [market])
    apply_all("ACTIVE")
    make_order(make_user(), market)
    look_after_stops()
    assert not cancels().exists()
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
        {"resume_at": "9999-12-31 23:59"},
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


def plan(client: Client, market: Market, **said: str) -> MarketStop:
    in_an_hour = timezone.now() + timedelta(hours=1)
    stop(client, market=market.pk, resume_at=f"{in_an_hour:%Y-%m-%d %H:%M:%S}", **said)
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


@pytest.mark.parametrize("number", ["", "x", "-1", "0", "9" * 19, "9" * 5_000])
def test_a_plan_that_can_be_none_is_said(client_of: ClientOf, number: str) -> None:
    page = client_of("risk").post(URL, {"forget": number}, follow=True).content.decode()
    assert "This resume is not ahead any more." in page


def test_the_market_s_page_leads_there(client_of: ClientOf, market: Market) -> None:
    url = reverse("admin:markets_market_change", args=[market.pk])
    assert f"{URL}?market={market.pk}" in client_of("risk").get(url).content.decode()
    assert client_of("superuser").get(URL + "?market=%27x&part=zz").status_code == 200


def resume_as_planned(market: Market) -> str:
    make_due()
    look_after_stops()
    command = OutboxCommand.objects.filter(market=market).latest("pk")
    assert command.applied_seq is None
    return str(command.payload["state"])


@pytest.mark.parametrize("state", ["ACTIVE", "POST_ONLY", "REDUCE_ONLY", "CANCEL_ONLY"])
def test_it_comes_back_to_what_it_was(client_of: ClientOf, market: Market, state: str) -> None:
    client = client_of("risk")
    MarketStatus.objects.filter(pk=market.pk).update(state=state)
    stop(client, state="CANCEL_ONLY")
    apply_all("CANCEL_ONLY")
    planned = plan(client, market)  # on top of the first
    assert planned.resumes_to == state
    assert f"UTC, as {state}" in client.get(URL).content.decode()
    apply_all()
    assert resume_as_planned(market) == state
    apply_all(state)
    stop(client)
    apply_all()
    stop(client, state="ACTIVE")
    stop(client, state="ACTIVE")  # a second click opens it no further
    assert OutboxCommand.objects.latest("pk").payload["state"] == state
    assert AuditRow.objects.latest("pk").words == f"asked for {state}"


def test_what_it_was_is_what_operators_asked_for(client_of: ClientOf, market: Market) -> None:
    """The engine may not have applied it, or has halted since."""
    client = client_of("risk")
    act(client, Market, "post_only", [market])
    assert plan(client, market).resumes_to == "POST_ONLY"
    act(client, Market, "post_only", [market])
    apply_all("HALTED", StateReason.CIRCUIT_BREAKER)
    assert plan(client, market).resumes_to == "POST_ONLY"
    apply_all("HALTED", StateReason.CIRCUIT_BREAKER)
    stop(client, state="ACTIVE")
    assert OutboxCommand.objects.latest("pk").payload["state"] == "POST_ONLY"
    act(client, Market, "reduce_only", [market])
    apply_all("REDUCE_ONLY")
    stop(client, state="ACTIVE")
    assert OutboxCommand.objects.latest("pk").payload["state"] == "ACTIVE"


def test_one_that_fails_holds_up_no_other(
    client_of: ClientOf, market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    other, client = make_market("ETH-PERP"), client_of("risk")
    for one in (market, other):
        plan(client, one, cancels_orders="on")
        make_order(make_user(), one)
    apply_all()
    real_cancel = trading.cancel_market_as_operator

    def cancel(market_id: str, *args: Any, **said: Any) -> list[int]:
        if market_id == market.pk:
            raise OperationalError("deadlock detected")
        return real_cancel(market_id, *args, **said)

    monkeypatch.setattr(trading, "cancel_market_as_operator", cancel)
    look_after_stops()
    assert [c.market_id for c in cancels()] == [other.pk]
    end_orders()
    make_due()
    look_after_stops()
    asked = OutboxCommand.objects.filter(applied_seq=None, command_type="SetMarketState")
    assert [c.market_id for c in asked] == [other.pk]
    monkeypatch.undo()
    look_after_stops()
    assert asked.all().count() == 2


@pytest.mark.parametrize("fault", [redis.ConnectionError("away"), OperationalError("gone")])
def test_an_outage_ends_a_step_and_not_the_task(
    client_of: ClientOf, market: Market, monkeypatch: pytest.MonkeyPatch, fault: Exception
) -> None:
    plan(client_of("risk"), market, cancels_orders="on")
    apply_all()
    make_due()

    def away(*_: object) -> None:
        raise fault

    with monkeypatch.context() as patch:
        for step in ("console.stop.services.sweep_stops", "console.freeze.services.lift_due"):
            patch.setattr(step, away)
        look_after_stops()
        look_after_freezes()
    assert OutboxCommand.objects.get(applied_seq=None).payload["state"] == "ACTIVE"


@pytest.mark.django_db(transaction=True)
def test_tasks_outlive_postgres(monkeypatch: pytest.MonkeyPatch, free_closed_port: int) -> None:
    default = connections["default"]
    default.close()
    with monkeypatch.context() as patch:
        patch.setitem(default.settings_dict, "PORT", free_closed_port)
        look_after_stops()
        look_after_freezes()
    look_after_stops()


def test_who_stops_all_markets_holds_them_before_the_audit(
    client_of: ClientOf, market: Market
) -> None:
    """Who holds the audit's head and waits for a market would wait in a circle."""
    make_market("ETH-PERP")
    client = client_of("risk")
    with CaptureQueriesContext(connection) as asked:
        client.post(URL, ASKED)
    statements = [one["sql"] for one in asked]
    head = next(i for i, sql in enumerate(statements) if '"console_audithead"' in sql)
    locks = [i for i, sql in enumerate(statements) if "FOR NO KEY UPDATE" in sql]
    inserts = [i for i, sql in enumerate(statements) if 'INTO "console_marketstop"' in sql]
    assert locks
    assert inserts
    assert max(*locks, *inserts) < head
