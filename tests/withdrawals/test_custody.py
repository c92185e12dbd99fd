"""Out and in by the demo's chain: sent once, credited once, whatever is lost, doubled or late."""

import random
from typing import Any

import msgspec
import pytest

from custody import inbox
from custody.demo.chain.process import Chain
from custody.deposits import credit_due
from custody.floats import look
from custody.interface import News
from custody.models import ChainDeposit, CustodyCase, CustodyNews, PollCursor
from custody.networks import network_named
from custody.sending import send_due_payouts
from custody.tasks import ask_custody, send_withdrawals
from ledger.models import Deposit, Payout, SendingStop, Withdrawal
from ledger.withdrawals.deciding import cancel
from tests.trading.client import Trader, make_trader
from tests.withdrawals.chain import all_news, blocks, call, send_in
from tests.withdrawals.world import UNIT, ask, put_in_book, wallet_of

ALL = 10_000 * UNIT


def deposit_address(trader: Trader, network: str = "demo") -> str:
    answer = trader.api.get(f"/user/deposit-addresses?network={network}")
    assert answer.status == 200, answer
    (found,) = answer.body["depositAddresses"]
    return str(found["address"])


def states() -> list[str]:
    return list(Withdrawal.objects.order_by("pk").values_list("state", flat=True))


def test_a_withdrawal_goes_all_the_way(chain: Chain, trader: Trader) -> None:
    row = ask(trader.user, 100)
    send_due_payouts()
    assert states() == ["sending"]
    blocks(chain)
    ask_custody()
    assert states() == ["sent"]
    assert wallet_of(trader.user) == (ALL - 100 * UNIT, 100 * UNIT)
    blocks(chain, 2)
    ask_custody()
    assert states() == ["confirmed"]
    assert wallet_of(trader.user) == (ALL - 100 * UNIT, 0)
    assert call(chain, "GET", f"/addresses/{row.address}") == {"arrived": "100"}
    (listed,) = trader.api.get("/user/withdrawals").body["withdrawals"]
    assert (listed["status"], listed["confirmations"]) == ("confirmed", 3)
    assert listed["reference"].startswith("tx")
    found = look(network_named("demo"))
    assert found is not None
    assert (found.difference_units, found.sent_units) == (0, 100 * UNIT)
    assert not SendingStop.objects.exists()


def test_asked_twice_it_is_sent_once(chain: Chain, trader: Trader) -> None:
    """As after a kill between asking custody and writing down what it said."""
    ask(trader.user, 100)
    for _ in range(3):
        send_due_payouts()
        Payout.objects.update(state="waiting", ended_at=None, tries=0)
    blocks(chain, 3)
    ask_custody()
    assert states() == ["confirmed"]
    assert len(chain.state.read("SELECT * FROM transfer")) == 1


def test_what_fails_comes_back(chain: Chain, trader: Trader) -> None:
    bad = "dm1bad" + "0" * 30
    put_in_book(trader.user, bad)
    ask(trader.user, 100, address=bad)
    send_due_payouts()
    blocks(chain)
    ask_custody()
    assert states() == ["failed"]
    assert wallet_of(trader.user) == (ALL, 0)


def test_custody_that_is_away_is_asked_again(chain: Chain, trader: Trader, settings: Any) -> None:
    ask(trader.user, 100)
    url, settings.DEMO_CHAIN_URL = settings.DEMO_CHAIN_URL, "http://127.0.0.1:9"
    send_withdrawals()
    ask_custody()
    payout = Payout.objects.get()
    assert (payout.state, payout.tries, states()) == ("waiting", 1, ["sending"])
    assert "doesn't answer" in payout.last_error
    settings.DEMO_CHAIN_URL = url
    Payout.objects.update(due_at=payout.made_at)
    send_withdrawals()
    blocks(chain, 3)
    ask_custody()
    assert states() == ["confirmed"]


def test_a_stop_and_a_suspension_hold_what_is_approved(chain: Chain, trader: Trader) -> None:
    ask(trader.user, 100)
    SendingStop.objects.create(cause="float", words="1 off")
    send_withdrawals()
    assert (states(), Payout.objects.count()) == (["held"], 0)
    SendingStop.objects.all().delete()
    trader.user.is_active = False
    trader.user.save()
    send_withdrawals()
    assert (states(), Payout.objects.count()) == (["waiting"], 0)
    assert chain.state.read("SELECT * FROM transfer") == []
    cancel(trader.user.pk, Withdrawal.objects.get().pk)
    assert wallet_of(trader.user) == (ALL, 0)


def test_a_deposit_is_seen_confirmed_and_credited(chain: Chain, trader: Trader) -> None:
    address = deposit_address(trader)
    assert deposit_address(trader) == address
    name = send_in(chain, address, "12.5")
    for expected in (("seen", 1), ("seen", 2), ("credited", 3)):
        blocks(chain)
        ask_custody()
        (listed,) = trader.api.get("/user/deposits").body["deposits"]
        assert (listed["status"], listed["confirmations"]) == expected
    assert (listed["reference"], listed["amount"]) == (name, "12.5")
    assert wallet_of(trader.user) == (ALL + 12_500_000, 0)
    ask_custody()
    assert wallet_of(trader.user) == (ALL + 12_500_000, 0)
    assert not SendingStop.objects.exists()


