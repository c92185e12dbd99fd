"""What a custody that lies, or somebody who speaks in its name, can and can't do."""

import json
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import redis

from common.incoming.signatures import signature_of
from custody import inbox
from custody.demo.client import DemoCustody
from custody.floats import look
from custody.models import ChainDeposit, CustodyCase, CustodyNews, DepositAddress
from custody.networks import network_named
from custody.sending import send_due_payouts
from custody.tasks import apply_news
from ledger.models import Deposit, SendingStop, Withdrawal
from tests.trading.client import Answer, Api, Trader, forget_caches, make_trader
from tests.withdrawals.chain import SECRET, blocks, call, played_chain
from tests.withdrawals.conftest import chain
from tests.withdrawals.world import UNIT, ask, wallet_of

__all__ = ["chain"]

ALL = 10_000 * UNIT
ADDRESS = "dm1" + "f" * 40
PATH = "/custody/webhooks/demo"


@pytest.fixture(autouse=True)
def _clean(redis_db: redis.Redis) -> Iterator[None]:
    forget_caches()
    yield
    forget_caches()


@pytest.fixture(autouse=True)
def _webhooks(settings: Any) -> None:
    settings.CUSTODY_WEBHOOK_SECRETS = [SECRET]
    settings.CUSTODY_NETWORKS = ["demo", "manual"]


@pytest.fixture
def trader(db: None) -> Trader:
    found = make_trader()
    DepositAddress.objects.create(network="demo", address=ADDRESS, user=found.user)
    return found


def now() -> str:
    return str(time.time_ns() // 1_000_000)


def post(body: bytes, *, timestamp: str = "", secret: str = SECRET, **headers: str) -> Answer:
    timestamp = timestamp or now()
    signed = {
        "HTTP_X_CUSTODY_TIMESTAMP": timestamp,
        "HTTP_X_CUSTODY_SIGNATURE": signature_of(secret, timestamp, body),
    }
    return Api().send("POST", PATH, body, **(signed | headers))


def deposit_news(seq: int = 1, **fields: Any) -> dict[str, Any]:
    return {
        "seq": seq, "kind": "deposit", "id": "t1", "address": ADDRESS, "amountUnits": 50 * UNIT,
        "state": "seen", "confirmations": 3,
    } | fields  # fmt: skip


def payout_news(row: Withdrawal, seq: int = 1, **fields: Any) -> dict[str, Any]:
    return {
        "seq": seq, "kind": "payout", "id": str(row.send_id), "address": row.address,
        "amountUnits": row.amount_units, "state": "confirmed",
    } | fields  # fmt: skip


def tell(*news: dict[str, Any]) -> None:
    answer = post(json.dumps({"news": news}).encode())
    assert answer.status == 200, answer
    apply_news()


def cases() -> list[str]:
    return list(CustodyCase.objects.order_by("pk").values_list("kind", flat=True))


# --- who speaks -----------------------------------------------------------------------------------


def test_only_what_custody_signed_is_taken(trader: Trader) -> None:
    body = json.dumps({"news": [deposit_news()]}).encode()
    other = json.dumps({"news": [deposit_news(amountUnits=51 * UNIT)]}).encode()
    old, ahead = str(int(now()) - 400_000), str(int(now()) + 400_000)
    wrong = [
        post(body, secret="another"),
        post(other, HTTP_X_CUSTODY_SIGNATURE=signature_of(SECRET, now(), body)),
        post(body, HTTP_X_CUSTODY_SIGNATURE=""),
        post(body, HTTP_X_CUSTODY_SIGNATURE="é" * 64),
        post(body, HTTP_X_CUSTODY_TIMESTAMP=str(int(now()) + 1)),
        post(body, timestamp=old),
        post(body, timestamp=ahead),
        post(body, timestamp="soon"),
        post(body, timestamp="9" * 30),
        Api().send("POST", PATH, body),
    ]
    assert {answer.status for answer in wrong} == {401}
    assert {answer.code for answer in wrong} == {"INVALID_SIGNATURE", "TIMESTAMP_OUTSIDE_WINDOW"}
    assert not CustodyNews.objects.exists()
    assert post(body).status == 200


def test_without_a_secret_nothing_is_taken(db: None, settings: Any) -> None:
    settings.CUSTODY_WEBHOOK_SECRETS = []
    assert post(b"{}", secret="").status == 404
    settings.CUSTODY_WEBHOOK_SECRETS, settings.CUSTODY_NETWORKS = [SECRET], ["manual"]
    assert post(b"{}").status == 404


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{}", b"[]", b"x", b'{"news":[]}', b'{"news":[1]}', b'{"news":{}}', b"\xff",
        *(
            json.dumps({"news": [deposit_news(**wrong)]}).encode()
            for wrong in (
                {"seq": 0}, {"seq": -1}, {"seq": 2**63}, {"seq": "1"}, {"kind": "gift"},
                {"state": "confirmed"}, {"amountUnits": 0}, {"amountUnits": -5},
                {"amountUnits": 1.5}, {"amountUnits": 10**30}, {"id": ""}, {"id": "x" * 121},
                {"address": None}, {"confirmations": -1}, {"more": 1}, {"id": "a\0b"},
            )
        ),
        json.dumps({"news": [deposit_news()] * 101}).encode(),
    ],
)  # fmt: skip
def test_rubbish_that_is_signed_changes_nothing(trader: Trader, body: bytes) -> None:
    answer = post(body)
    assert 400 <= answer.status < 500, answer
    assert not CustodyNews.objects.exists()


