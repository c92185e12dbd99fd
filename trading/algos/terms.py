"""What a trader asked of an algo, as a row that is not saved yet: whole ticks, lots and units, and
at least one slice that the market would take as it stands."""

from datetime import datetime
from typing import Any

from msgspec.structs import replace

from common.errors import DomainError, ErrorCode, invalid
from markets.conversions import lots_text, to_lots, to_ticks, to_whole
from markets.rules import MarketRules, market_ticker
from matching.messages.vocabulary import TimeInForce
from trading import selectors
from trading.algos.models import Algo, AlgoKind
from trading.algos.plan import planned_at_first, slice_order
from trading.algos.request import NewAlgo
from trading.orders.draft import draft_order
from trading.orders.repeats import plain_terms
from trading.orders.terms import CLIENT_ORDER_ID_LENGTH_MAX, read_terms
from trading.selectors import TraderStanding

COUNT_MIN, COUNT_MAX = 2, 100
DURATION_MIN_S, DURATION_MAX_S = 60, 86_400
INTERVAL_MIN_S = 5

_TIME_IN_FORCE = TimeInForce.GTC  # of a SCALED that names none
_OF_SCALED = ("from_price", "to_price", "count")
_OF_TWAP = ("duration_s", "interval_s")
_ONLY_SCALED = (*_OF_SCALED, "margin", "time_in_force")
_ONLY_TWAP = (*_OF_TWAP, "price", "max_slippage")


def algo_terms_asked(new: NewAlgo) -> dict[str, Any]:
    """In one spelling, to tell a repeat from another algo: what says the same as its default is
    left out. Raises DomainError."""
    asked = plain_terms(new, NewAlgo, "")
    asked.pop("client_algo_id", None)
    if new.time_in_force is _TIME_IN_FORCE:
        del asked["time_in_force"]
    return asked


def algo_asked(user_id: int, rules: MarketRules, new: NewAlgo, now: datetime) -> Algo:
    """Raises DomainError naming the field."""
    standing = selectors.trader_standing(user_id, rules)
    _check_fields(new)
    _check_client_algo_id(new.client_algo_id)
    algo = Algo(
        user_id=user_id,
        market_id=rules.id,
        kind=new.kind,
        client_algo_id=new.client_algo_id,
        terms_asked=algo_terms_asked(new),
        side=new.side,
        size_lots=to_lots(new.qty, rules.lot_size),
        reduce_only=new.reduce_only,
        next_at=now,
        created_at=now,
        updated_at=now,
    )
    if new.kind is AlgoKind.SCALED:
        _read_scaled(algo, rules, new)
    else:
        _read_twap(algo, rules, new)
    algo.slots_left = algo.slices_planned
    _read_as_order(algo, rules, new, standing)
    _check_slices(algo, rules, standing)
    return algo


def _check_fields(new: NewAlgo) -> None:
    """Each kind has its own; one of the other kind would be dropped in silence."""
    is_scaled = new.kind is AlgoKind.SCALED
    for name in _OF_SCALED if is_scaled else _OF_TWAP:
        if getattr(new, name) is None:
            raise invalid(name, f"Give a {new.kind} its {name}.", ErrorCode.MISSING_FIELD)
    for name in _ONLY_TWAP if is_scaled else _ONLY_SCALED:
        if getattr(new, name) is not None:
            raise invalid(name, f"A {new.kind} has no {name}: leave it out.")


def _check_client_algo_id(text: str | None) -> None:
    if text is not None and not 1 <= len(text) <= CLIENT_ORDER_ID_LENGTH_MAX:
        message = f"client_algo_id must be 1 to {CLIENT_ORDER_ID_LENGTH_MAX} characters."
        raise invalid("client_algo_id", message)


def _read_scaled(algo: Algo, rules: MarketRules, new: NewAlgo) -> None:
    if new.time_in_force is not None and not new.time_in_force.may_rest:
        message = "The slices of a SCALED are GTC or GTX."
        raise invalid("time_in_force", message, ErrorCode.INVALID_TIME_IN_FORCE)
    algo.time_in_force = new.time_in_force or _TIME_IN_FORCE
    algo.from_ticks = to_ticks(new.from_price, rules.tick_size, "from_price")
    algo.to_ticks = to_ticks(new.to_price, rules.tick_size, "to_price")
    algo.slices_planned = _whole_within(new.count, "count", COUNT_MIN, COUNT_MAX)


def _read_twap(algo: Algo, rules: MarketRules, new: NewAlgo) -> None:
    algo.time_in_force = TimeInForce.IOC
    if new.price is not None:
        algo.limit_ticks = to_ticks(new.price, rules.tick_size)
    duration_s = _whole_within(new.duration_s, "duration_s", DURATION_MIN_S, DURATION_MAX_S)
    # Two slices at least: one alone is an order.
    algo.interval_s = _whole_within(new.interval_s, "interval_s", INTERVAL_MIN_S, duration_s // 2)
    algo.slices_planned = duration_s // algo.interval_s


def _whole_within(value: object, field: str, least: int, most: int) -> int:
    number = to_whole(value, field)
    if not least <= number <= most:
        raise invalid(field, f"{field} must be from {least} to {most}.")
    return number


def _read_as_order(algo: Algo, rules: MarketRules, new: NewAlgo, standing: TraderStanding) -> None:
    """Margin, leverage and slippage by the rules of orders: as those of one slice, whose size is
    in bounds first."""
    part_lots = algo.size_lots // algo.slices_planned
    if part_lots < rules.min_size_lots:
        least = lots_text(rules.min_size_lots * algo.slices_planned, rules.lot_size)
        message = f"qty must be at least {least} for {algo.slices_planned} slices."
        raise invalid("qty", message, ErrorCode.INVALID_SIZE)
    (first, *_) = planned_at_first(algo, rules)
    algo.leverage = 1  # not known yet, nor is the rest
    asked = replace(
        slice_order(algo, rules, first),
        margin=new.margin,
        leverage=new.leverage,
        max_slippage=new.max_slippage,
    )
    terms = read_terms(rules, asked, standing.leverage)
    algo.leverage = terms.leverage
    algo.margin_units = terms.margin_units
    algo.max_slippage_ppm = terms.max_slippage_ppm


def _check_slices(algo: Algo, rules: MarketRules, standing: TraderStanding) -> None:
    """Raises the first refusal where the market as it stands takes none of them."""
    ticker = market_ticker(rules.id)
    refused: list[DomainError] = []
    for planned in planned_at_first(algo, rules):
        try:
            terms = read_terms(rules, slice_order(algo, rules, planned), standing.leverage)
            draft_order(rules, ticker, standing, terms)
        except DomainError as error:
            refused.append(error)
        else:
            return
    raise refused[0]
