"""⑤ The leverage of a position, of the orders that opened it: what its margin may be taken out to.
One lot at one tick is 500 units."""

import pytest

from matching.messages import events
from matching.messages.vocabulary import ExecutionType, Side
from tests.ledger.by_hand import persist
from tests.ledger.world import World, leg, position
from trading.models import Order, Position

LOT = 500_000  # at 1,000


class Session:
    """Alice trades against Bob, who gives whatever she wants; margins are of no concern here."""

    def __init__(self, world: World, *, persists_each: bool) -> None:
        self.world = world
        self.persists_each = persists_each
        self.lots = 0
        self.trades = 0

    def say(self, *told: events.Event) -> None:
        self.world.say(*told)
        if self.persists_each:
            persist(self.world)

    def trades_with(self, side: Side, lots: int, leverage: int, named: int = 0) -> None:
        """A fill of an order at 1,000 with this leverage, or with a margin named for all of it."""
        world, sign = self.world, 1 if side is Side.LONG else -1
        self.trades += 1
        other = Side.SHORT if side is Side.LONG else Side.LONG
        for name, user, of in (("hers", world.alice, side), ("his", world.bob, other)):
            world.place(name, user, of, lots, 1000, 10 * lots)
            Order.objects.filter(pk=world.orders[name]).update(
                leverage=leverage, margin_units=named if name == "hers" else 0
            )
        before, self.lots = self.lots, self.lots + sign * lots
        margins = (abs(self.lots) - abs(before)) * 10
        world.say(world.accepted("hers"))
        self.say(
            world.accepted("his"),
            events.Trade(
                trade_id=self.trades,
                execution=ExecutionType.TRADE,
                price_ticks=1000,
                size_lots=lots,
                taker_side=other,
                taker=leg(world.orders["his"], world.bob.pk, 0, 10 * lots, margins, 0, 0),
                maker=leg(world.orders["hers"], world.alice.pk, 0, 10 * lots, margins, 0, 0),
            ),
            position(world.alice.pk, self.lots, self.lots * LOT, 10 * abs(self.lots)),
            position(world.bob.pk, -self.lots, -self.lots * LOT, 10 * abs(self.lots)),
        )

    def leverage(self) -> int:
        if not self.persists_each:
            persist(self.world)
        return Position.objects.get(user=self.world.alice).leverage


@pytest.fixture(params=[True, False], ids=["one by one", "as one batch"])
def session(world: World, request: pytest.FixtureRequest) -> Session:
    return Session(world, persists_each=request.param)


@pytest.mark.parametrize("opens", [Side.LONG, Side.SHORT])
def test_it_is_the_highest_of_the_orders_that_opened_it(session: Session, opens: Side) -> None:
    session.trades_with(opens, 2, 10)
    session.trades_with(opens, 1, 40)
    session.trades_with(opens, 1, 20)
    assert session.leverage() == 40


def test_what_closes_a_part_changes_nothing(session: Session) -> None:
    session.trades_with(Side.LONG, 5, 10)
    session.trades_with(Side.SHORT, 2, 50)
    assert session.leverage() == 10


def test_a_closed_position_begins_anew(session: Session) -> None:
    session.trades_with(Side.LONG, 5, 40)
    session.trades_with(Side.SHORT, 5, 3)
    session.trades_with(Side.LONG, 1, 4)
    assert session.leverage() == 4


def test_a_flat_one_has_none(session: Session) -> None:
    session.trades_with(Side.LONG, 5, 40)
    session.trades_with(Side.SHORT, 5, 3)
    assert session.leverage() == 0


def test_a_flip_takes_the_leverage_of_the_order_that_flipped_it(session: Session) -> None:
    session.trades_with(Side.LONG, 5, 40)
    session.trades_with(Side.SHORT, 8, 3)
    assert session.leverage() == 3


def test_a_margin_named_counts_as_the_next_whole_leverage(session: Session) -> None:
    session.trades_with(Side.LONG, 2, 1, named=2 * 150_000)  # 500,000 / 150,000 = 3.33
    assert session.leverage() == 4


def test_what_is_no_fill_changes_nothing(session: Session) -> None:
    session.trades_with(Side.LONG, 2, 40)
    alice = session.world.alice.pk
    session.say(
        events.MarginAdjusted(account_id=alice, amount_units=-5, margin_units=15),
        position(alice, 2, 2 * LOT, 15),
    )
    assert session.leverage() == 40
