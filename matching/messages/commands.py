"""Commands: what the world asks of a market's engine. Imperative, frozen, versioned.

A command may be delivered more than once and takes effect once. Orders are recognised by
``order_id``, the other commands by ``command_id`` (the id of their outbox row; 0 for price updates,
where the newest simply wins).
"""

from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType

from matching.messages.limits import (
    MAX_COUNTDOWN_MS,
    MAX_ID,
    MAX_LEVERAGE,
    MAX_MONEY_UNITS,
    MAX_PRICE_TICKS,
    MAX_SIZE_LOTS,
    PPM,
)
from matching.messages.vocabulary import (
    CancelReason,
    MarketState,
    OrderType,
    PriceMatch,
    SelfTradePrevention,
    Side,
    TimeInForce,
    TriggerBy,
    TriggerKind,
)

COMMAND_VERSION = 1

Id = Annotated[int, Meta(ge=1, le=MAX_ID)]
PriceTicks = Annotated[int, Meta(ge=1, le=MAX_PRICE_TICKS)]
SizeLots = Annotated[int, Meta(ge=1, le=MAX_SIZE_LOTS)]
MoneyUnits = Annotated[int, Meta(ge=0, le=MAX_MONEY_UNITS)]
Leverage = Annotated[int, Meta(ge=1, le=MAX_LEVERAGE)]
RatePpm = Annotated[int, Meta(ge=0, le=PPM)]
Version = Annotated[int, Meta(ge=COMMAND_VERSION, le=COMMAND_VERSION)]


class _Command(Struct, frozen=True, kw_only=True, tag_field="type", forbid_unknown_fields=True):
    v: Version = COMMAND_VERSION


