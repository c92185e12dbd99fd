"""What a run found, in human units and with links, market by market and move by move."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property

import msgspec

from accounts.display import UserLinks
from common.admin import NOTHING
from common.admin.base import Cell, badge, words
from console.stress.findings import Deleveraged, Ladder, LadderStanding, Liquidated, Step
from console.stress.models import StressKind, StressRun
from console.stress.services import move_words
from markets.display import average_price, gain_or_loss, money, price, size
from markets.models import Market
from matching.messages.limits import PPM
from matching.messages.vocabulary import MarketState, StateReason

ROWS_SHOWN_MAX = 20
NO_BREAK = "\xa0"

Cells = list[tuple[str, Cell]]

_HALTS = {
    StateReason.CIRCUIT_BREAKER: "halts: circuit breaker",
    StateReason.INSURANCE_EXHAUSTED: "halts: nobody can pay",
}


def ladders_of(run: StressRun) -> dict[str, Ladder]:
    """Raises msgspec.ValidationError where another version kept them."""
    return msgspec.convert(run.results, dict[str, Ladder])


def baseline_of(run: StressRun) -> dict[str, Ladder]:
    """Raises as `ladders_of`."""
    return msgspec.convert(run.baseline, dict[str, Ladder])


class Names(UserLinks):
    """Of traders and markets, looked up once for a page."""

    def __init__(self, ladders: Iterable[Ladder]) -> None:
        steps = [step for ladder in ladders for step in ladder.steps]
        accounts = {row.account_id for step in steps for row in step.liquidated}
        super().__init__(accounts | {row.account_id for step in steps for row in step.deleveraged})

    @cached_property
    def markets(self) -> dict[str, Market]:
        return Market.objects.in_bulk()


@dataclass(frozen=True)
class StepShown:
    """``cells``: of the step's row. The rows of those it hurts, and how many more there are."""

    number: int
    anchor: str
    title: str
    cells: Cells
    liquidated: list[Cells]
    liquidated_more: int
    deleveraged: list[Cells]
    deleveraged_more: int


@dataclass(frozen=True)
class MarketShown:
    market: Market
    seq: int
    taken_at: datetime
    is_away: bool
    note: str
    before: Cells
    steps: list[StepShown]


def shown_markets(
    run: StressRun, ladders: dict[str, Ladder], only: tuple[str, int] | None = None
) -> list[MarketShown]:
    """``only``: a market and the number of a step, from 1, with all rows that are kept."""
    names = Names(ladders.values())
    shown = []
    for market_id, ladder in ladders.items():
        market = names.markets.get(market_id)
        if market is None or (only and only[0] != market_id):
            continue
        writer = _Writer(run, market, ladder, names, None if only else ROWS_SHOWN_MAX)
        numbers = [only[1]] if only else range(1, len(ladder.steps) + 1)
        shown.append(
            MarketShown(
                market=market,
                seq=ladder.seq,
                taken_at=datetime.fromtimestamp(ladder.clock_ms / 1_000, UTC),
                is_away=ladder.is_away,
                note=ladder.note,
                before=writer.before(),
                steps=[writer.step(number) for number in numbers],
            )
        )
    return shown


def titles_of(run: StressRun) -> list[str]:
    """Of each move: where a path has come to by then, too."""
    if run.kind != StressKind.PATH:
        return [_in_a_piece(move_ppm) for move_ppm in run.moves_ppm]
    titles, come = [], PPM
    for number, move_ppm in enumerate(run.moves_ppm, 1):
        come = come * (PPM + move_ppm) // PPM
        titles.append(f"{number}. {_in_a_piece(move_ppm)} (in all {_in_a_piece(come - PPM)})")
    return titles


def _in_a_piece(move_ppm: int) -> str:
    return move_words(move_ppm).replace(" ", NO_BREAK)


