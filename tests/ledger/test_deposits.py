import json

import pytest
from rest_framework.test import APIClient

from common.errors import DomainError
from ledger import services
from ledger.models import Deposit, DepositStatus, JournalEntry, Posting, Wallet
from markets.conversions import units_text
from matching.messages.limits import MAX_MONEY_UNITS
from matching.messages.vocabulary import Side
from persistence.reconciliation import wallet_differences
from tests.ledger.world import in_threads, make_market, make_order, make_user
from tests.trading.client import token_of

RUBBISH_AMOUNTS: list[object] = [
    None, "", "x", True, [], {}, 0, -1, "0.0000001", "1e400", "NaN", 10**30,
]  # fmt: skip


@pytest.fixture
def alice(db):
    return make_user("alice", deposit_units=0)


def client_of(user) -> APIClient:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {token_of(user.pk)}")
    return client


def available(user) -> int:
    return Wallet.objects.get(user=user).available_units


def onramp(user, **body):
    return client_of(user).post("/user/onramp", body, format="json")


@pytest.fixture
def self_onramp(settings):
    settings.SELF_ONRAMP = True


@pytest.fixture
def approval(settings):
    settings.SELF_ONRAMP = False


def test_onramp_funds_the_wallet_at_once(alice, self_onramp):
    answer = onramp(alice, amount="10000.000001")
    assert answer.status_code == 200
    assert json.loads(answer.content)["balance"] == {
        "id": alice.pk,
        "available": "10000.000001",
        "locked": "0",
    }
    assert available(alice) == 10_000_000_001
    kinds = [(p.account.kind, p.amount_units) for p in Posting.objects.select_related("account")]
    assert sorted(kinds) == [("available", 10_000_000_001), ("deposits", -10_000_000_001)]
    assert wallet_differences() == []


def test_same_key_deposits_once(alice, self_onramp):
    first = onramp(alice, amount=5, idempotencyKey="k")
    again = onramp(alice, amount="5.0", idempotencyKey="k")
    assert (first.status_code, first.content) == (again.status_code, again.content)
    assert available(alice) == 5_000_000
    other = onramp(alice, amount=6, idempotencyKey="k")
    assert (other.status_code, json.loads(other.content)["code"]) == (409, "IDEMPOTENCY_KEY_REUSED")
    assert available(alice) == 5_000_000
    assert onramp(make_user("bob", 0), amount=6, idempotencyKey="k").status_code == 200


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "amount"),
        *(({"amount": amount}, "amount") for amount in RUBBISH_AMOUNTS),
        ({"amount": 1, "idempotencyKey": ""}, "idempotencyKey"),
        ({"amount": 1, "idempotencyKey": "k" * 65}, "idempotencyKey"),
        ({"amount": 1, "idempotencyKey": 7}, "idempotencyKey"),
        ({"amount": 1, "idempotency_key": "k"}, "idempotency_key"),
    ],
)
def test_rubbish_is_refused_by_field(alice, self_onramp, body, field):
    answer = onramp(alice, **body)
    assert answer.status_code == 400
    error = json.loads(answer.content)
    assert error["field"] == field
    assert error["code"]
    assert error["message"]
    assert not Deposit.objects.exists()


def test_onramp_needs_a_token(db):
    answer = APIClient().post("/user/onramp", {"amount": 1}, format="json")
    assert answer.status_code == 401


