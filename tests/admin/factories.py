"""Rows as the exchange would have written them, made directly: an admin page needs no engine.

Postings go through the database's own rule: all of an entry in one statement, and sum zero.
"""

from datetime import timedelta
from itertools import count
from typing import Any

from django.db.models import F, Sum

from accounts.models import User
from announcements.models import Announcement
from ledger.models import (
    AccountKind,
    DepositStatus,
    EntryKind,
)
from markets.models import LeverageTier, Market, MarketStatus
from matching.messages.vocabulary import (
    CancelReason,
    ExecutionType,
    MarketState,
    OrderStatus,
    OrderType,
    Role,
    SelfTradePrevention,
    Side,
    TimeInForce,
    TriggerBy,
    TriggerKind,
)
from persistence.models import DeadLetter, MarketCursor
from prices.models import PriceSource, PriceSourceKind
from tests.admin.alert_rows import make_alert
from tests.admin.algo_rows import make_algo_rows
from tests.admin.custody_rows import make_custody_rows
from tests.admin.family_rows import make_family_rows
from tests.admin.money_rows import NOW, account, make_adjustment, make_deposit, post
from tests.admin.people_rows import make_people
from tests.admin.recovery_rows import make_recovery_rows
from tests.admin.sign_ins import make_sign_ins
from tests.builders.markets import build_market
from trading.models import (
    Countdown,
    FeeTier,
    Fill,
    FundingPayment,
    FundingSettlement,
    InsuranceTopUp,
    Liquidation,
    Order,
    OutboxCommand,
    Position,
    PositionLife,
    Settlement,
    TraderLeverage,
    UserFeeTier,
)

_numbers = count(1)


def make_user(name: str = "", **fields: object) -> User:
    user = User(username=name or f"trader{next(_numbers)}", **fields)
    user.set_unusable_password()
    user.save()
    return user


def make_market(market_id: str = "BTC-PERP") -> Market:
    """Tick 0.1 USD, lot 0.001 BTC: 100 money units per tick and lot; mark 2,510.00."""
    market = Market.objects.filter(pk=market_id).first()
    if market is None:
        market = build_market(market_id, min_notional_units=5_000_000)
        market.save()
        for floor, leverage, ppm in ((0, 50, 10_000), (50_000_000_000, 25, 20_000)):
            LeverageTier.objects.create(
                market=market, floor_units=floor, max_leverage=leverage, maintenance_ppm=ppm
            )
        PriceSource.objects.create(market=market, kind=PriceSourceKind.SYNTHETIC)
        MarketStatus.objects.filter(pk=market_id).update(
            state=MarketState.ACTIVE,
            applied_config_version=1,
            mark_price_ticks=25_100,
            index_price_ticks=25_099,
            last_price_ticks=25_000,
            mark_price_at=NOW,
            funding_rate_ppb=100_000,
            next_funding_ms=int(NOW.timestamp() * 1_000),
            index_ms=int(NOW.timestamp() * 1_000),
            insurance_units=12_500_000,
        )
        MarketCursor.objects.filter(pk=market_id).update(seq=7, input_id="5-0", applied_at=NOW)
    market.refresh_from_db()
    return market


def make_order(user: User, market: Market, **fields: object) -> Order:
    """0.5 BTC at 2,500.00 with 125 USD named as margin, open unless said otherwise."""
    values = {
        "side": Side.LONG,
        "order_type": OrderType.LIMIT,
        "time_in_force": TimeInForce.GTC,
        "price_ticks": 25_000,
        "size_lots": 500,
        "margin_units": 125_000_000,
        "leverage": 1,
        "reduce_only": False,
        "self_trade_prevention": SelfTradePrevention.EXPIRE_MAKER,
        "hold_units": 125_625_000,
        "held_units": 125_625_000,
        "status": OrderStatus.OPEN,
        "created_at": NOW,
        "updated_at": NOW,
    }
    return Order.objects.create(user=user, market=market, **(values | fields))


def make_trade(long: Order, short: Order, price_ticks: int = 25_000, size_lots: int = 300) -> Fill:
    """Both fills, both positions, and the journal of it; returns the taker's fill."""
    number = next(_numbers)
    for order, role in ((long, Role.TAKER), (short, Role.MAKER)):
        _fill(order, role, number, price_ticks, size_lots)
        _position(order, price_ticks, size_lots)
    return Fill.objects.get(market=long.market, trade_id=number, role=Role.TAKER)