class LeverageTier(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """From a position notional on: the leverage allowed and the maintenance margin asked.

    floor_units       of the notional; the first tier's is 0, each next one is higher
    max_leverage      falls from tier to tier
    maintenance_ppm   of the notional above the floor, rises from tier to tier; each smaller than
                      the tier's initial margin, 1 / max_leverage
    """

    floor_units: MoneyUnits
    max_leverage: Leverage
    maintenance_ppm: Annotated[int, Meta(ge=1, lt=PPM)]


class MarketConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The rules of one market, as its engine needs them.

    units_per_tick_lot      ``tick_size × lot_size`` in money units: notional = this × price × size
    config_version          rises with every edit; the engine ignores one it has passed
    price_band_ppm          no fill further than this from the mark price
    tiers                   leverage and maintenance margin by position notional
    liquidation_fee_ppm     of the notional a liquidation closes, to the insurance fund
    mark_clamp_ppm          how far the mark price may be from the index
    circuit_breaker_ppm     a mark price that jumps further than this halts the market; 0: never
    index_stale_ms          an index price older than this is stale
    funding_interval_ms     funding is settled at multiples of this
    funding_interest_ppm    interest per 8 hours that funding tends to
    funding_cap_ppm         largest funding rate of one interval, either way
    impact_notional_units   size of the orders whose average price measures the premium
    """

    config_version: Id
    units_per_tick_lot: Annotated[int, Meta(ge=1, le=10**12)]
    min_size_lots: SizeLots
    max_size_lots: SizeLots
    min_notional_units: MoneyUnits
    price_band_ppm: Annotated[int, Meta(ge=1, lt=PPM)]
    max_open_orders: Annotated[int, Meta(ge=1, le=100_000)]
    max_open_interest_lots: SizeLots
    tiers: Annotated[tuple[LeverageTier, ...], Meta(min_length=1, max_length=32)]
    liquidation_fee_ppm: Annotated[int, Meta(ge=0, le=100_000)]
    mark_clamp_ppm: Annotated[int, Meta(ge=1, lt=PPM)]
    circuit_breaker_ppm: RatePpm
    index_stale_ms: Annotated[int, Meta(ge=1_000, le=3_600_000)]
    funding_interval_ms: Annotated[int, Meta(ge=60_000, le=86_400_000)]
    funding_interest_ppm: RatePpm
    funding_cap_ppm: RatePpm
    impact_notional_units: MoneyUnits


class ConfigureMarket(_Command, frozen=True, tag="ConfigureMarket"):
    """Take these market rules from now on. Open orders stay as they are."""

    command_id: Id
    config: MarketConfig


class SetMarketState(_Command, frozen=True, tag="SetMarketState"):
    """Move the market to another state.

    HALTED and CANCEL_ONLY keep the book; SETTLED is not reached by this command, DELISTED
    only from there.
    """

    command_id: Id
    state: MarketState


class Trigger(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The condition of a conditional order.

    price_ticks     fires there; of a trailing stop, its activation price, 0 to be active at once
    callback_ppm    of a trailing stop: how far back from the best price it fires; else 0
    max_slippage_ppm  of a market order: how far from the mark when it fires it may fill at worst;
                    0: the order's price stays as it was sent
    """

    kind: TriggerKind
    by: TriggerBy
    price_ticks: Annotated[int, Meta(ge=0, le=MAX_PRICE_TICKS)]
    callback_ppm: Annotated[int, Meta(ge=0, lt=PPM)] = 0
    max_slippage_ppm: Annotated[int, Meta(ge=0, lt=PPM)] = 0


class PlaceOrder(_Command, frozen=True, tag="PlaceOrder"):
    """Place an order whose hold is already committed in the trader's wallet.

    price_ticks      the limit; of a market order, its slippage limit when it was sent, the worst
                     price its hold was made for
    margin_units     margin the trader named for the whole order; 0 when ``leverage`` decides
    leverage         position notional per unit of margin, where ``margin_units`` is 0
    hold_units       what was moved from available to held for this order; the engine gives back
                     whatever does not become margin or fee
    maker_fee_ppm    of the notional, when it rests; negative is a rebate
    taker_fee_ppm    of the notional, when it takes; at least the maker's
    close_position   size is what the position is when it executes; goes when the position does
    expires_ms       when a resting or waiting order expires (GTD); 0: never
    trigger          makes the order wait; it holds nothing meanwhile
    parent_id        the entry that this conditional, reduce-only order is attached to: it sleeps
                     until the entry's first fill and covers what is filled of it. It is sent before
                     its entry, which so never fills without it
    other_id         the order that makes a pair with it, of which one cancels the other
    visible_lots     of a GTC limit order: the most that the book shows of it (iceberg)
    price_match      of a limit order: its price is the one at this place of the book when it comes;
                     price_ticks is then the worst it may get, which its hold was made for
    """

    order_id: Id
    account_id: Id
    side: Side
    order_type: OrderType
    time_in_force: TimeInForce
    price_ticks: PriceTicks
    size_lots: SizeLots
    margin_units: MoneyUnits
    leverage: Leverage
    hold_units: MoneyUnits
    maker_fee_ppm: Annotated[int, Meta(ge=-PPM, le=PPM)]
    taker_fee_ppm: RatePpm
    reduce_only: bool
    self_trade_prevention: SelfTradePrevention
    close_position: bool = False
    expires_ms: Annotated[int, Meta(ge=0, le=MAX_ID)] = 0
    trigger: Trigger | None = None
    parent_id: Id | UnsetType = UNSET
    price_match: PriceMatch | UnsetType = UNSET
    other_id: Id | UnsetType = UNSET
    visible_lots: SizeLots | UnsetType = UNSET


class CancelOrder(_Command, frozen=True, tag="CancelOrder"):
    command_id: Id
    order_id: Id
    account_id: Id
    reason: CancelReason = CancelReason.USER


class ActivateOrder(_Command, frozen=True, tag="ActivateOrder"):
    """Bring the hold of a triggered order, which meets the book with it; without one
    (``hold_units`` 0) the order is cancelled as unaffordable."""

    command_id: Id
    order_id: Id
    account_id: Id
    hold_units: MoneyUnits


class AmendOrder(_Command, frozen=True, tag="AmendOrder"):
    """Change price, size or what is shown of a resting order.

    price_ticks, size_lots   the new ones, whole size including what is filled
    hold_units               further hold the change needs; what it doesn't need goes back
    keeps_price, keeps_size  the sender named no new one: it stays as it is when the command comes,
                             whatever was changed before; ``price_ticks`` and ``size_lots`` are then
                             what the hold was made for
    visible_lots             the most that the book shows of it from now on
    """

    command_id: Id
    order_id: Id
    account_id: Id
    price_ticks: PriceTicks
    size_lots: SizeLots
    hold_units: MoneyUnits
    keeps_price: bool | UnsetType = UNSET
    keeps_size: bool | UnsetType = UNSET
    visible_lots: SizeLots | UnsetType = UNSET


class AmendConditional(_Command, frozen=True, tag="AmendConditional"):
    """Change a conditional order that waits for its price. Zero: as it is.

    price_ticks, size_lots    its limit, and its whole size
    trigger_price_ticks       of its trigger; callback_ppm: of a trailing stop
    """

    command_id: Id
    order_id: Id
    account_id: Id
    price_ticks: Annotated[int, Meta(ge=0, le=MAX_PRICE_TICKS)] = 0
    size_lots: Annotated[int, Meta(ge=0, le=MAX_SIZE_LOTS)] = 0
    trigger_price_ticks: Annotated[int, Meta(ge=0, le=MAX_PRICE_TICKS)] = 0
    callback_ppm: Annotated[int, Meta(ge=0, lt=PPM)] = 0


class AdjustMargin(_Command, frozen=True, tag="AdjustMargin"):
    """Add margin to a position (> 0, already held) or take some out (< 0).

    leverage    the position's: what stays must cover initial margin at it. It is a term between the
                trader and the exchange that only this command needs, so it comes along; the engine
                caps it by the position's tier. 0: as much as the tier allows
    """

    command_id: Id
    account_id: Id
    amount_units: Annotated[int, Meta(ge=-MAX_MONEY_UNITS, le=MAX_MONEY_UNITS)]
    leverage: Annotated[int, Meta(ge=0, le=MAX_LEVERAGE)] = 0


class FundInsurance(_Command, frozen=True, tag="FundInsurance"):
    """Put money into the market's insurance fund; already taken from where it came from."""

    command_id: Id
    amount_units: Annotated[int, Meta(ge=1, le=MAX_MONEY_UNITS)]


class SetCountdown(_Command, frozen=True, tag="SetCountdown"):
    """Cancel the orders of the account this long after now, unless set anew; 0 disables.

    protective   as in `CancelAllOrders`
    """

    command_id: Id
    account_id: Id
    countdown_ms: Annotated[int, Meta(ge=0, le=MAX_COUNTDOWN_MS)]
    protective: bool = False


class SettleMarket(_Command, frozen=True, tag="SettleMarket"):
    """Close every position at this price, cancel every order, give all margin back, for good."""

    command_id: Id
    price_ticks: PriceTicks


class CancelAllOrders(_Command, frozen=True, tag="CancelAllOrders"):
    """Cancel the open and waiting orders of the account in this market, or those of a side.

    protective   waiting orders that only reduce (reduce-only and close-position) go, too; else they
                 stay, and with them what protects the position
    """

    command_id: Id
    account_id: Id
    side: Side | None = None
    reason: CancelReason = CancelReason.USER
    protective: bool = False


class UpdateIndexPrice(_Command, frozen=True, tag="UpdateIndexPrice"):
    """A new index price. Not kept in an outbox: the next one supersedes it.

    index_price_ticks is 0 when too few sources agree: the index is stale.
    """

    index_price_ticks: Annotated[int, Meta(ge=0, le=MAX_PRICE_TICKS)]


class AdvanceClock(_Command, frozen=True, tag="AdvanceClock"):
    """Something is due and no other command has come. Carries nothing: time is in the id of its
    entry. Where nothing is due any more it changes nothing, so it may come twice."""


Command = (
    ConfigureMarket
    | SetMarketState
    | PlaceOrder
    | ActivateOrder
    | AmendOrder
    | AmendConditional
    | CancelOrder
    | CancelAllOrders
    | SetCountdown
    | AdjustMargin
    | FundInsurance
    | SettleMarket
    | UpdateIndexPrice
    | AdvanceClock
)


def named_order(command: Command) -> int:
    """The order that it places, amends, cancels or wakes; 0 where it is about no single one."""
    order_id: int = getattr(command, "order_id", 0)
    return order_id
