"""The operator of the chaos exchange, in a `manage.py shell` of its own: makes a market, changes
rules, pauses and reopens, feeds the insurance funds, settles the market it made at the end, and
tells what it was promised.

Each line it writes is one action whose transaction committed: its outbox row, market and type. An
action that met a broken connection is told as ambiguous; it is not repeated.
"""

import contextlib
import json
import random
import signal
import sys
import threading
from collections.abc import Callable
from decimal import Decimal
from types import FrameType

from django.db import DatabaseError, InterfaceError, close_old_connections

from accounts.models import User
from accounts.verification.levels import set_level
from common.errors import DomainError
from ledger.transfers.services import allow_to_others, may_send_to_others
from ledger.withdrawals import deciding
from ledger.withdrawals.selectors import undecided
from markets.models import LeverageTier, Market
from matching.messages.vocabulary import MarketState
from prices.demo_markets import DEMO_TIERS, DemoMarket
from trading import services
from trading.models import OutboxCommand

MILLION = 1_000_000
THIRD_MARKET = DemoMarket(
    market_id="SOL-PERP",
    base_asset="SOL",
    start_price=Decimal(150),
    tick_size=Decimal("0.01"),
    lot_size=Decimal("0.1"),
    max_size=Decimal(20_000),
    max_open_interest=Decimal(1_000_000),
    funding_interval_ms=60_000,  # so that funding is settled within any run
)
LOOKS_EVERY_S = 0.7
DECIDED_SHARE, REFUSED_SHARE = 0.2, 0.15
ACTS_SHARE = 0.12  # of its looks, on top of reopening what stopped
PAUSES = (
    MarketState.HALTED, MarketState.CANCEL_ONLY, MarketState.REDUCE_ONLY, MarketState.POST_ONLY,
)  # fmt: skip

_asked_to_stop = threading.Event()


def _stop(_number: int, _frame: FrameType | None) -> None:
    _asked_to_stop.set()


def run(seed: int) -> None:
    signal.signal(signal.SIGTERM, _stop)
    rng = random.Random(f"operator {seed}")
    _persistently(_make_market)
    _persistently(_allow_transfers)
    _say(done="ready")
    while not _asked_to_stop.wait(LOOKS_EVERY_S):
        try:
            _look(rng)
        except (DatabaseError, InterfaceError) as error:
            _say(ambiguous=type(error).__name__)
            close_old_connections()
    _persistently(_reopen_all)
    _persistently(_settle)
    _say(done="left")


def _persistently(act: Callable[[], object]) -> None:
    while True:
        try:
            act()
            return
        except (DatabaseError, InterfaceError) as error:
            _say(ambiguous=type(error).__name__)
            close_old_connections()
            threading.Event().wait(0.5)


def _make_market() -> None:
    if Market.objects.filter(pk=THIRD_MARKET.market_id).exists():
        return
    _promised(services.configure_market(THIRD_MARKET.build(), by=None, tiers=THIRD_MARKET.tiers()))
    _set_state(Market.objects.get(pk=THIRD_MARKET.market_id), MarketState.ACTIVE)


def _allow_transfers() -> None:
    """To other traders."""
    if not may_send_to_others():
        allow_to_others(True, "of the chaos run", _treasurers()[0])


def _look(rng: random.Random) -> None:
    """Reopens what stopped, whoever stopped it; now and then does something of its own."""
    _look_at_withdrawals(rng)
    if _reopen_all() or rng.random() > ACTS_SHARE:
        return
    market = rng.choice(list(Market.objects.order_by("pk")))
    act = rng.choice((_pause, _change_rules, _fund, _fund))
    act(rng, market)


def _reopen_all() -> int:
    stopped = list(
        Market.objects.exclude(status__state=MarketState.ACTIVE).exclude(
            commands__command_type="SetMarketState", commands__applied_seq__isnull=True
        )
    )
    for market in stopped:
        if market.status.state == MarketState.HALTED:
            _promised(services.fund_insurance(market, 2_000 * MILLION, by=None))
        _set_state(market, MarketState.ACTIVE)
    return len(stopped)


def _settle() -> None:
    """The third market closes for good."""
    market = Market.objects.select_related("status").get(pk=THIRD_MARKET.market_id)
    _promised(
        services.settle_market(market, market.status.mark_price_ticks * market.tick_size, by=None)
    )


def _look_at_withdrawals(rng: random.Random) -> None:
    """Two of treasury: each decides some of what waits. What another has decided meanwhile, or a
    trader cancelled, is refused."""
    for user in User.objects.filter(username__startswith="chaos", verifications=None)[:5]:
        set_level(user.pk, 2, "of the chaos run", _treasurers()[0])
    for row in undecided()[:20]:
        if rng.random() < DECIDED_SHARE:
            act = deciding.refuse if rng.random() < REFUSED_SHARE else deciding.approve
            with contextlib.suppress(DomainError):
                act(row.pk, "of the chaos run", rng.choice(_treasurers()))


def _treasurers() -> list[User]:
    return [
        User.objects.get_or_create(
            username=name, defaults={"is_staff": True, "is_superuser": True, "password": "!"}
        )[0]
        for name in ("treasurer-one", "treasurer-two")
    ]


def _pause(rng: random.Random, market: Market) -> None:
    _set_state(market, rng.choice(PAUSES))


def _set_state(market: Market, state: MarketState) -> None:
    _promised(services.set_market_state(market, state, by=None))


def _change_rules(rng: random.Random, market: Market) -> None:
    market.maker_fee_ppm = rng.choice((-100, 0, 200))
    market.taker_fee_ppm = rng.choice((300, 500, 700))
    tiers = [
        LeverageTier(
            floor_units=floor * MILLION,
            max_leverage=leverage,
            maintenance_ppm=maintenance_ppm * rng.choice((8, 10, 12)) // 10,
        )
        for floor, leverage, maintenance_ppm in DEMO_TIERS
    ]
    _promised(services.configure_market(market, by=None, tiers=tiers))


def _fund(rng: random.Random, market: Market) -> None:
    _promised(services.fund_insurance(market, rng.randint(1, 300 * MILLION), by=None))


def _promised(command_id: int) -> None:
    row = OutboxCommand.objects.get(pk=command_id)
    _say(commandId=row.pk, market=row.market_id, type=row.command_type)


def _say(**what: object) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()