def _fill(order: Order, role: Role, trade_id: int, price_ticks: int, size_lots: int) -> None:
    Fill.objects.create(
        market=order.market,
        trade_id=trade_id,
        role=role,
        order=order,
        user=order.user,
        side=order.side,
        price_ticks=price_ticks,
        size_lots=size_lots,
        fee_units=375_000,
        realized_pnl_units=-2_500_000,
        seq=7,
        executed_at=NOW + timedelta(seconds=1),
    )
    filled = order.fills.aggregate(
        lots=Sum("size_lots"), tick_lots=Sum(F("price_ticks") * F("size_lots"))
    )
    Order.objects.filter(pk=order.pk).update(
        filled_lots=filled["lots"],
        filled_cost_units=order.market.units_per_tick_lot * filled["tick_lots"],
        held_units=50_250_000,
    )
    lines = {
        account(AccountKind.HELD, order.user): -75_375_000,
        account(AccountKind.MARGIN, order.user): 75_000_000,
        account(AccountKind.FEES): 375_000,
    }
    post(EntryKind.FILL, lines, market=order.market, seq=7, order_id=order.pk, trade_id=trade_id)


def _position(order: Order, price_ticks: int, size_lots: int) -> None:
    sign = 1 if order.side == Side.LONG else -1
    Position.objects.update_or_create(
        user=order.user,
        market=order.market,
        defaults={
            "position_lots": sign * size_lots,
            "entry_cost_units": sign * order.market.units_per_tick_lot * price_ticks * size_lots,
            "margin_units": 75_000_000,
            "realized_pnl_units": -2_500_000,
            "seq": 7,
            "updated_at": NOW,
        },
    )


