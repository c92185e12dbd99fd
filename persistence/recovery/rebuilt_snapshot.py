"""A market's engine as the rows say it stands at the ledger's cursor.

Postgres holds all that the engine may not forget: rules, open orders with what they hold and where
they queue, conditional orders, positions, countdowns, the fund, and where the funding interval
stands. The rest of a snapshot follows from these. Used to bring an engine back when Redis is lost,
and to compare with one that is not.

Three things begin anew: the last 30 seconds of mid against index, the best price a trailing stop
has seen (it follows the price from where it is now, and one with an activation price waits to reach
that again), and which positions the last liquidation pass left short (they are told once more).
"""

import msgspec
from django.db import transaction
from django.db.models import F, Max, QuerySet, Sum
from msgspec import UNSET

from ledger.archive.models import detached_files
from ledger.archive.shadow import hold_still
from ledger.balances.sums import total_of
from ledger.models import Account, AccountKind
from markets.conversions import to_ms
from matching.messages.commands import MarketConfig
from matching.messages.snapshot import (
    EngineSnapshot,
    IdWindow,
    OrderRow,
    PositionRow,
    WaitingRow,
)
from matching.messages.vocabulary import (
    MarketState,
    OrderStatus,
    SelfTradePrevention,
    Side,
    TimeInForce,
)
from persistence.models import MarketCursor
from trading.archive.models import told_of_market
from trading.archive.rows import FILLS
from trading.commands.order_command import command_of_order
from trading.models import Countdown, Fill, Order, OutboxCommand, Position

# Of the ids already applied, how many a rebuilt engine is told, for each window. Larger than
# what can be on its way twice after a loss of Redis, smaller than the engine's own window.
RECENT_IDS_TOLD = 50_000


def engine_snapshot_of_rows(cursor: MarketCursor) -> EngineSnapshot:
    """The snapshot at ``cursor.seq``. Consistent only inside a transaction that holds the cursor
    or reads from one snapshot of the database."""
    market_id = cursor.market_id
    status = cursor.market.status
    orders = _order_rows(market_id)
    waiting = _waiting_rows(market_id)
    positions = _position_rows(market_id)
    fees_units, last_trade_id = _fees_and_last_trade(market_id)
    insurance_units = _insurance_units(market_id)
    held_units = sum(o.remaining_lots * o.reserve_per_lot_units for o in orders)
    margin_units = sum(p.margin_units for p in positions)
    entry_cost_units = sum(p.entry_cost_units for p in positions)
    return EngineSnapshot(
        seq=cursor.seq,
        input_id=cursor.input_id,
        clock_ms=cursor.entry_time_ms,
        market_state=MarketState(status.state),
        config=_applied_config(market_id, status.applied_config_version),
        mark_price_ticks=status.mark_price_ticks,
        index_price_ticks=status.index_price_ticks,
        last_price_ticks=status.last_price_ticks,
        index_ms=status.index_ms,
        index_stale=status.index_stale,
        breaker_armed=status.breaker_armed,
        basis=[],
        premium_sum_ppb=status.premium_sum_ppb,
        premium_count=status.premium_count,
        funding_rate_ppb=status.funding_rate_ppb,
        funding_carry=status.funding_carry,
        next_funding_ms=status.next_funding_ms,
        funding_since_ms=status.funding_since_ms,
        funding_is_split=status.funding_is_split,
        funding_accrued_ppb=status.funding_accrued_ppb,
        last_trade_id=last_trade_id,
        last_arrival=max([0, *(o.arrival for o in orders), *(w.arrival for w in waiting)]),
        fees_units=fees_units,
        insurance_units=insurance_units,
        wallets_units=held_units + margin_units + fees_units + insurance_units - entry_cost_units,
        recent_orders=_recent_order_ids(market_id),
        recent_commands=_recent_command_ids(market_id),
        positions=positions,
        orders=orders,
        waiting=waiting,
        stuck=[],
        pairs=_pairs(market_id) or UNSET,
        icebergs=_icebergs(market_id) or UNSET,
    )


def _applied_config(market_id: str, config_version: int) -> MarketConfig | None:
    """The rules the engine last took, from the command that brought them."""
    rows = OutboxCommand.objects.filter(
        market_id=market_id, command_type="ConfigureMarket", applied_seq__isnull=False
    )
    row = rows.filter(payload__config__config_version=config_version).order_by("-pk").first()
    if row is None:
        return None
    return msgspec.convert(row.payload["config"], MarketConfig)