def test_a_reorganised_deposit_is_taken_back_and_may_come_again(
    chain: Chain, trader: Trader
) -> None:
    send_in(chain, deposit_address(trader), 50)
    blocks(chain, 2)
    ask_custody()
    chain.blocks.reorganise(2, 0.0)
    ask_custody()
    (row,) = ChainDeposit.objects.all()
    assert (row.state, row.confirmations) == ("orphaned", 0)
    blocks(chain, 3)
    ask_custody()
    row.refresh_from_db()
    assert (row.state, row.confirmations) == ("credited", 3)
    send_in(chain, row.address, 60)
    blocks(chain, 1)
    chain.blocks.reorganise(1, 1.0)
    blocks(chain, 5)
    ask_custody()
    assert set(ChainDeposit.objects.values_list("amount_units", "state")) <= {
        (50 * UNIT, "credited"), (60 * UNIT, "orphaned"),
    }  # fmt: skip
    assert wallet_of(trader.user) == (ALL + 50 * UNIT, 0)
    assert not CustodyCase.objects.exists()


def test_taken_back_after_it_was_credited_is_an_operators(chain: Chain, trader: Trader) -> None:
    send_in(chain, deposit_address(trader), 50)
    blocks(chain, 3)
    ask_custody()
    chain.blocks.reorganise(5, 1.0)
    ask_custody()
    assert wallet_of(trader.user) == (ALL + 50 * UNIT, 0)
    assert CustodyCase.objects.get().kind == "taken_back"
    assert set(SendingStop.objects.values_list("cause", flat=True)) == {"case", "float"}


@pytest.mark.parametrize("seed", range(6))
def test_news_in_any_order_however_often(chain: Chain, trader: Trader, seed: int) -> None:
    """Against the chain itself: whatever it says by then is true here, too."""
    rng = random.Random(seed)
    address = deposit_address(trader)
    ask(trader.user, 100)
    send_due_payouts()
    for number in range(5):
        send_in(chain, address, number + 1)
        blocks(chain, rng.randint(0, 2))
        if rng.random() < 0.5:
            chain.blocks.reorganise(rng.randint(1, 2), 0.3)
    blocks(chain, 3)
    told = [news for news in all_news(chain) for _ in range(rng.randint(0, 3))]
    rng.shuffle(told)
    for start in range(0, len(told), 3):
        part = [msgspec.convert(news, News) for news in told[start : start + 3]]
        inbox.take_in("demo", part)
        inbox.apply_waiting()
    ask_custody()  # what was never told
    final = chain.state.read("SELECT * FROM transfer WHERE kind = 'deposit' AND state = 'final'")
    assert Deposit.objects.filter(idempotency_key=None).count() == len(final) + 1  # the first
    come = sum(row["amount_units"] for row in final)
    assert wallet_of(trader.user) == (ALL + come - 100 * UNIT, 0)
    assert states() == ["confirmed"]
    assert list(SendingStop.objects.filter(closed_at=None)) == []
    newest = PollCursor.objects.get(pk="demo").seq
    assert CustodyNews.objects.filter(applied_at=None).count() == 0
    assert newest == chain.state.balance()["seq"]


def test_a_full_wallet_is_credited_later(
    chain: Chain, trader: Trader, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("ledger.services.MAX_MONEY_UNITS", ALL)
        send_in(chain, deposit_address(trader), 50)
        blocks(chain, 3)
        ask_custody()
        assert ChainDeposit.objects.get().state == "seen"
        assert CustodyCase.objects.get().kind == "full"
    credit_due()
    assert wallet_of(trader.user) == (ALL + 50 * UNIT, 0)


def test_an_address_book_over_http(chain: Chain, trader: Trader, settings: Any) -> None:
    good = {"network": "demo", "address": "dm1" + "c" * 40, "label": "cold"}
    made = trader.api.post("/user/withdrawal-addresses", good)
    assert made.status == 201
    assert trader.api.post("/user/withdrawal-addresses", good).code == "ADDRESS_IN_BOOK"
    ours = {"address": deposit_address(make_trader())}
    for wrong in ({"address": "nowhere"}, {"network": "moon"}, {"label": ""}, {"label": 1}, ours):
        answer = trader.api.post("/user/withdrawal-addresses", good | wrong)
        assert answer.status == 400, wrong
    listed = trader.api.get("/user/withdrawal-addresses").body["addresses"]
    assert listed == [made.body]
    assert trader.api.delete(f"/user/withdrawal-addresses/{made.body['id']}").status == 200
    assert trader.api.delete(f"/user/withdrawal-addresses/{made.body['id']}").status == 404
    assert trader.api.get("/user/deposit-addresses?network=moon").status == 400
    every = trader.api.get("/user/deposit-addresses").body["depositAddresses"]
    assert [one["network"] for one in every] == ["demo", "manual"]
