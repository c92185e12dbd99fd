"""Transfers: within a family, to others, again, and against orders that want the same money."""

import itertools
import json
import random
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from accounts.factors.resets import reset_by_hand
from accounts.models import User
from common.errors import DomainError
from ledger.models import AccountKind, EntryKind, JournalEntry, Posting, Wallet
from ledger.transfers import services
from ledger.transfers.models import Transfer
from ledger.transfers.services import NewTransfer, allow_to_others
from matching.messages.limits import MAX_MONEY_UNITS
from matching.messages.vocabulary import OrderType, Side
from persistence.reconciliation import reconcile
from tests.admin.factories import make_user as make_operator
from tests.families.family import acting, available, open_account, send
from tests.ledger.world import in_threads
from tests.proofs import share
from tests.trading.client import Trader, make_trader
from trading.orders.request import NewOrder
from trading.services import place_order

pytestmark = pytest.mark.django_db(transaction=True)

RUBBISH_AMOUNTS: list[Any] = [None, "", "x", True, [], {}, 0, -1, "-1", "0.0000001", "1e400", "NaN"]
ORDER = NewOrder(
    market_id="BTC-PERP",
    side=Side.LONG,
    order_type=OrderType.LIMIT,
    qty="0.5",
    price="25000",
    margin="2500",
)


@pytest.fixture(autouse=True)
def _without_factors(settings: Any) -> None:
    """Traders without a second factor may send money away, as in the demo."""
    settings.WITHDRAWALS_NEED_FACTOR = False


@pytest.fixture
def anna(market: object) -> Trader:
    return make_trader()


@pytest.fixture
def hedge(anna: Trader) -> User:
    return open_account(anna, "hedge")


def wrong_money() -> list[str]:
    """What isn't as the journal has it, of all money."""
    return [str(difference) for difference in reconcile().differences]


def test_money_is_there_at_once(anna: Trader, hedge: User) -> None:
    answer = send(anna, amount="100.000001", toAccount="hedge")
    assert answer.status == 200
    assert answer.body["from"] == {"accountId": anna.user.pk, "account": "main", "username": None}
    assert answer.body["to"] == {"accountId": hedge.pk, "account": "hedge", "username": None}
    assert (available(anna.user), available(hedge)) == (9_899_999_999, 100_000_001)
    entry = JournalEntry.objects.get(kind=EntryKind.TRANSFER)
    lines = Posting.objects.filter(entry=entry).values_list("account__kind", "amount_units")
    assert sorted(lines) == [
        (AccountKind.AVAILABLE, -100_000_001),
        (AccountKind.AVAILABLE, 100_000_001),
    ]
    (line,) = acting(anna, "hedge").api.get("/user/ledger?kind=transfer").body["ledger"]
    assert (line["cause"], line["amount"]) == ("transfer", "100.000001")
    assert wrong_money() == []


def test_between_sub_accounts_and_back(anna: Trader, hedge: User) -> None:
    other = open_account(anna, "other")
    assert send(anna, toAccount=str(hedge.pk)).status == 200
    answer = send(anna, fromAccount="hedge", toAccount="other", idempotencyKey="2")
    assert answer.status == 200
    assert (available(hedge), available(other)) == (0, 100_000_000)
    listed = anna.api.get("/user/transfers").body["transfers"]
    assert [(one["from"]["account"], one["to"]["account"]) for one in listed] == [
        ("hedge", "other"),
        ("main", "hedge"),
    ]
    own = acting(anna, "other").api.get("/user/transfers").body["transfers"]
    assert [one["id"] for one in own] == [answer.body["id"]]
    assert own[0]["from"]["account"] == "hedge"


def test_a_page_leads_to_the_next(anna: Trader, hedge: User) -> None:
    for number in range(5):
        assert send(anna, amount="1", toAccount="hedge", idempotencyKey=str(number)).status == 200
    seen, cursor = [], ""
    for _ in range(3):
        page = anna.api.get(f"/user/transfers?limit=2{cursor}").body
        seen += [one["id"] for one in page["transfers"]]
        cursor = f"&cursor={page['nextCursor']}"
    assert page["nextCursor"] is None
    assert seen == sorted(seen, reverse=True)
    assert len(set(seen)) == 5


