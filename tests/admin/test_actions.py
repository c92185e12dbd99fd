"""What operators do: each group exactly its own, after a question, through one service."""

import re
from collections.abc import Callable, Sequence
from http import HTTPStatus
from io import StringIO

import pytest
from django.contrib.admin.models import LogEntry
from django.core.management import call_command
from django.db.models import Model
from django.test import Client

from accounts.models import User
from common.admin.record_urls import list_url, url_of
from console.groups import ACTIONS
from ledger.models import Deposit, DepositStatus, Wallet
from markets.models import Market
from matching.messages.vocabulary import MarketState, OrderStatus
from tests.admin.algo_rows import make_algo, make_algo_rows
from tests.admin.factories import make_order, make_user
from tests.admin.money_rows import make_deposit
from trading.algos.models import Algo, AlgoState
from trading.models import Order, OutboxCommand

ClientOf = Callable[[str], Client]

# (model, action, the groups that may)
ALL_ACTIONS = [
    (Order, "cancel_selected", {"support", "risk"}),
    (Algo, "pause_selected", {"support", "risk"}),
    (Algo, "cancel_selected", {"support", "risk"}),
    (User, "suspend", {"support"}),
    (User, "resume", {"support"}),
    (Deposit, "approve", {"treasury"}),
    (Deposit, "refuse", {"treasury"}),
    (Market, "resume", {"risk"}),
    (Market, "post_only", {"risk"}),
    (Market, "reduce_only", {"risk"}),
    (Market, "cancel_only", {"risk"}),
    (Market, "pause", {"risk"}),
]


def act(
    client: Client, model: type[Model], action: str, rows: Sequence[Model], confirmed: bool = True
) -> str:
    data = {"action": action, "_selected_action": [row.pk for row in rows]}
    if confirmed:
        data["confirmed"] = "yes"
    response = client.post(list_url(model, ""), data, follow=True)
    assert response.status_code == HTTPStatus.OK
    return response.content.decode()


@pytest.mark.parametrize("group", sorted(ACTIONS))
def test_each_group_does_exactly_its_actions(
    client_of: ClientOf, market: Market, group: str
) -> None:
    client = client_of(group)
    targets = {
        Order: make_order(make_user(), market),
        Algo: make_algo(make_user(), market),
        User: make_user(),
        Deposit: make_deposit(make_user()),
        Market: market,
    }
    for model, action, groups in ALL_ACTIONS:
        offered = f'value="{action}"' in client.get(list_url(model, "")).content.decode()
        assert offered == (group in groups), (group, action)
        logged = LogEntry.objects.count()
        if action == "resume" and model is User:
            User.objects.filter(pk=targets[User].pk).update(is_active=False)
        if action == "refuse":
            targets[Deposit] = make_deposit(make_user())
        act(client, model, action, [targets[model]])
        assert (LogEntry.objects.count() > logged) == (group in groups), (group, action)


@pytest.mark.parametrize("group", sorted(ACTIONS))
def test_only_risk_edits_markets(client_of: ClientOf, market: Market, group: str) -> None:
    response = client_of(group).post(url_of(Market, market.pk), {})
    assert (response.status_code == HTTPStatus.FORBIDDEN) == (group != "risk")


def test_creategroups_restores_what_was_changed(operator: Callable[[str], User]) -> None:
    support = operator("support")
    support.groups.get().permissions.clear()
    call_command("creategroups", stdout=StringIO())
    assert User.objects.get(pk=support.pk).has_perm("trading.cancel_order")
    assert not User.objects.get(pk=support.pk).has_perm("trading.change_order")


def test_nothing_happens_before_the_question_is_answered(
    client_of: ClientOf, market: Market
) -> None:
    order = make_order(make_user(), market)
    page = act(client_of("support"), Order, "cancel_selected", [order], confirmed=False)
    assert "Cancel these orders?" in page
    assert f"Order {order.pk}" in page
    assert not OutboxCommand.objects.exists()


def test_cancelling_asks_the_engine_once_per_live_order(
    client_of: ClientOf, market: Market
) -> None:
    live = [make_order(make_user(), market) for _ in range(2)]
    ended = make_order(make_user(), market, status=OrderStatus.FILLED, held_units=0)
    page = act(client_of("support"), Order, "cancel_selected", [*live, ended])
    assert "(2 in all)" in page
    commands = OutboxCommand.objects.order_by("payload__order_id")
    assert [c.payload["order_id"] for c in commands] == [order.pk for order in live]
    assert {(c.command_type, c.payload["reason"]) for c in commands} == {
        ("CancelOrder", "OPERATOR")
    }
    assert {c.created_by.username for c in commands if c.created_by} == {"support-op"}


def test_an_algo_is_paused_then_ended_with_its_orders(client_of: ClientOf, market: Market) -> None:
    trader = make_user()
    order = make_order(trader, market)
    algo = make_algo_rows(trader, market)
    client = client_of("risk")
    record = client.get(url_of(Algo, algo.pk)).content.decode()
    assert url_of(Order, order.pk) in record
    assert "It takes no orders now." in record
    act(client, Algo, "pause_selected", [algo])
    algo.refresh_from_db()
    assert algo.state == AlgoState.PAUSED
    act(client, Algo, "cancel_selected", [algo])
    algo.refresh_from_db()
    assert (algo.state, algo.reason) == (AlgoState.CANCELLED, "OPERATOR")
    (command,) = OutboxCommand.objects.all()
    assert command.payload["order_id"] == order.pk
    assert command.payload["reason"] == "OPERATOR"


