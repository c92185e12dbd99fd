"""Support resets a second factor by two, neither of them its owner; and money stays for a day."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from django.db import IntegrityError, transaction
from django.test import Client

from accounts.factors.locks import withdrawals_locked_until
from accounts.factors.resets import propose_reset
from accounts.models import Factor, FactorReset, Session, StaffSession, User
from approvals import services as approvals
from approvals.models import Proposal
from common.admin.record_urls import list_path, url_of
from common.errors import DomainError
from console.audit.models import AuditRow
from mails.models import Mail
from tests.admin.conftest import client_of, operator
from tests.admin.factories import make_user
from tests.builders.factors import App, make_app
from tests.builders.people import give_mail
from tests.trading.client import PASSWORD, Api, Trader, make_trader

__all__ = ["client_of", "operator"]

pytestmark = pytest.mark.django_db

Operator = Callable[[str], User]


@pytest.fixture
def trader(redis_db: object, db: None) -> Trader:
    trader = make_trader(funds_units=0)
    give_mail(trader.user, "ann@example.com")
    return trader


@pytest.fixture
def app(trader: Trader) -> App:
    return make_app(trader.user)


def test_two_reset_it_and_everything_ends(
    client_of: Callable[[str], Client], trader: Trader, app: App
) -> None:
    support, risk = client_of("support"), client_of("risk")
    said = {
        "action": "propose_reset",
        "_selected_action": trader.user.pk,
        "confirmed": "yes",
        "reason": "lost the phone; known by voice",
    }
    page = support.post(list_path(User), said, follow=True).content.decode()
    assert "proposed" in page
    proposal = Proposal.objects.get()
    assert proposal.beneficiary_ids == [trader.user.pk]
    decide = {"action": "approve", "_selected_action": proposal.pk, "confirmed": "yes"}
    support.post(list_path(Proposal), decide)
    assert Factor.objects.exists()  # not by who proposed it
    risk.post(list_path(Proposal), decide)
    assert not Factor.objects.exists()
    session = Session.objects.get(user=trader.user)
    assert session.end_reason == "factor_reset"
    until = withdrawals_locked_until(trader.user.pk)
    assert until is not None
    assert timedelta(hours=23) < until - datetime.now(UTC) <= timedelta(hours=24)
    assert Mail.objects.get().to == "ann@example.com"
    signed_in = Api().post("/auth/signin", {"username": trader.user.username, "password": PASSWORD})
    assert signed_in.status == 200
    mine = Api(signed_in.body["token"]).get("/user/factors").body
    assert mine["withdrawalsLockedUntilMs"] == int(until.timestamp() * 1000)
    row = AuditRow.objects.get(verb="reset_factor")
    assert (row.object_key, row.operator_name) == (str(trader.user.pk), "risk-op")
    assert "Withdrawals are locked until" in risk.get(url_of(User, trader.user.pk)).content.decode()
    FactorReset.objects.update(withdrawals_locked_until=datetime.now(UTC))
    assert withdrawals_locked_until(trader.user.pk) is None


def test_nobody_resets_alone_or_their_own(operator: Operator, trader: Trader, app: App) -> None:
    support, risk = operator("support"), operator("risk")
    proposal = propose_reset(trader.user, "lost", support)
    with pytest.raises(DomainError, match="another operator decides"):
        approvals.approve(proposal.pk, support)
    with pytest.raises(DomainError, match="may not decide"):
        approvals.approve(proposal.pk, operator("treasury"))
    trader.user.is_staff = trader.user.is_superuser = True
    trader.user.save()
    with pytest.raises(DomainError, match="for yourself"):
        approvals.approve(proposal.pk, trader.user)
    with pytest.raises(DomainError, match="superusers reset theirs"):
        approvals.approve(proposal.pk, risk)  # become an operator since
    with pytest.raises(DomainError, match="for yourself"):
        propose_reset(trader.user, "lost", trader.user)
    assert Factor.objects.exists()


@pytest.mark.parametrize("who", ["author", "owner", "nobody"])
def test_the_database_knows_two_others(
    operator: Operator, trader: Trader, app: App, who: str
) -> None:
    support, risk = operator("support"), operator("risk")
    proposal = propose_reset(trader.user, "lost", support)
    decider = {"author": support.pk, "owner": trader.user.pk, "nobody": None}[who]
    now = datetime.now(UTC)
    with pytest.raises(IntegrityError), transaction.atomic():
        FactorReset.objects.create(
            user=trader.user, proposal=proposal, asked_by=support, decided_by_id=decider,
            reason="x", reset_at=now, withdrawals_locked_until=now,
        )  # fmt: skip
    assert risk.pk


def test_an_operators_takes_superusers(operator: Operator) -> None:
    boss = operator("superuser")
    other = make_user("other", is_staff=True, is_superuser=True)
    clerk = operator("support")
    make_app(clerk)
    client = Client()
    client.force_login(clerk)
    with pytest.raises(DomainError, match="superusers"):
        propose_reset(clerk, "lost", make_user("clerk", is_staff=True))
    proposal = propose_reset(clerk, "lost", boss)
    approvals.approve(proposal.pk, other)
    assert not StaffSession.objects.filter(user=clerk).exists()
    assert client.get("/admin/").status_code == 302
    with pytest.raises(DomainError, match="no second factor"):
        propose_reset(clerk, "again", boss)


def test_it_takes_two_in_the_demo_as_well(
    operator: Operator, trader: Trader, app: App, alone: None
) -> None:
    boss = operator("superuser")
    propose_reset(trader.user, "lost", boss)
    assert Factor.objects.exists()