@pytest.mark.parametrize("amount", RUBBISH_AMOUNTS)
def test_rubbish_amounts(anna: Trader, hedge: User, amount: Any) -> None:
    assert send(anna, amount=amount, toAccount="hedge").status == 400
    assert Transfer.objects.count() == 0


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ({}, 400),
        ({"toAccount": "hedge", "toUsername": "bert"}, 400),
        ({"toAccount": "main"}, 400),
        ({"toAccount": "{main}"}, 400),
        ({"toAccount": "nobody"}, 404),
        ({"toAccount": "9" * 30}, 404),
        ({"toAccount": "x" * 100_000}, 404),
        ({"toAccount": "%"}, 404),
        ({"toAccount": ""}, 404),
        ({"toAccount": None}, 400),
        ({"toAccount": "hedge", "fromAccount": "nobody"}, 404),
        ({"toAccount": "hedge", "fromAccount": "hedge"}, 400),
        ({"toAccount": "hedge", "idempotencyKey": ""}, 400),
        ({"toAccount": "hedge", "idempotencyKey": "k" * 65}, 400),
        ({"toAccount": "hedge", "idempotencyKey": None}, 400),
        ({"toAccount": "hedge", "unknown": 1}, 400),
        ({"toUsername": "bert"}, 403),
    ],
)
def test_what_is_refused_moves_nothing(
    anna: Trader, hedge: User, said: dict[str, Any], status: int
) -> None:
    said = {
        name: value.format(main=anna.user.pk) if isinstance(value, str) and "{" in value else value
        for name, value in said.items()
    }
    assert send(anna, **said).status == status
    assert Transfer.objects.count() == 0
    assert available(anna.user) == 10_000_000_000


@pytest.mark.parametrize(
    ("said", "field", "words"),
    [
        ({"toAccount": "nobody"}, "toAccount", ""),
        ({"toAccount": "hedge", "fromAccount": "nobody"}, "fromAccount", ""),
        ({"toAccount": "main"}, "toAccount", "toAccount must be another account than fromAccount."),
        ({"toUsername": "bert"}, "toUsername", "There is no trader of this username"),
        ({"toUsername": "{anna}"}, "toUsername", "toUsername is you: give toAccount instead."),
    ],
)
def test_a_refusal_names_the_fields_as_they_came(
    anna: Trader, hedge: User, is_open: None, said: dict[str, Any], field: str, words: str
) -> None:
    said = {name: value.format(anna=anna.user.username) for name, value in said.items()}
    answer = send(anna, **said)
    assert answer.body["field"] == field
    assert answer.body["message"].startswith(words)
    assert "_" not in answer.body["message"]


def test_more_than_is_available(anna: Trader, hedge: User) -> None:
    assert anna.place().status == 202  # holds more than 2,500
    answer = send(anna, amount="7600", toAccount="hedge")
    assert (answer.status, answer.code) == (400, "INSUFFICIENT_BALANCE")
    assert answer.body["field"] == "amount"
    assert send(anna, amount=answer.body["available"], toAccount="hedge").status == 200
    assert available(anna.user) == 0
    assert wrong_money() == []


def test_more_than_a_wallet_holds(anna: Trader, hedge: User) -> None:
    Wallet.objects.filter(user=hedge).update(available_units=MAX_MONEY_UNITS)
    assert send(anna, toAccount="hedge").code == "WALLET_FULL"


def test_again_with_the_same_key(anna: Trader, hedge: User) -> None:
    first = send(anna, toAccount="hedge")
    again = send(anna, toAccount=str(hedge.pk))
    assert again.body == first.body
    assert send(anna, toAccount="hedge", amount="101").code == "IDEMPOTENCY_KEY_REUSED"
    assert send(anna, fromAccount="hedge", toAccount="main").code == "IDEMPOTENCY_KEY_REUSED"
    assert available(hedge) == 100_000_000
    # Also where the account is gone since, and nothing is left.
    send(anna, fromAccount="hedge", toAccount="main", idempotencyKey="back")
    anna.api.send("PATCH", f"/user/accounts/{hedge.pk}", b'{"archived": true}')
    assert send(anna, toAccount="hedge").body == first.body
    # A key is its sender's: another has it for himself.
    bert = make_trader()
    open_account(bert, "hedge")
    assert send(bert, toAccount="hedge").status == 200


def test_rows_stay_as_they_were_made(anna: Trader, hedge: User) -> None:
    send(anna, toAccount="hedge")
    for change in (Transfer.objects.all().delete, lambda: Transfer.objects.update(amount_units=1)):
        with pytest.raises(IntegrityError), transaction.atomic():
            change()


# --- to other traders -----------------------------------------------------------------------------


@pytest.fixture
def is_open(db: None) -> None:
    allow_to_others(True, "asked for", make_operator("boss", is_staff=True))


def test_to_another_trader_where_it_is_allowed(anna: Trader, hedge: User, is_open: None) -> None:
    bert = make_trader(0)
    send(anna, toAccount="hedge", idempotencyKey="first")
    answer = send(anna, fromAccount="hedge", toUsername=bert.user.username.upper())
    assert answer.status == 200, answer
    assert answer.body["to"] == {"accountId": None, "account": None, "username": bert.user.username}
    assert available(bert.user) == 100_000_000
    (seen,) = bert.api.get("/user/transfers").body["transfers"]
    assert seen["from"] == {"accountId": None, "account": None, "username": anna.user.username}
    assert wrong_money() == []
    operator = User.objects.get(username="boss")
    allow_to_others(False, "no more", operator)
    assert send(anna, toUsername=bert.user.username, idempotencyKey="2").code == "TRANSFERS_CLOSED"
    assert send(anna, fromAccount="hedge", toUsername=bert.user.username).body == answer.body
    with pytest.raises(DomainError):
        allow_to_others(False, "no more", operator)
    with pytest.raises(DomainError):
        allow_to_others(True, " ", operator)


