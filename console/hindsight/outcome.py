"""What the two worlds came to, beside each other."""

import hashlib
from collections.abc import Iterator

import msgspec

from console.hindsight.worlds import Pair, TradeSeen, World
from ledger.models import AccountKind
from matching.core.market.state import State

TRADES_KEPT_MAX = 500
HOUSE = (AccountKind.FEES, AccountKind.INSURANCE, AccountKind.DEPOSITS)


class NotZeroSum(Exception):
    """The differences don't add up to zero: a fault of ours."""


class TraderOutcome(msgspec.Struct, frozen=True):
    """What a trader gained over the stretch in each world: all that was posted to his accounts, and
    what his position is worth beside its cost, less what it was worth at the beginning."""

    account_id: int
    did_units: int
    should_units: int
    did_lots: int
    should_lots: int
    did_liquidations: int
    should_liquidations: int

    @property
    def difference_units(self) -> int:
        """Above zero: he would have more."""
        return self.should_units - self.did_units


class TradeOnly(msgspec.Struct, frozen=True):
    """``happened``: it did, and should not have; else the other way round."""

    seq: int
    time_ms: int
    happened: bool
    trade: TradeSeen


class WorldStanding(msgspec.Struct, frozen=True):
    state: str
    index_ticks: int
    mark_ticks: int
    trades: int
    liquidated_accounts: int
    fees_units: int
    insurance_units: int


class HindsightOutcome(msgspec.Struct, frozen=True):
    """``valued_ticks``: the price at which both worlds' positions are judged. ``trades``: the first
    of ``trades_total``. ``traders``: whose outcome or position differs, largest first.
    ``house_units``: kind of account → difference."""

    snapshot_seq: int
    from_ms: int
    to_ms: int
    left_out: int
    replaced: int
    valued_ticks: int
    did: WorldStanding
    should: WorldStanding
    trades_total: int
    trades: list[TradeOnly]
    traders: list[TraderOutcome]
    house_units: dict[str, int]


def value_units(state: State, account_id: int, price_ticks: int) -> int:
    """What a position is worth beside its cost: Q × k × price − V."""
    account = state.accounts.get(account_id)
    if account is None:
        return 0
    return account.position_lots * state.tiers.k * price_ticks - account.entry_cost_units


def values_of(state: State, price_ticks: int) -> dict[int, int]:
    """Account id → as `value_units`, of those that have a position."""
    return {
        account_id: value_units(state, account_id, price_ticks)
        for account_id, account in state.accounts.items()
        if account.position_lots
    }


def standing_of(world: World) -> WorldStanding:
    state = world.state
    return WorldStanding(
        state=str(state.market_state),
        index_ticks=state.index_price_ticks,
        mark_ticks=state.mark_price_ticks,
        trades=world.trades,
        liquidated_accounts=len(world.liquidations),
        fees_units=world.money_units[AccountKind.FEES],
        insurance_units=world.money_units[AccountKind.INSURANCE],
    )


def traders_of(pair: Pair, before_units: dict[int, int], valued_ticks: int) -> list[TraderOutcome]:
    """``before_units``: as `values_of` the snapshot. Largest difference first, then by account."""
    rows = [_trader(pair, key, before_units, valued_ticks) for key in _account_ids(pair)]
    differing = [row for row in rows if row.difference_units or row.did_lots != row.should_lots]
    return sorted(differing, key=lambda row: (-abs(row.difference_units), row.account_id))


def house_units(pair: Pair) -> dict[str, int]:
    did, should = pair.did.money_units, pair.should.money_units
    return {kind.value: should[kind] - did[kind] for kind in HOUSE}


def check_zero_sum(traders: list[TraderOutcome], house: dict[str, int]) -> None:
    """Raises NotZeroSum."""
    total = sum(row.difference_units for row in traders) + sum(house.values())
    if total:
        raise NotZeroSum(f"the differences add up to {total} units, not to zero")


def digest_of(outcome: HindsightOutcome) -> str:
    """SHA-256, hexadecimal: the same for the same stretch with the same changes."""
    return hashlib.sha256(msgspec.json.encode(outcome)).hexdigest()


def _account_ids(pair: Pair) -> Iterator[int]:
    ids = {key for world in (pair.did, pair.should) for key in world.money_units}
    known = {key for world in (pair.did, pair.should) for key in world.state.accounts}
    return iter(sorted(known | {key for key in ids if isinstance(key, int)}))


def _trader(
    pair: Pair, account_id: int, before_units: dict[int, int], valued_ticks: int
) -> TraderOutcome:
    did, should = pair.did, pair.should
    before = before_units.get(account_id, 0)

    def gained(world: World) -> int:
        worth = value_units(world.state, account_id, valued_ticks)
        return world.money_units[account_id] + worth - before

    return TraderOutcome(
        account_id=account_id,
        did_units=gained(did),
        should_units=gained(should),
        did_lots=_lots(did.state, account_id),
        should_lots=_lots(should.state, account_id),
        did_liquidations=did.liquidations[account_id],
        should_liquidations=should.liquidations[account_id],
    )


def _lots(state: State, account_id: int) -> int:
    account = state.accounts.get(account_id)
    return 0 if account is None else account.position_lots
