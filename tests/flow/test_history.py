"""①–⑤ A trader's past over HTTP: fees, a flip, margin, a liquidation and funding, through real
processes, and equity rebuilt from it."""

from decimal import Decimal

import pytest

from tests.flow.exchange import MARKET, Exchange, Trader, wait_for
from tests.ledger.rebuilt import Rebuilt, require_rates_follow

pytestmark = pytest.mark.django_db


def cross(taker: Trader, maker: Trader, side: str, qty: str, price: str, leverage: int) -> None:
    other = "SHORT" if side == "LONG" else "LONG"
    resting = maker.place(other, qty, price, leverage=20)
    maker.wait_until(resting, "open")
    taken = taker.place(side, qty, price, leverage=leverage)
    taker.wait_until(taken, "filled")
    maker.wait_until(resting, "filled")


def rebuilt(*traders: Trader) -> list[Rebuilt]:
    found = [Rebuilt(trader.get) for trader in traders]
    for trader in found:
        trader.require_right()
    return found


def test_all_that_happened_is_told(exchange: Exchange) -> None:
    alice, bob = exchange.trader("20000"), exchange.trader("20000")
    cross(alice, bob, "LONG", "0.2", "50010", leverage=40)
    cross(alice, bob, "SHORT", "0.3", "50020", leverage=40)  # alice is short 0.1 now
    answer = alice.send("POST", f"/user/positions/{MARKET}/margin", json={"amount": "7.5"})
    assert answer.status_code == 202
    wait_for(lambda: alice.equity()["locked"] == "0", "the margin")
    of_alice, _ = rebuilt(alice, bob)
    (flipped,) = of_alice.closed
    wanted = {
        "ending": "FLIPPED",
        "side": "LONG",
        "qty": "0.2",
        "entryPrice": "50010",
        "exitPrice": "50020",
        "realizedPnl": "2",
        # 0.2 × 50,010 × 0.05 %, and two thirds of the flip's 0.3 × 50,020 × 0.05 %
        "fee": "10.003",
        "netPnl": "-8.003",
    }
    assert {name: flipped[name] for name in wanted} == wanted
    # The price rises: the engine buys alice's lots back from bob.
    offer = bob.place("SHORT", "0.3", "51050", leverage=20)
    bob.wait_until(offer, "open")
    exchange.set_mark(MARKET, 510_000, "51000")

    def is_liquidated() -> bool:
        return not alice.get("/user/positions")["positions"]

    wait_for(is_liquidated, "the liquidation")
    of_alice, _ = rebuilt(alice, bob)
    liquidated = of_alice.closed[-1]
    assert (liquidated["ending"], liquidated["side"]) == ("LIQUIDATED", "SHORT")
    fee = Decimal(of_alice.fills[-1]["liquidationFee"])
    assert fee == Decimal(liquidated["liquidationFee"]) == -of_alice.kinds["liquidation_fee"]
    (by_order,) = {line["orderId"] for line in alice.get("/user/ledger?kind=fee&limit=1")["ledger"]}
    of_order = alice.get(f"/user/ledger?orderId={by_order}")["ledger"]
    assert {line["cause"] for line in of_order} >= {"order_hold", "fill"}
    settlements = alice.get(f"/markets/{MARKET}/funding")
    require_rates_follow(settlements["settlements"][::-1], Decimal(settlements["lotSize"]))


def test_a_waiting_market_order_shows_no_price(exchange: Exchange) -> None:
    carol, bob = exchange.trader("20000"), exchange.trader("20000")
    mark = exchange.ticker()["markPrice"]
    cross(carol, bob, "LONG", "0.01", mark, leverage=10)
    trigger = {"type": "STOP", "by": "MARK", "price": str(Decimal(mark) - 5_000)}
    body = {"marketId": MARKET, "side": "SHORT", "orderType": "market", "closePosition": True}
    answer = carol.send("POST", "/order", json=body | {"trigger": trigger})
    assert answer.status_code == 202, answer.text
    order = carol.wait_until(answer.json()["orderId"], "waiting")
    assert (order["price"], order["qty"]) == (None, None)
