"""What accounts are worth, told once the ledger knows.

What moves money is heard from the engines; the balance it leads to is the ledger's. So an account
that money moved on is looked at until the ledger is past what was heard, and told then. What comes
from elsewhere, deposits, transfers, a leverage that was set, is found by looking, once a second.
"""

import asyncio
import time
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

from feeds.account import accounts_in
from gateway.orders.leverage import default_of
from gateway.streams.hub import StreamHub
from gateway.streams.own.account_events import (
    HeldPosition,
    account_event,
    leverage_event,
    margin_call_event,
)
from ledger.models import Wallet
from markets.models import Market
from markets.rules import market_tickers
from matching.messages.events import (
    Event,
    FundingSettled,
    MarginAdjusted,
    OutputEntry,
    PositionChanged,
    PositionSettled,
    Trade,
)
from matching.messages.limits import PPM
from trading.models import Position, TraderLeverage
from trading.positions.figures import position_figures

TOLD_ANYWAY_AFTER_S = 5.0
BEGUN_WITHIN_S, BEGUN_LOOK_EVERY_S = 2.0, 0.05
CALLED_FROM_PPM = 800_000  # of the margin ratio; liquidation is at a million
CALLED_AGAIN_BELOW_PPM = 750_000

Told = list[tuple[int, dict[str, Any]]]


@dataclass(slots=True)
class _Due:
    """Of an account, for one reason: what is to be told once markets are persisted up to these
    sequences."""

    time_ms: int
    since_s: float
    seqs: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Seen:
    """What the ledger has of accounts, at one look."""

    cursors: dict[str, int]
    wallets: dict[int, tuple[int, int]]  # available and held
    positions: dict[int, list[Position]]
    leverages: dict[int, dict[str, int]]
    marks: dict[str, int]

    def wallet_units(self, user_id: int) -> int:
        margin = sum(one.margin_units for one in self.positions.get(user_id, ()))
        return sum(self.wallets.get(user_id, (0, 0))) + margin


