"""Withdrawals under attack: a replay, a stolen key, a stolen session, an operator alone."""

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
import redis
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from accounts.models import Session, User
from accounts.verification.levels import set_level
from approvals.models import Proposal
from approvals.services import approve as approve_proposal
from common.errors import DomainError
from custody.floats import move_float
from custody.manual.crediting import credit_by_hand
from custody.manual.sending import enter_outcome
from custody.sending import send_due_payouts
from ledger.models import Withdrawal, WithdrawalAddress, WithdrawalLimit
from ledger.services import deposit
from ledger.withdrawals import deciding
from ledger.withdrawals.handing import SendOutcome
from ledger.withdrawals.limits import Limits, limits_of, propose_limits
from tests.builders.keys import KeyApi, make_ed25519_key, make_key
from tests.trading.client import Api, Trader, forget_caches, make_trader
from tests.withdrawals.conftest import operator
from tests.withdrawals.world import ADDRESS, NETWORK, UNIT, ask, put_in_book, wallet_of, withdraw

__all__ = ["operator"]

ALL = 10_000 * UNIT
Operator = Callable[[str], User]
BODY = json.dumps(
    {"amount": "100", "network": NETWORK, "address": ADDRESS, "idempotencyKey": "k"}
).encode()


@pytest.fixture(autouse=True)
def _clean(redis_db: redis.Redis, settings: Any) -> Iterator[None]:
    settings.CUSTODY_NETWORKS = ["manual"]
    settings.WITHDRAWALS_NEED_FACTOR = False
    forget_caches()
    yield
    forget_caches()


@pytest.fixture
def trader(db: None) -> Trader:
    found = make_trader()
    put_in_book(found.user)
    return found


# --- keys, sessions, replays ----------------------------------------------------------------------


def test_a_replayed_signed_request_withdraws_once(trader: Trader) -> None:
    key = make_ed25519_key(trader, permissions=["withdraw"], addresses=["127.0.0.1"])
    signed = key.headers("POST", "/user/withdrawals", BODY)
    api = Api()
    answers = [api.send("POST", "/user/withdrawals", BODY, **signed) for _ in range(3)]
    assert [answer.status for answer in answers] == [202, 401, 401]
    assert answers[1].code == "REPLAYED"
    assert Withdrawal.objects.count() == 1
    changed = BODY.replace(b'"100"', b'"900"')
    assert api.send("POST", "/user/withdrawals", changed, **signed).code == "INVALID_SIGNATURE"


def test_a_repeated_request_of_a_session_withdraws_once(trader: Trader) -> None:
    answers = [trader.api.send("POST", "/user/withdrawals", BODY) for _ in range(4)]
    assert {answer.status for answer in answers} == {202}
    assert len({answer.body["id"] for answer in answers}) == 1
    assert wallet_of(trader.user) == (ALL - 100 * UNIT, 100 * UNIT)


def test_a_key_withdraws_only_with_the_permission_and_from_its_addresses(trader: Trader) -> None:
    trades = KeyApi(make_key(trader))
    assert trades.send("POST", "/user/withdrawals", BODY).code == "SCOPE_MISSING"
    refused = trader.api.post(
        "/user/keys",
        {"name": "w", "password": "correct horse battery", "permissions": ["withdraw"]},
    )
    assert refused.status == 400  # needs a list
    elsewhere = make_key(trader, name="e", permissions=["withdraw"], addresses=["198.51.100.0/24"])
    answer = KeyApi(elsewhere).send("POST", "/user/withdrawals", BODY)
    assert answer.code == "ADDRESS_NOT_ALLOWED"
    assert not Withdrawal.objects.exists()


def test_no_key_touches_the_address_book(trader: Trader) -> None:
    every = make_key(trader, permissions=["read", "trade", "withdraw"], addresses=["127.0.0.1"])
    api = KeyApi(every)
    new = json.dumps({"network": "manual", "address": "DE89 3704 0044", "label": "x"}).encode()
    own = WithdrawalAddress.objects.get().pk
    for method, path, body in (
        ("POST", "/user/withdrawal-addresses", new),
        ("DELETE", f"/user/withdrawal-addresses/{own}", b""),
    ):
        assert api.send(method, path, body).status == 403, path
    assert api.get("/user/withdrawal-addresses").status == 200
    assert WithdrawalAddress.objects.get().removed_at is None