def make_world(traders: int = 2, market_id: str = "BTC-PERP") -> Market:
    """Rows of every model: each pair of traders has met once, and each has a deposit."""
    market = make_market(market_id)
    for _ in range(traders // 2):
        long, short = make_user(), make_user()
        bought = make_order(long, market, client_order_id=f"mine-{next(_numbers)}")
        sold = make_order(short, market, side=Side.SHORT)
        for order in (bought, sold):
            hold = {
                account(AccountKind.AVAILABLE, order.user): -order.hold_units,
                account(AccountKind.HELD, order.user): order.hold_units,
            }
            post(EntryKind.ORDER_HOLD, hold, market=market, order_id=order.pk)
        make_trade(bought, sold)
        for user in (long, short):
            make_deposit(user, DepositStatus.APPROVED)
            make_deposit(user)
        ended = {"status": OrderStatus.CANCELLED, "reason": CancelReason.USER}
        make_order(long, market, held_units=0, cancelled_lots=500, **ended)
        make_command(market, long)
        make_perpetual_rows(market, long, short)
        number = next(_numbers)
        DeadLetter.objects.create(
            market=market,
            seq=number,
            input_id=f"{number}-0",
            reason="Object missing required field `type`",
            payload=b'{"what": "\xff<b>"}',
        )
        make_recovery_rows(market, long)
        make_sign_ins(long)
        make_people(long, short)
        make_top_up(market, long)
        make_adjustment(short, long, f"T-{number}")
        make_family_rows(long, short)
        make_algo_rows(long, market)
        make_custody_rows(long, short)
        make_alert(market)
        Announcement.objects.create(text="we open", level="info", shown_from=NOW, made_by=long)
    return market


def make_perpetual_rows(market: Market, long: User, short: User) -> None:
    """What the perpetual rules leave behind of a pair of traders."""
    make_order(
        long,
        market,
        side=Side.SHORT,
        status=OrderStatus.WAITING,
        trigger_kind=TriggerKind.STOP,
        trigger_by=TriggerBy.MARK,
        trigger_price_ticks=24_000,
        close_position=True,
        reduce_only=True,
        hold_units=0,
        held_units=0,
    )
    make_liquidation(market, long, short)
    make_funding(market, long, short)
    make_life(market, long)
    make_life(market, short, ending="CLOSED")
    Settlement.objects.create(
        market=market,
        user=long,
        seq=next(_numbers),
        settled_at=NOW,
        price_ticks=25_000,
        position_lots=300,
        realized_pnl_units=-3_000_000,
        insurance_units=0,
        returned_units=72_000_000,
    )
    tier, _ = FeeTier.objects.get_or_create(
        name="Market makers", defaults={"maker_fee_ppm": -50, "taker_fee_ppm": 300}
    )
    UserFeeTier.objects.create(user=short, tier=tier)
    TraderLeverage.objects.create(user=long, market=market, leverage=7)
    Countdown.objects.create(user=long, market=market, due_ms=int(NOW.timestamp() * 1_000))


def make_liquidation(market: Market, bankrupt: User, other: User, **fields: object) -> Liquidation:
    """A long of 0.3 BTC from 2,500 with 75 USD margin, at a mark of 2,250: it closes 0.1 BTC in
    the book at 2,250 and 0.2 BTC against ``other``'s short, and the fund pays 0.5 USD.

    Equity = 75 + 675 − 750 = 0; needed are 6.75 of maintenance and 3.375 for the fee.
    """
    seq = next(_numbers)
    values = {
        "seq": seq,
        "ordinal": 0,
        "liquidated_at": NOW,
        "mark_price_ticks": 22_500,
        "position_lots": 300,
        "entry_cost_units": 750_000_000,
        "margin_units": 75_000_000,
        "equity_units": 0,
        "maintenance_units": 6_750_000,
        "fee_reserve_units": 3_375_000,
        "limit_ticks": 20_250,
        "cancelled_orders": 1,
        "filled_lots": 100,
        "deleveraged_lots": 200,
        "fee_units": 0,
        "insurance_paid_units": 500_000,
        "left_lots": 0,
        "returned_units": 0,
    }
    made = Liquidation.objects.create(market=market, user=bankrupt, **(values | fields))
    for execution, lots in ((ExecutionType.LIQUIDATION, 100), (ExecutionType.ADL, 200)):
        trade_id = next(_numbers)
        for role, user, side in (
            (Role.TAKER, bankrupt, Side.SHORT),
            (Role.MAKER, other, Side.LONG),
        ):
            Fill.objects.create(
                market=market,
                trade_id=trade_id,
                role=role,
                order=None,
                execution=execution,
                user=user,
                side=side,
                price_ticks=22_500,
                size_lots=lots,
                fee_units=0,
                realized_pnl_units=-25_000_000 if role is Role.TAKER else 25_000_000,
                insurance_units=-500_000 if role is Role.TAKER else 0,
                seq=seq,
                executed_at=NOW,
            )
        lines = {
            account(AccountKind.MARGIN, bankrupt): -25_000_000,
            account(AccountKind.CLEARING, market): 25_000_000,
        }
        kind = EntryKind.ADL if execution is ExecutionType.ADL else EntryKind.LIQUIDATION
        post(kind, lines, market=market, seq=seq, trade_id=trade_id)
    make_order(
        bankrupt,
        market,
        status=OrderStatus.CANCELLED,
        reason=CancelReason.LIQUIDATION,
        held_units=0,
        cancelled_lots=500,
        updated_at=NOW,
    )
    return made


def make_funding(market: Market, long: User, short: User) -> FundingSettlement:
    """At +0.01 % of 2,510.00 a long pays 251 units per lot: 0.0753 USD for 0.3 BTC."""
    seq = next(_numbers)
    settlement = FundingSettlement.objects.create(
        market=market,
        seq=seq,
        funding_time=NOW,
        settled_at=NOW + timedelta(seconds=1),
        rate_ppb=100_000,
        mark_price_ticks=25_100,
        per_lot_units=251,
        paid_units=75_300,
    )
    for user, sign in ((long, 1), (short, -1)):
        FundingPayment.objects.create(
            settlement=settlement, user=user, position_lots=sign * 300, amount_units=-sign * 75_300
        )
    lines = {
        account(AccountKind.MARGIN, long): -75_300,
        account(AccountKind.MARGIN, short): 75_300,
    }
    post(EntryKind.FUNDING, lines, market=market, seq=seq)
    return settlement


def make_life(market: Market, user: User, *, ending: str = "") -> PositionLife:
    lots, units = (300, 753_000_000) if ending else (0, 0)
    ended = {"closed_seq": 2, "closed_at": NOW, "ending": ending} if ending else {}
    nothing = ("realized_pnl_units", "liquidation_fee_units", "insurance_units", "loss_share_units")
    sums = dict.fromkeys(nothing, 0) | {"fee_units": 400_000, "funding_units": -75_300}
    sums |= {"max_lots": 300, "entry_lots": 300, "entry_units": 753_000_000}
    sums |= {"exit_lots": lots, "exit_units": units}
    values: dict[str, Any] = {"side": Side.LONG, "opened_seq": 1, "opened_at": NOW, **ended, **sums}
    return PositionLife.objects.create(user=user, market=market, **values)


def make_top_up(market: Market, by: User) -> InsuranceTopUp:
    terms = {"market": market, "amount_units": 5_000_000, "reason": "as agreed"}
    return InsuranceTopUp.objects.create(requested_by=by, **terms)


def make_command(market: Market, by: User | None = None) -> OutboxCommand:
    return OutboxCommand.objects.create(
        market=market,
        command_type="SetMarketState",
        payload={"type": "SetMarketState", "v": 1, "state": "HALTED"},
        created_by=by,
    )
