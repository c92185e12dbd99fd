"""Who asked for money or gains by it never decides: services say why, and the database says no."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission
from django.db import IntegrityError, connection, transaction
from django.test import Client

from accounts.models import User
from common.admin.record_urls import list_url, url_of
from common.errors import DomainError
from ledger.models import Deposit, Wallet
from ledger.services import approve_deposit, refuse_deposit
from markets.models import Market
from tests.admin.factories import make_top_up, make_user
from tests.admin.money_rows import NOW, make_deposit
from trading import services
from trading.models import FeeTier, InsuranceTopUp, OutboxCommand, Position, UserFeeTier

ClientOf = Callable[[str], Client]
Operator = Callable[[str], User]


def refused_by_postgres(constraint: str, statement: str, *values: Any) -> None:
    refused = pytest.raises(IntegrityError, match=constraint)
    with refused, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement, values)


def act(client: Client, model: Any, action: str, row: Any, **fields: str) -> str:
    data = {"action": action, "_selected_action": row.pk, "confirmed": "yes", **fields}
    response = client.post(list_url(model, ""), data, follow=True)
    assert response.status_code == 200
    return response.content.decode()


# --- deposits -------------------------------------------------------------------------------------


@pytest.mark.parametrize("decide", [approve_deposit, refuse_deposit])
def test_nobody_decides_their_own_deposit(operator: Operator, decide: Any) -> None:
    treasurer, other = operator("treasury"), operator("superuser")
    deposit = make_deposit(treasurer)
    with pytest.raises(DomainError) as refused:
        decide(deposit.pk, treasurer.pk)
    assert refused.value.code == "OWN_REQUEST"
    deposit.refresh_from_db()
    assert (deposit.status, deposit.decided_by) == ("requested", None)
    decide(deposit.pk, other.pk)
    with pytest.raises(DomainError):  # nor one that is decided
        decide(deposit.pk, treasurer.pk)


def test_postgres_takes_no_deposit_decided_by_its_user(operator: Operator) -> None:
    user = operator("treasury")
    deposit = make_deposit(user)
    update = "UPDATE ledger_deposit SET status = 'refused', decided_by_id = %s WHERE id = %s"
    refused_by_postgres("deposit_decided_by_another", update, user.pk, deposit.pk)


def test_an_own_deposit_is_refused_in_the_admin(client_of: ClientOf, market: Market) -> None:
    client = client_of("treasury")
    treasurer = User.objects.get(username="treasury-op")
    deposit = make_deposit(treasurer)
    for action in ("approve", "refuse"):
        assert "another operator decides it" in act(client, Deposit, action, deposit)
    assert Deposit.objects.get().status == "requested"
    assert Wallet.objects.get(user=treasurer).available_units == 0


# --- top-ups of insurance funds -------------------------------------------------------------------


def test_a_top_up_is_one_command_once_another_approves_it(
    client_of: ClientOf, market: Market
) -> None:
    asking = client_of("treasury")
    act(asking, Market, "request_top_up", market, amount="1000.5", reason="low since Monday")
    asked = InsuranceTopUp.objects.get()
    for action in ("approve", "refuse"):
        assert "another operator decides it" in act(asking, InsuranceTopUp, action, asked)
    assert not OutboxCommand.objects.exists()
    colleague = make_user("colleague", is_staff=True)
    colleague.groups.add(Group.objects.get(name="treasury"))
    deciding = Client()
    deciding.force_login(colleague)
    for action in ("approve", "approve", "refuse"):
        page = act(deciding, InsuranceTopUp, action, asked)
    assert "approved already" in page
    command = OutboxCommand.objects.get()
    assert (command.command_type, command.payload["amount_units"]) == (
        "FundInsurance",
        1_000_500_000,
    )
    asked.refresh_from_db()
    assert (asked.status, asked.command, asked.decided_by) == ("approved", command, colleague)


def test_a_refused_top_up_is_refused_for_good(operator: Operator, market: Market) -> None:
    asking, deciding = operator("treasury"), operator("superuser")
    asked = services.request_top_up(market, 5, "typed wrong", by=asking)
    for _ in range(2):
        services.refuse_top_up(asked.pk, by=deciding)
    with pytest.raises(DomainError, match="is refused already"):
        services.approve_top_up(asked.pk, by=deciding)
    assert not OutboxCommand.objects.exists()


def test_an_approval_and_its_command_are_one(
    operator: Operator, market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = make_top_up(market, operator("treasury"))
    monkeypatch.setattr(InsuranceTopUp, "save", lambda _: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        services.approve_top_up(asked.pk, by=operator("superuser"))
    assert not OutboxCommand.objects.exists()


def test_postgres_takes_no_top_up_decided_by_who_asked(operator: Operator, market: Market) -> None:
    asking = operator("treasury")
    asked = make_top_up(market, asking)
    update = (
        "UPDATE trading_insurancetopup SET status = 'refused', decided_by_id = %s WHERE id = %s"
    )
    refused_by_postgres("top_up_decided_by_another", update, asking.pk, asked.pk)
    whole = "UPDATE trading_insurancetopup SET status = %s WHERE id = %s"
    for status in ("approved", "refused"):
        refused_by_postgres("top_up_decision_is_whole", whole, status, asked.pk)


@pytest.mark.parametrize("group", ["viewer", "support", "risk"])
def test_only_treasury_decides_top_ups(client_of: ClientOf, market: Market, group: str) -> None:
    asked = make_top_up(market, make_user())
    client = client_of(group)
    for action in ("approve", "refuse"):
        act(client, InsuranceTopUp, action, asked)
    assert InsuranceTopUp.objects.get().status == "requested"


# --- what an operator who trades would gain by ----------------------------------------------------


@pytest.fixture
def tier(db: None) -> FeeTier:
    return FeeTier.objects.create(name="Makers", maker_fee_ppm=-50, taker_fee_ppm=300)


def test_nobody_sets_their_own_fee_tier(client_of: ClientOf, tier: FeeTier) -> None:
    client, trader = client_of("risk"), make_user()
    own = User.objects.get(username="risk-op")
    add = list_url(UserFeeTier, "").replace("?", "add/")
    page = client.post(add, {"user": own.pk, "tier": tier.pk}).content.decode()
    assert "Your own fee tier is for another operator to set." in page
    client.post(add, {"user": trader.pk, "tier": tier.pk})
    row = UserFeeTier.objects.get()
    assert (row.user, row.assigned_by) == (trader, own)
    with pytest.raises(DomainError):
        services.assign_fee_tier(UserFeeTier(user=own, tier=tier), by=own)


def test_nobody_changes_or_leaves_the_tier_they_are_in(client_of: ClientOf, tier: FeeTier) -> None:
    client = client_of("risk")
    own = UserFeeTier.objects.create(user=User.objects.get(username="risk-op"), tier=tier)
    better = FeeTier.objects.create(name="Better", maker_fee_ppm=-300, taker_fee_ppm=300)
    assert client.post(url_of(UserFeeTier, own.pk), {"tier": better.pk}).status_code == 403
    delete = url_of(UserFeeTier, own.pk).replace("change", "delete")
    assert client.post(delete, {"post": "yes"}).status_code == 403
    chosen = {"action": "delete_selected", "_selected_action": own.pk, "post": "yes"}
    client.post(list_url(UserFeeTier, ""), chosen)
    fees = {"name": "Makers", "maker_fee_percent": "-0.03", "taker_fee_percent": "0.03"}
    assert client.post(url_of(FeeTier, tier.pk), fees).status_code == 403
    own.refresh_from_db()
    tier.refresh_from_db()
    assert (own.tier, tier.maker_fee_ppm) == (tier, -50)


def test_postgres_takes_no_fee_tier_assigned_by_its_user(tier: FeeTier, db: None) -> None:
    user = make_user()
    insert = (
        "INSERT INTO trading_userfeetier (user_id, tier_id, assigned_by_id) VALUES (%s, %s, %s)"
    )
    refused_by_postgres("user_fee_tier_assigned_by_another", insert, user.pk, tier.pk, user.pk)


def hold_position(user: User, market: Market) -> Position:
    return Position.objects.create(
        user=user,
        market=market,
        position_lots=1,
        entry_cost_units=1,
        margin_units=1,
        seq=1,
        updated_at=NOW,
    )


def test_nobody_settles_a_market_they_have_a_position_in(
    operator: Operator, market: Market
) -> None:
    risk = operator("risk")
    held = hold_position(risk, market)
    with pytest.raises(DomainError, match="another operator settles it"):
        services.settle_market(market, 2_500, by=risk)
    assert not OutboxCommand.objects.exists()
    Position.objects.filter(pk=held.pk).update(position_lots=0, entry_cost_units=0, margin_units=0)
    services.settle_market(market, 2_500, by=risk)


# --- power ----------------------------------------------------------------------------------------


@pytest.fixture
def clerk(db: None) -> User:
    """May edit users and groups, as an operator's own group might say; no superuser."""
    user = make_user("clerk", is_staff=True)
    names = ("view_user", "change_user", "view_group", "add_group", "change_group")
    user.user_permissions.set(Permission.objects.filter(codename__in=names))
    return user


