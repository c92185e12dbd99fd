"""What one operator asks for in the admin and another approves: nothing happens in between."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.test import Client

from accounts.models import User
from approvals import services
from approvals.models import ApprovalRule, Proposal
from common.admin.record_urls import list_url, url_of
from common.errors import DomainError
from console.audit.models import AuditRow
from ledger.models import Deposit, Wallet
from markets.models import LeverageTier, Market, MarketStatus
from matching.messages.vocabulary import MarketState
from prices.models import PriceSource
from tests.admin.factories import make_market, make_user
from tests.admin.money_rows import make_deposit
from tests.admin.test_markets import RULES, tiers
from tests.approvals.test_adjustments import act
from trading.models import OutboxCommand

pytestmark = pytest.mark.usefixtures("redis_db")

Operator = Callable[[str], User]


@pytest.fixture
def market(db: None) -> Market:
    return make_market()


@pytest.fixture
def risk(operator: Operator) -> User:
    return operator("risk")


@pytest.fixture
def ruth(risk: User) -> User:
    """Of risk, too."""
    ruth = make_user("ruth", is_staff=True)
    ruth.groups.add(Group.objects.get(name="risk"))
    return ruth


def client_as(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def save(by: User, row: Any, data: dict[str, str]) -> str:
    response = client_as(by).post(url_of(type(row), row.pk), data, follow=True)
    assert response.status_code == 200
    return response.content.decode()


def waiting() -> Proposal:
    return Proposal.objects.get(status="waiting")


# --- a market settled for good --------------------------------------------------------------------

SETTLE = {"price": "2500.5", "confirmation": "BTC-PERP", "reason": "the coin ends"}


def test_settling(market: Market, risk: User, ruth: User) -> None:
    page = act(client_as(risk), Market, "settle", market.pk, **SETTLE)
    assert "another operator to approve" in page
    assert not OutboxCommand.objects.exists()
    services.approve(waiting().pk, ruth)
    command = OutboxCommand.objects.get()
    assert (command.command_type, command.payload["price_ticks"]) == ("SettleMarket", 25_005)
    assert command.created_by == ruth


def test_settling_what_was_settled_meanwhile(market: Market, risk: User, ruth: User) -> None:
    act(client_as(risk), Market, "settle", market.pk, **SETTLE)
    MarketStatus.objects.update(state=MarketState.SETTLED)
    with pytest.raises(DomainError, match="settled already"):
        services.approve(waiting().pk, ruth)
    assert not OutboxCommand.objects.exists()


# --- rules that let traders risk more -------------------------------------------------------------


def rules(market: Market, *rows: tuple[str, str, str], **more: str) -> dict[str, str]:
    return RULES | tiers(*rows, initial=list(market.tiers.all())) | more


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (("0", "40", "1"), ("50000", "20", "2.5")),
        (("0", "50", "0.5"), ("50000", "20", "2.5")),
        (("0", "50", "1"), ("60000", "20", "2.5")),  # between 50,000 and 60,000 50× now
    ],
)
def test_more_leverage_or_less_margin(
    market: Market, risk: User, ruth: User, first: Any, second: Any
) -> None:
    LeverageTier.objects.filter(market=market).delete()
    for floor, leverage, ppm in ((0, 30, 10_000), (50_000_000_000, 20, 25_000)):
        LeverageTier.objects.create(
            market=market, floor_units=floor, max_leverage=leverage, maintenance_ppm=ppm
        )
    data = rules(market, first, second)
    assert "say why" in save(risk, market, data)
    page = save(risk, market, data | {"reason": "the book is deep"})
    assert "waits for another operator" in page
    market.refresh_from_db()
    assert (market.config_version, market.tiers.first().max_leverage) == (1, 30)  # type: ignore[union-attr]
    assert not OutboxCommand.objects.exists()
    assert "waits: decide or withdraw" in save(ruth, market, data | {"reason": "so do I"})
    services.approve(waiting().pk, ruth)
    market.refresh_from_db()
    (command,) = OutboxCommand.objects.all()
    sent = command.payload["config"]["tiers"]
    assert market.config_version == 2
    assert [str(tier["max_leverage"]) for tier in sent] == [first[1], second[1]]


@pytest.mark.parametrize("what", ["rules", "source", "powers"])
def test_who_is_not_quick_enough_is_told(
    what: str, source: PriceSource, risk: User, operator: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody else's proposal came between the form and the save."""
    alice, boss = make_user("alice"), operator("superuser")
    LeverageTier.objects.exclude(floor_units=0).delete()
    asked: dict[str, tuple[User, Any, dict[str, str]]] = {
        "rules": (risk, source.market, rules(source.market, ("0", "100", "0.5"))),
        "source": (risk, source, {"weight": "7", "enabled": "on"}),
        "powers": (boss, alice, {"username": "alice", "is_staff": "on"}),
    }
    by, row, data = asked[what]
    save(by, row, data | {"reason": "the first"})
    assert Proposal.objects.count() == 1
    for waits in (
        "prices.services.waiting_change",
        "accounts.admin.waiting_powers",
        "trading.services.waiting_rules",
    ):
        monkeypatch.setattr(waits, lambda _: None)
    page = save(by, row, data | {"reason": "the second"})
    assert "about the same waits" in page
    assert Proposal.objects.count() == 1
    assert not AuditRow.objects.filter(verb="changed").exists()


def test_why_one_operator_changed_something_is_kept(market: Market, risk: User) -> None:
    LeverageTier.objects.exclude(floor_units=0).delete()
    save(risk, market, rules(market, ("0", "10", "9"), reason="the book is thin"))
    assert AuditRow.objects.get(verb="changed").reason == "the book is thin"


