"""What reads trading's rows and the engine's published state. Nothing here changes anything."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import structlog
from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import BigIntegerField, OuterRef, Q, QuerySet
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Cast

from common.errors import DomainError, ErrorCode
from common.postgres.prepared import read_all
from common.postgres.windows import EVER, Window, window_of_keys
from common.redis_client import request_redis_client
from markets.conversions import to_ms
from markets.models import MarketStatus
from markets.rules import MarketRules
from matching.messages.limits import MAX_ID
from matching.messages.streams import Depth, depth_key
from matching.messages.vocabulary import OrderStatus
from trading.models import (
    AMEND_COMMANDS,
    CANDLE_INTERVALS_MS,
    LIVE_STATUSES,
    Candle,
    Fill,
    FundingPayment,
    FundingSettlement,
    Liquidation,
    MarketStanding,
    Order,
    OrderName,
    OutboxCommand,
    Position,
    PositionLife,
    TraderLeverage,
)

log = structlog.get_logger(__name__)

_depth_decoder = msgspec.json.Decoder(Depth)
_NO_DEPTH = Depth(seq=0, time_ms=0, bids=[], asks=[])


@dataclass(frozen=True, slots=True)
class TraderStanding:
    """What an order of a trader is judged by beside the market: the position as last recorded, the
    leverage set for the market, and the fees, of the trader's tier or the market's own."""

    position_lots: int
    leverage: int | None
    maker_fee_ppm: int
    taker_fee_ppm: int


_STANDINGS = """
SELECT asked.user_id, asked.market_id, position.position_lots, leverage.leverage,
       tier.maker_fee_ppm, tier.taker_fee_ppm
  FROM unnest(%s::bigint[], %s::text[]) AS asked(user_id, market_id)
  LEFT JOIN trading_position position USING (user_id, market_id)
  LEFT JOIN trading_traderleverage leverage USING (user_id, market_id)
  LEFT JOIN trading_userfeetier member USING (user_id)
  LEFT JOIN trading_feetier tier ON tier.id = member.tier_id
"""


def trader_standings(
    traders: Collection[tuple[int, MarketRules]],
) -> dict[tuple[int, str], TraderStanding]:
    """By user and market. In one query: every order asks."""
    rules_of = {(user_id, rules.id): rules for user_id, rules in traders}
    user_ids, market_ids = zip(*rules_of, strict=True)
    rows = read_all(_STANDINGS, (list(user_ids), list(market_ids)))
    return {(row[0], row[1]): _standing(rules_of[row[0], row[1]], *row[2:]) for row in rows}


def trader_standing(user_id: int, rules: MarketRules) -> TraderStanding:
    return trader_standings([(user_id, rules)])[user_id, rules.id]


def _standing(
    rules: MarketRules,
    position_lots: int | None,
    leverage: int | None,
    maker_fee_ppm: int | None,
    taker_fee_ppm: int | None,
) -> TraderStanding:
    if maker_fee_ppm is None or taker_fee_ppm is None:
        maker_fee_ppm, taker_fee_ppm = rules.maker_fee_ppm, rules.taker_fee_ppm
    return TraderStanding(position_lots or 0, leverage, maker_fee_ppm, taker_fee_ppm)


def order_of_user(user_id: int, order_id: int) -> Order:
    """Raises DomainError where there is none; an order of somebody else is none."""
    order = Order.objects.filter(pk=order_id, user_id=user_id).first()
    if order is None:
        raise _no_such_order()
    return order


def order_to_amend(user_id: int, order_id: int) -> tuple[Order, list[OutboxCommand]]:
    """As `order_of_user`, and the amendments of it that its row doesn't show yet, the oldest first.
    Which those are is asked with the row: none is missing from both or in both."""
    asked = (
        OutboxCommand.objects.filter(
            created_by_id=OuterRef("user_id"),
            applied_seq__isnull=True,
            command_type__in=AMEND_COMMANDS,
        )
        .annotate(named_id=Cast(KeyTextTransform("order_id", "payload"), BigIntegerField()))
        .filter(named_id=OuterRef("pk"))
    )
    orders = Order.objects.filter(pk=order_id, user_id=user_id)
    order = orders.annotate(on_their_way=ArraySubquery(asked.values("pk"))).first()
    if order is None:
        raise _no_such_order()
    ids = order.on_their_way
    return order, list(OutboxCommand.objects.filter(pk__in=ids).order_by("pk")) if ids else []


_IDS_NAMED = """
SELECT asked.user_id, asked.client_order_id, named.order_id
  FROM unnest(%s::bigint[], %s::text[]) AS asked(user_id, client_order_id)
  JOIN trading_ordername named USING (user_id, client_order_id)
