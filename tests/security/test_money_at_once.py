"""Two tabs and a script: a trader who sends everything at once, and the same key everywhere."""

import itertools
import json
import random
from collections.abc import Iterator
from typing import Any

import pytest
import redis
from django.db.models import Sum

from accounts.models import Closure, User
from ledger.models import Wallet, Withdrawal
from ledger.transfers.services import allow_to_others
from persistence.reconciliation import reconcile
from tests.admin.factories import make_user as make_operator
from tests.families.family import acting, available, open_account
from tests.ledger.world import in_threads
from tests.proofs import share
from tests.trading.client import PASSWORD, Answer, Api, Trader, forget_caches, make_trader
from tests.withdrawals.world import ADDRESS, NETWORK, UNIT, put_in_book

pytestmark = pytest.mark.django_db(transaction=True)

THREADS = 20
ACTS = 6  # of each thread


@pytest.fixture(autouse=True)
def _clean(redis_db: redis.Redis, settings: Any) -> Iterator[None]:
    settings.WITHDRAWALS_NEED_FACTOR = False
    settings.LIMITS = False
    forget_caches()
    yield
    forget_caches()


@pytest.fixture
def bert(market: object) -> Trader:
    return make_trader(1_000 * UNIT)


@pytest.fixture
def anna(bert: Trader) -> Trader:
    made = make_trader(1_000 * UNIT)
    put_in_book(made.user)
    allow_to_others(True, "asked for", make_operator("boss", is_staff=True))
    return made


def all_money() -> int:
    sums = Wallet.objects.aggregate(free=Sum("available_units"), held=Sum("held_units"))
    return int(sums["free"]) + int(sums["held"])


def assert_money_agrees(before: int) -> None:
    assert [str(one) for one in reconcile().differences] == []
    assert all_money() == before
    assert not Wallet.objects.filter(available_units__lt=0).exists()
    assert not Wallet.objects.filter(held_units__lt=0).exists()


def withdrawal(amount: object, key: str) -> dict[str, Any]:
    return {"amount": amount, "network": NETWORK, "address": ADDRESS, "idempotencyKey": key}


@pytest.mark.parametrize("seed", range(share(2)))
def test_everything_at_once(anna: Trader, bert: Trader, seed: int) -> None:
    hedge = open_account(anna, "hedge")
    before = all_money()
    seeds, answers = itertools.count(seed * THREADS), list[Answer]()

    def act(chance: random.Random, api: Api, other: Api, sub: Api) -> Answer:
        key, amount = f"k{chance.randrange(40)}", str(chance.choice((1, 7, 150, 900)))
        match chance.randrange(7):
            case 0 | 1:
                return api.post("/user/withdrawals", withdrawal(amount, key))
            case 2:
                ids = list(Withdrawal.objects.values_list("pk", flat=True)) or [1]
                return api.delete(f"/user/withdrawals/{chance.choice(ids)}")
            case 3:
                said = {"amount": amount, "toAccount": "hedge", "idempotencyKey": key}
                return api.post("/user/transfers", said)
            case 4:
                said = {"amount": amount, "fromAccount": "hedge", "toAccount": "main"}
                return api.post("/user/transfers", said | {"idempotencyKey": key})
            case 5:
                said = {"amount": amount, "toUsername": anna.user.username, "idempotencyKey": key}
                return other.post("/user/transfers", said)
            case _:
                archived = json.dumps({"archived": chance.random() < 0.5}).encode()
                return api.send("PATCH", f"/user/accounts/{hedge.pk}", archived)

    def tab() -> None:
        chance = random.Random(next(seeds))
        api, other = Api(anna.api.token), Api(bert.api.token)
        sub = acting(anna, "hedge").api
        answers.extend(act(chance, api, other, sub) for _ in range(ACTS))

    assert in_threads(THREADS, tab) == [None] * THREADS
    assert [one for one in answers if one.status >= 500] == []
    assert len({one.status for one in answers}) > 1
    assert_money_agrees(before)


@pytest.mark.parametrize("seed", range(share(4)))
def test_money_that_arrives_while_an_account_is_closed(
    bert: Trader, anna: Trader, seed: int
) -> None:
    leaver, numbers, before = make_trader(0), itertools.count(seed), all_money()
    to_leaver = {"amount": "1", "toUsername": leaver.user.username}

    def tab() -> Answer:
        number = next(numbers)
        if number % 3:
            return Api(leaver.api.token).post("/user/close", {"password": PASSWORD})
        said = to_leaver | {"idempotencyKey": f"k{number}"}
        return Api(bert.api.token).post("/user/transfers", said)

    answers = in_threads(THREADS, tab)
    assert [one for one in answers if not isinstance(one, Answer) or one.status >= 500] == []
    assert_money_agrees(before)
    is_closed = Closure.objects.filter(user=leaver.user).exists()
    assert is_closed is not User.objects.get(pk=leaver.user.pk).is_active
    assert is_closed is (available(leaver.user) == 0)


def test_one_key_means_what_it_meant_where_it_was_used(anna: Trader, bert: Trader) -> None:
    """Each call has its own keys, and so has each trader and account."""
    hedge = open_account(anna, "hedge")
    put_in_book(bert.user)
    key, before = "k" * 64, all_money()
    to_hedge = {"amount": "10", "toAccount": "hedge", "idempotencyKey": key}
    assert anna.api.post("/user/withdrawals", withdrawal("10", key)).status in (200, 201, 202)
    assert anna.api.post("/user/transfers", to_hedge).status == 200
    assert bert.api.post("/user/withdrawals", withdrawal("20", key)).status in (200, 201, 202)
    again = anna.api.post("/user/withdrawals", withdrawal("11", key))
    assert (again.status, again.code) == (409, "IDEMPOTENCY_KEY_REUSED")
    again = anna.api.post("/user/transfers", to_hedge | {"amount": "11"})
    assert (again.status, again.code) == (409, "IDEMPOTENCY_KEY_REUSED")
    assert available(anna.user) == 980 * UNIT
    assert available(hedge) == 10 * UNIT
    assert available(bert.user) == 980 * UNIT
    same = in_threads(THREADS, lambda: Api(anna.api.token).post("/user/transfers", to_hedge))
    assert {one.status for one in same} == {200}
    same = in_threads(
        THREADS, lambda: Api(anna.api.token).post("/user/withdrawals", withdrawal("10.0", key))
    )
    assert len({json.dumps(one.body, sort_keys=True) for one in same}) == 1
    assert Withdrawal.objects.count() == 2
    assert_money_agrees(before)
