"""An entry of Alice's that buys at a mark of 1,000, and what is attached to it."""

from typing import Any

from matching.messages.conditional_events import CoverChanged
from tests.matching.actors import (
    Exchange,
    Placed,
    Trader,
    every,
    opens,
    stop_at,
    take_profit_at,
)


class Bracket:
    """An entry of Alice's that buys, with a take-profit at 1,020 and a stop-loss at 980."""

    def __init__(self, lots: int = 4, at: int | None = 1_000, **terms: Any) -> None:
        exchange: Exchange | None = terms.pop("exchange", None)
        self.exchange = exchange or Exchange()
        traders: list[Trader] = self.exchange.traders("alice", "bob", "carol")
        self.alice, self.bob, self.carol = traders
        before = terms.pop("before", 0)
        if before > 0:
            opens(self.exchange, self.alice, self.bob, before)
        elif before:
            opens(self.exchange, self.bob, self.alice, -before)
        profit, loss = terms.pop("profit", take_profit_at(1_020)), terms.pop("loss", stop_at(980))
        entry_id = self.exchange.next_order_id() + 2
        self.exchange._last_order_id -= 1
        self.profit = self.attaches(lots, profit, entry_id)
        self.loss = self.attaches(lots, loss, entry_id)
        self.entry = self.alice.buys(lots, at, **terms)
        assert self.entry.order_id == entry_id

    def attaches(self, lots: int, trigger: Any, entry_id: int, **terms: Any) -> Placed:
        return self.alice.sells(
            lots, trigger=trigger, reduce_only=True, attached_to=entry_id, **terms
        )

    def fills(self, lots: int, at: int = 1_000) -> Placed:
        return self.bob.sells(lots, at=at)

    @property
    def names(self) -> dict[int, str]:
        return {
            self.profit.order_id: "profit",
            self.loss.order_id: "loss",
            self.entry.order_id: "entry",
        }

    def covers(self, events: Any) -> list[tuple[str, int]]:
        found = every(CoverChanged, tuple(events))
        return [(self.names[e.order_id], e.covered_lots) for e in found]

    def cancels(self, placed: Any) -> list[tuple[str, str]]:
        events = placed if isinstance(placed, tuple) else placed.events
        gone = Placed(0, events).cancels
        return [(self.names[i], reason) for i, reason, *_ in gone if i in self.names]

    @property
    def state(self) -> dict[str, int]:
        """What is there of it: what each covers, 0 asleep; of the entry what is left."""
        found = {
            self.names[w.order_id]: 0 if w.is_asleep else w.command.size_lots
            for a in self.exchange.engine.state.accounts.values()
            for w in (*a.waiting.values(), *a.asleep.values())
            if w.order_id in self.names
        }
        resting = self.exchange.engine.state.book.orders.get(self.entry.order_id)
        return found | ({"entry": resting.remaining_lots} if resting else {})
