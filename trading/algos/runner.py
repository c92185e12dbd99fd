"""Steps of algos: what became of earlier slices, what is due now, and when to look again.

Each step is one transaction with the algo's row locked; workers that meet at one don't wait for
each other. Time is told by the caller.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

import redis
import structlog
from django.db import OperationalError, transaction

from accounts.access.credentials import require_active
from accounts.models import User
from common.errors import DomainError, ErrorCode
from common.postgres.outages import is_outage
from markets.rules import MarketRules, market_rules
from matching.messages.vocabulary import OrderStatus, RejectCode
from trading.algos.models import (
    Algo,
    AlgoEnding,
    AlgoHappening,
    AlgoKind,
    AlgoSlice,
    AlgoState,
)
from trading.algos.plan import (
    PlannedSlice,
    scaled_slices,
    slice_order,
    slots_missed,
    twap_slice,
)
from trading.algos.telling import record, record_slices
from trading.models import LIVE_STATUSES
from trading.orders.place import PlacedOrder, place_together

STEPS_MAX = 500  # a run; the next one takes the rest, those that wait longest first
REFUSALS_MAX = 3  # in a row, of a TWAP
# Of the API and of the engine, which may know it first.
MARKET_CLOSED = frozenset(
    {
        ErrorCode.MARKET_NOT_OPEN,
        ErrorCode.NO_MARK_PRICE,
        RejectCode.MARKET_STATE,
        RejectCode.NO_MARK_PRICE,
    }
)
LOOK_AGAIN = timedelta(seconds=5)  # where nothing is due, and slices are not over

log = structlog.get_logger(__name__)


def run_due_algos(now: datetime) -> int:
    """Answers how many were looked at. What fails of one is logged, its step undone and taken again
    by the next run. Raises redis.RedisError, and Django's errors of a database that is away."""
    due = Algo.objects.filter(next_at__lte=now).exclude(state=AlgoState.PAUSED)
    keys = list(due.order_by("next_at").values_list("pk", flat=True)[:STEPS_MAX])
    for pk in keys:
        _attempt(pk, now)
    return len(keys)


def _attempt(pk: int, now: datetime) -> None:
    try:
        with transaction.atomic():
            due = Algo.objects.filter(pk=pk, next_at__lte=now).exclude(state=AlgoState.PAUSED)
            algo = due.select_for_update(skip_locked=True).first()
            if algo is not None:
                take_step(algo, now)
    except redis.RedisError:
        raise
    except Exception as error:
        if is_outage(error):
            raise
        if isinstance(error, OperationalError):  # such as a wallet that stays locked
            log.warning("algo_waits", algo=pk, why=str(error).partition("\n")[0])
        else:
            log.exception("algo_failed", algo=pk)


def take_step(algo: Algo, now: datetime) -> None:
    """The caller has the row locked, and commits. Raises what placing an order may raise that is
    nobody's fault but ours; nothing may be kept of the step then."""
    in_flight_lots = book_ended_slices(algo)
    if algo.state == AlgoState.RUNNING:
        rules = market_rules(algo.market_id)
        is_scaled = algo.kind == AlgoKind.SCALED
        planned = (
            _scaled_due(algo, now) if is_scaled else _twap_due(algo, rules, in_flight_lots, now)
        )
        if planned and algo.refusals < _refusals_max(algo):
            in_flight_lots += _send(algo, rules, planned, now)
        _end_if_over(algo, rules, in_flight_lots, now)
    if algo.state != AlgoState.RUNNING and not in_flight_lots:
        algo.next_at = None
    elif algo.next_at is None or algo.next_at <= now:
        algo.next_at = now + LOOK_AGAIN
    algo.updated_at = now
    algo.save()


def book_ended_slices(algo: Algo) -> int:
    """What is filled of slices whose orders have ended goes into the algo's own figures, which the
    caller saves. Answers how many lots of others are filled or may yet be."""
    in_flight_lots = 0
    over: list[AlgoSlice] = []
    for one in algo.slices.filter(is_over=False).select_related("order").order_by("number"):
        order = one.order
        if order is None:  # a refusal is over from the start
            continue
        if order.status in LIVE_STATUSES:
            in_flight_lots += order.size_lots - order.cancelled_lots
            continue
        algo.filled_lots += order.filled_lots
        algo.filled_cost_units += order.filled_cost_units
        _count(algo, order.reason if order.status == OrderStatus.REJECTED else "")
        if order.status == OrderStatus.REJECTED:
            algo.reason_words = f"Order {order.pk} was refused: {order.reason}."
        over.append(one)
    AlgoSlice.objects.filter(pk__in=[one.pk for one in over]).update(is_over=True)
    return in_flight_lots


