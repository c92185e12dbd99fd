"""What nobody decides about themselves they don't decide about their sub-accounts either, nor about
those of whom they couldn't."""

from collections.abc import Callable

import pytest
from django.test import Client

from accounts import services
from accounts.families.services import open_account
from accounts.models import User
from accounts.verification.levels import set_level
from approvals.services import approve
from common.admin.record_urls import list_url
from common.errors import DomainError
from custody.manual.crediting import credit_by_hand
from ledger.models import Wallet
from markets.models import Market
from tests.admin.factories import make_user
from tests.security.test_four_eyes import hold_position
from trading.models import OutboxCommand
from trading.services import settle_market, settle_or_propose

Operator = Callable[[str], User]
ClientOf = Callable[[str], Client]


def sub_account_of(user: User) -> User:
    return open_account(user.pk, "other")


def test_nobody_settles_a_market_their_sub_account_has_a_position_in(
    operator: Operator, market: Market
) -> None:
    risk, other = operator("risk"), make_user("other", is_staff=True, is_superuser=True)
    hold_position(sub_account_of(risk), market)
    for settle in (
        lambda: settle_market(market, 2_500, risk),
        lambda: settle_or_propose(market, 2_500, "the end", risk),
    ):
        with pytest.raises(DomainError, match="another operator settles it"):
            settle()
    proposal = settle_or_propose(market, 2_500, "the end", other)
    assert not isinstance(proposal, int)
    with pytest.raises(DomainError, match="another operator settles it"):
        approve(proposal.pk, risk)
    assert not OutboxCommand.objects.exists()


def test_nobody_freezes_nor_frees_a_sub_account_of_their_own(operator: Operator) -> None:
    support, boss = operator("support"), operator("superuser")
    own, of_boss = sub_account_of(support), sub_account_of(boss)
    for account in (own, of_boss):
        with pytest.raises(DomainError) as refused:
            services.freeze_user(account.pk, "why not", None, by=support)
        assert refused.value.code == "FORBIDDEN"
    freeze = services.freeze_user(own.pk, "he trades on what he sees", None, by=boss)
    with pytest.raises(DomainError) as refused:
        services.lift_freeze(freeze.pk, by=support)
    assert refused.value.code == "FORBIDDEN"
    services.lift_freeze(freeze.pk, by=boss)


@pytest.mark.parametrize(("action", "is_active"), [("suspend", True), ("resume", False)])
def test_nobody_suspends_nor_resumes_one(client_of: ClientOf, action: str, is_active: bool) -> None:
    client, boss = client_of("support"), make_user("boss", is_staff=True, is_superuser=True)
    trader = make_user("trader")
    own = sub_account_of(User.objects.get(username="support-op"))
    others = [sub_account_of(boss), boss]
    theirs = [sub_account_of(trader), trader]
    everyone = [own, *others, *theirs]
    User.objects.filter(pk__in=[user.pk for user in everyone]).update(is_active=is_active)
    data = {
        "action": action,
        "_selected_action": [user.pk for user in everyone],
        "confirmed": "yes",
    }
    client.post(list_url(User, ""), data)
    changed = [user for user in User.objects.filter(is_active=not is_active) if user in everyone]
    assert set(changed) == set(theirs)


def test_nobody_sets_its_level_nor_credits_it(operator: Operator) -> None:
    tess = operator("treasury")
    own = sub_account_of(tess)
    for give in (
        lambda: set_level(own.pk, 3, "known", tess),
        lambda: credit_by_hand(own, 5_000_000, "R-1", "it came", tess),
    ):
        with pytest.raises(DomainError) as refused:
            give()
        assert refused.value.code == "OWN_REQUEST"
    assert Wallet.objects.get(user=own).available_units == 0