def test_a_stolen_session_waits_a_day_for_its_own_address(trader: Trader, settings: Any) -> None:
    settings.WITHDRAWAL_COOLING_S = 24 * 3600
    theirs = {"network": "manual", "address": "DE89 3704 0044", "label": "x"}
    assert trader.api.post("/user/withdrawal-addresses", theirs).status == 201
    answer = withdraw(trader, network="manual", address=theirs["address"])
    assert answer.code == "ADDRESS_COOLING"


def test_money_out_takes_a_fresh_factor_of_a_session(trader: Trader, settings: Any) -> None:
    settings.WITHDRAWALS_NEED_FACTOR = True
    new = {"network": "manual", "address": "DE89 3704 0044", "label": "x"}
    for path, body in (("withdrawals", json.loads(BODY)), ("withdrawal-addresses", new)):
        answer = trader.api.post(f"/user/{path}", body)
        assert (answer.status, answer.code) == (403, "SECOND_FACTOR_REQUIRED"), path
    key = make_key(trader, permissions=["withdraw"], addresses=["127.0.0.1"])
    assert KeyApi(key).send("POST", "/user/withdrawals", BODY).status == 202
    Session.objects.filter(user=trader.user).update(factor_at=timezone.now())
    assert withdraw(trader).status == 202
    assert trader.api.post("/user/withdrawal-addresses", new).status == 201


def test_a_reset_factor_locks_withdrawals(trader: Trader, monkeypatch: pytest.MonkeyPatch) -> None:
    until = timezone.now() + timedelta(hours=3)
    monkeypatch.setattr("accounts.factors.locks.withdrawals_locked_until", lambda _: until)
    assert withdraw(trader).code == "WITHDRAWALS_LOCKED"
    assert wallet_of(trader.user) == (ALL, 0)


def test_other_peoples_withdrawals_and_addresses_are_not_there(trader: Trader) -> None:
    row, entry = ask(trader.user, 600), WithdrawalAddress.objects.get()
    other = make_trader()
    assert other.api.get("/user/withdrawals").body["withdrawals"] == []
    assert other.api.get("/user/withdrawal-addresses").body["addresses"] == []
    assert other.api.delete(f"/user/withdrawals/{row.pk}").status == 404
    assert other.api.delete(f"/user/withdrawal-addresses/{entry.pk}").status == 404
    assert withdraw(other).code == "ADDRESS_NOT_IN_BOOK"
    row.refresh_from_db()
    assert row.state == "waiting"
    for path in ("withdrawals", "withdrawal-addresses", "deposits", "deposit-addresses"):
        assert Api().get(f"/user/{path}").status == 401


# --- an operator alone ----------------------------------------------------------------------------


def refused_by_postgres(constraint: str, change: str, *values: Any) -> None:
    statement = f"UPDATE ledger_withdrawal SET {change} WHERE id = %s"
    refused = pytest.raises(IntegrityError, match=constraint)
    with refused, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement, values)


def test_nobody_decides_their_own(operator: Operator) -> None:
    ann = operator("ann")
    own = _asked_by(ann)
    for act in (deciding.approve, deciding.refuse):
        with pytest.raises(DomainError) as refused:
            act(own.pk, "mine", ann)
        assert refused.value.code == "OWN_REQUEST"
    with pytest.raises(DomainError):
        enter_outcome(own, SendOutcome.CONFIRMED, "r", "mine", ann)


def _asked_by(user: User) -> Withdrawal:
    deposit(user.pk, ALL, approved=True)
    return ask(user, 600)


def test_who_may_not_decide_does_not(trader: Trader, operator: Operator) -> None:
    row = ask(trader.user, 600)
    with pytest.raises(DomainError) as refused:
        deciding.approve(row.pk, "please", make_trader().user)
    assert refused.value.code == "FORBIDDEN"
    with pytest.raises(DomainError):
        deciding.approve(row.pk, " ", operator("ann"))


