"""Starting, pausing, resuming and ending algos."""

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet

from accounts.models import User
from common.errors import DomainError, ErrorCode
from markets.rules import market_rules
from trading.algos.models import Algo, AlgoEnding, AlgoHappening, AlgoKind, AlgoState
from trading.algos.request import NewAlgo
from trading.algos.runner import LOOK_AGAIN, end_algo, take_step
from trading.algos.selectors import live_algos, no_such_algo
from trading.algos.telling import record
from trading.algos.terms import algo_asked, algo_terms_asked
from trading.models import LIVE_STATUSES, Order
from trading.orders.cancel import cancel_order_as_operator, cancel_together
from trading.orders.opening import check_may_open
from trading.orders.repeats import terms_that_differ

LIVE_MAX = 20  # of an account


@dataclass(frozen=True, slots=True)
class StartedAlgo:
    """``repeated``: its client algo id was known, and this is the first algo under it."""

    algo: Algo
    repeated: bool = False


@transaction.atomic
def start_algo(
    user_id: int, new: NewAlgo, now: datetime, *, is_blocked: bool = False
) -> StartedAlgo:
    """Its first slices are placed with it, in one transaction. ``is_blocked``: the country it is
    asked from. Raises DomainError."""
    rules = market_rules(new.market_id)
    # Algos of an account start one after the other: they are counted, and their names compared.
    User.objects.select_for_update(no_key=True, of=("self",)).get(pk=user_id)
    if (first := _first_under(user_id, new)) is not None:
        return StartedAlgo(first, repeated=True)
    if not new.reduce_only:
        check_may_open(user_id, is_blocked=is_blocked)
    algo = algo_asked(user_id, rules, new, now)
    if live_algos(user_id).count() >= LIVE_MAX:
        message = f"An account has at most {LIVE_MAX} algos running or paused. Cancel one."
        raise DomainError(ErrorCode.TOO_MANY_ALGOS, message)
    algo.save()
    record(algo, AlgoHappening.STARTED)
    take_step(algo, now)
    return StartedAlgo(algo)


def _first_under(user_id: int, new: NewAlgo) -> Algo | None:
    """Raises DomainError where the id names another algo."""
    if new.client_algo_id is None:
        return None
    first = Algo.objects.filter(user_id=user_id, client_algo_id=new.client_algo_id).first()
    if first is None:
        return None
    differing = terms_that_differ(algo_terms_asked(new), first.terms_asked)
    if not differing:
        return first
    why = f"which differs in {', '.join(differing)}"
    message = f"client_algo_id names algo {first.pk}, {why}. Use another."
    code = ErrorCode.CLIENT_ALGO_ID_REUSED
    raise DomainError(code, message, "client_algo_id").naming("client_algo_id", *differing)


@transaction.atomic
def cancel_algo(user_id: int, algo_id: int, now: datetime) -> Algo:
    """No slice is sent any more, and its open orders are cancelled. A fill may still be faster.
    Raises DomainError."""
    algo = _live(Algo.objects.filter(user_id=user_id), algo_id)
    orders = _open_orders(algo)
    _cancel(algo, AlgoEnding.USER, now)
    for result in cancel_together([(user_id, order.pk) for order in orders]):
        # One that ended meanwhile has nothing left to cancel.
        if isinstance(result, Exception) and not isinstance(result, DomainError):
            raise result
    return algo


@transaction.atomic
def cancel_algo_as_operator(algo_id: int, by: User, now: datetime) -> Algo:
    """Raises DomainError."""
    algo = _live(Algo.objects.all(), algo_id)
    orders = _open_orders(algo)
    _cancel(algo, AlgoEnding.OPERATOR, now)
    for order in orders:
        cancel_order_as_operator(order, by)
    return algo


def _open_orders(algo: Algo) -> list[Order]:
    slices = algo.slices.filter(is_over=False, order__status__in=LIVE_STATUSES)
    return list(Order.objects.filter(pk__in=slices.values("order_id")).order_by("pk"))


def _cancel(algo: Algo, why: AlgoEnding, now: datetime) -> None:
    end_algo(algo, AlgoState.CANCELLED, why, now)
    algo.updated_at = now
    algo.next_at = now + LOOK_AGAIN  # when what its last orders filled is booked
    algo.save()


def pause_algo(user_id: int, algo_id: int, now: datetime) -> Algo:
    """No slice is sent until it is resumed; one on its way may still fill. Raises DomainError."""
    return _pause(Algo.objects.filter(user_id=user_id), algo_id, now)


def pause_algo_as_operator(algo_id: int, now: datetime) -> Algo:
    """Its trader may resume it. Raises DomainError."""
    return _pause(Algo.objects.all(), algo_id, now)


@transaction.atomic
def _pause(rows: QuerySet[Algo], algo_id: int, now: datetime) -> Algo:
    algo = _live(rows, algo_id)
    if algo.kind == AlgoKind.SCALED:
        message = "A SCALED sends all its orders at once: there is nothing to pause. Cancel it."
        raise DomainError(ErrorCode.ALGO_NOT_PAUSABLE, message)
    if algo.state != AlgoState.PAUSED:
        algo.state, algo.paused_at, algo.updated_at = AlgoState.PAUSED, now, now
        record(algo, AlgoHappening.PAUSED)
        algo.save()
    return algo


@transaction.atomic
def resume_algo(user_id: int, algo_id: int, now: datetime) -> Algo:
    """Goes on where it was: its end is later by as long as it was paused. Raises DomainError."""
    algo = _live(Algo.objects.filter(user_id=user_id), algo_id)
    if algo.paused_at is not None:
        # Nothing counts as missed but what was when it was paused.
        algo.next_at = now if algo.next_at is None else algo.next_at + (now - algo.paused_at)
        algo.state, algo.paused_at, algo.updated_at = AlgoState.RUNNING, None, now
        record(algo, AlgoHappening.RESUMED)
        algo.save()
    return algo


def _live(rows: QuerySet[Algo], algo_id: int) -> Algo:
    """Locked. Raises DomainError where there is none, or none any more."""
    algo = rows.select_for_update().filter(pk=algo_id).first()
    if algo is None:
        raise no_such_algo()
    if not algo.is_live:
        message = f"Algo {algo.pk} is {algo.state}: there is nothing left to change."
        raise DomainError(ErrorCode.ALGO_NOT_LIVE, message)
    return algo
