"""What a run found, in human units and with links, market by market and move by move."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property

import msgspec

from accounts.models import User
from common.admin.base import Cell, badge, link, words
from common.admin.changes import NOTHING
from console.stress.findings import Deleveraged, Ladder, Liquidated, Standing, Step
from console.stress.models import StressKind, StressRun
from console.stress.services import move_words
from markets.display import average_price, gain_or_loss, money, price, size
from markets.models import Market
from matching.messages.limits import PPM
from matching.messages.vocabulary import StateReason

ROWS_SHOWN_MAX = 20

Cells = list[tuple[str, Cell]]

_HALTS = {
    StateReason.CIRCUIT_BREAKER: "halts by the circuit breaker; once resumed:",
    StateReason.INSURANCE_EXHAUSTED: "halts: nobody can pay",
}


def ladders_of(run: StressRun) -> dict[str, Ladder]:
    """Raises msgspec.ValidationError where another version kept them."""
    return msgspec.convert(run.results, dict[str, Ladder])


class Names:
    """Of traders and markets, looked up once for a page."""

    def __init__(self, ladders: Iterable[Ladder]) -> None:
        self._accounts = {
            row.account_id
            for ladder in ladders
            for step in ladder.steps
            for row in (*step.liquidated, *step.deleveraged)
        }

    @cached_property
    def _usernames(self) -> dict[int, str]:
        users = User.objects.filter(pk__in=sorted(self._accounts))
        return dict(users.values_list("pk", "username"))

    @cached_property
    def markets(self) -> dict[str, Market]:
        return Market.objects.in_bulk()

    def trader(self, account_id: int) -> Cell:
        username = self._usernames.get(account_id)
        return link(User, account_id, username) if username else f"account {account_id}"


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
                steps=[writer.step(number) for number in numbers],
            )
        )
    return shown


def titles_of(run: StressRun) -> list[str]:
    """Of each move: where a path has come to by then, too."""
    if run.kind != StressKind.PATH:
        return [move_words(move_ppm) for move_ppm in run.moves_ppm]
    titles, come = [], PPM
    for number, move_ppm in enumerate(run.moves_ppm, 1):
        come = come * (PPM + move_ppm) // PPM
        titles.append(f"{number}. {move_words(move_ppm)} (from the start {move_words(come - PPM)})")
    return titles


def state_words(step: Step) -> Cell:
    told = [badge(_HALTS[StateReason(reason)], "bad") for reason in step.halts]
    if step.after.index_stale:
        told.append(badge("no price: nobody is judged", "warn"))
    if step.before.state == "HALTED":
        told.append(badge("halted before: takes no price", "warn"))
    return words(*told, _from_to(step.before.state, step.after.state))


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

    def _cells(self, step: Step) -> Cells:
        before, after = step.before, step.after
        return [
            ("Index", self._prices(before, after, "index_ticks")),
            ("Mark", self._prices(before, after, "mark_ticks")),
            ("Market", state_words(step)),
            ("Liquidated", f"{step.liquidated_accounts:,}"),
            ("Fund pays", money(step.insurance_paid_units)),
            ("Fund", _from_to(money(before.insurance_units), money(after.insurance_units))),
            ("Deleveraged", f"{step.deleveraged_accounts:,}"),
            ("Left short", f"{step.short_accounts:,}"),
            ("Nobody paid", money(step.bad_debt_units)),
            (
                "Open interest",
                _from_to(
                    size(before.open_interest_lots, self.market),
                    size(after.open_interest_lots, self.market),
                ),
            ),
        ]

    def _prices(self, before: Standing, after: Standing, name: str) -> Cell:
        return _from_to(
            price(getattr(before, name), self.market), price(getattr(after, name), self.market)
        )

    def _liquidated(self, row: Liquidated) -> Cells:
        market = self.market
        book = average_price(row.book_cost_units, row.filled_lots, market)
        others = average_price(row.adl_cost_units, row.deleveraged_lots, market)
        return [
            ("Trader", self.names.trader(row.account_id)),
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
            ("Trader", self.names.trader(row.account_id)),
            ("Closed", size(row.lots, self.market)),
            ("At", average_price(row.cost_units, row.lots, self.market)),
            ("Realised", gain_or_loss(row.realized_pnl_units)),
        ]


def _from_to(before: Cell, after: Cell) -> Cell:
    return after if before == after else words(before, "→", after)


def _at(what: Cell, at: Cell) -> Cell:
    return NOTHING if at == NOTHING else words(what, "at", at)


def names_words(cells: Sequence[Cell], more: int) -> Cell:
    """A few names, and how many more there are."""
    if not cells:
        return NOTHING
    rest = (f"and {more:,} more",) if more > 0 else ()
    return words(*cells, *rest)
