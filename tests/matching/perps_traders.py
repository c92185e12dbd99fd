"""What random traders and a careless operator send: one maker of commands per kind.

Each takes the world as it stands and a source of randomness, and answers with a command, or with
None where it has nothing to say. Most orders carry the hold the API would ask for; some too little.
"""

import random
from collections.abc import Callable, Sequence

import msgspec
from msgspec import UNSET

from matching.messages.commands import (
    ActivateOrder,
    AdjustMargin,
    AdvanceClock,
    AmendConditional,
    AmendOrder,
    CancelAllOrders,
    CancelOrder,
    PlaceOrder,
    SetCountdown,
    Trigger,
)
from matching.messages.holds import band_edges, reserve_per_lot, worst_price_ticks
from matching.messages.vocabulary import (
    CancelReason,
    OrderType,
    PriceMatch,
    SelfTradePrevention,
    Side,
    TimeInForce,
    TriggerBy,
    TriggerKind,
)
from tests.matching.perps_driver import CURRENCY, Input, Undecodable, World
from tests.matching.perps_operators import (
    ACCOUNTS,
    around,
    configure,
    crash,
    disturb,
    fund_insurance,
    index_price,
    reopen,
)

LEVERAGES = (1, 2, 5, 10, 20, 50, 100, 125, 1_000)
FEES_PPM = ((-100, 0), (-100, 200), (-500, 500), (0, 0), (0, 500), (200, 200), (200, 500))

Maker = Callable[[World, random.Random], Input | None]


def pass_time(world: World, rng: random.Random) -> None:
    """Mostly milliseconds, at times minutes or hours; the clock may also run backwards a bit."""
    draw = rng.random()
    if draw < 0.97:
        world.now_ms += rng.choice((0, 1, 10, 100, 100, 1_000, 2_000))
    elif draw < 0.99:
        world.now_ms += rng.choice((11_000, 60_000, 3_600_000, 100_000_000))
    else:
        world.now_ms -= 5


def next_command(world: World, rng: random.Random) -> Input:
    while True:
        if world.due:
            return world.due.pop(0)
        (make,) = rng.choices([m for m, _ in MAKERS], weights=[w for _, w in MAKERS])
        command = make(world, rng)
        if command is not None:
            return command


