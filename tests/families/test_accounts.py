"""Sub-accounts: made, named, acted for, archived."""

from typing import Any

import pytest
from django.db import IntegrityError, transaction

from accounts.families import services
from accounts.families.known import known_families
from accounts.models import ApiKey, User
from common.errors import DomainError
from ledger.models import Wallet
from tests.builders.keys import KeyApi, KeyIntakeApi, ask_for_key, make_key
from tests.families.family import acting, available, open_account, send
from tests.trading.client import PASSWORD, Api, Trader, forget_caches, make_trader, sent_commands
from trading.models import Order, Position

pytestmark = pytest.mark.django_db(transaction=True)

BY_SERVER = pytest.mark.parametrize("server", ["django", "intake"])


@pytest.fixture
def anna(market: object) -> Trader:
    return make_trader()


def test_an_account_is_a_trader_without_a_password(anna: Trader) -> None:
    hedge = open_account(anna, "hedge")
    assert hedge.username == f"{anna.user.pk}/hedge"
    assert Wallet.objects.get(user=hedge).available_units == 0
    for username in (hedge.username, "hedge"):
        for password in (PASSWORD, "", hedge.password):
            body = {"username": username, "password": password}
            assert Api().post("/auth/signin", body).code == "WRONG_CREDENTIALS"
    assert (
        Api().post("/auth/signup", {"username": hedge.username, "password": PASSWORD}).status == 400
    )
    listed = anna.api.get("/user/accounts").body["accounts"]
    assert [(one["name"], one["main"]) for one in listed] == [("main", True), ("hedge", False)]


@pytest.mark.parametrize("name", ["", "main", "MAIN", "1st", "a/b", "a" * 33, "é", "a b", "a\0", 7])
def test_names_are_plain(anna: Trader, name: object) -> None:
    assert anna.api.post("/user/accounts", {"name": name}).status == 400
    assert User.objects.filter(parent=anna.user).count() == 0


def test_names_are_unique_within_a_family_alone(anna: Trader) -> None:
    hedge = open_account(anna, "hedge")
    other = open_account(anna, "other")
    assert anna.api.post("/user/accounts", {"name": "Hedge"}).code == "ACCOUNT_NAME_TAKEN"
    path = f"/user/accounts/{other.pk}"
    assert anna.api.send("PATCH", path, b'{"name": "HEDGE"}').code == "ACCOUNT_NAME_TAKEN"
    assert anna.api.send("PATCH", path, b'{"name": "Other"}').body["name"] == "Other"
    open_account(make_trader(), "hedge")
    hedge.refresh_from_db()
    assert hedge.account_name == "hedge"


