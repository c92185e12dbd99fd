"""What a run was asked and what it found, in words and human units."""

from collections.abc import Iterator
from dataclasses import dataclass

import msgspec
from django.urls import reverse
from django.utils.html import format_html

from accounts.display import UserLinks
from approvals.models import Proposal
from common.admin import NOTHING
from common.admin.base import Cell, link, words
from console.hindsight.changes import Changes
from console.hindsight.models import HindsightRun
from console.hindsight.outcome import HindsightOutcome, TradeOnly, TraderOutcome, WorldStanding
from console.hindsight.services import outcome_of, reference_of
from ledger.adjustments import KIND, adjusted_user_ids
from ledger.models import AccountKind
from markets.conversions import at_ms, ticks_text
from markets.display import gain_or_loss, price, size
from markets.models import Market
from matching.messages.vocabulary import ExecutionType
from trading.models import Order

TRADERS_SHOWN_MAX = 200
TRADERS_FIRST = 8
Cells = list[tuple[str, Cell]]
_HOUSE = {
    AccountKind.FEES: "fees",
    AccountKind.INSURANCE: "insurance fund",
    AccountKind.DEPOSITS: "insurance top-ups",
}
_EXECUTIONS = {
    ExecutionType.TRADE: "trade",
    ExecutionType.LIQUIDATION: "liquidation",
    ExecutionType.ADL: "deleveraging",
    ExecutionType.SETTLE: "settlement",
}


def changes_of(run: HindsightRun) -> Changes:
    return msgspec.convert(run.changes, Changes)


def changes_in_words(run: HindsightRun) -> str:
    changes = changes_of(run)
    parts = [f"without {', '.join(map(str, changes.left_out))}"] if changes.left_out else []
    for one in changes.prices:
        parts.append(f"index {price(one.price_ticks, run.market)} in {one.range}")
    return "; ".join(parts)


def typed_prices(run: HindsightRun) -> list[str]:
    return [ticks_text(one.price_ticks, run.market.tick_size) for one in changes_of(run).prices]


@dataclass(frozen=True)
class FoundPage:
    """A page of what a run found. ``traders_beside``: those that one has to ask for;
    ``traders_more``, ``trades_more``: how many more there are."""

    outcome: HindsightOutcome
    valued: str
    standings: list[tuple[str, Cell, Cell]]
    traders: list[Cells]
    traders_beside: list[Cells]
    traders_more: int
    trades: list[Cells]
    trades_more: int
    house: Cells
    proposals: list[Cell]


def found_of(run: HindsightRun) -> FoundPage:
    """Raises msgspec.ValidationError where another version kept it."""
    outcome, market = outcome_of(run), run.market
    traders = outcome.traders[:TRADERS_SHOWN_MAX]
    accounts = {row.account_id for row in traders}
    for row in outcome.trades:
        accounts |= {row.trade.taker_id, row.trade.maker_id}
    writer = _Writer(market, UserLinks(accounts), adjusted_user_ids(reference_of(run)))
    return FoundPage(
        outcome=outcome,
        valued=price(outcome.valued_ticks, market),
        standings=list(writer.standings(outcome.did, outcome.should)),
        traders=[writer.trader(row) for row in traders[:TRADERS_FIRST]],
        traders_beside=[writer.trader(row) for row in traders[TRADERS_FIRST:]],
        traders_more=len(outcome.traders) - len(traders),
        trades=[writer.trade(row) for row in outcome.trades],
        trades_more=outcome.trades_total - len(outcome.trades),
        house=[
            (_HOUSE[AccountKind(kind)], gain_or_loss(units))
            for kind, units in outcome.house_units.items()
            if units
        ],
        proposals=[_proposal(proposal) for proposal in _proposals(run)],
    )


def _proposals(run: HindsightRun) -> Iterator[Proposal]:
    """Also of one trader alone, whose subject names him."""
    reference = reference_of(run)
    rows = Proposal.objects.filter(kind=KIND, payload__reference=reference)
    return rows.order_by("pk").iterator()


def _proposal(proposal: Proposal) -> Cell:
    return words(link(Proposal, proposal.pk, proposal.title), f"({proposal.status})")


@dataclass(frozen=True)
class _Writer:
    market: Market
    users: UserLinks
    paid: set[int]

    def standings(
        self, did: WorldStanding, should: WorldStanding
    ) -> Iterator[tuple[str, Cell, Cell]]:
        for name, show in (
            ("State", lambda s: s.state),
            ("Index", lambda s: price(s.index_ticks, self.market)),
            ("Mark", lambda s: price(s.mark_ticks, self.market)),
            ("Trades", lambda s: f"{s.trades:,}"),
            ("Traders liquidated", lambda s: f"{s.liquidated_accounts:,}"),
            ("Fees", lambda s: gain_or_loss(s.fees_units)),
            ("To the insurance fund", lambda s: gain_or_loss(s.insurance_units)),
        ):
            yield name, show(did), show(should)

    def trader(self, row: TraderOutcome) -> Cells:
        return [
            ("Trader", self.users.link(row.account_id)),
            ("Did gain", gain_or_loss(row.did_units)),
            ("Should have", gain_or_loss(row.should_units)),
            ("Difference", gain_or_loss(row.difference_units)),
            ("Position at the end", self._both(row.did_lots, row.should_lots)),
            ("Liquidated", self._liquidated(row)),
            ("Adjusted", "yes" if row.account_id in self.paid else NOTHING),
        ]

    def trade(self, row: TradeOnly) -> Cells:
        trade = row.trade
        return [
            ("Sequence", self._sequence(row.seq)),
            ("Time, UTC", f"{at_ms(row.time_ms):%Y-%m-%d %H:%M:%S.%f}"[:-3]),
            ("In which world", "did happen" if row.happened else "should have happened"),
            ("What", _EXECUTIONS[trade.execution]),
            ("Size", size(trade.size_lots, self.market)),
            ("Price", price(trade.price_ticks, self.market)),
            ("Taker", self._side(trade.taker_id, trade.taker_order_id)),
            ("Maker", self._side(trade.maker_id, trade.maker_order_id)),
        ]

    def _both(self, did_lots: int, should_lots: int) -> Cell:
        did, should = size(did_lots, self.market), size(should_lots, self.market)
        return did if did == should else f"{did}, not {should}"

    def _liquidated(self, row: TraderOutcome) -> Cell:
        did, should = bool(row.did_liquidations), bool(row.should_liquidations)
        if did == should:
            return "in both" if did else NOTHING
        return "did" if did else "should have been"

    def _side(self, account_id: int, order_id: int) -> Cell:
        if not order_id:
            return self.users.link(account_id)
        return words(self.users.link(account_id), link(Order, order_id, f"#{order_id}"))

    def _sequence(self, seq: int) -> Cell:
        url = f"{reverse('admin:incident')}?market={self.market.pk}&from={seq}&to={seq}"
        return format_html('<a href="{}">{}</a>', url, f"{seq:,}")