"""


def order_ids_named(asked: Sequence[tuple[int, str]]) -> list[int]:
    """Of the orders of these traders under these client order ids; 0, which no order has, for none.
    In one query."""
    storable = [(user_id, text) for user_id, text in asked if "\0" not in text]
    if not storable:
        return [0] * len(asked)
    user_ids, texts = zip(*storable, strict=True)
    rows = read_all(_IDS_NAMED, (list(user_ids), list(texts)))
    found = {(user_id, text): order_id for user_id, text, order_id in rows}
    return [found.get(one, 0) for one in asked]


def orders_named(asked: Sequence[tuple[int, str]]) -> list[Order | None]:
    """The orders of these traders under these client order ids."""
    ids = order_ids_named(asked)
    found = Order.objects.in_bulk({order_id for order_id in ids if order_id})
    return [found.get(order_id) for order_id in ids]


def order_ids_under(user_id: int, client_order_ids: Sequence[str]) -> list[int]:
    """As `order_ids_named`, of one trader."""
    return order_ids_named([(user_id, text) for text in client_order_ids])


@dataclass(frozen=True, slots=True)
class OrderState:
    """As much of an order as its cancel needs."""

    order_id: int
    user_id: int
    market_id: str
    status: OrderStatus


_STATES = """
SELECT id, user_id, market_id, status FROM trading_order WHERE id = ANY(%s::bigint[])
"""


def order_states(asked: Sequence[tuple[int, int]]) -> list[OrderState | DomainError]:
    """What `order_of_user` would answer or raise for each user and order id. In one query: every
    cancel asks."""
    order_ids = {order_id for _, order_id in asked if order_id <= MAX_ID}
    rows = read_all(_STATES, (list(order_ids),))
    states = {
        order_id: OrderState(order_id, owner_id, market_id, OrderStatus(status))
        for order_id, owner_id, market_id, status in rows
    }
    found = [(states.get(order_id), user_id) for user_id, order_id in asked]
    return [
        state if state is not None and state.user_id == user_id else _no_such_order()
        for state, user_id in found
    ]


def _no_such_order() -> DomainError:
    """The same for an order of somebody else: what others do is nobody's to find out."""
    return DomainError(ErrorCode.ORDER_NOT_FOUND, "There is no such order.")


@dataclass(frozen=True, slots=True)
class OrderFilter:
    """Which orders are asked for; empty for all."""

    statuses: Collection[str] = ()
    market_id: str | None = None
    client_order_id: str | None = None
    window: Window = EVER


def orders_of_user(user_id: int, asked: OrderFilter = OrderFilter()) -> QuerySet[Order]:
    orders = Order.objects.filter(asked.window.within("created_at"), user_id=user_id)
    if asked.client_order_id is not None:
        orders = orders.filter(pk__in=_ids_under(user_id, asked.client_order_id))
    if asked.statuses:
        orders = orders.filter(status__in=asked.statuses)
    return orders.filter(market_id=asked.market_id) if asked.market_id else orders


def orders_to_look_along(user_id: int, asked: OrderFilter) -> QuerySet[Order] | None:
    """Orders that an index gives newest first and that those asked for are among; None where the
    index gives just those."""
    if asked.client_order_id is not None or not (asked.statuses or asked.market_id):
        return None
    orders = Order.objects.filter(asked.window.within("created_at"), user_id=user_id)
    is_live = asked.statuses and set(asked.statuses) <= set(LIVE_STATUSES)
    return orders.filter(status__in=LIVE_STATUSES) if is_live else orders


def order_id_of(user_id: int, client_order_id: str) -> int | None:
    return _ids_under(user_id, client_order_id).first()


def _ids_under(user_id: int, client_order_id: str) -> QuerySet[OrderName, int]:
    """Of one order at most. Asked where the reader's other rows are."""
    named = OrderName.objects.filter(user_id=user_id, client_order_id=client_order_id)
    return named.values_list("order_id", flat=True)


_ALGOS_OF = """
SELECT order_id, algo_id FROM trading_algoslice WHERE order_id = ANY(%s::bigint[])
"""


def algo_ids_of(orders: Iterable[Order]) -> dict[int, int]:
    """By order, of those that an algo sent. In one query."""
    return dict(read_all(_ALGOS_OF, ([order.pk for order in orders],)))


def positions_of_user(
    user_id: int, market_id: str | None = None, *, flat_too: bool = False
) -> QuerySet[Position]:
    positions = Position.objects.filter(user_id=user_id)
    if not flat_too:
        positions = positions.exclude(position_lots=0)
    return positions.filter(market_id=market_id) if market_id else positions


def open_position(user_id: int, market_id: str) -> Position | None:
    return positions_of_user(user_id, market_id).first()


def leverages_set(user_id: int) -> dict[str, int]:
    """By market: the leverage the trader set for it."""
    rows = TraderLeverage.objects.filter(user_id=user_id)
    return dict(rows.values_list("market_id", "leverage"))


def fills_of_user(
    user_id: int,
    market_id: str | None = None,
    order_id: int | None = None,
    window: Window = EVER,
) -> QuerySet[Fill]:
    fills = Fill.objects.filter(window.within("executed_at"), user_id=user_id)
    fills = fills.select_related("order")
    if order_id is not None:
        fills = fills.filter(order_id=order_id)
    return fills.filter(market_id=market_id) if market_id else fills


def payments_of_user(
    user_id: int, market_id: str | None = None, window: Window = EVER
) -> QuerySet[FundingPayment]:
    payments = FundingPayment.objects.filter(
        window.within("settlement__settled_at"), user_id=user_id
    )
    return payments.filter(settlement__market_id=market_id) if market_id else payments


