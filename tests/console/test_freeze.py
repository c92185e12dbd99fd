"""Freezing a trader: kept out at once, nothing left in any book, and back as it was."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from accounts.access.sessions import Origin, open_session, open_sessions
from accounts.models import Freeze, Session, User
from accounts.services import sign_in
from common.errors import DomainError, ErrorCode
from console.audit.models import AuditRow
from console.tasks import look_after_freezes
from markets.models import Market
from matching.messages.vocabulary import OrderStatus
from tests.admin.factories import make_market, make_order, make_user
from tests.admin.test_actions import act
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


def test_positions_are_reduced_behind_the_cancels(client_of: ClientOf, market: Market) -> None:
    trader = make_user()
    make_order(trader, market)
    Position.objects.create(
        user=trader,
        market=market,
        position_lots=-300,
        entry_cost_units=-750_000_000,
        margin_units=75_000_000,
        realized_pnl_units=0,
        seq=7,
        updated_at=timezone.now(),
    )
    page = freeze(client_of("risk"), trader, reduces="on")
    outcome = Freeze.objects.get().reductions[market.pk]
    assert outcome in page
    placed = Order.objects.filter(user=trader, status=OrderStatus.PENDING).get()
    assert outcome == f"order {placed.pk}"
    assert (placed.side, placed.size_lots, placed.reduce_only) == ("LONG", 300, True)


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


def test_operators_and_nobody(client_of: ClientOf, operator: Callable[[str], User]) -> None:
    client = client_of("support")
    assert "can&#x27;t be frozen" in freeze(client, operator("risk"))
    assert not Freeze.objects.exists()
    for user_id in ("0", "9" * 30):
        assert client.get(f"/admin/freeze/{user_id}/").status_code == 404
