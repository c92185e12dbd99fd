"""Two runs beside each other: per market and move, what it was and what it is."""

from collections.abc import Callable, Hashable
from dataclasses import dataclass

from common.admin import NOTHING
from common.admin.base import Cell, words
from console.jobs.models import JobState
from console.stress.display import (
    ROWS_SHOWN_MAX,
    Cells,
    Names,
    baseline_of,
    ladders_of,
    names_words,
    state_words,
    titles_of,
)
from console.stress.findings import Ladder, Step
from console.stress.models import StressKind, StressRun
from markets.display import money, price
from markets.models import Market

OFFERED_MAX = 8


@dataclass(frozen=True)
class LadderDifference:
    """Of one market. ``why_not``: where there is nothing to compare."""

    market_id: str
    why_not: str
    rows: list[Cells]


def comparable(run: StressRun) -> list[StressRun]:
    """The newest others that are of its kind and done."""
    if run.kind == StressKind.RULES:
        return []
    others = StressRun.objects.filter(kind=run.kind, state=JobState.DONE).exclude(pk=run.pk)
    return list(others.defer("results").order_by("-pk")[:OFFERED_MAX])


def differences(now: StressRun, then: StressRun) -> list[LadderDifference]:
    """Of all markets of either. Raises msgspec.ValidationError as `ladders_of`."""
    return _differences(now, then, ladders_of(now), ladders_of(then))


def rules_differences(run: StressRun) -> list[LadderDifference]:
    """From today's rules to those of its proposal. Raises msgspec.ValidationError."""
    return _differences(run, run, ladders_of(run), baseline_of(run))


def _differences(
    now: StressRun, then: StressRun, ladders: dict[str, Ladder], before: dict[str, Ladder]
) -> list[LadderDifference]:
    names = Names([*ladders.values(), *before.values()])
    return [
        _difference(market_id, now, then, ladders.get(market_id), before.get(market_id), names)
        for market_id in sorted(ladders.keys() | before.keys())
    ]


def _difference(
    market_id: str,
    now: StressRun,
    then: StressRun,
    ladder: Ladder | None,
    before: Ladder | None,
    names: Names,
) -> LadderDifference:
    market = names.markets.get(market_id)
    if ladder is None or market is None:
        return LadderDifference(market_id, f"only in run {then.pk}", [])
    if before is None:
        return LadderDifference(market_id, f"only in run {now.pk}", [])
    if ladder.is_away != before.is_away:
        which = now if ladder.is_away else then
        return LadderDifference(market_id, f"its price is away in run {which.pk} only", [])
    old = dict(zip(_keys(then), before.steps, strict=True))
    rows = [
        _row(market, title, old[key], step, names)
        for title, key, step in zip(titles_of(now), _keys(now), ladder.steps, strict=True)
        if key in old
    ]
    return LadderDifference(market_id, "" if rows else "no move is in both", rows)


def _keys(run: StressRun) -> list[Hashable]:
    """Steps are the same where the move is; of a path, where all before it are, too."""
    if run.kind != StressKind.PATH:
        return list(run.moves_ppm)
    return [tuple(run.moves_ppm[: number + 1]) for number in range(len(run.moves_ppm))]


def _row(market: Market, title: str, old: Step, new: Step, names: Names) -> Cells:
    def cell(show: Callable[[Step], Cell]) -> Cell:
        before, after = show(old), show(new)
        return "" if before == after else words(before or NOTHING, "→", after or NOTHING)

    were = {row.account_id for row in old.liquidated}
    are = {row.account_id for row in new.liquidated}
    return [
        ("Move", title),
        ("Mark", cell(lambda step: price(step.after.mark_ticks, market))),
        ("Market", cell(state_words)),
        ("Liquidated", cell(lambda step: f"{step.liquidated_accounts:,}")),
        ("Newly", _named(are - were, names)),
        ("No longer", _named(were - are, names)),
        ("Fund pays", cell(lambda step: money(step.insurance_paid_units))),
        ("Fund after", cell(lambda step: money(step.after.insurance_units))),
        ("Deleveraged", cell(lambda step: f"{step.deleveraged_accounts:,}")),
        ("Left short", cell(lambda step: f"{step.short_accounts:,}")),
        ("Nobody paid", cell(lambda step: money(step.bad_debt_units))),
    ]


def _named(accounts: set[int], names: Names) -> Cell:
    chosen = sorted(accounts)[:ROWS_SHOWN_MAX]
    return names_words([names.link(one) for one in chosen], len(accounts) - len(chosen))
