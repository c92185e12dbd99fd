"""However many orders arrive at once, a wallet is never overdrawn and its postings agree."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection
from django.db.models import Sum

from ledger.models import Posting, Wallet
from tests.trading.client import Trader
from trading.models import Order

THREADS = 50

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(params=["django", "intake"])
def server(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_fifty_threads_on_one_wallet(trader: Trader) -> None:
    """10,000 available and each order needs 1,256.25: seven fit."""
    barrier = threading.Barrier(THREADS)

    def place(_: int) -> tuple[int, str]:
        barrier.wait()
        try:
            answer = trader.place(margin=None, leverage=10)
            return answer.status, answer.body.get("code", "")
        finally:
            connection.close()

    with ThreadPoolExecutor(THREADS) as pool:
        outcomes = sorted(pool.map(place, range(THREADS)))
    assert outcomes == sorted([(202, "")] * 7 + [(400, "INSUFFICIENT_BALANCE")] * (THREADS - 7))
    wallet = Wallet.objects.get(user=trader.user)
    assert wallet.held_units == 7 * 1_256_250_000
    assert wallet.available_units == 10_000_000_000 - wallet.held_units
    assert Order.objects.aggregate(Sum("held_units"))["held_units__sum"] == wallet.held_units
    sums = Posting.objects.filter(account__user=trader.user).values("account__kind")
    totals = {
        row["account__kind"]: row["total"] for row in sums.annotate(total=Sum("amount_units"))
    }
    assert totals == {"available": wallet.available_units, "held": wallet.held_units}


def test_one_client_order_id_from_many_threads_is_one_order(trader: Trader) -> None:
    barrier = threading.Barrier(10)

    def place(_: int) -> tuple[int, int]:
        barrier.wait()
        try:
            answer = trader.place(clientOrderId="same")
            return answer.status, answer.body["orderId"]
        finally:
            connection.close()

    with ThreadPoolExecutor(10) as pool:
        outcomes = sorted(pool.map(place, range(10)))
    order = Order.objects.get()
    assert outcomes == [(200, order.pk)] * 9 + [(202, order.pk)]
    assert Wallet.objects.get(user=trader.user).held_units == order.hold_units