def closed_lives_of_user(
    user_id: int,
    market_id: str | None = None,
    endings: Collection[str] = (),
    window: Window = EVER,
) -> QuerySet[PositionLife]:
    closed = PositionLife.objects.filter(user_id=user_id, closed_at__isnull=False)
    lives = closed.filter(window.within("closed_at"))
    if endings:
        lives = lives.filter(ending__in=endings)
    return lives.filter(market_id=market_id) if market_id else lives


def candles_of_market(market_id: str, interval: str, window: Window = EVER) -> QuerySet[Candle]:
    """Those that opened within the window."""
    interval_ms = CANDLE_INTERVALS_MS[interval]
    candles = Candle.objects.filter(market_id=market_id, interval_ms=interval_ms)
    return candles.filter(*_within_ms("start_ms", window))


_CANDLE_COLUMNS = [field.attname for field in Candle._meta.concrete_fields]
_NEWEST_CANDLES = """
SELECT wanted.number, candle.{columns}
  FROM unnest(%s::text[], %s::integer[], %s::integer[])
       WITH ORDINALITY AS wanted(market_id, interval_ms, count, number)
 CROSS JOIN LATERAL (
       SELECT * FROM trading_candle AS one
        WHERE one.market_id = wanted.market_id AND one.interval_ms = wanted.interval_ms
        ORDER BY one.start_ms DESC LIMIT wanted.count) AS candle
 ORDER BY wanted.number, candle.start_ms
"""


def newest_candles(asked: Sequence[tuple[str, str, int]]) -> list[list[Candle]]:
    """Of each market and interval so many, the oldest of them first. In one query."""
    market_ids, intervals, counts = zip(*asked, strict=True)
    lengths_ms = [CANDLE_INTERVALS_MS[interval] for interval in intervals]
    found: list[list[Candle]] = [[] for _ in asked]
    statement = _NEWEST_CANDLES.format(columns=", candle.".join(_CANDLE_COLUMNS))
    for number, *columns in read_all(statement, (list(market_ids), lengths_ms, list(counts))):
        candle = Candle(**dict(zip(_CANDLE_COLUMNS, columns, strict=True)))
        found[number - 1].append(candle)
    return found


def _within_ms(field: str, window: Window) -> list[Q]:
    """Of a field in milliseconds."""
    bounds = {f"{field}__gte": window.start, f"{field}__lt": window.end}
    return [Q(**{name: to_ms(at)}) for name, at in bounds.items() if at is not None]


def standings_of_market(market_id: str, window: Window = EVER) -> QuerySet[MarketStanding]:
    """Those that were taken within the window."""
    rows = MarketStanding.objects.filter(market_id=market_id)
    return rows.filter(*_within_ms("taken_ms", window))


def pending_orders(user_id: int, market_id: str) -> list[Order]:
    """Accepted, and as far as Postgres knows not yet with their engine; oldest first."""
    pending = Order.objects.filter(user_id=user_id, market_id=market_id, status=OrderStatus.PENDING)
    return list(pending.order_by("pk"))


def command_under_key(user_id: int, idempotency_key: str) -> OutboxCommand | None:
    sent = OutboxCommand.objects.filter(created_by_id=user_id, idempotency_key=idempotency_key)
    return sent.first()


def markets_with_live_orders(user_id: int) -> list[str]:
    live = Order.objects.filter(user_id=user_id, status__in=LIVE_STATUSES).order_by("market_id")
    return list(live.values_list("market_id", flat=True).distinct())


def funding_of_market(market_id: str, window: Window = EVER) -> QuerySet[FundingSettlement]:
    settlements = FundingSettlement.objects.filter(market_id=market_id)
    return window_of_keys(settlements, window, "seq", "settled_at", market_id=market_id)


def liquidations_of_market(market_id: str, window: Window = EVER) -> QuerySet[Liquidation]:
    liquidations = Liquidation.objects.filter(market_id=market_id)
    return window_of_keys(liquidations, window, "id", "liquidated_at", market_id=market_id)


def market_status(market_id: str) -> MarketStatus:
    return MarketStatus.objects.get(pk=market_id)


def market_statuses(market_ids: Collection[str]) -> dict[str, MarketStatus]:
    return MarketStatus.objects.in_bulk(market_ids)


def market_depths(market_ids: Collection[str]) -> dict[str, Depth]:
    """As the engines' shells published them; empty before they did. In one round trip. Raises
    redis.RedisError."""
    pipeline = request_redis_client().pipeline(transaction=False)
    for market_id in market_ids:
        pipeline.get(depth_key(market_id))
    published = zip(market_ids, pipeline.execute(), strict=True)
    return {market_id: _decoded_depth(market_id, data) for market_id, data in published}


def _decoded_depth(market_id: str, data: Any) -> Depth:
    try:
        return _depth_decoder.decode(data) if data else _NO_DEPTH
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        log.error("depth_undecodable", market=market_id, error=str(error))
        return _NO_DEPTH


def market_depth(market_id: str) -> Depth:
    return market_depths([market_id])[market_id]
