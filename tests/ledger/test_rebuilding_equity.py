"""① ⑤ Who reads fills, funding and ledger over the API gets to the equity it shows, to the unit."""

from decimal import Decimal

import msgspec
import pytest

from ledger.models import JournalEntry, Posting
from markets.models import LeverageTier
from markets.rules import forget_markets
from matching.messages import events
from matching.messages.commands import FundInsurance
from matching.messages.vocabulary import ExecutionType, Side
from tests.ledger.by_hand import persist
from tests.ledger.miniature import TIERS, Miniature
from tests.ledger.rebuilt import Read, Rebuilt, Row, require_rates_follow
from tests.ledger.test_deposits import client_of
from tests.ledger.test_perpetual_events import forced, open_positions
from tests.ledger.world import leg, position
from tests.trading.client import set_ticker
from trading.commands.outbox import NOT_YET
from trading.models import Fill, LifeEnding, PositionLife

ROUND_STEPS, ROUNDS_MAX = 100, 30
FUND_UNITS = 10**10
# It would prove nothing about what did not happen.
WANTED: set[str | None] = {"fee", "realized_pnl", "liquidation_fee", "funding", "margin_added"}
WANTED |= {ending.value for ending in LifeEnding if ending is not LifeEnding.SETTLED}


def seen() -> set[str | None]:
    kinds = Posting.objects.filter(kind__isnull=False).values_list("kind", flat=True)
    causes = JournalEntry.objects.values_list("kind", flat=True)
    return {*kinds, *causes, *PositionLife.objects.values_list("ending", flat=True)}


def reader_of(user) -> Read:
    client = client_of(user)

    def read(path: str) -> Row:
        answer = client.get(path)
        assert answer.status_code == 200, answer.content
        return answer.json()

    return read


def require_all_right(mini: Miniature) -> list[Rebuilt]:
    lot_size = mini.market.lot_size
    traders = [Rebuilt(reader_of(user)) for user in mini.traders]
    settlements = traders[0].all(f"/markets/{mini.market.pk}/funding", "settlements")
    require_rates_follow(settlements, lot_size)
    for trader in traders:
        trader.require_right()
        trader.require_payments_follow({row["seq"]: row for row in settlements}, lot_size)
    return traders


@pytest.mark.slow
@pytest.mark.parametrize("seed", [15])
def test_equity_is_rebuilt_from_what_the_api_tells(transactional_db, redis_db, seed):
    mini = Miniature(redis_db, seed, traders=6)
    LeverageTier.objects.bulk_create(
        LeverageTier(market=mini.market, **msgspec.structs.asdict(tier)) for tier in TIERS
    )
    forget_markets()
    for number in range(ROUNDS_MAX):
        if number % 2 == 0:  # there is something to pay with, now and then
            mini.send(FundInsurance(command_id=NOT_YET, amount_units=FUND_UNITS))
        for _ in range(ROUND_STEPS):
            mini.step()
        mini.persist()
        if seen() >= WANTED and Fill.objects.filter(fee_units__lt=0).exists():
            break
    assert seen() >= WANTED
    set_ticker(redis_db, mini.market.pk, mark_price_ticks=mini.mark_ticks)
    require_all_right(mini)  # with open orders and positions
    mini.deliver_promised()
    mini.settle()
    mini.persist()
    traders = require_all_right(mini)
    assert not any(trader.positions for trader in traders)
    endings = {position["ending"] for trader in traders for position in trader.closed}
    assert endings == set(LifeEnding)


def test_who_is_bankrupt_and_who_bears_the_losses_of_others(world):
    """Worked by hand: Bob loses 500,000 with a margin of 400,000, and the fund pays the rest. Alice
    is then settled at a profit of which she gives 30,000; Carol lacks nothing."""
    alice, bob, carol = world.alice.pk, world.bob.pk, world.carol.pk
    open_positions(world)
    world.say(events.InsuranceFunded(amount_units=150_000, insurance_units=150_000))
    bid = world.place("bid", world.carol, Side.LONG, 10, 900, 452_250)
    world.say(world.accepted("bid"), world.rested("bid", 10))
    world.say(
        events.Trade(
            trade_id=2,
            execution=ExecutionType.LIQUIDATION,
            price_ticks=900,
            size_lots=10,
            taker_side=Side.SHORT,
            taker=forced(world.bob, -400_000, -500_000, -100_000, 0),
            maker=leg(bid, carol, 0, 452_250, 450_000, 0, 900),
        ),
        position(bob, 0, 0, 0),
        position(carol, 10, 4_500_000, 450_000),
    )
    persist(world)
    LeverageTier.objects.create(
        market=world.market, floor_units=0, max_leverage=20, maintenance_ppm=10_000
    )
    forget_markets()
    set_ticker(world.redis_db, world.market_id, mark_price_ticks=1_000)
    users = (world.alice, world.bob, world.carol)
    of_bob = [Rebuilt(reader_of(user)) for user in users][1]
    of_bob.require_right()
    assert of_bob.kinds["realized_pnl"] == Decimal("-0.5")
    assert of_bob.kinds["insurance_cover"] == Decimal("0.1")
    assert of_bob.fills[-1]["insuranceCover"] == of_bob.closed[-1]["insuranceCover"] == "0.1"
    settled = events.PositionSettled
    world.say(
        settled(
            price_ticks=900,
            position_lots=-10,
            leg=forced(world.alice, -500_000, 500_000, 30_000, 970_000),
        ),
        settled(
            price_ticks=900, position_lots=10, leg=forced(world.carol, -450_000, 0, 0, 450_000)
        ),
        position(alice, 0, 0, 0),
        position(carol, 0, 0, 0),
    )
    persist(world)
    of_alice, of_bob, of_carol = (Rebuilt(reader_of(user)) for user in users)
    for trader in (of_alice, of_bob, of_carol):
        trader.require_right()
    assert of_alice.kinds["loss_share"] == Decimal("-0.03")
    endings = [trader.closed[-1]["ending"] for trader in (of_alice, of_bob, of_carol)]
    assert endings == ["SETTLED", "LIQUIDATED", "SETTLED"]
    assert of_alice.closed[-1]["lossShare"] == "0.03"