def _count(algo: Algo, refusal: str) -> None:
    """A slice went, or was refused with that code. A TWAP waits for a market that is closed for a
    while, as after a restart of the exchange: its slices' refusals say nothing against it."""
    if refusal:
        algo.reason = refusal
        if algo.kind == AlgoKind.SCALED or refusal not in MARKET_CLOSED:
            algo.refusals += 1
    elif algo.kind == AlgoKind.TWAP:
        algo.refusals = 0
        algo.reason = algo.reason_words = ""


def _refusals_max(algo: Algo) -> int:
    return REFUSALS_MAX if algo.kind == AlgoKind.TWAP else algo.slices_planned


def _scaled_due(algo: Algo, now: datetime) -> list[PlannedSlice]:
    if algo.slices_sent:
        return []
    algo.slots_left = 0
    algo.next_at = now + LOOK_AGAIN
    return scaled_slices(algo)


def _twap_due(
    algo: Algo, rules: MarketRules, in_flight_lots: int, now: datetime
) -> list[PlannedSlice]:
    """Takes its slot, whether or not there is anything to send."""
    missed = slots_missed(algo, now)
    algo.slots_left -= missed
    planned = twap_slice(algo, rules, algo.size_lots - algo.filled_lots - in_flight_lots)
    if not algo.slots_left or algo.next_at is None:
        return []
    algo.slots_left -= 1
    algo.next_at += timedelta(seconds=algo.interval_s) * (missed + 1)
    if not algo.slots_left:
        algo.next_at = now + LOOK_AGAIN
    return [] if planned is None else [planned]


def _send(algo: Algo, rules: MarketRules, planned: Sequence[PlannedSlice], now: datetime) -> int:
    """Place the orders together; answers how many lots went. A refusal is kept in an order's place.
    Whoever was suspended since can't ask any more, and nobody else may ask in their name."""
    user = User.objects.select_related("parent").get(pk=algo.user_id)
    try:
        require_active(user)
    except DomainError as error:
        algo.reason_words = error.message
        end_algo(algo, AlgoState.FAILED, error.code, now)
        return 0
    orders = [(algo.user_id, slice_order(algo, rules, one)) for one in planned]
    rows: list[AlgoSlice] = []
    sent_lots = 0
    for one, result in zip(planned, place_together(orders), strict=True):
        row = AlgoSlice(algo=algo, number=one.number, size_lots=one.size_lots, sent_at=now)
        if isinstance(result, PlacedOrder):
            row.order_id = result.order_id
            sent_lots += one.size_lots
        elif isinstance(result, DomainError):
            row.code, row.words, row.is_over = result.code, result.message, True
            _count(algo, result.code)
            algo.reason_words = result.message
        else:
            raise result
        rows.append(row)
    AlgoSlice.objects.bulk_create(rows)
    record_slices(algo, rows)
    algo.slices_sent = planned[-1].number
    return sent_lots


def _end_if_over(algo: Algo, rules: MarketRules, in_flight_lots: int, now: datetime) -> None:
    if algo.state != AlgoState.RUNNING or in_flight_lots:
        return
    left_lots = algo.size_lots - algo.filled_lots
    if left_lots <= 0:
        end_algo(algo, AlgoState.DONE, AlgoEnding.FILLED, now)
    elif algo.refusals >= _refusals_max(algo):
        end_algo(algo, AlgoState.FAILED, algo.reason, now)
    elif algo.kind == AlgoKind.SCALED:
        end_algo(algo, AlgoState.DONE, AlgoEnding.SLICES_ENDED, now)
    elif left_lots < rules.min_size_lots:
        end_algo(algo, AlgoState.DONE, AlgoEnding.REST_TOO_SMALL, now)
    elif not algo.slots_left:
        end_algo(algo, AlgoState.DONE, AlgoEnding.TIME_IS_UP, now)


def end_algo(algo: Algo, state: AlgoState, reason: str, now: datetime) -> None:
    """On the row in memory, with its event. Words stay only of a refusal."""
    algo.state, algo.reason, algo.ended_at = state, reason, now
    algo.paused_at = None
    if state is not AlgoState.FAILED:
        algo.reason_words = ""
    algo.slots_left = 0
    record(algo, AlgoHappening.ENDED)
