"""Algos as their trader sees them, with what slices that aren't over have filled so far."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Count, Q, QuerySet, Sum

from common.errors import DomainError, ErrorCode
from trading.algos.models import LIVE_STATES, Algo, AlgoSlice
from trading.models import LIVE_STATUSES

SLICES_SHOWN_MAX = 100


@dataclass(frozen=True, slots=True)
class AlgoFigures:
    """``open_slices``: orders that may yet fill."""

    filled_lots: int
    filled_cost_units: int
    open_slices: int


@dataclass(frozen=True, slots=True)
class AlgoFilter:
    """Nothing given: all."""

    states: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    market_id: str | None = None
    client_algo_id: str | None = None


def algos_of_user(user_id: int, asked: AlgoFilter | None = None) -> QuerySet[Algo]:
    rows = Algo.objects.filter(user_id=user_id)
    if asked is None:
        return rows
    if asked.states:
        rows = rows.filter(state__in=asked.states)
    if asked.kinds:
        rows = rows.filter(kind__in=asked.kinds)
    if asked.market_id is not None:
        rows = rows.filter(market_id=asked.market_id)
    if asked.client_algo_id is not None:
        rows = rows.filter(client_algo_id=asked.client_algo_id)
    return rows


def algo_of_user(user_id: int, algo_id: int) -> Algo:
    """Raises DomainError where there is none; an algo of somebody else is none."""
    algo = Algo.objects.filter(pk=algo_id, user_id=user_id).first()
    if algo is None:
        raise no_such_algo()
    return algo


def no_such_algo() -> DomainError:
    return DomainError(ErrorCode.ALGO_NOT_FOUND, "There is no such algo.")


def live_algos(user_id: int) -> QuerySet[Algo]:
    return Algo.objects.filter(user_id=user_id, state__in=LIVE_STATES)


def newest_slices(algo: Algo) -> list[AlgoSlice]:
    return list(algo.slices.select_related("order")[:SLICES_SHOWN_MAX])


def figures_of(algos: Sequence[Algo]) -> dict[int, AlgoFigures]:
    """By id. In one query; of each algo only slices that aren't over are summed up."""
    not_over = AlgoSlice.objects.filter(algo__in=[algo.pk for algo in algos], is_over=False)
    sums = (
        not_over.order_by()
        .values("algo_id")
        .annotate(
            lots=Sum("order__filled_lots"),
            cost=Sum("order__filled_cost_units"),
            slices=Count("pk", filter=Q(order__status__in=LIVE_STATUSES)),
        )
    )
    found = {row["algo_id"]: AlgoFigures(row["lots"], row["cost"], row["slices"]) for row in sums}
    return {algo.pk: _with_booked(algo, found.get(algo.pk)) for algo in algos}


def _with_booked(algo: Algo, of_open: AlgoFigures | None) -> AlgoFigures:
    if of_open is None:
        return AlgoFigures(algo.filled_lots, algo.filled_cost_units, 0)
    return AlgoFigures(
        algo.filled_lots + of_open.filled_lots,
        algo.filled_cost_units + of_open.filled_cost_units,
        of_open.open_slices,
    )
