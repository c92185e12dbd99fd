"""①–⑥ with two traders, to the last digit. All figures are computed by hand.

BTC-PERP: tick 0.1, lot 0.001, so one tick of one lot is worth 100 money units (millionths).
Maker 0.02 %, taker 0.05 %. Mark price 50,000.
"""

from collections import Counter
from decimal import Decimal
from typing import Any

import pytest
from django.db.models import Sum
from django.test import Client

from accounts.models import User
from ledger.models import AccountKind, JournalEntry, Posting, Wallet
from persistence.reconciliation import wallet_differences
from tests.flow.exchange import Exchange, Trader, wait_for
from trading.models import Fill, Order, Position

pytestmark = pytest.mark.django_db


class Crossed:
    """Bob shorts 0.5 at 50,010 and rests; Alice longs 0.5 at 50,010 and takes. Margin 2,500 each.

    Notional                  0.5 × 50,010                       = 25,005
    Bob's hold while resting  2,500 + 25,005 × 0.05 %            =  2,512.5025
    Alice's hold              2,500 + open loss 0.5 × 10 + 12.5025 = 2,517.5025
    Alice's fee (taker)       25,005 × 0.05 %                    =     12.5025
    Bob's fee (maker)         25,005 × 0.02 %                    =      5.001
    """

    def __init__(self, alice: Trader, bob: Trader) -> None:
        self.alice, self.bob = alice, bob
        self.short = bob.place("SHORT", "0.5", "50010", margin="2500")
        bob.wait_until(self.short, "open")
        self.while_resting = bob.equity()
        self.long = alice.place("LONG", "0.5", "50010", margin="2500")
        alice.wait_until(self.long, "filled", "0.5")
        bob.wait_until(self.short, "filled", "0.5")


@pytest.fixture(scope="module")
def crossed(exchange: Exchange) -> Crossed:
    return Crossed(exchange.trader("10000"), exchange.trader("10000"))


def test_the_hold_of_the_resting_order(crossed: Crossed) -> None:
    assert crossed.while_resting == {
        "available": "7487.4975",  # 10,000 − 2,512.5025
        "locked": "2512.5025",
        "margin": "0",
        "unrealizedPnl": "0",
        "equity": "10000",
    }


def test_both_positions(crossed: Crossed) -> None:
    for trader, side, pnl in ((crossed.alice, "LONG", "-5"), (crossed.bob, "SHORT", "5")):
        (position,) = trader.get("/user/positions")["positions"]
        wanted = {
            "userId": trader.user_id,
            "marketId": "BTC-PERP",
            "type": side,
            "qty": "0.5",
            "margin": "2500",
            "averagePrice": "50010",
            "markPrice": "50000",
            "unrealizedPnl": pnl,  # ±0.5 × (50,000 − 50,010)
            "realizedPnl": "0",
        }
        assert {name: position[name] for name in wanted} == wanted


def test_both_fills(crossed: Crossed) -> None:
    shown = {}
    for trader in (crossed.alice, crossed.bob):
        (fill,) = trader.get("/user/fills")["fills"]
        names = ("orderId", "side", "role", "qty", "price", "fee", "realizedPnl")
        shown[trader.user_id] = tuple(fill[name] for name in names)
    assert shown == {
        crossed.alice.user_id: (
            crossed.long, "LONG", "TAKER", "0.5", "50010", "12.5025", "0",
        ),
        crossed.bob.user_id: (crossed.short, "SHORT", "MAKER", "0.5", "50010", "5.001", "0"),
    }  # fmt: skip


def test_both_equities(crossed: Crossed) -> None:
    assert crossed.alice.equity() == {
        "available": "7487.4975",  # 10,000 − 2,500 − 12.5025: the open loss came back as available
        "locked": "0",
        "margin": "2500",
        "unrealizedPnl": "-5",
        "equity": "9982.4975",  # 10,000 − 12.5025 − 5
    }
    assert crossed.bob.equity() == {
        "available": "7494.999",  # 10,000 − 2,500 − 5.001
        "locked": "0",
        "margin": "2500",
        "unrealizedPnl": "5",
        "equity": "9999.999",  # 10,000 − 5.001 + 5
    }


