"""The load's traders. Steady ones keep the books filled with a little leverage; reckless ones bring
little money and take the most leverage there is, so that swings of the price liquidate them."""

import random
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.chaos.compound import Algos, Body, iceberg, with_exits, with_other
from tests.chaos.custody import Outside
from tests.chaos.load import MARKETS, Caller, Request
from tests.chaos.transfers import Purses

MINE_MAX = 200  # of its order ids a trader remembers
REPEATED_KEYS_MAX = 20


class Trader(threading.Thread):
    """Places around the mark price, changes, cancels, funds, until told to stop."""

    def __init__(
        self,
        url: str,
        name: str,
        stop: threading.Event,
        seed: str,
        per_second: float,
        *,
        reckless: bool = False,
        chain_url: str = "",
        others: list[str],
    ) -> None:
        super().__init__(name=name, daemon=True)
        self.rng = random.Random(seed)
        self.caller = Caller(url, name, stop, self.rng)
        self.fault: BaseException | None = None
        self.reckless = reckless
        self._outside = Outside(self.caller, chain_url, self.rng)
        self._purses = Purses(self.caller, others, self.rng)
        self._algos = Algos(self.caller, self.rng)
        self._halt = stop
        self._per_second = per_second
        self._count = 0
        self._mine: list[int] = []
        self._tickers: dict[str, dict[str, Any]] = {}

    @property
    def requests(self) -> list[Request]:
        return self.caller.requests

    def run(self) -> None:
        try:
            self._live()
        except BaseException as error:  # noqa: BLE001  the run fails with it, see `check_load`
            self.fault = error
        finally:
            self.caller.close()

    def _live(self) -> None:
        self.caller.sign_up()
        self.caller.onramp("3000" if self.reckless else "1000000", f"{self.name}-first")
        self._outside.open()
        self._purses.open()
        acts = self._reckless_acts() if self.reckless else self._steady_acts()
        weights = [weight for weight, _ in acts]
        while not self._halt.is_set():
            self.rng.choices([act for _, act in acts], weights)[0]()
            self._halt.wait(self.rng.expovariate(self._per_second))

    def _steady_acts(self) -> list[tuple[float, Callable[[], None]]]:
        return [
            (30, self._limit),
            (4, self._iceberg),
            (4, self._with_exits),
            (4, self._with_other),
            (1, lambda: self._algos.start(self._new_limit(), self._key())),
            (1, self._algos.change),
            (5, self._market),
            (6, self._immediate),
            (8, self._batch),
            (9, self._conditional),
            (14, self._amend),
            (11, self._cancel),
            (2, self._cancel_batch),
            (2, self._cancel_all),
            (3, self._margin),
            (2, self._countdown),
            (1, self._leverage),
            (2, self._close),
            (3, self._again),
            (1, self._fund),
            (4, lambda: self._outside.withdraw(self._key())),
            (1, self._outside.cancel),
            (3, lambda: self._outside.send_in(self._key())),
            (5, lambda: self._purses.move(self._key())),
            (2, self._look),
        ]

    def _reckless_acts(self) -> list[tuple[float, Callable[[], None]]]:
        return [
            (45, self._gamble),
            (8, self._limit),
            (8, self._conditional),
            (4, self._with_exits),
            (8, self._margin),
            (5, self._amend),
            (5, self._cancel),
            (3, self._cancel_all),
            (3, self._close),
            (12, self._fund),
            (2, lambda: self._outside.withdraw(self._key())),
            (2, lambda: self._outside.send_in(self._key())),
            (4, lambda: self._purses.move(self._key())),
            (3, self._look),
        ]

    # -- what they know

    def _key(self) -> str:
        self._count += 1
        return f"{self.name}-{self._count}"

    def _ticker(self, market: str, price: str = "markPrice") -> float:
        """A price as last looked at, now and then anew; 0 if there is none."""
        if market not in self._tickers or self.rng.random() < 0.2:
            ticker = self.caller.read(f"/markets/{market}/ticker")
            if ticker is not None:
                self._tickers[market] = ticker
        return float(self._tickers.get(market, {}).get(price) or 0)

    def _price(self, market: str, away: float) -> str:
        """This far from the mark, as text; "" without a mark."""
        mark = self._ticker(market)
        return f"{mark * (1 + away):.{MARKETS[market].decimals}f}" if mark else ""

    def _position(self, market: str) -> dict[str, Any] | None:
        page = self.caller.read(f"/user/positions?marketId={market}")
        return page["positions"][0] if page and page["positions"] else None

    # -- orders

    def _market_and_side(self) -> tuple[str, str]:
        return self.rng.choice(list(MARKETS)), self.rng.choice(("LONG", "SHORT"))

    def _qty(self, market: str) -> str:
        terms = MARKETS[market]
        return f"{terms.lot * self.rng.randint(*terms.lots_usual):.3f}"

    def _order(self, market: str, side: str, **terms: Any) -> dict[str, Any] | None:
        """The body of an order; None without a mark price to orient by."""
        body: dict[str, Any] = {
            "marketId": market,
            "side": side,
            "qty": self._qty(market),
            "leverage": self.rng.choice((1, 2, 5, 10, 25, 50)) if self.reckless
            else self.rng.choice((1, 2, 5, 10)),
            "clientOrderId": self._key(),
        } | terms  # fmt: skip
        if body["orderType"] == "limit" and "price" not in body:
            away = self.rng.gauss(0.001, 0.002) * (-1 if side == "LONG" else 1)
            body["price"] = self._price(market, away)
            if not body["price"]:
                return None
        return {name: value for name, value in body.items() if value is not None}

    def _send(self, body: dict[str, Any] | None) -> None:
        if body is None:
            return
        request = Request(self.name, "order", body["clientOrderId"], body)
        answer = self.caller.send("POST", "/order", request)
        if answer is not None:
            self._mine = [*self._mine[-MINE_MAX:], answer["orderId"]]

    def _limit(self) -> None:
        self._send(self._new_limit())

    def _new_limit(self) -> dict[str, Any] | None:
        market, side = self._market_and_side()
        terms: dict[str, Any] = {"orderType": "limit"}
        draw = self.rng.random()
        if draw < 0.15:
            terms["postOnly"] = True
        elif draw < 0.30:
            until = datetime.now(UTC) + timedelta(seconds=self.rng.uniform(1, 15))
            terms["expiresAt"] = until.isoformat(timespec="milliseconds")
        elif draw < 0.36:
            terms |= {"reduceOnly": True, "leverage": None}
        elif draw < 0.42:
            terms["leverage"] = None  # as set for the market, or refused
        elif draw < 0.48:
            terms |= {"leverage": None, "margin": str(self.rng.randint(200, 900))}
        prevention = self.rng.choice(
            ("EXPIRE_MAKER", "EXPIRE_MAKER", "EXPIRE_TAKER", "EXPIRE_BOTH")
        )
        return self._order(market, side, selfTradePrevention=prevention, **terms)

    def _iceberg(self) -> None:
        self._send_made(iceberg)

    def _with_exits(self) -> None:
        self._send_made(with_exits)

    def _with_other(self) -> None:
        self._send_made(with_other)

    def _send_made(self, make: Callable[[Body, random.Random], Body]) -> None:
        plain = self._new_limit()
        self._send(plain and make(plain, self.rng))

    def _market(self) -> None:
        market, side = self._market_and_side()
        tif = self.rng.choice((None, "IOC", "FOK"))
        slippage = self.rng.choice((None, None, "0.0002", "0.002", "0.05"))
        self._send(
            self._order(market, side, orderType="market", timeInForce=tif, maxSlippage=slippage)
        )

    def _immediate(self) -> None:
        market, side = self._market_and_side()
        tif = self.rng.choice(("IOC", "FOK"))
        self._send(self._order(market, side, orderType="limit", timeInForce=tif))

    def _batch(self) -> None:
        orders = [body for _ in range(self.rng.randint(2, 6)) if (body := self._new_limit())]
        if orders:
            self._mine += self.caller.batch(orders)

    def _gamble(self) -> None:
        """Nearly all there is, at the most leverage, one way or the other. A limit near the mark,
        since the hold of a market order is for all its slippage."""
        market, side = self._market_and_side()
        equity = self.caller.read("/user/equity")
        mark = self._ticker(market)
        if equity is None or not mark:
            return
        worth = min(float(equity["available"]) * self.rng.uniform(0.3, 0.9) / 0.03, 45_000)
        lot = MARKETS[market].lot
        lots = int(worth / mark / lot)
        if lots < 1:
            self._fund()
            return
        price = self._price(market, 0.004 if side == "LONG" else -0.004)
        tif = self.rng.choice(("IOC", "IOC", "GTC"))
        self._send(
            self._order(
                market, side, orderType="limit", price=price, timeInForce=tif, leverage=50,
                qty=f"{lots * lot:.3f}",
            )
        )  # fmt: skip

    def _conditional(self) -> None:
        market, side = self._market_and_side()
        kind = self.rng.choice(("STOP", "TAKE_PROFIT", "TRAILING_STOP"))
        trigger: dict[str, Any] = {"type": kind, "by": self.rng.choice(("MARK", "MARK", "LAST"))}
        rising = (kind == "STOP") == (side == "LONG")
        away = abs(self.rng.gauss(0, 0.01)) + 0.0005
        price = self._price(market, away if rising else -away)
        if not price:
            return
        if kind == "TRAILING_STOP":
            trigger["callback"] = self.rng.choice(("0.001", "0.005", "0.02"))
            if self.rng.random() < 0.3:
                trigger["price"] = self._price(market, -away if side == "LONG" else away)
        else:
            trigger["price"] = price
        terms: dict[str, Any] = {"trigger": trigger, "orderType": "market"}
        draw = self.rng.random()
        if draw < 0.35:
            terms |= {"closePosition": True, "qty": None, "leverage": None}
        elif draw < 0.55:
            terms |= {"reduceOnly": True, "leverage": None}
        elif draw < 0.75:
            terms |= {"orderType": "limit", "price": price}
        if self.rng.random() < 0.2:
            until = datetime.now(UTC) + timedelta(seconds=self.rng.uniform(2, 20))
            terms["expiresAt"] = until.isoformat(timespec="milliseconds")
        self._send(self._order(market, side, **terms))

    def _close(self) -> None:
        """All of a position, or more than it has: reduce-only cuts that."""
        market = self.rng.choice(list(MARKETS))
        position = self._position(market)
        if position is None:
            return
        side = "SHORT" if position["type"] == "LONG" else "LONG"
        self._send(
            self._order(
                market, side, orderType="market", qty=position["qty"], leverage=None,
                reduceOnly=True,
            )
        )  # fmt: skip

    def _again(self) -> None:
        """An order that was answered, sent once more: nothing may come of it."""
        sent = [
            r
            for r in self.requests
            if r.kind == "order" and r.acknowledged and len(r.attempts) == 1
        ]
        if not sent:
            return
        request = self.rng.choice(sent[-REPEATED_KEYS_MAX:])
        again = Request(self.name, "order again", request.key, request.sent)
        answer = self.caller.send("POST", "/order", again)
        if answer is not None:
            request.attempts.append(again.attempts[-1])

    # -- changing and cancelling them

    def _amend(self) -> None:
        page = self.caller.read("/user/orders?status=open&limit=20")
        if not page or not page["orders"]:
            return
        order = self.rng.choice(page["orders"])
        market, side = order["marketId"], order["type"]
        changes: dict[str, Any] = {}
        if self.rng.random() < 0.6:
            away = self.rng.gauss(0.001, 0.0015) * (-1 if side == "LONG" else 1)
            changes["price"] = self._price(market, away) or order["price"]
        if order["timeInForce"] == "GTC" and self.rng.random() < 0.3:
            changes["visibleQty"] = self._qty(market)
        if not changes or self.rng.random() < 0.4:
            changes["qty"] = self._qty(market)
        request = Request(self.name, "amend", str(order["id"]), changes)
        self.caller.send("PATCH", f"/order/{order['id']}", request)

    def _cancel(self) -> None:
        """Mostly a fresh one: it may still be on its way to the engine."""
        if not self._mine:
            return
        recent = self._mine[-3:] if self.rng.random() < 0.6 else self._mine
        order_id = self.rng.choice(recent)
        request = Request(self.name, "cancel", str(order_id), {})
        self.caller.send("DELETE", f"/order/{order_id}", request)

    def _cancel_batch(self) -> None:
        ids = sorted(set(self.rng.choices(self._mine, k=4))) if self._mine else []
        if ids:
            self.caller.cancel_batch(ids)

    def _cancel_all(self) -> None:
        market = self.rng.choice([*MARKETS, ""])
        side = self.rng.choice(("", "", "LONG", "SHORT"))
        query = "&".join(f"{k}={v}" for k, v in (("marketId", market), ("side", side)) if v)
        request = Request(self.name, "cancel_all", market, {})
        request.note = side
        self.caller.send("DELETE", f"/orders?{query}" if query else "/orders", request)

    def _countdown(self) -> None:
        """Mostly set anew before it ends, now and then not; never of what others need."""
        market = self.rng.choice(list(MARKETS))
        sent = {"marketId": market, "countdownMs": self.rng.choice((0, 1_500, 4_000, 60_000))}
        self.caller.send("POST", "/orders/countdown", Request(self.name, "countdown", market, sent))

    # -- money

    def _margin(self) -> None:
        market = self.rng.choice(list(MARKETS))
        position = self._position(market)
        if position is None:
            return
        share = float(position["margin"]) * self.rng.uniform(0.01, 0.3)
        takes_out = self.rng.random() < (0.8 if self.reckless else 0.5)
        sent = {"amount": f"{-share if takes_out else share:.6f}"}
        request = Request(self.name, "margin", market, sent)
        path = f"/user/positions/{market}/margin"
        self.caller.send("POST", path, request, repeatable=False)

    def _leverage(self) -> None:
        market = self.rng.choice(list(MARKETS))
        sent = {"leverage": self.rng.choice((5, 10, 20))}
        request = Request(self.name, "leverage", market, sent)
        self.caller.send("POST", f"/user/leverage/{market}", request)

    def _fund(self) -> None:
        most = 1_500 if self.reckless else 500
        self.caller.onramp(str(self.rng.randint(1, most)), self._key())

    def _look(self) -> None:
        paths = (
            "/user/equity", "/user/orders", "/user/positions?status=all", "/user/fills",
            "/user/ledger", "/markets/BTC-PERP/depth", "/markets/ETH-PERP/liquidations",
            "/markets/SOL-PERP/funding",
        )  # fmt: skip
        self.caller.read(self.rng.choice(paths))