def _order_rows(market_id: str) -> list[OrderRow]:
    """Open orders in the order of the book: bids from the best, then asks from the best."""
    rows = Order.objects.filter(market_id=market_id, status=OrderStatus.OPEN).annotate(
        left=F("size_lots") - F("filled_lots") - F("cancelled_lots")
    )
    orders = [
        OrderRow(
            order_id=row.pk,
            account_id=row.user_id,
            is_long=row.side == Side.LONG,
            price_ticks=row.price_ticks,
            remaining_lots=row.left,
            reserve_per_lot_units=row.held_units // row.left,
            named_margin_per_lot_units=row.margin_units // row.size_lots,
            leverage=row.leverage,
            maker_fee_ppm=row.maker_fee_ppm,
            taker_fee_ppm=row.taker_fee_ppm,
            reduce_only=row.reduce_only,
            post_only=row.time_in_force == TimeInForce.GTX,
            expires_ms=to_ms(row.expires_at),
            filled_lots=row.filled_lots,
            arrival=row.arrival,
            self_trade_prevention=SelfTradePrevention(row.self_trade_prevention),
        )
        for row in rows
    ]
    return sorted(orders, key=_book_order)


def _waiting_rows(market_id: str) -> list[WaitingRow]:
    """As they were placed, without a hold: one that is on its way comes with its own command."""
    waiting = (OrderStatus.ASLEEP, OrderStatus.WAITING)
    rows = Order.objects.filter(market_id=market_id, status__in=waiting)
    return [
        WaitingRow(
            command=msgspec.structs.replace(command_of_order(row), hold_units=0),
            arrival=row.arrival,
            peak_ticks=0,
            is_triggered=row.triggered_at is not None,
        )
        for row in rows.order_by("arrival", "pk")
    ]


def _pairs(market_id: str) -> list[tuple[int, int]]:
    """Of orders that have neither filled nor fired, both ways."""
    rows = Order.objects.filter(
        market_id=market_id,
        status__in=(OrderStatus.WAITING, OrderStatus.OPEN),
        other__isnull=False,
        filled_lots=0,
        triggered_at__isnull=True,
    )
    return list(rows.order_by("pk").values_list("pk", "other_id"))


def _icebergs(market_id: str) -> list[tuple[int, int]]:
    """What they show now follows from what is filled of them."""
    rows = Order.objects.filter(market_id=market_id, status=OrderStatus.OPEN, visible_lots__gt=0)
    return list(rows.order_by("pk").values_list("pk", "visible_lots"))


def _book_order(row: OrderRow) -> tuple[bool, int, int]:
    return not row.is_long, -row.price_ticks if row.is_long else row.price_ticks, row.arrival


def _position_rows(market_id: str) -> list[PositionRow]:
    """By account: who is not flat, or has a countdown."""
    positions: QuerySet[Position] = Position.objects.filter(market_id=market_id)
    columns = ("user_id", "position_lots", "entry_cost_units", "margin_units")
    held = {row[0]: row[1:] for row in positions.exclude(position_lots=0).values_list(*columns)}
    countdowns = Countdown.objects.filter(market_id=market_id)
    running = {row.user_id: (row.due_ms, row.protective) for row in countdowns}
    rows = []
    for user_id in sorted({*held, *running}):
        lots, cost, margin = held.get(user_id, (0, 0, 0))
        due_ms, protective = running.get(user_id, (0, False))
        rows.append(PositionRow(user_id, lots, cost, margin, due_ms, protective))
    return rows


def _fees_and_last_trade(market_id: str) -> tuple[int, int]:
    """Of all fills, wherever they are: what those in files have is kept beside."""
    with transaction.atomic():
        hold_still(FILLS)
        in_table = Fill.objects.filter(market_id=market_id)
        in_files = told_of_market(market_id).filter(file__in=detached_files(FILLS))
        of_both = [
            in_table.aggregate(fees=Sum("fee_units"), last=Max("trade_id")),
            in_files.aggregate(fees=Sum("fee_units"), last=Max("last_trade_id")),
        ]
    fees_units = sum(int(sums["fees"] or 0) for sums in of_both)
    return fees_units, max(int(sums["last"] or 0) for sums in of_both)


def _insurance_units(market_id: str) -> int:
    account = Account.objects.get(kind=AccountKind.INSURANCE, market_id=market_id)
    return total_of(account.pk)


def _recent_order_ids(market_id: str) -> IdWindow:
    """Orders the engine has seen: all but the pending ones."""
    seen = Order.objects.filter(market_id=market_id).exclude(status=OrderStatus.PENDING)
    return _window(list(seen.order_by("-pk").values_list("pk", flat=True)[: RECENT_IDS_TOLD + 1]))


def _recent_command_ids(market_id: str) -> IdWindow:
    applied = OutboxCommand.objects.filter(market_id=market_id, applied_seq__isnull=False)
    return _window(
        list(applied.order_by("-pk").values_list("pk", flat=True)[: RECENT_IDS_TOLD + 1])
    )


def _window(newest_first: list[int]) -> IdWindow:
    told = newest_first[:RECENT_IDS_TOLD]
    floor = newest_first[RECENT_IDS_TOLD] if len(newest_first) > RECENT_IDS_TOLD else 0
    return IdWindow(floor=floor, ids=told[::-1])