def test_who_edits_users_can_not_make_anybody_more_than_they_are(clerk: User) -> None:
    client, trader = Client(), make_user("someone")
    client.force_login(clerk)
    powers = {"is_staff": "on", "is_superuser": "on", "username": "other"}
    client.post(url_of(User, trader.pk), powers)
    trader.refresh_from_db()
    assert (trader.username, trader.is_staff, trader.is_superuser) == ("other", False, False)
    boss = make_user("boss", is_staff=True, is_superuser=True)
    word = {"password1": "correct horse battery", "password2": "correct horse battery"}
    for user in (clerk, boss):
        assert client.post(url_of(User, user.pk), powers).status_code == 403
        password = url_of(User, user.pk).replace("change", "password")
        assert client.post(password, word).status_code == 403
    group = Group.objects.create(name="clerks")
    assert client.post(url_of(Group, group.pk), {"name": "kings"}).status_code == 403
    assert client.post(list_url(Group, "").replace("?", "add/"), {"name": "x"}).status_code == 403


@pytest.mark.usefixtures("alone")
def test_a_superuser_gives_powers_to_others_alone(client_of: ClientOf) -> None:
    client, trader = client_of("superuser"), make_user("helper")
    own = User.objects.get(username="superuser-op")
    client.post(url_of(User, own.pk), {"username": own.username})
    client.post(url_of(User, trader.pk), {"username": "helper", "is_staff": "on"})
    own.refresh_from_db()
    trader.refresh_from_db()
    assert (own.is_superuser, own.is_staff, trader.is_staff) == (True, True, True)
