"""A session in which everything happens once, as entries of an engine."""

from matching.messages.events import (
    CancelRejected,
    MarketConfigured,
    MarketStateChanged,
    Trade,
)
from matching.messages.vocabulary import (
    CancelReason,
    ExecutionType,
    MarketState,
    RejectCode,
    Side,
    StateReason,
)
from tests.ledger.prices import mark_price
from tests.ledger.world import World, leg, position
from trading.models import OutboxCommand


def write_session(world: World) -> None:
    """Twelve entries in which everything happens once. `EXPECTED` says what must come of them."""
    alice, bob = world.alice.pk, world.bob.pk
    short = world.place("short", world.alice, Side.SHORT, 10, 1000, 502_507)
    long = world.place("long", world.bob, Side.LONG, 6, 1000, 301_500)
    world.place("ioc", world.carol, Side.LONG, 9, 1000, 452_250)
    world.place("refused", world.carol, Side.LONG, 3, 1000, 150_750)
    world.place("shrunk", world.bob, Side.LONG, 5, 900, 226_125)
    world.place("cover", world.alice, Side.LONG, 4, 1100, 421_100)
    world.place("reduce", world.bob, Side.SHORT, 4, 1100, 0)
    command = OutboxCommand.objects.create(
        market=world.market, command_type="SetMarketState", payload={"state": "ACTIVE"}
    )
    world.say(MarketConfigured(config_version=3))
    world.say(
        MarketStateChanged(
            state=MarketState.ACTIVE,
            previous_state=MarketState.PRE_OPEN,
            reason=StateReason.OPERATOR,
        ),
        command_id=command.pk,
    )
    world.say(mark_price(1000, 1001))
    world.say(world.accepted("short", released=7), world.rested("short", 10))
    world.say(
        world.accepted("long"),
        Trade(
            trade_id=1,
            execution=ExecutionType.TRADE,
            price_ticks=1000,
            size_lots=6,
            taker_side=Side.LONG,
            taker=leg(long, bob, 0, 301_500, 300_000, 0, 1_500),
            maker=leg(short, alice, 4, 301_500, 300_000, 0, 600),
        ),
        position(alice, -6, -3_000_000, 300_000),
        position(bob, 6, 3_000_000, 300_000),
    )
    _second_half(world)


def _second_half(world: World) -> None:
    alice, bob, carol = world.alice.pk, world.bob.pk, world.carol.pk
    short, long, ioc, cover, reduce = (
        world.orders[name] for name in ("short", "long", "ioc", "cover", "reduce")
    )
    world.say(
        world.accepted("ioc"),
        Trade(
            trade_id=2,
            execution=ExecutionType.TRADE,
            price_ticks=1000,
            size_lots=4,
            taker_side=Side.LONG,
            taker=leg(ioc, carol, 5, 201_000, 200_000, 0, 1_000),
            maker=leg(short, alice, 0, 201_000, 200_000, 0, 400),
        ),
        world.cancelled("ioc", 5, 0, 251_250, CancelReason.IOC_REMAINDER),
        position(alice, -10, -5_000_000, 500_000),
        position(carol, 4, 2_000_000, 200_000),
    )
    world.say(world.rejected("refused", 150_750))
    world.say(world.accepted("shrunk"), world.rested("shrunk", 5))
    world.say(world.cancelled("shrunk", 2, 3, 90_450, CancelReason.REDUCE_ONLY))
    world.say(world.cancelled("shrunk", 3, 0, 135_675, CancelReason.USER))
    world.say(
        world.accepted("cover"),
        world.rested("cover", 4),
        CancelRejected(order_id=long, account_id=bob, code=RejectCode.UNKNOWN_ORDER),
    )
    world.say(
        world.accepted("reduce"),
        Trade(
            trade_id=3,
            execution=ExecutionType.TRADE,
            price_ticks=1100,
            size_lots=4,
            taker_side=Side.SHORT,
            taker=leg(reduce, bob, 0, 0, -200_000, 200_000, 1_100),
            maker=leg(cover, alice, 0, 421_100, -200_000, -200_000, 440),
        ),
        position(alice, -6, -3_000_000, 300_000),
        position(bob, 2, 1_000_000, 100_000),
    )