def test_a_full_wallet_takes_no_more(alice, self_onramp):
    assert onramp(alice, amount=MAX_MONEY_UNITS // 10**6).status_code == 200
    answer = onramp(alice, amount="0.000001")
    assert (answer.status_code, json.loads(answer.content)["code"]) == (400, "WALLET_FULL")


@pytest.mark.parametrize("held_units", [0, 7_000_000])
@pytest.mark.parametrize("over_units", [0, 1])
def test_a_wallet_is_filled_to_the_brim_counting_what_is_held(alice, held_units, over_units):
    """At once, and when an operator approves it."""
    operator = make_user("operator", 0)
    market = make_market()
    services.deposit(alice.pk, 10_000_000, approved=True)
    if held_units:
        make_order(alice, market, Side.LONG, 1, 1, held_units)
    room = MAX_MONEY_UNITS - 10_000_000
    requested = services.deposit(alice.pk, 1).deposit
    Deposit.objects.filter(pk=requested.pk).update(amount_units=room + over_units)
    if over_units:
        for call in (
            lambda: services.deposit(alice.pk, room + 1, approved=True),
            lambda: services.deposit(alice.pk, room + 1),
            lambda: services.approve_deposit(requested.pk, operator.pk),
        ):
            with pytest.raises(DomainError) as refused:
                call()
            assert refused.value.code == "WALLET_FULL"
            assert f"has room for {units_text(room)}" in refused.value.message
        assert available(alice) == 10_000_000 - held_units
    else:
        services.approve_deposit(requested.pk, operator.pk)
        assert available(alice) == MAX_MONEY_UNITS - held_units
    assert wallet_differences() == []


def test_without_self_onramp_an_operator_decides(alice, approval):
    operator = make_user("operator", 0)
    answer = onramp(alice, amount=20, idempotencyKey="k")
    assert answer.status_code == 202
    body = json.loads(answer.content)
    assert body["status"] == "requested"
    assert "balance" not in body
    assert available(alice) == 0
    services.approve_deposit(body["depositId"], operator.pk)
    services.approve_deposit(body["depositId"], operator.pk)
    assert available(alice) == 20_000_000
    assert JournalEntry.objects.count() == 1
    deposit = Deposit.objects.get()
    assert (deposit.decided_by, deposit.status) == (operator, DepositStatus.APPROVED)
    with pytest.raises(DomainError, match="is approved already"):
        services.refuse_deposit(deposit.pk, operator.pk)
    again = onramp(alice, amount=20, idempotencyKey="k")
    assert (again.status_code, json.loads(again.content)["balance"]["available"]) == (200, "20")


def test_nobody_but_the_trader_is_kept_from_deciding(db, approval):
    """Whoever was there first: ids of operators are above a trader's, and below."""
    elder, bob, younger = (make_user(name, 0) for name in ("elder", "bob", "younger"))
    for operator in (elder, younger):
        approved, refused = (services.deposit(bob.pk, 5).deposit.pk for _ in range(2))
        assert services.approve_deposit(approved, operator.pk).deposit.decided_by == operator
        assert services.refuse_deposit(refused, operator.pk).decided_by == operator
    own = services.deposit(bob.pk, 5).deposit.pk
    for decide in (services.approve_deposit, services.refuse_deposit):
        with pytest.raises(DomainError, match="is your own"):
            decide(own, bob.pk)
    assert available(bob) == 10


def test_a_refused_deposit_moves_nothing(alice, approval):
    operator = make_user("operator", 0)
    asked = onramp(alice, amount=5, idempotencyKey="k")
    assert "waits for an operator's approval" in json.loads(asked.content)["message"]
    deposit = Deposit.objects.get()
    services.refuse_deposit(deposit.pk, operator.pk)
    again = onramp(alice, amount=5, idempotencyKey="k")
    assert "was refused by an operator" in json.loads(again.content)["message"]
    services.refuse_deposit(deposit.pk, operator.pk)
    with pytest.raises(DomainError, match="is refused already"):
        services.approve_deposit(deposit.pk, operator.pk)
    assert (available(alice), JournalEntry.objects.count()) == (0, 0)


@pytest.mark.django_db(transaction=True)
def test_same_key_from_ten_threads_deposits_once():
    alice = make_user("alice", 0)
    answers = in_threads(10, lambda: services.deposit(alice.pk, 7, "k", approved=True).deposit.pk)
    assert len(set(answers)) == 1
    assert available(alice) == 7
    assert wallet_differences() == []


@pytest.mark.django_db(transaction=True)
def test_deposits_side_by_side_all_count():
    alice = make_user("alice", 0)
    answers = in_threads(10, lambda: services.deposit(alice.pk, 7, approved=True).deposit.pk)
    assert len(set(answers)) == 10
    assert available(alice) == 70
    assert wallet_differences() == []


@pytest.mark.django_db(transaction=True)
def test_ten_operators_approve_once(settings):
    settings.SELF_ONRAMP = False
    alice, operator = make_user("alice", 0), make_user("operator", 0)
    deposit_id = services.deposit(alice.pk, 7).deposit.pk
    in_threads(10, lambda: services.approve_deposit(deposit_id, operator.pk))
    assert available(alice) == 7
    assert JournalEntry.objects.count() == 1
