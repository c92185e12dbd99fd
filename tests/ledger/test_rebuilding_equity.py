"""① ⑤ Who reads fills, funding and ledger over the API gets to the equity it shows, to the unit."""

from collections import Counter
from decimal import Decimal

import msgspec
import pytest

from tests.ledger.miniature import TIERS, Miniature
from tests.ledger.rebuilt import Rebuilt, Row, require_rates_follow
from tests.trading.client import set_ticker
from trading.market_rules import forget_markets
from trading.models import LeverageTier, LifeEnding

STEPS = 400


def require_all_right(mini: Miniature) -> tuple[list[Rebuilt], list[Row]]:
    lot_size = mini.market.lot_size
    traders = [Rebuilt(user) for user in mini.traders]
    settlements = traders[0].all(f"/markets/{mini.market.pk}/funding", "settlements")
    require_rates_follow(settlements, lot_size)
    for trader in traders:
        trader.require_right()
        trader.require_payments_follow({row["seq"]: row for row in settlements}, lot_size)
    return traders, settlements


@pytest.mark.slow
@pytest.mark.parametrize("seed", [4, 5])
def test_equity_is_rebuilt_from_what_the_api_tells(transactional_db, redis_db, seed):
    mini = Miniature(redis_db, seed, traders=6)
    LeverageTier.objects.bulk_create(
        LeverageTier(market=mini.market, **msgspec.structs.asdict(tier)) for tier in TIERS
    )
    forget_markets()
    for step in range(STEPS):
        mini.step()
        if step % 200 == 199:  # orders and positions are open
            mini.persist()
            set_ticker(redis_db, mini.market.pk, mark_price_ticks=mini.mark_ticks)
            require_all_right(mini)
    mini.deliver_promised()
    mini.settle()
    mini.persist()
    traders, settlements = require_all_right(mini)
    assert not any(trader.positions for trader in traders)
    assert all(Decimal(row["carried"]) >= 0 for row in settlements)
    # It would prove nothing about what did not happen.
    seen: Counter[str] = Counter()
    for trader in traders:
        seen.update(line["kind"] for line in trader.ledger)
        seen.update(position["ending"] for position in trader.closed)
        seen["rebate"] += any(Decimal(fill["fee"]) < 0 for fill in trader.fills)
    wanted = {"fee", "realized_pnl", "liquidation_fee", "funding", "margin_added", "rebate"}
    wanted |= {ending.value for ending in LifeEnding if ending is not LifeEnding.ADL}
    assert wanted <= {kind for kind, count in seen.items() if count}