def test_to_another_it_asks_for_what_a_withdrawal_asks(
    anna: Trader, hedge: User, is_open: None, settings: Any
) -> None:
    """Else who stole a session sends the money to an account of theirs, and withdraws there."""
    settings.WITHDRAWALS_NEED_FACTOR = True
    bert = make_trader(0)
    refused = send(anna, amount="100", toUsername=bert.user.username)
    assert (refused.status, refused.code) == (403, "SECOND_FACTOR_REQUIRED")
    assert send(anna, amount="100", toAccount="hedge", idempotencyKey="own").status == 200
    assert available(bert.user) == 0


def test_after_a_reset_no_money_goes_to_others(anna: Trader, hedge: User, is_open: None) -> None:
    """For a day, whoever asks, as none is withdrawn."""
    bert = make_trader(0)
    reset_by_hand(anna.user, "lost the phone")
    away = NewTransfer(5, "away", to_username=bert.user.username)
    with pytest.raises(DomainError) as refused:
        services.transfer(anna.user.pk, away)
    assert refused.value.code == "WITHDRAWALS_LOCKED"
    services.transfer(anna.user.pk, NewTransfer(5, "own", to_account="hedge"))
    assert available(bert.user) == 0


def test_who_cant_receive_is_answered_as_who_isnt_there(
    anna: Trader, hedge: User, is_open: None
) -> None:
    bert = make_trader()
    User.objects.filter(pk=bert.user.pk).update(is_active=False)
    answers = [
        send(anna, toUsername=name)
        for name in ("nobody", bert.user.username, hedge.username, "", "x" * 1_000)
    ]
    assert {answer.code for answer in answers} == {"RECIPIENT_NOT_FOUND"}
    assert len({json.dumps(answer.body) for answer in answers}) == 1
    assert send(anna, toUsername=anna.user.username).status == 400


# --- at the same time -----------------------------------------------------------------------------


def test_two_tabs_with_one_key_transfer_once(anna: Trader, hedge: User) -> None:
    new = NewTransfer(amount_units=100, key="k", to_account="hedge")
    made = in_threads(8, lambda: services.transfer(anna.user.pk, new).pk)
    assert len(set(made)) == 1
    assert available(hedge) == 100


def test_nobody_goes_below_zero_by_any_interleaving(anna: Trader) -> None:
    """Threads that transfer in circles, to others too, and place orders with the same money."""
    allow_to_others(True, "asked for", make_operator("boss", is_staff=True))
    bert = make_trader(1_000_000_000)
    accounts = ["main", *(open_account(anna, name).account_name for name in ("a", "b", "c"))]
    users = User.objects.in_bulk([anna.user.pk, bert.user.pk])
    users |= {user.pk: user for user in User.objects.filter(parent=anna.user)}
    before = sum(available(user) for user in users.values())
    numbers = itertools.count()
    seed = random.randrange(2**32)

    def act() -> None:
        chance = random.Random(seed + next(numbers))
        for _ in range(share(12)):
            try:
                step(chance)
            except DomainError as error:
                if error.code not in ("INSUFFICIENT_BALANCE", "INVALID_FIELD"):
                    raise

    def step(chance: random.Random) -> None:
        amount = chance.choice([1, 1_000_000_000, 4_000_000_000, 9_999_999_999])
        key = str(next(numbers))
        kind = chance.randrange(5)
        if kind == 0:
            user = chance.choice(sorted(users))
            place_order(user, ORDER)
        elif kind == 1:
            new = NewTransfer(amount, key, to_username=anna.user.username)
            services.transfer(bert.user.pk, new)
        elif kind == 2:
            source = chance.choice(accounts)
            services.transfer(
                anna.user.pk, NewTransfer(amount, key, source, to_username=bert.user.username)
            )
        else:
            source, target = chance.choice(accounts), chance.choice(accounts)
            services.transfer(anna.user.pk, NewTransfer(amount, key, source, target))

    assert in_threads(8, act) == [None] * 8, seed
    wallets = list(Wallet.objects.filter(user__in=users))
    assert all(one.available_units >= 0 and one.held_units >= 0 for one in wallets)
    assert sum(one.available_units + one.held_units for one in wallets) == before
    assert Transfer.objects.count() > 0
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM ledger_wallet w WHERE available_units <> (SELECT"
            " coalesce(sum(p.amount_units), 0) FROM ledger_posting p JOIN ledger_account a"
            " ON a.id = p.account_id WHERE a.user_id = w.user_id AND a.kind = 'available')"
        )
        assert cursor.fetchone() == (0,)
