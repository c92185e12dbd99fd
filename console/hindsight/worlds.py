"""One stretch through two engines. No I/O; what the events move is the ledger's word."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from console.hindsight.changes import Changes, Ranges
from ledger.models import AccountKind
from ledger.posting_rules import POSTING_RULES
from matching.core.engine import Engine
from matching.core.market.state import State
from matching.messages.codec import UndecodableMessage, decode_command
from matching.messages.commands import Command, UpdateIndexPrice
from matching.messages.events import Event, PositionLiquidated, Trade
from matching.messages.limits import MAX_TIME_MS
from matching.messages.streams import id_order
from matching.messages.vocabulary import ExecutionType

# One of the exchange's own; a user's accounts are known by his id.
House = AccountKind
_OF_TRADERS = frozenset({AccountKind.AVAILABLE, AccountKind.HELD, AccountKind.MARGIN})


class HindsightRefused(Exception):
    """The text says why there is nothing to compare."""


class TradeSeen(msgspec.Struct, frozen=True, order=True):
    """A trade, without the number it got: that is another in another world."""

    execution: ExecutionType
    price_ticks: int
    size_lots: int
    taker_id: int
    maker_id: int
    taker_order_id: int
    maker_order_id: int


class World:
    """An engine, and what it brought to whom.

    money_units      account id or kind of the exchange's own account → what was posted to it
    liquidations     account id → attempts
    """

    def __init__(self, market_id: str, state: State) -> None:
        self.engine = Engine(state)
        self.money_units: Counter[int | House] = Counter()
        self.liquidations: Counter[int] = Counter()
        self.trades = 0
        self._market_id = market_id

    @property
    def state(self) -> State:
        return self.engine.state

    def apply(self, command: Command | None, now_ms: int) -> list[TradeSeen]:
        """None: what nobody can decode. Raises HindsightRefused."""
        try:
            if command is None:
                events = self.engine.reject_undecodable(now_ms)
            else:
                events = self.engine.apply(command, now_ms)
        except MemoryError:
            raise
        except Exception as error:  # whatever it is, an engine would halt the market
            why = f"{type(error).__name__}: {error}"
            raise HindsightRefused(f"an engine would stop: {why}") from error
        return list(self._told(events))

    def _told(self, events: Iterable[Event]) -> Iterator[TradeSeen]:
        for event in events:
            self._post(event)
            if isinstance(event, Trade):
                self.trades += 1
                yield _seen(event)
            elif isinstance(event, PositionLiquidated):
                self.liquidations[event.account_id] += 1

    def _post(self, event: Event) -> None:
        for movement in POSTING_RULES[type(event)](self._market_id, event):
            for line in movement.lines:
                whose = line.owner if line.kind in _OF_TRADERS else line.kind
                if isinstance(whose, int | AccountKind):
                    self.money_units[whose] += line.amount_units


def _seen(trade: Trade) -> TradeSeen:
    return TradeSeen(
        execution=trade.execution,
        price_ticks=trade.price_ticks,
        size_lots=trade.size_lots,
        taker_id=trade.taker.account_id,
        maker_id=trade.maker.account_id,
        taker_order_id=trade.taker.order_id,
        maker_order_id=trade.maker.order_id,
    )


class StepSeen(msgspec.Struct, frozen=True):
    """What one command came to in one world only."""

    seq: int
    time_ms: int
    only_did: Sequence[TradeSeen]
    only_should: Sequence[TradeSeen]


class Pair:
    """``did``: as it was; ``should``: with ``changes``. ``left_out``, ``replaced``: how many
    commands the changes met."""

    def __init__(self, did: World, should: World, changes: Changes) -> None:
        self.did = did
        self.should = should
        self.left_out = 0
        self.replaced = 0
        self._left_out = Ranges(changes.left_out)
        self._priced = Ranges(one.range for one in changes.prices)
        self._prices = {one.range: one.price_ticks for one in changes.prices}

    def step(self, input_id: str, data: bytes) -> StepSeen:
        """The next stored command. Raises HindsightRefused."""
        now_ms = min(id_order(input_id)[0], MAX_TIME_MS)
        command = _decoded(data)
        did = self.did.apply(command, now_ms)
        seq = self.did.engine.seq
        should = self._should(command, seq, now_ms)
        same = Counter(did) & Counter(should)
        return StepSeen(
            seq=seq,
            time_ms=now_ms,
            only_did=_without(did, same),
            only_should=_without(should, same),
        )

    def _should(self, command: Command | None, seq: int, now_ms: int) -> list[TradeSeen]:
        if self._left_out.holding(seq) is not None:
            self.left_out += 1
            return []
        if isinstance(command, UpdateIndexPrice):
            priced = self._priced.holding(seq)
            if priced is not None:
                self.replaced += 1
                price_ticks = self._prices[priced]
                command = msgspec.structs.replace(command, index_price_ticks=price_ticks)
        return self.should.apply(command, now_ms)


def _decoded(data: bytes) -> Command | None:
    try:
        return decode_command(data)
    except UndecodableMessage:
        return None


def _without(trades: Sequence[TradeSeen], same: Counter[TradeSeen]) -> list[TradeSeen]:
    """In their order, the same ones once each taken away."""
    left = same.copy()
    kept = []
    for trade in trades:
        if left[trade] > 0:
            left[trade] -= 1
        else:
            kept.append(trade)
    return kept
