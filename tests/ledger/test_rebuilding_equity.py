"""① ⑤ Who reads fills, funding and ledger over the API gets to the equity it shows, to the unit."""

from datetime import timedelta
from decimal import Decimal

import msgspec
import pytest
from django.contrib.auth.models import Group
from django.db import transaction

from accounts.families.services import open_account
from accounts.models import User
from accounts.referrals.services import make_code, refer
from approvals.services import approve
from console.groups import create_groups
from ledger.adjustments import AdjustmentCause, Due, propose_adjustments
from ledger.models import AdjustmentCategory, JournalEntry, Posting, WithdrawalState
from ledger.models.withdrawal_states import By
from ledger.services import deposit
from ledger.transfers.services import NewTransfer, transfer
from ledger.withdrawals.steps import take_step
from markets.models import LeverageTier
from markets.rules import forget_markets
from matching.messages import events
from matching.messages.commands import FundInsurance
from matching.messages.vocabulary import ExecutionType, Side
from tests.admin.factories import make_user
from tests.families.test_fees import TODAY, trade
from tests.ledger.by_hand import persist
from tests.ledger.miniature import TIERS, Miniature
from tests.ledger.rebuilt import BROUGHT, Read, Rebuilt, Row, require_rates_follow
from tests.ledger.test_deposits import client_of
from tests.ledger.test_perpetual_events import forced, open_positions
from tests.ledger.world import leg, position
from tests.trading.client import set_ticker
from tests.withdrawals.world import ask
from trading.commands.outbox import NOT_YET
from trading.fees.paying import pay_day, set_share
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


def withdraw(user: User, *way: WithdrawalState) -> int:
    """A dollar, through these states; its id."""
    with transaction.atomic():
        row = ask(user, 1)
        for state in way:
            by = By.EXCHANGE if state is WithdrawalState.SENDING else By.CUSTODY
            take_step(row, state, by)
    return row.pk


def test_money_that_comes_and_goes_by_every_other_way(world, settings):
    """Deposits, withdrawals in each state, transfers to a sub-account and back, a share of fees,
    adjustments both ways: beside a position and an order."""
    settings.WITHDRAWALS_NEED_FACTOR = False
    alice, bob = world.alice, world.bob
    open_positions(world)
    persist(world)
    world.place("bid", alice, Side.LONG, 10, 900, 452_250)
    LeverageTier.objects.create(
        market=world.market, floor_units=0, max_leverage=20, maintenance_ppm=10_000
    )
    forget_markets()
    set_ticker(world.redis_db, world.market_id, mark_price_ticks=1_010)
    deposit(alice.pk, 7_000_001, approved=True)
    withdraw(alice)
    withdraw(alice, WithdrawalState.SENDING)
    withdraw(alice, WithdrawalState.SENDING, WithdrawalState.CONFIRMED)
    withdraw(alice, WithdrawalState.SENDING, WithdrawalState.FAILED)
    hedge = open_account(alice.pk, "hedge")
    for amount, source, target in ((3_000_003, "main", "hedge"), (1_000_002, "hedge", "main")):
        transfer(
            alice.pk,
            NewTransfer(amount, key=source, from_account=source, to_account=target),
        )
    refer(bob, make_code(alice.pk))
    trade(bob, 1_000)
    create_groups()
    tess, theo = (make_user(name, is_staff=True) for name in ("tess", "theo"))
    for operator in (tess, theo):
        operator.groups.add(Group.objects.get(name="treasury"))
    set_share(200_000, "as agreed", tess)
    pay_day(TODAY - timedelta(days=1))
    for amount, reference in ((12_500_000, "T-1"), (-500_000, "T-2")):
        cause = AdjustmentCause(AdjustmentCategory.REFUND, reference, "a fee taken twice")
        proposal = propose_adjustments([Due(alice, amount)], cause, tess)
        approve(proposal.pk, theo)
    of_alice, of_bob, of_hedge = (Rebuilt(reader_of(user)) for user in (alice, bob, hedge))
    for trader in (of_alice, of_bob, of_hedge):
        trader.require_right()
    kinds = {name: of_alice.kinds[name] for name in BROUGHT}
    assert kinds == {
        "deposit": Decimal("17.000001"),
        "withdrawal": Decimal(-1),
        "transfer": Decimal("-2.000001"),
        "referral": Decimal("0.2"),
        "adjustment": Decimal(12),
    }
    assert of_hedge.brought == Decimal("2.000001")
