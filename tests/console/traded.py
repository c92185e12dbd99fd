"""A world in which money moved in many ways, and at many times."""

from approvals import services as approvals
from ledger import services
from ledger.adjustments import AdjustmentCause, Due, propose_adjustments
from ledger.models import AdjustmentCategory
from matching.messages.events import InsuranceFunded
from persistence.reading import persist_market
from tests.admin.factories import make_user
from tests.ledger.prices import FIRST_TIME_MS
from tests.ledger.world import World

DEPOSIT_UNITS = 1_234_567_890


def let_money_move(session: World) -> World:
    """The session that was computed by hand, its fund topped up in other minutes and another hour,
    a deposit and an adjustment of now."""
    for units, after_ms in ((7_000_000, 90_000), (11_000_000, 600_000), (13_000_000, 10_000_000)):
        funded = InsuranceFunded(amount_units=units, insurance_units=units)
        session.say(funded, time_ms=FIRST_TIME_MS + after_ms)
    session.publish()
    persist_market(session.market_id)
    services.deposit(session.alice.pk, DEPOSIT_UNITS, approved=True)
    adjust(session, -5_000_000)
    return session


def adjust(world: World, amount_units: int) -> None:
    people = [make_user(name, is_staff=True, is_superuser=True) for name in ("one", "two")]
    category = AdjustmentCategory.RECOVERY
    proposal = propose_adjustments(
        [Due(world.alice, amount_units)], AdjustmentCause(category, "T-1", "paid twice"), people[0]
    )
    approvals.approve(proposal.pk, people[1])
