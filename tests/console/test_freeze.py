"""Freezing a trader: kept out at once, nothing left in any book, and back as it was."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts import services as accounts
from accounts.access.refusals import HEARD_EVERYWHERE_S
from accounts.access.sessions import Origin, open_session, open_sessions
from accounts.models import Freeze, Session, StaffSession, User
from accounts.services import sign_in
from common.errors import DomainError, ErrorCode
from console.audit.models import AuditRow
from console.freeze import services
from console.tasks import look_after_freezes
from markets.models import Market, MarketStatus
from markets.rules import forget_markets
from matching.messages.vocabulary import OrderStatus
from tests.admin.factories import make_market, make_order, make_user
from tests.admin.test_actions import act
from trading import services as trading
from trading.models import Order, OutboxCommand, Position

ClientOf = Callable[[str], Client]
pytestmark = pytest.mark.django_db
ASKED = {"reason": "asked by the police"}


def url_of(trader: User) -> str:
    return f"/admin/freeze/{trader.pk}/"


def freeze(client: Client, trader: User, **said: str) -> str:
    response = client.post(url_of(trader), {**ASKED, **said}, follow=True)
    assert response.status_code == 200
    return response.content.decode()


def lift(client: Client, trader: User) -> str:
    open_now = Freeze.objects.get(user=trader, lifted_at=None)
    return freeze(client, trader, freeze=str(open_now.pk))


def cancels() -> list[tuple[str, int]]:
    sent = OutboxCommand.objects.filter(command_type="CancelAllOrders").order_by("pk")
    return [(c.market_id, c.payload["account_id"]) for c in sent]


def apply_all() -> None:
    OutboxCommand.objects.filter(applied_seq=None).update(applied_seq=8)


def heard_everywhere() -> None:
    Freeze.objects.update(frozen_at=timezone.now() - timedelta(seconds=HEARD_EVERYWHERE_S + 1))


def is_settled(client: Client, trader: User) -> bool:
    return "data-settled" in client.get(url_of(trader) + "?part=body").content.decode()


def end_orders(trader: User, **fields: object) -> None:
    """As engine and persistence would."""
    apply_all()
    Order.objects.filter(user=trader).update(status=OrderStatus.CANCELLED, held_units=0, **fields)


@pytest.mark.parametrize("group", ["viewer", "support", "risk", "treasury", "superuser"])
def test_who_may(client_of: ClientOf, market: Market, group: str) -> None:
    client, trader = client_of(group), make_user()
    may = group in ("support", "risk", "superuser")
    assert client.get(url_of(trader)).status_code == (200 if may else 403)
    assert client.post(url_of(trader), ASKED).status_code == (302 if may else 403)
    assert Freeze.objects.exists() == may
    assert Client().get(url_of(trader)).status_code == 302


def test_kept_out_and_cancelled_everywhere_until_nothing_is_live(
    client_of: ClientOf, market: Market
) -> None:
    other, trader, client = make_market("ETH-PERP"), make_user(), client_of("support")
    trader.set_password("correct horse battery")
    trader.save()
    origin = Origin("127.0.0.1", "")
    open_session(trader, origin)
    orders = [make_order(trader, where) for where in (market, other)]
    make_order(make_user(), market)
    page = freeze(client, trader)
    assert "2 orders still live" in page
    assert "has not been applied yet" in page
    assert cancels() == [(market.pk, trader.pk), (other.pk, trader.pk)]
    assert not open_sessions(trader.pk).exists()
    assert Session.objects.get().end_reason == "suspended"
    with pytest.raises(DomainError) as refused:
        sign_in(trader.username, "correct horse battery", origin)
    assert refused.value.code is ErrorCode.ACCOUNT_SUSPENDED
    look_after_freezes()
    assert len(cancels()) == 2  # both are on their way
    apply_all()
    Order.objects.filter(pk=orders[0].pk).update(status=OrderStatus.CANCELLED, held_units=0)
    look_after_freezes()
    assert cancels()[2:] == [(other.pk, trader.pk)]  # what slipped in
    apply_all()
    Order.objects.filter(user=trader).update(status=OrderStatus.CANCELLED, held_units=0)
    heard_everywhere()
    page = client.get(url_of(trader) + "?part=body").content.decode()
    assert "no live orders" in page
    assert "data-settled" in page
    row = AuditRow.objects.filter(verb="freeze").get()
    assert (row.reason, row.object_key) == (ASKED["reason"], str(trader.pk))


@pytest.mark.parametrize("was_active", [True, False])
def test_lifting_gives_back_what_was(client_of: ClientOf, market: Market, was_active: bool) -> None:
    trader, client = make_user(is_active=was_active), client_of("support")
    before = User.objects.filter(pk=trader.pk).values().get()
    freeze(client, trader)
    freeze(client, trader)  # a second click lifts nothing
    assert Freeze.objects.get().lifted_at is None
    act(client, User, "resume", [trader])
    assert not User.objects.get(pk=trader.pk).is_active
    lift(client, trader)
    assert User.objects.filter(pk=trader.pk).values().get() == before
    assert AuditRow.objects.latest("pk").verb in ("lift", "viewed")
    assert AuditRow.objects.filter(verb="lift", reason=ASKED["reason"]).count() == 1


def test_its_end_is_made_up_for(client_of: ClientOf, market: Market) -> None:
    trader = make_user()
    until = timezone.now() + timedelta(hours=1)
    freeze(client_of("risk"), trader, until=f"{until:%Y-%m-%d %H:%M}")
    look_after_freezes()
    assert not User.objects.get(pk=trader.pk).is_active
    Freeze.objects.update(until=timezone.now() - timedelta(hours=9))
    look_after_freezes()
    look_after_freezes()
    assert User.objects.get(pk=trader.pk).is_active
    assert AuditRow.objects.filter(verb="lift").count() == 1


def hold(trader: User, market: Market, lots: int) -> Position:
    position, _ = Position.objects.update_or_create(
        user=trader,
        market=market,
        defaults={
            "position_lots": lots,
            "entry_cost_units": 2_500_000 * lots,
            "margin_units": 75_000_000,
            "realized_pnl_units": 0,
            "seq": 7,
            "updated_at": timezone.now(),
        },
    )
    return position


def newest_order(trader: User) -> Order:
    return Order.objects.filter(user=trader).latest("pk")


def test_positions_are_reduced_behind_the_cancels(client_of: ClientOf, market: Market) -> None:
    trader = make_user()
    make_order(trader, market)
    hold(trader, market, -300)
    page = freeze(client_of("risk"), trader, reduces="on")
    placed = Order.objects.filter(user=trader, status=OrderStatus.PENDING).get()
    assert Freeze.objects.get().reductions == {market.pk: placed.pk}
    assert f"order {placed.pk}</a>, pending, 0 BTC of 0.3 BTC filled" in page
    assert (placed.side, placed.size_lots, placed.reduce_only) == ("LONG", 300, True)


def test_what_a_late_fill_opens_is_reduced_again(client_of: ClientOf, market: Market) -> None:
    trader, other = make_user(), make_market("ETH-PERP")
    hold(trader, market, -300)
    freeze(client_of("risk"), trader, reduces="on")
    first = newest_order(trader)
    look_after_freezes()
    assert newest_order(trader) == first  # it is on its way
    end_orders(trader, filled_lots=300)
    hold(trader, market, 200)  # an order that slipped in was filled after it
    hold(trader, other, 40)
    look_after_freezes()
    placed = Order.objects.filter(user=trader, pk__gt=first.pk).order_by("pk")
    assert [(o.market_id, o.side, o.size_lots) for o in placed] == [
        (market.pk, "SHORT", 200),
        (other.pk, "SHORT", 40),
    ]
    end_orders(trader, filled_lots=15)  # the books are thin: that is left as it is
    hold(trader, market, 185)
    hold(trader, other, 25)
    look_after_freezes()
    assert placed.all().count() == 2
    hold(trader, other, 26)
    look_after_freezes()
    assert (newest_order(trader).market_id, newest_order(trader).size_lots) == (other.pk, 26)


def test_a_position_beyond_the_largest_order_takes_several(
    client_of: ClientOf, market: Market
) -> None:
    trader = make_user()
    Market.objects.filter(pk=market.pk).update(max_size_lots=200)
    forget_markets()
    hold(trader, market, -300)
    freeze(client_of("risk"), trader, reduces="on")
    first = newest_order(trader)
    assert first.size_lots == 200
    end_orders(trader, filled_lots=200)
    hold(trader, market, -100)
    look_after_freezes()
    assert (newest_order(trader).size_lots, newest_order(trader).side) == (100, "LONG")


def test_what_no_market_takes_is_reduced_once_it_does(client_of: ClientOf, market: Market) -> None:
    trader, client = make_user(), client_of("risk")
    hold(trader, market, -300)
    MarketStatus.objects.filter(pk=market.pk).update(state="HALTED")
    assert "takes no orders now" in freeze(client, trader, reduces="on")
    MarketStatus.objects.filter(pk=market.pk).update(state="ACTIVE")
    forget_markets()
    look_after_freezes()
    assert newest_order(trader).size_lots == 300


@pytest.mark.parametrize(
    "said",
    [
        {"reason": ""},
        {"until": "soon"},
        {"until": "2001-01-01 00:00"},
        {"reason": "x" * 501},
        {"freeze": "7"},
        {"freeze": "x"},
    ],
)
def test_what_is_refused_does_nothing(
    client_of: ClientOf, market: Market, said: dict[str, str]
) -> None:
    trader = make_user()
    freeze(client_of("risk"), trader, **said)
    assert User.objects.get(pk=trader.pk).is_active
    assert not Freeze.objects.exists()


def test_settled_is_said_when_nothing_is_left_and_nothing_can_come(
    client_of: ClientOf, market: Market
) -> None:
    trader, client = make_user(), client_of("support")
    make_order(trader, market)
    freeze(client, trader)
    Order.objects.update(status=OrderStatus.CANCELLED, held_units=0)
    heard_everywhere()
    assert not is_settled(client, trader)  # the cancel is on its way
    apply_all()
    assert is_settled(client, trader)
    Freeze.objects.update(frozen_at=timezone.now())
    page = client.get(url_of(trader)).content.decode()
    assert "every process to have heard of it" in page
    assert "data-settled" not in page
    heard_everywhere()
    open_session(trader, Origin("127.0.0.1", ""))
    assert is_settled(client, trader)  # looking ended it
    assert not open_sessions(trader.pk).exists()
    User.objects.filter(pk=trader.pk).update(is_active=True)
    assert not is_settled(client, trader)


def test_one_that_fails_holds_up_no_other(
    client_of: ClientOf, market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    traders, client = [make_user() for _ in range(3)], client_of("risk")
    until = timezone.now() + timedelta(hours=1)
    for trader in traders:
        freeze(client, trader, until=f"{until:%Y-%m-%d %H:%M}")
        make_order(trader, market)
    first = Freeze.objects.earliest("pk")
    real_cancel, real_lift = trading.cancel_trader_as_operator, accounts.lift_freeze

    def cancel(user_id: int, *args: Any) -> list[int]:
        if user_id == traders[0].pk:
            raise OperationalError("deadlock detected")
        return real_cancel(user_id, *args)

    def lift_one(freeze_id: int, by: User | None) -> Freeze:
        if freeze_id == first.pk:
            raise LookupError("a surprise")
        return real_lift(freeze_id, by)

    monkeypatch.setattr(trading, "cancel_trader_as_operator", cancel)
    monkeypatch.setattr(accounts, "lift_freeze", lift_one)
    look_after_freezes()
    assert {user_id for _, user_id in cancels()} == {traders[1].pk, traders[2].pk}
    assert client.get(url_of(traders[0])).status_code == 200
    Freeze.objects.update(until=timezone.now() - timedelta(minutes=1))
    look_after_freezes()
    assert Freeze.objects.get(lifted_at=None) == first


def test_an_open_freeze_of_which_nothing_is_left_costs_no_transaction(
    client_of: ClientOf, market: Market, django_assert_num_queries: Any
) -> None:
    client = client_of("risk")
    idle, reduced, live = (make_user() for _ in range(3))
    freeze(client, idle)
    freeze(client, reduced, reduces="on")
    freeze(client, live)
    with django_assert_num_queries(1):
        services.sweep_all()
    make_order(live, market)
    with CaptureQueriesContext(connection) as asked:
        services.sweep_all()
    locked = [one for one in asked if 'FOR UPDATE OF "accounts_freeze"' in one["sql"]]
    assert len(locked) == 1
    assert cancels() == [(market.pk, live.pk)]


@pytest.mark.parametrize("days", [-1, 400, 100_000])
def test_its_end_is_within_bounds(client_of: ClientOf, days: int) -> None:
    trader = make_user()
    until = timezone.now() + timedelta(days=days)
    page = freeze(client_of("risk"), trader, until=f"{until:%Y-%m-%d %H:%M}")
    assert "by at most 366 days" in page
    assert not Freeze.objects.exists()


def test_a_superuser_freezes_an_operator(
    client_of: ClientOf, operator: Callable[[str], User]
) -> None:
    client, colleague, support = client_of("superuser"), operator("risk"), client_of("support")
    signed_in = Client()
    signed_in.force_login(colleague)
    assert StaffSession.objects.count() == 3
    assert "is frozen" in freeze(client, colleague)
    assert StaffSession.objects.count() == 2
    assert signed_in.get("/admin/").status_code == 302
    opened = Client()  # by a sign-in that was on its way
    opened.force_login(colleague)
    heard_everywhere()
    assert not is_settled(client, colleague)
    frozen = Freeze.objects.get()
    assert "can&#x27;t be frozen" in freeze(support, colleague, freeze=str(frozen.pk))
    assert "is active" not in lift(client, colleague)
    for one in (signed_in, opened):
        assert one.get("/admin/").status_code == 302
    assert StaffSession.objects.count() == 2
    assert User.objects.get(pk=colleague.pk).is_active


def test_operators_and_nobody(client_of: ClientOf, operator: Callable[[str], User]) -> None:
    client = client_of("support")
    assert "can&#x27;t be frozen" in freeze(client, operator("risk"))
    boss = client_of("superuser")
    other = make_user("other-boss", is_staff=True, is_superuser=True)
    for one in (other, User.objects.get(username="superuser-op")):
        assert "can&#x27;t be frozen" in freeze(boss, one)
    assert not Freeze.objects.exists()
    for user_id in ("0", "9" * 30):
        assert client.get(f"/admin/freeze/{user_id}/").status_code == 404
