"""Asking for a withdrawal, cancelling it, and what it is judged by."""

import itertools
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import EndReason, Session
from accounts.services import suspend_user
from accounts.verification.levels import level_of, set_level
from common.errors import DomainError
from ledger.models import (
    Payout,
    Posting,
    StopCause,
    Withdrawal,
    WithdrawalAddress,
    WithdrawalState,
)
from ledger.withdrawals.deciding import approve, cancel, refuse, release_held
from ledger.withdrawals.stops import close_stop, open_stop
from persistence.reconciliation.differences import run_check
from persistence.reconciliation.money_checks import HELD_BY_ORDERS, WALLETS, WITHDRAWALS
from tests.ledger.world import in_threads
from tests.trading.client import Trader, make_trader
from tests.withdrawals.conftest import Operator
from tests.withdrawals.world import ADDRESS, UNIT, ask, put_in_book, wallet_of, withdraw

ALL = 10_000 * UNIT


def differences() -> list[Any]:
    checks = (WALLETS, HELD_BY_ORDERS, WITHDRAWALS)
    return [found for check in checks for found in run_check(check, {}).shown]


def test_a_small_one_is_held_and_approved_at_once(trader: Trader) -> None:
    put_in_book(trader.user)
    answer = withdraw(trader, "100.5")
    assert (answer.status, answer.body["status"], answer.body["amount"]) == (
        202,
        "approved",
        "100.5",
    )
    assert wallet_of(trader.user) == (ALL - 100_500_000, 100_500_000)
    row = Withdrawal.objects.get()
    assert (row.needed, row.first_by_id) == (0, None)
    lines = Posting.objects.filter(entry=row.hold_entry_id).order_by("amount_units")
    assert [(p.account.kind, p.amount_units) for p in lines] == [
        ("available", -100_500_000), ("held", 100_500_000),
    ]  # fmt: skip
    assert Payout.objects.get().key == str(row.send_id)
    assert [(s.before, s.after, s.by) for s in row.steps.all()] == [("", "approved", "trader")]
    assert differences() == []
    listed = trader.api.get("/user/withdrawals").body
    assert [one["id"] for one in listed["withdrawals"]] == [row.pk]
    assert trader.api.get("/user/ledger?kind=withdrawal_hold").body["ledger"] != []


def test_the_same_key_withdraws_once(trader: Trader) -> None:
    put_in_book(trader.user)
    first = withdraw(trader, idempotencyKey="k")
    assert withdraw(trader, idempotencyKey="k") == first
    assert withdraw(trader, "101", idempotencyKey="k").code == "IDEMPOTENCY_KEY_REUSED"
    assert wallet_of(trader.user) == (ALL - 100 * UNIT, 100 * UNIT)
    cancelled = make_trader()
    put_in_book(cancelled.user)
    assert withdraw(cancelled, idempotencyKey="k").status == 202  # keys are of a trader each


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"amount": "0"}, "INVALID_AMOUNT"),
        ({"amount": "x"}, "INVALID_NUMBER"),
        ({"address": "dm1unknown"}, "ADDRESS_NOT_IN_BOOK"),
        ({"network": "moon"}, "ADDRESS_NOT_IN_BOOK"),
        ({"address": ""}, "INVALID_FIELD"),
        ({"idempotencyKey": ""}, "INVALID_FIELD"),
        ({"idempotencyKey": None}, "INVALID_FIELD"),
        ({"more": 1}, "UNKNOWN_FIELD"),
        ({"amount": "2000.000001"}, "WITHDRAWAL_LIMIT"),
    ],
)
def test_what_is_refused_holds_nothing(trader: Trader, fields: dict[str, Any], code: str) -> None:
    put_in_book(trader.user)
    answer = withdraw(trader, fields.pop("amount", "100"), **fields)
    assert (400 <= answer.status < 500, answer.code) == (True, code)
    assert wallet_of(trader.user) == (ALL, 0)
    assert not Withdrawal.objects.exists()


def test_an_address_cools_a_day(trader: Trader) -> None:
    put_in_book(trader.user, age_h=23.9)
    assert withdraw(trader).code == "ADDRESS_COOLING"
    WithdrawalAddress.objects.update(removed_at=timezone.now())
    assert withdraw(trader).code == "ADDRESS_NOT_IN_BOOK"


def test_more_than_there_is(db: None) -> None:
    poor = make_trader(50 * UNIT)
    put_in_book(poor.user)
    answer = withdraw(poor)
    assert (answer.status, answer.code, answer.body["available"]) == (
        400, "INSUFFICIENT_BALANCE", "50",
    )  # fmt: skip
    assert wallet_of(poor.user) == (50 * UNIT, 0)


def test_the_limit_of_24_hours_goes_by_level(trader: Trader, operator: Operator) -> None:
    ask(trader.user, 1_500)
    with pytest.raises(DomainError, match="500 of it is left"):
        ask(trader.user, 501)
    boss = operator("boss")
    set_level(trader.user.pk, 1, "passport seen", boss)
    assert level_of(trader.user.pk) == 1
    assert ask(trader.user, 501).state == "approved"
    with pytest.raises(DomainError) as own:
        set_level(boss.pk, 1, "mine", boss)
    assert own.value.code == "OWN_REQUEST"


def test_what_came_back_does_not_count(trader: Trader, operator: Operator) -> None:
    first = ask(trader.user, 2_000)
    assert first.state == "waiting"
    cancel(trader.user.pk, first.pk)
    second = ask(trader.user, 2_000)
    refuse(second.pk, "not today", operator("ann"))
    assert ask(trader.user, 2_000).state == "waiting"
    assert differences() == []