def near(world: World, rng: random.Random, width_ppm: int) -> int:
    mark = world.mark_ticks
    return max(1, mark + mark * around(rng, width_ppm) // 10**6)


# ----------------------------------------------------------------------------------------- orders


def place_order(world: World, rng: random.Random) -> PlaceOrder:
    side = rng.choice(tuple(Side))
    order_type = rng.choice((OrderType.LIMIT, OrderType.LIMIT, OrderType.MARKET))
    tif = rng.choice((*TimeInForce, *(TimeInForce.GTC,) * 3))
    price = near(world, rng, rng.choice((500, 1_000, 4_000, 40_000)))
    if order_type is OrderType.MARKET:
        lower, upper = band_edges(world.mark_ticks, world.config.price_band_ppm)
        price = upper if side is Side.LONG else lower
        tif = rng.choice((*TimeInForce, *(TimeInForce.IOC,) * 5))
    lots = rng.choice((rng.randint(1, 50), rng.randint(1, 2_000)))
    maker_fee_ppm, taker_fee_ppm = rng.choice(FEES_PPM)
    allowed = [x for x in LEVERAGES if x <= world.config.tiers[0].max_leverage]
    margin = 0
    if rng.random() < 0.25:
        worth = world.config.units_per_tick_lot * price
        margin = lots * (worth // rng.choice((1, 2, 10, 50, 90)))
    trigger = random_trigger(world, rng) if rng.random() < 0.2 else None
    closes = rng.random() < (0.3 if trigger else 0.01)
    order = PlaceOrder(
        order_id=world.order_id(),
        account_id=rng.randint(1, ACCOUNTS),
        side=side,
        order_type=order_type,
        time_in_force=tif,
        price_ticks=price,
        size_lots=lots,
        margin_units=margin,
        leverage=rng.choice(LEVERAGES if rng.random() < 0.02 else allowed),
        hold_units=0,
        maker_fee_ppm=maker_fee_ppm,
        taker_fee_ppm=taker_fee_ppm,
        reduce_only=(closes and rng.random() < 0.98) or rng.random() < 0.15,
        self_trade_prevention=rng.choice(tuple(SelfTradePrevention)),
        close_position=closes,
        expires_ms=world.now_ms + rng.choice((0, 1_000, 9_000)) if rng.random() < 0.1 else 0,
        trigger=trigger,
        price_match=rng.choice(tuple(PriceMatch)) if rng.random() < 0.05 else UNSET,
    )
    if rng.random() < 0.2 and not trigger and tif is TimeInForce.GTC:
        shown = max(1, lots // rng.choice((1, 2, 3, 10, 200)))
        order = msgspec.structs.replace(order, visible_lots=shown)
    return order if trigger or order.reduce_only else with_hold(order, hold(world, rng, order))


def place_bracket(world: World, rng: random.Random) -> PlaceOrder:
    """An entry behind its take-profit and stop-loss; seldom what can't be attached, and at times
    what comes after its entry."""
    protections = [place_order(world, rng) for _ in range(rng.choice((1, 2, 2)))]
    entry = place_order(world, rng)
    entry = msgspec.structs.replace(entry, reduce_only=False, close_position=False)
    if entry.trigger is None:
        entry = with_hold(entry, hold(world, rng, entry))
    side = Side.SHORT if entry.side is Side.LONG else Side.LONG
    parent_id = entry.order_id if rng.random() < 0.97 else rng.randint(1, entry.order_id)
    orders: list[Input] = [
        msgspec.structs.replace(
            order,
            account_id=entry.account_id if rng.random() < 0.98 else order.account_id,
            side=side if rng.random() < 0.98 else entry.side,
            size_lots=entry.size_lots,
            margin_units=0,
            hold_units=0,
            reduce_only=rng.random() < 0.98,
            close_position=rng.random() < 0.02,
            trigger=random_trigger(world, rng),
            parent_id=parent_id,
        )
        for order in protections
    ]
    orders.insert(rng.choice((0, len(orders), len(orders), len(orders))), entry)
    world.due += orders[1:]
    first = orders[0]
    assert isinstance(first, PlaceOrder)
    return first


def place_pair(world: World, rng: random.Random) -> PlaceOrder:
    """Two orders of which one cancels the other; seldom what makes no pair, or one alone."""
    first, second = place_order(world, rng), place_order(world, rng)
    second = msgspec.structs.replace(
        second,
        account_id=first.account_id if rng.random() < 0.97 else second.account_id,
        trigger=random_trigger(world, rng) if rng.random() < 0.95 else second.trigger,
        other_id=first.order_id,
    )
    first = msgspec.structs.replace(first, other_id=second.order_id)
    pair: list[PlaceOrder] = rng.choice(([first, second], [second, first]))
    world.due += [order for order in pair[1:] if rng.random() < 0.97]
    return pair[0]


def with_hold(order: PlaceOrder, units: int) -> PlaceOrder:
    fields = {name: getattr(order, name) for name in order.__struct_fields__}
    return PlaceOrder(**{**fields, "hold_units": units})


def hold(world: World, rng: random.Random, order: PlaceOrder) -> int:
    """What the API would hold, seldom less."""
    reserve = reserve_per_lot(
        units_per_tick_lot=world.config.units_per_tick_lot,
        taker_fee_ppm=order.taker_fee_ppm,
        side=order.side,
        worst_ticks=worst_price_ticks(
            order.side,
            order.order_type if order.price_match is UNSET else OrderType.MARKET,
            order.price_ticks,
            world.mark_ticks,
            world.engine.state.book.best_bid_ticks(),
        ),
        mark_ticks=world.mark_ticks,
        named_margin_per_lot_units=order.margin_units // order.size_lots,
        leverage=order.leverage,
    )
    whole = reserve * order.size_lots
    return whole * rng.randint(0, 100) // 100 if rng.random() < 0.05 else whole


def random_trigger(world: World, rng: random.Random) -> Trigger:
    kind = rng.choice(tuple(TriggerKind))
    is_trailing = kind is TriggerKind.TRAILING_STOP
    at_once = is_trailing and rng.random() < 0.5
    return Trigger(
        kind=kind,
        by=rng.choice(tuple(TriggerBy)),
        price_ticks=0 if at_once else near(world, rng, 10_000),
        callback_ppm=rng.choice((1_000, 10_000)) if is_trailing else 0,
    )


def flatten(world: World, rng: random.Random) -> PlaceOrder | None:
    """Close or turn round a position with one plain order."""
    holding = [a for a in world.engine.state.accounts.values() if a.position_lots]
    if not holding:
        return None
    account = rng.choice(holding)
    order = place_order(world, rng)
    fields = {name: getattr(order, name) for name in order.__struct_fields__}
    fields |= {
        "account_id": account.account_id,
        "side": Side.SHORT if account.position_lots > 0 else Side.LONG,
        "size_lots": min(100_000, abs(account.position_lots) * rng.choice((1, 1, 2))),
        "margin_units": 0,
        "reduce_only": False,
        "close_position": False,
        "trigger": None,
    }
    order = PlaceOrder(**fields)
    return with_hold(order, hold(world, rng, order))


def cancel_order(world: World, rng: random.Random) -> CancelOrder:
    """A live one of its owner, or any of anybody."""
    live = list(world.engine.state.book.orders.values())
    order_id = rng.randint(max(1, world.last_order_id - 30), max(1, world.last_order_id))
    account_id = rng.randint(1, ACCOUNTS)
    if live and rng.random() < 0.7:
        order = rng.choice(live)
        order_id, account_id = order.order_id, order.account_id
    return CancelOrder(
        command_id=world.command_id(),
        order_id=order_id,
        account_id=account_id,
        reason=rng.choice((CancelReason.USER, CancelReason.OPERATOR)),
    )


def cancel_all_orders(world: World, rng: random.Random) -> CancelAllOrders:
    return CancelAllOrders(
        command_id=world.command_id(),
        account_id=rng.randint(1, ACCOUNTS),
        side=rng.choice((None, *Side)),
        protective=rng.choice((False, True)),
    )


def amend_order(world: World, rng: random.Random) -> AmendOrder | None:
    live = list(world.engine.state.book.orders.values())
    if not live:
        return None
    order = rng.choice(live)
    price = order.price_ticks if rng.random() < 0.5 else near(world, rng, 4_000)
    size = max(1, order.filled_lots + order.remaining_lots * rng.choice((1, 2, 3, 4)) // 2)
    keeps_price, keeps_size = rng.random() < 0.3, rng.random() < 0.3
    worth = world.config.units_per_tick_lot * price * size
    enough = worth // order.leverage + worth // 500 + worth * abs(price - world.mark_ticks) // price
    brings = 0 if order.reduce_only else rng.choice((0, rng.randint(0, 1_000), enough))
    return AmendOrder(
        command_id=world.command_id(),
        order_id=order.order_id if rng.random() < 0.97 else world.last_order_id + 1,
        account_id=order.account_id if rng.random() < 0.97 else rng.randint(1, ACCOUNTS),
        price_ticks=price,
        size_lots=size,
        hold_units=brings,
        keeps_price=keeps_price or UNSET,
        keeps_size=keeps_size or UNSET,
        visible_lots=max(1, size // rng.choice((1, 2, 3, 4))) if rng.random() < 0.4 else UNSET,
    )


def amend_conditional(world: World, rng: random.Random) -> AmendConditional | None:
    """One that waits or has fired, seldom another; what the command leaves at 0 stays."""
    waiting = [w for a in world.engine.state.accounts.values() for w in a.waiting.values()]
    live = list(world.engine.state.book.orders.values())
    if not waiting and not live:
        return None
    if waiting and rng.random() < 0.95:
        command = rng.choice(waiting).command
        order_id, account_id, size = command.order_id, command.account_id, command.size_lots
    else:
        order_id = rng.choice(live).order_id if live else world.last_order_id + 1
        account_id, size = rng.randint(1, ACCOUNTS), 1
    return AmendConditional(
        command_id=world.command_id(),
        order_id=order_id,
        account_id=account_id if rng.random() < 0.95 else rng.randint(1, ACCOUNTS),
        price_ticks=near(world, rng, 4_000) if rng.random() < 0.2 else 0,
        size_lots=max(1, size * rng.choice((1, 2, 3)) // 2) if rng.random() < 0.2 else 0,
        trigger_price_ticks=near(world, rng, 10_000) if rng.random() < 0.6 else 0,
        callback_ppm=rng.choice((0, 100, 1_000, 10_000, 50_000)) if rng.random() < 0.4 else 0,
    )


def activate_order(world: World, rng: random.Random) -> ActivateOrder | None:
    """What the ledger answers to an order that fired; seldom for one that did not."""
    waiting = [
        order
        for account in world.engine.state.accounts.values()
        for order in account.waiting.values()
        if order.is_triggered or rng.random() < 0.02
    ]
    if not waiting:
        return None
    command = rng.choice(waiting).command
    return ActivateOrder(
        command_id=world.command_id(),
        order_id=command.order_id,
        account_id=command.account_id,
        hold_units=0 if rng.random() < 0.2 else hold(world, rng, command),
    )


def set_countdown(world: World, rng: random.Random) -> SetCountdown:
    return SetCountdown(
        command_id=world.command_id(),
        account_id=rng.randint(1, ACCOUNTS),
        countdown_ms=rng.choice((0, 1_000, 5_000, 100_000)),
        protective=rng.choice((False, True)),
    )


def advance_clock(world: World, _rng: random.Random) -> AdvanceClock:
    """What an engine sends where something is due."""
    world.now_ms = max(world.now_ms, world.engine.next_due_ms)
    return AdvanceClock()


def repeat(world: World, rng: random.Random) -> Input | None:
    """Delivered again."""
    return rng.choice(world.sent) if world.sent else None


def undecodable(_world: World, _rng: random.Random) -> Undecodable:
    return Undecodable()


# ------------------------------------------------------------------------------ money and market


def adjust_margin(world: World, rng: random.Random) -> AdjustMargin:
    amount = rng.choice((1, CURRENCY, 1_000 * CURRENCY)) * rng.choice((1, -1, -1))
    command_id = world.command_id()
    return AdjustMargin(
        command_id=command_id,
        account_id=rng.randint(1, ACCOUNTS),
        amount_units=amount,
        leverage=(0, 1, 3, 10, 50)[command_id % 5],
    )


MAKERS: Sequence[tuple[Maker, float]] = (
    (place_order, 50),
    (place_bracket, 5),
    (place_pair, 3),
    (flatten, 7),
    (cancel_order, 8),
    (cancel_all_orders, 1),
    (amend_order, 6),
    (amend_conditional, 4),
    (activate_order, 5),
    (set_countdown, 1),
    (advance_clock, 1),
    (repeat, 2),
    (undecodable, 0.5),
    (adjust_margin, 3),
    (fund_insurance, 0.5),
    (disturb, 0.3),
    (reopen, 6),
    (configure, 0.3),
    (index_price, 14),
    (crash, 0.3),
)
