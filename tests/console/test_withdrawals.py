"""The pages of withdrawals and of custody: figures, decisions, rubbish."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from accounts.models import User
from approvals.models import Proposal
from console.audit.models import AuditRow
from custody.cases import open_case
from custody.demo.chain.process import Chain
from custody.models import CaseKind, CustodyCase, FloatMovement
from custody.sending import send_due_payouts
from custody.tasks import ask_custody
from ledger.models import SendingStop, Withdrawal
from tests.trading.client import Trader, forget_caches, make_trader
from tests.withdrawals.chain import blocks, send_in
from tests.withdrawals.conftest import chain
from tests.withdrawals.world import UNIT, ask, wallet_of

__all__ = ["chain"]

ClientOf = Callable[[str], Client]
ALL = 10_000 * UNIT


@pytest.fixture(autouse=True)
def _forget() -> Iterator[None]:
    forget_caches()
    yield
    forget_caches()


@pytest.fixture
def trader(db: None) -> Trader:
    return make_trader()


@pytest.fixture
def treasury(client_of: ClientOf) -> Client:
    return client_of("treasury")


def page(client: Client, name: str, *args: Any) -> str:
    response = client.get(reverse(f"admin:{name}", args=args))
    assert response.status_code == 200
    return response.content.decode()


def post(client: Client, name: str, *args: Any, **data: Any) -> str:
    response = client.post(reverse(f"admin:{name}", args=args), data, follow=True)
    assert response.status_code == 200
    return response.content.decode()


def test_the_queue_has_what_waits_with_its_flags(treasury: Client, trader: Trader) -> None:
    row = ask(trader.user, 600)
    shown = page(treasury, "withdrawals")
    for words in ("600.00 USD", "0 of 1 operators", str(trader.user)):
        assert words in shown
    assert "Withdrawals to decide" in page(treasury, "index")
    assert reverse("admin:withdrawal", args=[row.pk]) in shown


def test_one_is_approved_with_a_reason_and_told_to_the_audit(
    treasury: Client, trader: Trader
) -> None:
    row = ask(trader.user, 600)
    assert "This field is required" in post(treasury, "withdrawal", row.pk, approve="")
    said = post(treasury, "withdrawal", row.pk, approve="", reason="looks right")
    assert f"Withdrawal {row.pk} is approved" in said
    assert "asked from where the trader had not signed in" in said
    kept = AuditRow.objects.latest("pk")
    assert (kept.verb, kept.reason) == ("approve_withdrawal", "looks right")
    assert "600.00 USD: waiting → approved" in kept.words
    again = post(treasury, "withdrawal", row.pk, refuse="", reason="stolen")
    assert f"Withdrawal {row.pk} is refused" in again
    assert wallet_of(trader.user) == (ALL, 0)
    assert "can&#x27;t be refused" in post(treasury, "withdrawal", row.pk, refuse="", reason="x")


def test_a_viewer_sees_and_does_nothing(client_of: ClientOf, trader: Trader) -> None:
    viewer, row = client_of("viewer"), ask(trader.user, 600)
    assert "Decide" not in page(viewer, "withdrawal", row.pk)
    assert "Propose" not in page(viewer, "custody")
    for name, args in (("withdrawals", []), ("withdrawal", [row.pk]), ("custody", [])):
        url = reverse(f"admin:{name}", args=args)
        assert viewer.post(url, {"reason": "x", "approve": ""}).status_code == 403
    assert Withdrawal.objects.get().state == "waiting"


def test_sending_is_stopped_and_goes_on(treasury: Client, trader: Trader) -> None:
    post(treasury, "withdrawals", reason="a rumour")
    assert ask(trader.user).state == "held"
    assert "stopped sending already" in post(treasury, "withdrawals", reason="again")
    post(treasury, "withdrawals", resume="1", reason="a rumour only")
    assert not SendingStop.objects.filter(closed_at=None).exists()
    assert "another stop ends" in post(treasury, "withdrawals", resume="1", reason="x")


def test_custody_beside_the_ledger(chain: Chain, treasury: Client, trader: Trader) -> None:
    found = trader.api.get("/user/deposit-addresses?network=demo").body["depositAddresses"]
    send_in(chain, found[0]["address"], 50)
    ask(trader.user, 100)
    send_due_payouts()
    blocks(chain, 2)
    ask_custody()
    shown = page(treasury, "custody")
    for words in ("999,950.00 USD", "1,000,000.00 USD", "+50.00 USD", "-100.00 USD", "agrees"):
        assert words in shown, words
    with chain.state.writing() as base:
        base.execute("UPDATE fact SET value = value - 7000000 WHERE name = 'float'")
    ask_custody()
    assert "differs" in page(treasury, "custody")
    assert "float" in page(treasury, "withdrawals")


def test_a_case_is_resolved(treasury: Client, trader: Trader) -> None:
    open_case("demo", CaseKind.STRANGER, "t1", "5 came in at <b>nobody's</b>")
    assert "&lt;b&gt;nobody" in page(treasury, "custody")
    case = CustodyCase.objects.get()
    post(treasury, "custody", resolve=case.pk, reason="sent back")
    case.refresh_from_db()
    assert case.resolution == "sent back"
    assert not SendingStop.objects.filter(closed_at=None).exists()
    for rubbish in ("0", "x", "9" * 40):
        assert "no such case" in post(treasury, "custody", resolve=rubbish, reason="again")
    assert "resolved already" in post(treasury, "custody", resolve=str(case.pk), reason="again")


@pytest.mark.usefixtures("trader")
def test_who_may_do_one_thing_at_custody_may_do_that_alone(
    operator: Callable[[str], User],
) -> None:
    viewer, client = operator("viewer"), Client()
    viewer.user_permissions.add(Permission.objects.get(codename="resolve_case"))
    client.force_login(viewer)
    open_case("demo", CaseKind.STRANGER, "t1", "5 came in at nobody's")
    case = CustodyCase.objects.get()
    post(client, "custody", resolve=case.pk, reason="sent back")
    case.refresh_from_db()
    assert case.resolution == "sent back"
    for other in ("float", "credit", "limits"):
        assert client.post(reverse("admin:custody"), {other: "1"}).status_code == 403


@pytest.mark.usefixtures("alone")
def test_what_one_may_do_alone_in_the_demo(treasury: Client, trader: Trader, settings: Any) -> None:
    settings.CUSTODY_NETWORKS = ["manual"]
    said = {"network": "manual", "amount": "-5.5", "reference": "fee", "reason": "a bank's"}
    post(treasury, "custody", float="1", **said)
    assert FloatMovement.objects.get().amount_units == -5_500_000
    assert "already" in post(treasury, "custody", float="1", **said)
    name = trader.user.get_username()
    wire = {"trader": name, "amount": "12", "reference": "wire 1", "reason": "statement"}
    post(treasury, "custody", credit="1", **wire)
    assert wallet_of(trader.user) == (ALL + 12 * UNIT, 0)
    limits = {"level": "0", "day": "10", "automatic": "5", "one": "4", "reason": "less"}
    assert "at least what needs none" in post(treasury, "custody", limits="1", **limits)
    post(treasury, "custody", limits="1", **limits | {"one": "10"})
    assert Proposal.objects.get().title == "Withdrawals of level 0"


def test_rubbish(treasury: Client, trader: Trader) -> None:
    row = ask(trader.user, 600)
    for args in (["9" * 5], [2**62], [2**63 - 1]):
        assert treasury.get(reverse("admin:withdrawal", args=args)).status_code == 404
    assert treasury.get(f"/admin/withdrawals/{10**30}/").status_code == 404
    nobody = {"credit": "1", "amount": "1e400", "trader": "nobody"}
    float_of_none = {"float": "1", "amount": "NaN"}
    reasons: list[dict[str, str]] = [{}, {"reason": "\0"}, {"reason": "x" * 600}]
    for data in (*reasons, {"limits": "x"}, nobody, float_of_none):
        for name, args in (("withdrawals", []), ("withdrawal", [row.pk]), ("custody", [])):
            url = reverse(f"admin:{name}", args=args)
            assert treasury.post(url, data, follow=True).status_code < 500, (name, data)
    assert Withdrawal.objects.get().state in ("waiting", "refused")