def state_words(step: Step) -> Cell:
    told: list[Cell] = [badge(_HALTS[StateReason(reason)], "bad") for reason in step.halts]
    if step.after.index_stale:
        told.append(badge("no price: nobody is judged", "warn"))
    if step.before.state == MarketState.HALTED:
        told.append(badge("halted before: takes no price", "warn"))
    if step.before.state != step.after.state:
        told.append(step.after.state)
    return words(*told)


@dataclass(frozen=True)
class _Writer:
    run: StressRun
    market: Market
    ladder: Ladder
    names: Names
    rows_max: int | None

    def step(self, number: int) -> StepShown:
        step, title = self.ladder.steps[number - 1], titles_of(self.run)[number - 1]
        liquidated, deleveraged = (
            step.liquidated[: self.rows_max],
            step.deleveraged[: self.rows_max],
        )
        return StepShown(
            number=number,
            anchor=f"{self.market.pk}-{number}",
            title=title,
            cells=self._cells(step),
            liquidated=[self._liquidated(row) for row in liquidated],
            liquidated_more=step.liquidated_accounts - len(liquidated),
            deleveraged=[self._deleveraged(row) for row in deleveraged],
            deleveraged_more=step.deleveraged_accounts - len(deleveraged),
        )

    def before(self) -> Cells:
        """Where the first move begins; the columns are those of `_cells`."""
        standing = self.ladder.steps[0].before
        return self._row(standing, standing.state, ["", "", "", "", ""])

    def _cells(self, step: Step) -> Cells:
        """What is nothing is left empty, so that the eye finds what isn't."""
        hurt = [
            _count(step.liquidated_accounts),
            _paid(step.insurance_paid_units),
            _count(step.deleveraged_accounts),
            _count(step.short_accounts),
            _paid(step.bad_debt_units),
        ]
        return self._row(step.after, state_words(step), hurt)

    def _row(self, standing: LadderStanding, state: Cell, hurt: list[str]) -> Cells:
        liquidated, fund_pays, deleveraged, short, debt = hurt
        return [
            ("Index", price(standing.index_ticks, self.market)),
            ("Mark", price(standing.mark_ticks, self.market)),
            ("Market", state),
            ("Liquidated", liquidated),
            ("Fund pays", fund_pays),
            ("Fund", money(standing.insurance_units)),
            ("Deleveraged", deleveraged),
            ("Left short", short),
            ("Nobody paid", debt),
            ("Open interest", size(standing.open_interest_lots, self.market)),
        ]

    def _liquidated(self, row: Liquidated) -> Cells:
        market = self.market
        book = average_price(row.book_cost_units, row.filled_lots, market)
        others = average_price(row.adl_cost_units, row.deleveraged_lots, market)
        return [
            ("Trader", self.names.link(row.account_id)),
            ("Position", size(row.position_lots, market)),
            ("Equity", gain_or_loss(row.equity_units)),
            ("Closed in the book", _at(size(row.filled_lots, market), book)),
            ("Against others", _at(size(row.deleveraged_lots, market), others)),
            ("Fee to the fund", money(row.fee_units)),
            ("Fund pays", money(row.insurance_paid_units)),
            ("Given back", money(row.returned_units)),
            ("Left open", size(row.left_lots, market) if row.left_lots else NOTHING),
        ]

    def _deleveraged(self, row: Deleveraged) -> Cells:
        return [
            ("Trader", self.names.link(row.account_id)),
            ("Closed", size(row.lots, self.market)),
            ("At", average_price(row.cost_units, row.lots, self.market)),
            ("Realised", gain_or_loss(row.realized_pnl_units)),
        ]


def _count(number: int) -> str:
    return f"{number:,}" if number else ""


def _paid(amount_units: int) -> str:
    return money(amount_units) if amount_units else ""


def _at(what: Cell, at: Cell) -> Cell:
    return NOTHING if at == NOTHING else words(what, "at", at)


def names_words(cells: Sequence[Cell], more: int) -> Cell:
    """A few names, and how many more there are."""
    rest = (f"and {more:,} more",) if more > 0 else ()
    return words(*cells, *rest)
