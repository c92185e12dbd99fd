"""① ⑤ Who reads fills, funding and ledger over the API gets to the equity it shows, to the unit."""

import msgspec
import pytest

from ledger.models import JournalEntry, Posting
from matching.messages.commands import FundInsurance
from tests.ledger.miniature import TIERS, Miniature
from tests.ledger.rebuilt import Read, Rebuilt, Row, require_rates_follow
from tests.ledger.test_deposits import client_of
from tests.trading.client import set_ticker
from trading.market_rules import forget_markets
from trading.models import Fill, LeverageTier, LifeEnding, PositionLife
from trading.outbox import NOT_YET

ROUND_STEPS, ROUNDS_MAX = 100, 30
FUND_UNITS = 10**10
# It would prove nothing about what did not happen.
WANTED = {"fee", "realized_pnl", "liquidation_fee", "insurance_cover", "funding", "margin_added"}
WANTED |= {ending.value for ending in LifeEnding if ending is not LifeEnding.SETTLED}


def seen() -> set[str]:
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
@pytest.mark.parametrize("seed", [9])
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