def test_a_trader_cancels_until_it_is_approved(trader: Trader) -> None:
    waiting, gone = ask(trader.user, 600), ask(trader.user, 100)
    answer = trader.api.delete(f"/user/withdrawals/{waiting.pk}")
    assert (answer.status, answer.body["status"]) == (200, "cancelled")
    assert trader.api.delete(f"/user/withdrawals/{waiting.pk}") == answer  # again: the same
    assert trader.api.delete(f"/user/withdrawals/{gone.pk}").code == "WITHDRAWAL_DECIDED"
    assert wallet_of(trader.user) == (ALL - 100 * UNIT, 100 * UNIT)
    other = make_trader()
    for missing in (gone.pk, gone.pk + 1_000, 2**70):
        answer = other.api.delete(f"/user/withdrawals/{missing}")
        assert (answer.status, answer.code) == (404, "WITHDRAWAL_NOT_FOUND")
    assert differences() == []


def test_one_operator_then_two(trader: Trader, operator: Operator) -> None:
    ann, bob = operator("ann"), operator("bob")
    set_level(trader.user.pk, 2, "known", ann)
    large = ask(trader.user, 9_999)
    assert large.state == "approved"  # of level 2
    rich = make_trader(100_000 * UNIT)
    set_level(rich.user.pk, 2, "known", ann)
    one, two = ask(rich.user, 10_001), ask(rich.user, 50_001)
    assert (one.needed, two.needed) == (1, 2)
    assert approve(one.pk, "looks right", ann).state == "approved"
    assert approve(two.pk, "looks right", ann).state == "waiting"
    with pytest.raises(DomainError) as twice:
        approve(two.pk, "again", ann)
    assert twice.value.code == "OWN_REQUEST"
    assert approve(two.pk, "mine, too", bob).state == "approved"
    two.refresh_from_db()
    assert (two.first_by, two.second_by) == (ann, bob)
    assert Payout.objects.count() == 3


def test_what_is_approved_can_be_called_back(trader: Trader, operator: Operator) -> None:
    row = ask(trader.user)
    refuse(row.pk, "a stolen session", operator("ann"))
    assert not Payout.objects.exists()
    assert wallet_of(trader.user) == (ALL, 0)
    with pytest.raises(DomainError) as decided:
        approve(row.pk, "after all", operator("bob"))
    assert decided.value.code == "WITHDRAWAL_DECIDED"


def test_the_suspended_and_frozen_take_nothing_out(trader: Trader, operator: Operator) -> None:
    waiting = ask(trader.user, 600)
    suspend_user(trader.user)
    with pytest.raises(DomainError) as refused:
        ask(trader.user)
    assert refused.value.code == "ACCOUNT_SUSPENDED"
    with pytest.raises(DomainError):
        approve(waiting.pk, "he asked nicely", operator("ann"))


def test_stops_hold_what_goes_by_itself(trader: Trader, operator: Operator) -> None:
    open_stop(StopCause.RECONCILIATION, "1 difference")
    held, spite = ask(trader.user), ask(trader.user)
    assert {held.state, spite.state} == {"held"}
    assert not Payout.objects.exists()
    assert release_held() == 0
    assert approve(spite.pk, "known difference", operator("ann")).state == "approved"
    close_stop(StopCause.RECONCILIATION)
    assert release_held() == 1
    assert set(Withdrawal.objects.values_list("state", flat=True)) == {"approved"}
    assert Payout.objects.count() == 2


def test_haste_is_looked_at(trader: Trader) -> None:
    states = [ask(trader.user, 1).state for _ in range(11)]
    assert states == ["approved"] * 10 + ["waiting"]
    assert Withdrawal.objects.latest("pk").flags == ["11 withdrawals within 24 hours"]
    changed = make_trader()
    now = timezone.now()
    Session.objects.filter(user=changed.user).update(
        ended_at=now, end_reason=EndReason.PASSWORD_CHANGED
    )
    assert ask(changed.user).flags == ["password changed within 24 hours"]
    many = make_trader()
    for letter in "bcd":
        put_in_book(many.user, "dm1" + letter * 40)
        assert ask(many.user, 1, address="dm1" + letter * 40).state == "approved"
    assert ask(many.user, 1).flags == ["to 4 addresses within 24 hours"]


def test_so_many_at_once(trader: Trader) -> None:
    for _ in range(20):
        ask(trader.user, 1)
    with pytest.raises(DomainError) as refused:
        ask(trader.user, 1)
    assert refused.value.code == "TOO_MANY_REQUESTED"


@pytest.mark.django_db(transaction=True)
def test_two_tabs_withdraw_what_there_is_once() -> None:
    both = make_trader(1_000 * UNIT)
    put_in_book(both.user)

    def once(number: int) -> str:
        try:
            return ask(both.user, 400, idempotency_key=f"tab{number}").state
        except DomainError as error:
            return error.code

    tabs = itertools.count()
    outcomes = in_threads(6, lambda: once(next(tabs)))
    assert sorted(outcomes) == ["INSUFFICIENT_BALANCE"] * 4 + ["approved"] * 2
    assert wallet_of(both.user) == (200 * UNIT, 800 * UNIT)
    again = in_threads(6, lambda: ask(both.user, 100, idempotency_key="same").pk)
    assert len(set(again)) == 1
    assert wallet_of(both.user) == (100 * UNIT, 900 * UNIT)
    assert differences() == []


def test_states_are_words_of_the_api() -> None:
    assert ADDRESS.startswith("dm1")
    assert {state.value for state in WithdrawalState} == {
        "held", "waiting", "approved", "sending", "sent", "confirmed", "failed", "cancelled",
        "refused",
    }  # fmt: skip