def test_all_postings(crossed: Crossed) -> None:
    assert _movements(crossed.alice) == [
        ("deposit", "available", "10000"),
        ("fill", "available", "5"),  # 2,517.5025 − 2,500 − 12.5025
        ("fill", "held", "-2517.5025"),
        ("fill", "margin", "2500"),
        ("order_hold", "available", "-2517.5025"),
        ("order_hold", "held", "2517.5025"),
    ]
    assert _movements(crossed.bob) == [
        ("deposit", "available", "10000"),
        ("fill", "available", "7.5015"),  # 2,512.5025 − 2,500 − 5.001
        ("fill", "held", "-2512.5025"),
        ("fill", "margin", "2500"),
        ("order_hold", "available", "-2512.5025"),
        ("order_hold", "held", "2512.5025"),
    ]
    of_order = Posting.objects.filter(entry__order_id__in=(crossed.long, crossed.short))
    fees = of_order.filter(account__kind=AccountKind.FEES).aggregate(paid=Sum("amount_units"))
    assert fees["paid"] == 12_502_500 + 5_001_000
    entries = JournalEntry.objects.annotate(total=Sum("postings__amount_units"))
    assert not entries.exclude(total=0).exists()
    assert wallet_differences() == []


def _movements(trader: Trader) -> list[tuple[str, str, str]]:
    """What each cause brought to each account, all its lines together."""
    sums: Counter[tuple[str, str]] = Counter()
    for line in trader.get("/user/ledger")["ledger"]:
        sums[line["cause"], line["account"]] += Decimal(line["amount"])  # type: ignore[assignment]
    return sorted((*key, f"{Decimal(amount).normalize():f}") for key, amount in sums.items())


def test_the_admin_shows_it(crossed: Crossed) -> None:
    operator = User.objects.create_superuser(username="flow-operator", password="x")
    client = Client()
    client.force_login(operator)
    alice = crossed.alice
    position = Position.objects.get(user_id=alice.user_id)
    fill = Fill.objects.get(user_id=alice.user_id)
    wallet = Wallet.objects.get(pk=alice.user_id)
    for path, texts in (
        ("trading/order/", ("50,010.00", "0.5 BTC", alice.username, crossed.bob.username)),
        (f"trading/order/{crossed.long}/change/", ("filled", "2,500.00", "2,517.5025", "12.5025")),
        (f"trading/fill/{fill.pk}/change/", ("50,010.00", "0.5 BTC", "12.5025")),
        (f"trading/position/{position.pk}/change/", ("LONG", "0.5 BTC", "50,010.00", "2,500.00")),
        (f"ledger/wallet/{wallet.pk}/change/", ("7,487.4975",)),
        ("status/", ("BTC-PERP", "ACTIVE", "alive")),
    ):
        page = client.get(f"/admin/{path}")
        assert page.status_code == 200, path
        content = page.content.decode()
        for text in texts:
            assert text in content, (path, text)


def test_closing_gives_the_margin_back_and_pays_the_profit(exchange: Exchange) -> None:
    """Of another two, as the first are looked at as they are: the mark rises to 50,400; Alice sells
    to Bob, both reduce-only, at 50,400.

    Profit of the long 0.5 × (50,400 − 50,010) = 195; notional 25,200.
    Bob's fee (maker) 5.04, Alice's (taker) 12.6.
    """
    alice, bob = exchange.trader("10000"), exchange.trader("10000")
    Crossed(alice, bob)
    exchange.set_mark("BTC-PERP", 504_000, "50400")
    wait_for(lambda: alice.equity()["unrealizedPnl"] == "195", "the profit at the mark")
    resting = bob.place("LONG", "0.5", "50400", reduceOnly=True)
    bob.wait_until(resting, "open")
    taking = alice.place("SHORT", "0.5", None, reduceOnly=True)
    alice.wait_until(taking, "filled", "0.5")
    bob.wait_until(resting, "filled", "0.5")
    flat = {"locked": "0", "margin": "0", "unrealizedPnl": "0"}
    expected: tuple[tuple[Trader, str], ...] = (
        (alice, "10169.8975"),  # 10,000 − 12.5025 + 195 − 12.6
        (bob, "9794.959"),  # 10,000 − 5.001 − 195 − 5.04
    )
    for trader, money in expected:
        assert trader.equity() == flat | {"available": money, "equity": money}
        assert trader.get("/user/positions")["positions"] == []
    # What came in is still there: in the two wallets and in the fees.
    orders = Order.objects.filter(user_id__in=(alice.user_id, bob.user_id)).values("pk")
    fees = Posting.objects.filter(
        account__kind=AccountKind.FEES, entry__order_id__in=orders
    ).aggregate(Sum("amount_units"))
    paid = Decimal(fees["amount_units__sum"]) / 1_000_000
    assert Decimal("10169.8975") + Decimal("9794.959") + paid == 20_000
    exchange.set_mark("BTC-PERP", 500_000, "50000")


def test_what_the_rows_say_is_what_was_asked(crossed: Crossed) -> None:
    order = Order.objects.get(pk=crossed.long)
    row: dict[str, Any] = {
        "hold_units": 2_517_502_500,
        "held_units": 0,
        "filled_lots": 500,
        "filled_cost_units": 25_005_000_000,
        "margin_units": 2_500_000_000,
    }
    assert {name: getattr(order, name) for name in row} == row
