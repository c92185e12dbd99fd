"""The page of what takes two people."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User
from approvals import policy, services
from approvals.models import Proposal
from console.audit.models import AuditRow
from tests.admin.factories import make_user

ClientOf = Callable[[str], Client]
SAID = {"kind": "approve_deposit", "needed": "yes", "amount": "1000.5", "reason": "large ones"}


def post(client: Client, **said: str) -> Any:
    return client.post(reverse("admin:policy"), SAID | said, follow=True)


@pytest.mark.parametrize("group", ["viewer", "support", "risk", "treasury"])
def test_groups_see_it_and_change_nothing(client_of: ClientOf, group: str) -> None:
    client = client_of(group)
    page = client.get(reverse("admin:policy")).content.decode()
    assert "Settle a market for good" in page
    assert "ledger.decide_adjustment" not in page  # it is said in words
    assert "Approve and refuse adjustments of wallets" in page
    assert '<form method="post" class="panel"' not in page
    assert post(client).status_code == 403
    assert not Proposal.objects.exists()


def test_an_owner_proposes_and_another_approves(client_of: ClientOf) -> None:
    client, other = client_of("superuser"), make_user("other", is_staff=True, is_superuser=True)
    assert not policy.needs_second("approve_deposit", 10**15)
    assert "waits for another operator" in post(client).content.decode()
    (proposal,) = Proposal.objects.all()
    assert proposal.changes == [["second person", "not needed", "needed from 1000.5 USD on"]]
    assert AuditRow.objects.filter(verb="proposed", object_key=str(proposal.pk)).exists()
    services.approve(proposal.pk, other)
    assert not policy.needs_second("approve_deposit", 1_000_499_999)
    assert policy.needs_second("approve_deposit", 1_000_500_000)
    assert "needed from 1000.5 USD on" in client.get(reverse("admin:policy")).content.decode()


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "adjust_wallet"},
        {"kind": "x" * 3_000},
        {"kind": "settle_market"},  # goes by no amount
        {"needed": "no"},  # nor does what isn't needed
        {"amount": "1e400"},
        {"amount": "-1"},
        {"amount": "0.0000001"},
        {"reason": " "},
        {"needed": "perhaps"},
    ],
)
def test_rubbish_is_refused_in_words(client_of: ClientOf, wrong: dict[str, str]) -> None:
    response = post(client_of("superuser"), **wrong)
    assert response.status_code == 200
    assert not Proposal.objects.exists()


def test_what_changed_meanwhile(client_of: ClientOf) -> None:
    client, other = client_of("superuser"), make_user("other", is_staff=True, is_superuser=True)
    boss = User.objects.get(username="superuser-op")
    post(client, kind="settle_market", needed="no", amount="")
    services.approve(Proposal.objects.get().pk, other)
    assert not policy.needs_second("settle_market")
    with pytest.raises(Exception, match="as you say already"):
        policy.propose_rule("settle_market", False, None, "again", boss)