def test_twenty_and_no_more(anna: Trader, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(services.OPEN_MAX):
        open_account(anna, f"a{number}")
    assert anna.api.post("/user/accounts", {"name": "more"}).code == "TOO_MANY_ACCOUNTS"
    last = User.objects.filter(parent=anna.user).last()
    assert last is not None
    path = f"/user/accounts/{last.pk}"
    assert anna.api.send("PATCH", path, b'{"archived": true}').status == 200
    open_account(anna, "more")
    assert anna.api.send("PATCH", path, b'{"archived": false}').code == "TOO_MANY_ACCOUNTS"
    monkeypatch.setattr(services, "MADE_MAX", services.OPEN_MAX + 1)
    assert anna.api.post("/user/accounts", {"name": "again"}).code == "TOO_MANY_ACCOUNTS"


@BY_SERVER
@pytest.mark.parametrize("by", ["id", "name", "NAME"])
def test_orders_are_placed_for_the_account_named(
    anna: Trader, redis_db: object, server: str, by: str
) -> None:
    hedge = open_account(anna, "hedge")
    assert send(anna, amount="5000", toAccount="hedge").status == 200
    said = str(hedge.pk) if by == "id" else "hedge" if by == "name" else "HEDGE"
    answer = acting(anna, said, server).place()
    assert answer.status == 202, answer
    order = Order.objects.get()
    assert order.user_id == hedge.pk
    assert available(anna.user) == 5_000_000_000
    assert available(hedge) < 2_600_000_000
    (command,) = [c for c in sent_commands(redis_db) if hasattr(c, "order_id")]  # type: ignore[arg-type]
    assert command.account_id == hedge.pk
    # The main account doesn't see it as its own, nor cancel it without naming whose it is.
    assert anna.api.get(f"/order/{order.pk}").status == 404
    assert anna.api.delete(f"/order/{order.pk}").status == 404
    assert acting(anna, said, server).api.delete(f"/order/{order.pk}").status == 202


@BY_SERVER
@pytest.mark.parametrize(
    "said", ["{foreign}", "{stranger}", "nobody", "9" * 18, "9" * 40, "é", "x y"]
)
def test_whose_account_it_isnt_is_answered_as_none(anna: Trader, server: str, said: str) -> None:
    stranger = make_trader()
    foreign = open_account(stranger, "theirs")
    said = said.format(foreign=foreign.pk, stranger=stranger.user.pk)
    answer = acting(anna, said, server).place()
    assert (answer.status, answer.code) == (404, "SUB_ACCOUNT_NOT_FOUND")
    assert Order.objects.count() == 0


@BY_SERVER
def test_the_main_account_may_be_named(anna: Trader, server: str) -> None:
    for said in ("main", str(anna.user.pk)):
        assert acting(anna, said, server).place().status == 202
    assert {order.user_id for order in Order.objects.all()} == {anna.user.pk}


@BY_SERVER
def test_naming_an_account_asks_postgres_nothing_once_it_is_known(
    anna: Trader, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_account(anna, "hedge")
    asked: list[int] = []
    read = known_families._read

    def reading(main_id: int) -> Any:
        asked.append(main_id)
        return read(main_id)

    monkeypatch.setattr(known_families, "_read", reading)
    for said in ("hedge", "hedge", "nobody", "hedge"):
        acting(anna, said, server).place()
    assert asked == [anna.user.pk]


@BY_SERVER
def test_who_is_suspended_is_so_with_the_whole_family(anna: Trader, server: str) -> None:
    hedge = open_account(anna, "hedge")
    key = make_key(anna, account="hedge")
    User.objects.filter(pk=anna.user.pk).update(is_active=False)
    forget_caches()
    assert acting(anna, "hedge", server).place().code == "ACCOUNT_SUSPENDED"
    signing = KeyApi(key) if server == "django" else KeyIntakeApi(key)
    assert signing.send("POST", "/order", b"{}").code == "ACCOUNT_SUSPENDED"
    with pytest.raises(DomainError):
        services.open_account(anna.user.pk, "another")
    # And one account of it alone.
    User.objects.filter(pk=anna.user.pk).update(is_active=True)
    User.objects.filter(pk=hedge.pk).update(is_active=False)
    forget_caches()
    assert acting(anna, "hedge", server).place().code == "ACCOUNT_SUSPENDED"
    assert anna.place().status == 202


@BY_SERVER
def test_a_key_acts_for_its_account_alone(anna: Trader, server: str) -> None:
    hedge = open_account(anna, "hedge")
    open_account(anna, "other")
    send(anna, amount="5000", toAccount="hedge")
    key = make_key(anna, account="hedge")
    made = ApiKey.objects.get(pk=key.key_id)
    assert made.user_id == hedge.pk
    signing = KeyApi(key) if server == "django" else KeyIntakeApi(key)
    assert Trader(signing, anna.user, "").place().status == 202
    assert Order.objects.get().user_id == hedge.pk
    for said in ("other", "main", "hedge", str(anna.user.pk)):
        answer = signing.send("POST", "/order", b"{}", HTTP_X_ACCOUNT=said)
        assert (answer.status, answer.code) == (401, "AUTHENTICATION_FAILED")
    # It can't list its siblings, nor make accounts, nor move money to the main account.
    reading = KeyApi(key)
    assert [one["name"] for one in reading.get("/user/accounts").body["accounts"]] == ["hedge"]
    assert reading.post("/user/accounts", {"name": "more"}).code == "SCOPE_MISSING"
    body = {"amount": "1", "toAccount": "main", "idempotencyKey": "k"}
    assert reading.post("/user/transfers", body).code == "SCOPE_MISSING"


def test_keys_of_the_family_are_its_main_accounts_to_keep(anna: Trader) -> None:
    open_account(anna, "hedge")
    key = make_key(anna, account="hedge")
    make_key(anna)  # names are an account's own
    listed = anna.api.get("/user/keys").body["keys"]
    assert {one["accountId"] for one in listed} == {anna.user.pk, key_owner(key.key_id)}
    assert anna.api.send("PATCH", f"/user/keys/{key.key_id}", b'{"name": "new"}').status == 200
    assert make_trader().api.delete(f"/user/keys/{key.key_id}").status == 404
    assert anna.api.delete(f"/user/keys/{key.key_id}").status == 200
    withdrawing = ask_for_key(
        anna, account="hedge", permissions=["withdraw"], addresses=["127.0.0.1"]
    )
    assert withdrawing.status == 400
    assert ask_for_key(anna, account="nobody").status == 404
    stranger = make_trader()
    foreign = open_account(stranger, "theirs")
    assert ask_for_key(anna, account=str(foreign.pk)).status == 404


def key_owner(key_id: int) -> int:
    return ApiKey.objects.get(pk=key_id).user_id


def test_what_is_the_persons_takes_no_account(anna: Trader) -> None:
    open_account(anna, "hedge")
    api = acting(anna, "hedge").api
    calls = [
        ("GET", "/auth/sessions", {}),
        ("DELETE", "/auth/sessions", {}),
        ("GET", "/user/keys", {}),
        ("POST", "/user/accounts", {"name": "x"}),
        ("POST", "/user/transfers", {"amount": "1", "toAccount": "main", "idempotencyKey": "k"}),
    ]
    for method, path, body in calls:
        answer = api.post(path, body) if body else api.send(method, path)
        assert (answer.status, answer.code) == (403, "MAIN_ACCOUNT_ONLY"), path
    assert api.post("/user/onramp", {"amount": "1"}).code == "MAIN_ACCOUNT_ONLY"


@BY_SERVER
def test_archived_once_flat_and_empty(anna: Trader, server: str) -> None:
    hedge = open_account(anna, "hedge")
    path = f"/user/accounts/{hedge.pk}"
    send(anna, toAccount="hedge")
    assert anna.api.send("PATCH", path, b'{"archived": true}').code == "ACCOUNT_IN_USE"
    send(anna, fromAccount="hedge", toAccount="main", idempotencyKey="back")
    position = Position.objects.create(
        user=hedge,
        market_id="BTC-PERP",
        position_lots=1,
        entry_cost_units=1,
        margin_units=1,
        seq=1,
        updated_at=hedge.date_joined,
    )
    assert "a position" in anna.api.send("PATCH", path, b'{"archived": true}').body["message"]
    position.delete()
    key = make_key(anna, account="hedge")
    assert anna.api.send("PATCH", path, b'{"archived": true}').body["archived"] is True
    forget_caches()
    assert acting(anna, "hedge", server).place().code == "ACCOUNT_ARCHIVED"
    assert KeyApi(key).get("/user/ledger").code == "INVALID_KEY"
    assert send(anna, toAccount="hedge", idempotencyKey="again").code == "ACCOUNT_ARCHIVED"
    assert ask_for_key(anna, account="hedge").code == "ACCOUNT_ARCHIVED"
    assert anna.api.send("PATCH", path, b'{"archived": false}').body["archived"] is False
    assert acting(anna, "hedge").api.get("/user/ledger").status == 200


def test_no_row_of_an_account_that_could_sign_in(anna: Trader) -> None:
    hedge = open_account(anna, "hedge")
    for change in (
        {"password": anna.user.password},
        {"is_staff": True},
        {"is_superuser": True},
        {"parent": hedge},
    ):
        with pytest.raises(IntegrityError), transaction.atomic():
            User.objects.filter(pk=hedge.pk).update(**change)