def test_a_replayed_webhook_changes_nothing(trader: Trader) -> None:
    body, timestamp = json.dumps({"news": [deposit_news()]}).encode(), now()
    for _ in range(5):
        assert post(body, timestamp=timestamp).status == 200
        apply_news()
    assert wallet_of(trader.user) == (ALL + 50 * UNIT, 0)
    assert CustodyNews.objects.count() == 1


# --- what it says of deposits ---------------------------------------------------------------------


def test_it_credits_a_transfer_once(trader: Trader) -> None:
    tell(deposit_news(1), deposit_news(2), deposit_news(3, confirmations=9))
    tell(deposit_news(4))
    assert wallet_of(trader.user) == (ALL + 50 * UNIT, 0)
    assert ChainDeposit.objects.count() == 1


def test_it_cant_change_an_amount(trader: Trader) -> None:
    tell(deposit_news(1, confirmations=1))
    tell(deposit_news(2, amountUnits=5_000 * UNIT))
    tell(deposit_news(3))
    assert wallet_of(trader.user) == (ALL, 0)
    assert cases() == ["changed"]
    assert SendingStop.objects.get().cause == "case"


def test_it_cant_say_two_things_under_one_number(trader: Trader) -> None:
    tell(deposit_news(1, confirmations=1))
    tell(deposit_news(1, amountUnits=5_000 * UNIT))
    assert wallet_of(trader.user) == (ALL, 0)
    assert cases() == ["contradiction"]


def test_what_arrives_at_nobodys_address_is_nobodys(trader: Trader) -> None:
    tell(deposit_news(1, address="dm1" + "0" * 40))
    assert not ChainDeposit.objects.exists()
    assert cases() == ["stranger"]


def test_it_may_say_what_it_likes_of_a_deposit_that_was_credited(trader: Trader) -> None:
    tell(deposit_news(1))
    tell(deposit_news(2, state="orphaned", confirmations=0))
    tell(deposit_news(3))
    tell(deposit_news(4, amountUnits=1))
    assert wallet_of(trader.user) == (ALL + 50 * UNIT, 0)
    assert Deposit.objects.filter(user=trader.user).count() == 2  # with the trader's first
    assert cases() == ["taken_back", "changed"]


# --- what it says of withdrawals ------------------------------------------------------------------


def test_it_cant_confirm_what_it_was_never_given(trader: Trader) -> None:
    waiting, approved = ask(trader.user, 600), ask(trader.user, 100)
    for seq, row in enumerate((waiting, approved), 1):
        tell(payout_news(row, seq))
    tell(payout_news(approved, 3, id="5d0f2f0c-0000-4000-8000-000000000000"))
    tell(payout_news(approved, 4, id="no id of ours"))
    assert set(Withdrawal.objects.values_list("state", flat=True)) == {"waiting", "approved"}
    assert wallet_of(trader.user) == (ALL - 700 * UNIT, 700 * UNIT)
    assert cases() == ["payout"] * 4
    send_due_payouts()
    assert {row.state for row in Withdrawal.objects.all()} == {"waiting", "held"}  # stopped