def test_less_risk_takes_one(market: Market, risk: User) -> None:
    LeverageTier.objects.exclude(floor_units=0).delete()
    page = save(risk, market, rules(market, ("0", "10", "9")))
    assert "on their way to its engine" in page
    assert not Proposal.objects.exists()


def test_rules_that_changed_meanwhile(market: Market, risk: User, ruth: User) -> None:
    LeverageTier.objects.exclude(floor_units=0).delete()
    save(risk, market, rules(market, ("0", "100", "0.5"), reason="the book is deep"))
    save(ruth, market, rules(market, ("0", "2", "20")))
    with pytest.raises(DomainError) as refused:
        services.approve(waiting().pk, ruth)
    assert refused.value.code == "PROPOSAL_OUTDATED"


# --- price sources --------------------------------------------------------------------------------


@pytest.fixture
def source(market: Market) -> PriceSource:
    MarketStatus.objects.update(state=MarketState.ACTIVE)
    return PriceSource.objects.get(market=market)


def test_price_sources_of_a_traded_market(source: PriceSource, risk: User, ruth: User) -> None:
    data = {"venue": "", "symbol": "", "api_url": "", "weight": "7", "enabled": "on"}
    assert "say why" in save(risk, source, data)
    save(risk, source, data | {"reason": "deeper"})
    source.refresh_from_db()
    assert (source.weight, waiting().changes) == (1, [["weight", "1", "7"]])
    assert "waits: decide or withdraw" in save(ruth, source, data | {"reason": "deeper"})
    services.approve(waiting().pk, ruth)
    source.refresh_from_db()
    assert source.weight == 7


def test_a_new_price_source_is_not_enabled_before(
    source: PriceSource, risk: User, ruth: User
) -> None:
    source.delete()
    data = {"market": "BTC-PERP", "kind": "synthetic", "weight": "1", "enabled": "on"}
    url = list_url(PriceSource, "").replace("?", "add/")
    client_as(risk).post(url, data | {"reason": "the first"}, follow=True)
    (new,) = PriceSource.objects.all()
    assert not new.enabled
    services.approve(waiting().pk, ruth)
    new.refresh_from_db()
    assert new.enabled


def test_a_switched_price_source(source: PriceSource, risk: User, ruth: User) -> None:
    act(client_as(risk), PriceSource, "disable", source.pk)
    source.refresh_from_db()
    assert source.enabled
    PriceSource.objects.update(weight=3)
    with pytest.raises(DomainError) as refused:
        services.approve(waiting().pk, ruth)
    assert refused.value.code == "PROPOSAL_OUTDATED"


def test_before_a_market_opens_one_is_enough(source: PriceSource, risk: User) -> None:
    MarketStatus.objects.update(state=MarketState.PRE_OPEN)
    act(client_as(risk), PriceSource, "disable", source.pk)
    source.refresh_from_db()
    assert not source.enabled


# --- deposits -------------------------------------------------------------------------------------


def test_deposits_from_an_amount_on(alice: User, tess: User, theo: User) -> None:
    small, large = make_deposit(alice), make_deposit(alice)
    Deposit.objects.filter(pk=small.pk).update(amount_units=999_999_999)
    rule = Proposal.objects.create(
        kind="change_policy", subject="x", author=tess, proposed_at=large.requested_at,
        expires_at=large.requested_at,
    )  # fmt: skip
    ApprovalRule.objects.create(
        kind="approve_deposit", needs_second=True, from_units=1_000_000_000, proposal=rule
    )
    for deposit in (small, large):
        act(client_as(tess), Deposit, "approve", deposit.pk)
    assert Wallet.objects.get(user=alice).available_units == 999_999_999
    proposal = Proposal.objects.get(kind="approve_deposit")
    with pytest.raises(DomainError):
        services.approve(proposal.pk, tess)
    services.approve(proposal.pk, theo)
    large.refresh_from_db()
    assert (large.status, large.decided_by) == ("approved", theo)
    assert Wallet.objects.get(user=alice).available_units == 1_999_999_999


# --- operators ------------------------------------------------------------------------------------


def test_what_operators_may(operator: Operator, alice: User) -> None:
    boss = operator("superuser")
    other = make_user("other", is_staff=True, is_superuser=True)
    support = Group.objects.get(name="support")
    data = {"username": "alice", "is_staff": "on", "groups": str(support.pk)}
    assert "say why" in save(boss, alice, data)
    own = {"username": "alice2", "reason": "she joins"}
    assert "in a save of its own" in save(boss, alice, data | own)
    save(boss, alice, data | {"reason": "she joins"})
    alice.refresh_from_db()
    assert (alice.is_staff, alice.groups.count()) == (False, 0)
    assert waiting().changes == [["operator", "no", "yes"], ["groups", "none", "support"]]
    with pytest.raises(DomainError):
        services.approve(waiting().pk, boss)
    services.approve(waiting().pk, other)
    alice.refresh_from_db()
    assert (alice.is_staff, list(alice.groups.all())) == (True, [support])
    save(boss, alice, data | {"username": "alice2"})  # what is no power is changed by one
    alice.refresh_from_db()
    assert alice.username == "alice2"


def test_who_may_not_give_powers_does_not_approve_them(
    operator: Operator, alice: User, tess: User, theo: User
) -> None:
    boss = operator("superuser")
    save(boss, alice, {"username": "alice", "is_staff": "on", "reason": "she joins"})
    with pytest.raises(DomainError) as refused:
        services.approve(waiting().pk, tess)
    assert refused.value.code == "FORBIDDEN"
