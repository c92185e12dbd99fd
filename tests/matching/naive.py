"""A naive order book: one flat list, searched from end to end for every match.

It knows price–time priority, times in force, self-trade prevention and the price band, and no
money. Slow and plain on purpose; it shares no code with the engine it is compared with.
"""

from dataclasses import dataclass, field

from matching.messages.vocabulary import SelfTradePrevention, TimeInForce

# ("fill", maker, taker, price, lots) · ("cancel", order, reason, lots) · ("rest", order, price,
# lots) · ("reject", order, code)
Happening = tuple[str | int, ...]


@dataclass
class NaiveOrder:
    order_id: int
    account_id: int
    is_long: bool
    price: int
    lots: int
    arrival: int


@dataclass
class NaiveBook:
    lowest: int  # no fill below
    highest: int  # no fill above
    resting: list[NaiveOrder] = field(default_factory=list)
    seen: set[int] = field(default_factory=set)

    def place(
        self,
        order: NaiveOrder,
        tif: TimeInForce,
        prevention: SelfTradePrevention,
        is_market: bool,
    ) -> list[Happening]:
        if order.order_id in self.seen:
            return []
        self.seen.add(order.order_id)
        if not is_market and self._limit_beyond_band(order):
            return [("reject", order.order_id, "PRICE_OUTSIDE_BAND")]
        if tif is TimeInForce.GTX:
            if self._candidates(order):
                return [("cancel", order.order_id, "POST_ONLY_WOULD_TAKE", order.lots)]
            return [self._rest(order)]
        if tif is TimeInForce.FOK and not self._could_fill(order, prevention):
            return [("cancel", order.order_id, "FOK_UNFILLED", order.lots)]
        happened, reason = self._take(order, prevention)
        if order.lots and reason:
            happened.append(("cancel", order.order_id, reason, order.lots))
        elif order.lots and (is_market or tif is not TimeInForce.GTC):
            happened.append(("cancel", order.order_id, "IOC_REMAINDER", order.lots))
        elif order.lots:
            happened.append(self._rest(order))
        return happened

    def cancel(self, order_id: int, account_id: int) -> list[Happening]:
        for order in self.resting:
            if order.order_id == order_id:
                if order.account_id != account_id:
                    return [("reject", order_id, "NOT_ORDER_OWNER")]
                self.resting.remove(order)
                return [("cancel", order_id, "USER", order.lots)]
        return [("reject", order_id, "UNKNOWN_ORDER")]

    def cancel_all(self, account_id: int) -> list[Happening]:
        mine = sorted(
            (o for o in self.resting if o.account_id == account_id), key=lambda o: o.arrival
        )
        self.resting = [o for o in self.resting if o.account_id != account_id]
        return [("cancel", o.order_id, "USER", o.lots) for o in mine]

    def levels(self, is_long: bool) -> list[tuple[int, int]]:
        """[price, lots], best first."""
        prices = sorted({o.price for o in self.resting if o.is_long is is_long}, reverse=is_long)
        return [
            (price, sum(o.lots for o in self.resting if o.is_long is is_long and o.price == price))
            for price in prices
        ]

    def queue(self, is_long: bool) -> list[tuple[int, int, int]]:
        """(order, price, lots) in the order in which they will be met."""
        side = [o for o in self.resting if o.is_long is is_long]
        side.sort(key=lambda o: (-o.price if is_long else o.price, o.arrival))
        return [(o.order_id, o.price, o.lots) for o in side]

    def _limit_beyond_band(self, order: NaiveOrder) -> bool:
        return order.price > self.highest if order.is_long else order.price < self.lowest

    def _candidates(self, taker: NaiveOrder) -> list[NaiveOrder]:
        """Resting orders the taker's limit reaches, best price first, then oldest."""
        if taker.is_long:
            reached = [o for o in self.resting if not o.is_long and o.price <= taker.price]
            return sorted(reached, key=lambda o: (o.price, o.arrival))
        reached = [o for o in self.resting if o.is_long and o.price >= taker.price]
        return sorted(reached, key=lambda o: (-o.price, o.arrival))

    def _could_fill(self, taker: NaiveOrder, prevention: SelfTradePrevention) -> bool:
        missing = taker.lots
        for maker in self._candidates(taker):
            if not self.lowest <= maker.price <= self.highest:
                return False
            if maker.account_id == taker.account_id:
                if prevention is not SelfTradePrevention.EXPIRE_MAKER:
                    return False
                continue
            missing -= maker.lots
            if missing <= 0:
                return True
        return False

    def _take(
        self, taker: NaiveOrder, prevention: SelfTradePrevention
    ) -> tuple[list[Happening], str]:
        happened: list[Happening] = []
        for maker in self._candidates(taker):
            if not taker.lots:
                break
            if not self.lowest <= maker.price <= self.highest:
                return happened, "PRICE_BAND"
            if maker.account_id == taker.account_id:
                if prevention is not SelfTradePrevention.EXPIRE_TAKER:
                    self.resting.remove(maker)
                    happened.append(("cancel", maker.order_id, "SELF_TRADE", maker.lots))
                if prevention is not SelfTradePrevention.EXPIRE_MAKER:
                    return happened, "SELF_TRADE"
                continue
            lots = min(taker.lots, maker.lots)
            taker.lots -= lots
            maker.lots -= lots
            if not maker.lots:
                self.resting.remove(maker)
            happened.append(("fill", maker.order_id, taker.order_id, maker.price, lots))
        return happened, ""

    def _rest(self, order: NaiveOrder) -> Happening:
        self.resting.append(order)
        return ("rest", order.order_id, order.price, order.lots)