class Worth:
    def __init__(self, hub: StreamHub) -> None:
        self._hub = hub
        self._due: dict[int, dict[str, _Due]] = {}  # by account and reason, in order of hearing
        self._told_units: dict[int, int] = {}
        self._leverages: dict[int, dict[str, int]] = {}
        self._called: set[tuple[int, str]] = set()

    async def begin(self, user_id: int) -> None:
        """What the account has before anything is told: what comes to it from now on is news.

        Of what engines put out before and the ledger has yet to write down nothing will be heard.
        It is waited for, for a moment; else the next look is the first.
        """
        if user_id in self._told_units:
            return
        put_out = {market_id: one.seq for market_id, one in self._hub.output.positions.items()}
        until_s = time.monotonic() + BEGUN_WITHIN_S
        while user_id not in self._told_units and time.monotonic() < until_s:
            seen = await self._hub.ask(lambda: _look([user_id]))
            if all(seen.cursors.get(market_id, 0) >= seq for market_id, seq in put_out.items()):
                self._told_units.setdefault(user_id, seen.wallet_units(user_id))
                self._leverages.setdefault(user_id, seen.leverages[user_id])
                return
            await asyncio.sleep(BEGUN_LOOK_EVERY_S)

    def forget(self, user_id: int) -> None:
        self._due.pop(user_id, None)
        self._told_units.pop(user_id, None)
        self._leverages.pop(user_id, None)
        self._called = {one for one in self._called if one[0] != user_id}

    def hear(self, market_id: str, entry: OutputEntry, users: Collection[int]) -> None:
        for event in entry.events:
            reason = _reason(event)
            if reason is None:
                continue
            for user_id in accounts_in(event) & set(users):
                of_user = self._due.setdefault(user_id, {})
                due = of_user.setdefault(reason, _Due(0, time.monotonic()))
                due.time_ms = max(due.time_ms, entry.time_ms)
                due.seqs[market_id] = entry.seq

    async def events(self, users: Collection[int]) -> Told:
        """What was heard and is persisted by now: what happened for two reasons is told twice, with
        one balance where the ledger has both."""
        asked = sorted(self._due.keys() & set(users))
        if not asked:
            return []
        seen = await self._hub.ask(lambda: _look(asked))
        told: Told = []
        for user_id in asked:
            of_user = self._due.get(user_id, {})  # none where nobody listens any more
            ready = {reason: due for reason, due in of_user.items() if _may_be_told(due, seen)}
            for reason, due in ready.items():
                del of_user[reason]
                touched = [one for one in seen.positions[user_id] if one.market_id in due.seqs]
                told.append((user_id, self._worth(user_id, reason, due.time_ms, seen, touched)))
                self._told_units[user_id] = seen.wallet_units(user_id)
            if not of_user:
                self._due.pop(user_id, None)
        return told

    async def changes(self, users: Collection[int]) -> Told:
        """What was not heard of: money that came or went, leverages, margins that grow thin."""
        asked = sorted(set(users) - self._due.keys())
        if not asked:
            return []
        seen = await self._hub.ask(lambda: _look(asked))
        now_ms = time.time_ns() // 1_000_000
        told: Told = []
        for user_id in asked:
            if self._is_read(seen) and user_id not in self._due:
                units = seen.wallet_units(user_id)
                change = units - self._told_units.get(user_id, units)
                self._told_units[user_id] = units
                if change:
                    reason = "DEPOSIT" if change > 0 else "WITHDRAW"
                    told.append((user_id, self._worth(user_id, reason, now_ms, seen, [], change)))
            told += self._set_leverages(user_id, seen.leverages.get(user_id, {}), now_ms)
            told += self._margin_calls(user_id, seen, now_ms)
        return told

    def _is_read(self, seen: _Seen) -> bool:
        """Whether all that the ledger has was heard here, too."""
        positions = self._hub.output.positions
        return all(
            market_id in positions and positions[market_id].seq >= seq
            for market_id, seq in seen.cursors.items()
            if market_id in self._hub.symbols
        )

    def _worth(
        self,
        user_id: int,
        reason: str,
        time_ms: int,
        seen: _Seen,
        touched: list[Position],
        change_units: int = 0,
    ) -> dict[str, Any]:
        held = [
            (self._hub.symbols[one.market_id], self._held(one, seen))
            for one in touched
            if one.market_id in self._hub.symbols
        ]
        cross_units = sum(seen.wallets.get(user_id, (0, 0)))
        return account_event(
            reason, time_ms, seen.wallet_units(user_id), cross_units, change_units, held
        )

    def _held(self, position: Position, seen: _Seen) -> HeldPosition:
        return HeldPosition(
            rules=self._hub.markets[self._hub.symbols[position.market_id]],
            position_lots=position.position_lots,
            entry_cost_units=position.entry_cost_units,
            margin_units=position.margin_units,
            mark_ticks=seen.marks[position.market_id],
            realized_units=position.realized_pnl_units,
        )

    def _set_leverages(self, user_id: int, now: dict[str, int], now_ms: int) -> Told:
        """What an account has before any is set is the venue's default: a first order that writes
        the default down changes nothing."""
        before = self._leverages.get(user_id, now)
        self._leverages[user_id] = now
        told: Told = []
        for market_id, leverage in sorted(now.items()):
            symbol = self._hub.symbols.get(market_id)
            if symbol is None:
                continue
            if leverage != before.get(market_id, default_of(self._hub.markets[symbol])):
                told.append((user_id, leverage_event(symbol, leverage, now_ms)))
        return told

    def _margin_calls(self, user_id: int, seen: _Seen, now_ms: int) -> Told:
        """Each once, until the position has recovered."""
        calls = []
        for position in seen.positions.get(user_id, ()):
            if position.market_id not in self._hub.symbols:
                continue
            held = self._held(position, seen)
            figures = position_figures(position, held.rules, held.mark_ticks, None)
            own = user_id, position.market_id
            if figures is None:
                self._called.discard(own)
                continue
            ratio_ppm = PPM if figures.margin_ratio_ppm is None else figures.margin_ratio_ppm
            if ratio_ppm >= CALLED_FROM_PPM and own not in self._called:
                self._called.add(own)
                must_units = held.rules.tiers.maintenance_units(abs(figures.value_units))
                calls.append((self._hub.symbols[position.market_id], held, must_units))
            elif ratio_ppm < CALLED_AGAIN_BELOW_PPM:
                self._called.discard(own)
        if not calls:
            return []
        cross_units = sum(seen.wallets.get(user_id, (0, 0)))
        return [(user_id, margin_call_event(calls, cross_units, now_ms))]


def _may_be_told(due: _Due, seen: _Seen) -> bool:
    is_persisted = all(seen.cursors.get(market_id, 0) >= seq for market_id, seq in due.seqs.items())
    return is_persisted or time.monotonic() - due.since_s > TOLD_ANYWAY_AFTER_S


def _reason(event: Event) -> str | None:
    """The venue's word for why balances or positions change; None where they don't."""
    match event:
        case Trade() | PositionChanged() | PositionSettled():
            return "ORDER"
        case FundingSettled():
            return "FUNDING_FEE"
        case MarginAdjusted():
            return "MARGIN_TRANSFER"
        case _:
            return None


def _look(users: list[int]) -> _Seen:
    """Cursors first: what is read after them is at least as new."""
    cursors = dict(Market.objects.values_list("pk", "cursor__seq"))
    wallets = {
        user_id: (available, held)
        for user_id, available, held in Wallet.objects.filter(user_id__in=users).values_list(
            "user_id", "available_units", "held_units"
        )
    }
    positions: dict[int, list[Position]] = {user_id: [] for user_id in users}
    for position in Position.objects.filter(user_id__in=users):
        positions[position.user_id].append(position)
    leverages: dict[int, dict[str, int]] = {user_id: {} for user_id in users}
    for user_id, market_id, leverage in TraderLeverage.objects.filter(
        user_id__in=users
    ).values_list("user_id", "market_id", "leverage"):
        leverages[user_id][market_id] = leverage
    known = {market_id: seq or 0 for market_id, seq in cursors.items()}
    held_in = {one.market_id for of_user in positions.values() for one in of_user}
    marks = {id: ticker.mark_price_ticks for id, ticker in market_tickers(held_in).items()}
    return _Seen(known, wallets, positions, leverages, marks)