def test_it_cant_change_what_is_sent(chain: Any, trader: Trader) -> None:
    row = ask(trader.user, 100)
    send_due_payouts()
    tell(
        payout_news(row, 10_001, amountUnits=1), payout_news(row, 10_002, address="dm1" + "9" * 40)
    )
    row.refresh_from_db()
    assert row.state == "sending"
    assert cases() == ["payout"]  # one that is open says it


def test_it_gives_back_once_and_a_change_of_mind_is_a_case(chain: Any, trader: Trader) -> None:
    row = ask(trader.user, 100)
    send_due_payouts()
    tell(payout_news(row, 10_001, state="failed"), payout_news(row, 10_002, state="failed"))
    assert wallet_of(trader.user) == (ALL, 0)
    tell(payout_news(row, 10_003))
    row.refresh_from_db()
    assert (row.state, cases()) == ("failed", ["payout"])
    tell(payout_news(row, 10_004, state="sent"))
    assert wallet_of(trader.user) == (ALL, 0)


def test_a_confirmation_is_not_taken_back(chain: Any, trader: Trader) -> None:
    row = ask(trader.user, 100)
    send_due_payouts()
    tell(payout_news(row, 10_001), payout_news(row, 10_002, state="failed"))
    assert wallet_of(trader.user) == (ALL - 100 * UNIT, 0)
    assert cases() == ["payout"]


# --- what it says of itself -----------------------------------------------------------------------


def test_money_that_is_gone_stops_what_goes_by_itself(chain: Any, trader: Trader) -> None:
    with chain.state.writing() as base:
        base.execute("UPDATE fact SET value = value - 1 WHERE name = 'float'")
    found = look(network_named("demo"))
    assert found is not None
    assert found.difference_units == -1
    assert ask(trader.user, 100).state == "held"
    with chain.state.writing() as base:
        base.execute("UPDATE fact SET value = value + 1 WHERE name = 'float'")
    look(network_named("demo"))
    assert ask(trader.user, 100).state == "approved"


def test_it_cant_go_back_in_time(chain: Any, trader: Trader, folder: Any, settings: Any) -> None:
    ask(trader.user, 100)
    send_due_payouts()
    blocks(chain, 3)
    look(network_named("demo"))
    (folder / "other").mkdir()
    with played_chain(folder / "other", settings):  # the same custody, as it was at first
        assert look(network_named("demo")) is None
    assert cases() == ["backwards"]
    assert wallet_of(trader.user) == (ALL - 100 * UNIT, 0)


def test_a_flood_is_refused_before_it_fills_a_table(
    trader: Trader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inbox, "WAITING_MAX", 150)
    bodies = [
        json.dumps({"news": [deposit_news(100 * n + k, id=f"t{n}-{k}") for k in range(100)]})
        for n in range(1, 5)
    ]
    statuses = [post(body.encode()).status for body in bodies]
    assert statuses == [200, 200, 503, 503]
    assert CustodyNews.objects.count() == 200


def test_a_flood_of_cases_is_bounded(trader: Trader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("custody.cases.OPEN_MAX", 3)
    tell(*(deposit_news(n, id=f"t{n}", address="dm1" + "0" * 40) for n in range(1, 9)))
    assert 3 <= CustodyCase.objects.count() <= 4


@pytest.mark.parametrize("answer", [b"", b"[]", b"{}", b'{"seq":1}', b"x" * 2_000_000])
def test_what_it_answers_has_a_form_or_is_no_answer(
    chain: Any, trader: Trader, monkeypatch: pytest.MonkeyPatch, answer: bytes
) -> None:
    ask(trader.user, 100)
    monkeypatch.setattr(
        "custody.demo.client._client",
        lambda: httpx.Client(
            transport=httpx.MockTransport(lambda _: httpx.Response(200, content=answer))
        ),
    )
    send_due_payouts()
    assert Withdrawal.objects.get().state == "sending"
    assert wallet_of(trader.user) == (ALL - 100 * UNIT, 100 * UNIT)


def test_an_answer_about_another_withdrawal_is_none(
    chain: Any, trader: Trader, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = ask(trader.user, 100), ask(trader.user, 100)
    real = DemoCustody.send
    monkeypatch.setattr(
        DemoCustody, "send", lambda me, _, *rest: real(me, str(first.send_id), *rest)
    )
    send_due_payouts()
    states = dict(Withdrawal.objects.values_list("pk", "state"))
    assert states == {first.pk: "sending", second.pk: "sending"}
    assert call(chain, "GET", "/news")["news"] != []