def test_cancelling_many_at_once_is_refused_whole(
    client_of: ClientOf, market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("common.admin.actions.ROWS_MAX", 1)
    orders = [make_order(make_user(), market) for _ in range(2)]
    page = act(client_of("support"), Order, "cancel_selected", orders)
    assert "at most 1 at a time" in page
    assert not OutboxCommand.objects.exists()


@pytest.mark.parametrize(
    ("action", "state"),
    [
        ("pause", MarketState.HALTED),
        ("resume", MarketState.ACTIVE),
        ("post_only", MarketState.POST_ONLY),
        ("reduce_only", MarketState.REDUCE_ONLY),
        ("cancel_only", MarketState.CANCEL_ONLY),
    ],
)
def test_states_of_markets_become_commands(
    client_of: ClientOf, market: Market, action: str, state: MarketState
) -> None:
    act(client_of("risk"), Market, action, [market])
    command = OutboxCommand.objects.get()
    assert (command.command_type, command.payload["state"]) == ("SetMarketState", state)


def test_approving_moves_money_once_and_refusing_after_it_is_refused(
    client_of: ClientOf, market: Market
) -> None:
    client = client_of("treasury")
    deposit = make_deposit(make_user())
    act(client, Deposit, "approve", [deposit])
    act(client, Deposit, "approve", [deposit])
    page = act(client, Deposit, "refuse", [deposit])
    assert "approved already" in page
    deposit.refresh_from_db()
    assert deposit.status == DepositStatus.APPROVED
    assert deposit.decided_by is not None
    assert deposit.decided_by.username == "treasury-op"
    assert Wallet.objects.get(user=deposit.user).available_units == deposit.amount_units


def test_refusing_moves_no_money(client_of: ClientOf, market: Market) -> None:
    deposit = make_deposit(make_user())
    act(client_of("treasury"), Deposit, "refuse", [deposit])
    deposit.refresh_from_db()
    assert deposit.status == DepositStatus.REFUSED
    assert Wallet.objects.get(user=deposit.user).available_units == 0


def test_support_suspends_traders_and_resumes_them(client_of: ClientOf) -> None:
    client, trader = client_of("support"), make_user()
    act(client, User, "suspend", [trader])
    trader.refresh_from_db()
    assert not trader.is_active
    act(client, User, "resume", [trader])
    trader.refresh_from_db()
    assert trader.is_active


def test_support_suspends_neither_operators_nor_itself(
    client_of: ClientOf, operator: Callable[[str], User]
) -> None:
    client, colleague = client_of("support"), operator("risk")
    act(client, User, "suspend", [colleague, User.objects.get(username="support-op")])
    assert not User.objects.filter(is_active=False).exists()


@pytest.mark.parametrize("group", sorted(ACTIONS))
def test_a_record_has_the_actions_of_its_list(
    client_of: ClientOf, market: Market, group: str
) -> None:
    """And leads back to itself, whether the operator said yes or nothing came of it."""
    client, may = client_of(group), group in ("support", "risk")
    order = make_order(make_user(), market)
    url = url_of(Order, order.pk)
    page = client.get(url).content.decode()
    assert ('name="action" value="cancel_selected">Cancel<' in page) == may
    assert "delete_selected" not in page
    said = {"action": "cancel_selected", "_selected_action": str(order.pk), "from_record": "yes"}
    asked = client.post(list_url(Order, ""), said).content.decode()
    assert ("Cancel these orders?" in asked) == may
    assert ('name="from_record" value="yes"' in asked) == may
    answer = client.post(list_url(Order, ""), said | {"confirmed": "yes"})
    assert answer.get("Location") == (url if may else None)
    assert OutboxCommand.objects.filter(command_type="CancelOrder").exists() == may
    gone = client.post(list_url(Order, ""), said | {"_selected_action": "999", "confirmed": "yes"})
    assert gone.get("Location") == ("/admin/trading/order/" if may else None)


def test_a_record_offers_what_can_be_done_to_it(client_of: ClientOf, market: Market) -> None:
    client, trader = client_of("superuser"), make_user()
    ended = {"status": OrderStatus.CANCELLED, "held_units": 0, "cancelled_lots": 500}
    paused, done = make_algo(trader, market), make_algo(trader, market)
    Algo.objects.filter(pk=paused.pk).update(state=AlgoState.PAUSED)
    Algo.objects.filter(pk=done.pk).update(state=AlgoState.CANCELLED, ended_at=paused.created_at)
    suspended = make_user(is_active=False)
    offered: list[tuple[Model, set[str]]] = [
        (make_order(trader, market), {"cancel_selected"}),
        (make_order(trader, market, **ended), set()),
        (make_deposit(trader), {"approve", "refuse"}),
        (make_deposit(trader, DepositStatus.APPROVED), set()),
        (paused, {"cancel_selected"}),
        (done, set()),
        (trader, {"suspend", "propose_reset", "set_level"}),
        (suspended, {"resume", "propose_reset", "set_level"}),
    ]
    for row, names in offered:
        page = client.get(url_of(type(row), row.pk)).content.decode()
        assert set(re.findall(r'name="action" value="(\w+)"', page)) == names, row
    assert ">Set the verification level<" in page