def test_postgres_takes_no_approval_of_its_owner_nor_one_for_two(
    trader: Trader, operator: Operator
) -> None:
    ann, row = operator("ann"), ask(trader.user, 600)
    own = trader.user.pk
    refused_by_postgres("approved_by_enough", "state = 'approved'", row.pk)
    refused_by_postgres("approved_by_another", "first_by_id = %s", own, row.pk)
    refused_by_postgres(
        "approved_by_two", "first_by_id = %s, second_by_id = %s", ann.pk, ann.pk, row.pk
    )
    refused_by_postgres("never takes fewer", "needed = 0, state = 'approved'", row.pk)
    rich = make_trader(100_000 * UNIT)
    set_level(rich.user.pk, 2, "known", ann)
    two = ask(rich.user, 60_000)
    refused_by_postgres(
        "approved_by_enough", "first_by_id = %s, state = 'approved'", ann.pk, two.pk
    )
    refused_by_postgres(
        "refused_by_another",
        "state = 'refused', refused_by_id = %s, end_entry_id = hold_entry_id",
        rich.user.pk,
        two.pk,
    )


def test_limits_credits_and_the_float_take_two(trader: Trader, operator: Operator) -> None:
    ann, bob = operator("ann"), operator("bob")
    before, after = limits_of(0), Limits(10**12, 10**12, 10**12)
    proposals = [
        propose_limits(0, after, "more", ann),
        credit_by_hand(trader.user, 50 * UNIT, "wire 7", "bank statement", ann),
        move_float("manual", -5 * UNIT, "fee 1", "a bank's fee", ann),
    ]
    assert (limits_of(0), wallet_of(trader.user)) == (before, (ALL, 0))
    for proposal in proposals:
        assert isinstance(proposal, Proposal)
        with pytest.raises(DomainError):
            approve_proposal(proposal.pk, ann)
        approve_proposal(proposal.pk, bob)
    assert (limits_of(0), wallet_of(trader.user)) == (after, (ALL + 50 * UNIT, 0))
    with pytest.raises(DomainError, match="credited already"):
        credit_by_hand(trader.user, 50 * UNIT, "wire 7", "again", bob)
    with pytest.raises(DomainError) as own:
        credit_by_hand(bob, 50 * UNIT, "wire 8", "for me", bob)
    assert own.value.code == "OWN_REQUEST"
    assert WithdrawalLimit.objects.get(pk=0).proposal == proposals[0]


def test_by_hand_from_approval_to_its_end(trader: Trader, operator: Operator) -> None:
    ann = operator("ann")
    put_in_book(trader.user, "DE89 3704 0044")
    WithdrawalAddress.objects.filter(address__startswith="DE").update(network="manual")
    row = ask(trader.user, 100, network="manual", address="DE89 3704 0044")
    send_due_payouts()
    row.refresh_from_db()
    assert row.state == "sending"
    with pytest.raises(DomainError, match="reference"):
        enter_outcome(row, SendOutcome.SENT, "", "sent", ann)
    assert enter_outcome(row, SendOutcome.SENT, "SEPA 1", "sent", ann).state == "sent"
    assert enter_outcome(row, SendOutcome.CONFIRMED, "", "statement 4", ann).state == "confirmed"
    assert wallet_of(trader.user) == (ALL - 100 * UNIT, 0)
    row.refresh_from_db()
    with pytest.raises(DomainError):
        enter_outcome(row, SendOutcome.FAILED, "", "on second thoughts", ann)
    assert row.steps.latest("pk").operator == ann


# --- a dump ---------------------------------------------------------------------------------------


def test_what_speaks_to_custody_is_in_no_table(settings: Any, db: None) -> None:
    settings.CUSTODY_TOKEN = "token-of-custody"
    settings.CUSTODY_WEBHOOK_SECRETS = ["secret-of-webhooks"]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT table_name, column_name FROM information_schema.columns"
            " WHERE table_name LIKE 'custody_%' OR table_name LIKE 'ledger_%'"
        )
        columns = {column for _, column in cursor.fetchall()}
    assert not {column for column in columns if "secret" in column or "token" in column}
