"""Commands: what the world asks of a market's engine. Imperative, frozen, versioned.

A command may be delivered more than once and takes effect once. Orders are recognised by
``order_id``, the other commands by ``command_id`` (the id of their outbox row; 0 for price updates,
where the newest simply wins).
"""

from typing import Annotated

from msgspec import Meta, Struct

from matching.messages.limits import (
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
    SelfTradePrevention,
    Side,
    TimeInForce,
)

COMMAND_VERSION = 1

Id = Annotated[int, Meta(ge=1, le=MAX_ID)]
OptionalId = Annotated[int, Meta(ge=0, le=MAX_ID)]
PriceTicks = Annotated[int, Meta(ge=1, le=MAX_PRICE_TICKS)]
SizeLots = Annotated[int, Meta(ge=1, le=MAX_SIZE_LOTS)]
MoneyUnits = Annotated[int, Meta(ge=0, le=MAX_MONEY_UNITS)]
Leverage = Annotated[int, Meta(ge=1, le=MAX_LEVERAGE)]
RatePpm = Annotated[int, Meta(ge=0, le=PPM)]
Version = Annotated[int, Meta(ge=COMMAND_VERSION, le=COMMAND_VERSION)]


class _Command(Struct, frozen=True, kw_only=True, tag_field="type", forbid_unknown_fields=True):
    v: Version = COMMAND_VERSION


class MarketConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The rules of one market, as its engine needs them.

    units_per_tick_lot      ``tick_size × lot_size`` in money units: notional = this × price × size
    config_version          rises with every edit; the engine ignores one it has passed
    price_band_ppm          no fill further than this from the mark price
    maker_fee_ppm           of the notional, paid by the resting side
    taker_fee_ppm           of the notional, paid by the arriving side; never below the maker's
    """

    config_version: Id
    units_per_tick_lot: Annotated[int, Meta(ge=1, le=10**12)]
    min_size_lots: SizeLots
    max_size_lots: SizeLots
    min_notional_units: MoneyUnits
    price_band_ppm: Annotated[int, Meta(ge=1, lt=PPM)]
    maker_fee_ppm: RatePpm
    taker_fee_ppm: RatePpm
    max_leverage: Leverage
    max_open_orders: Annotated[int, Meta(ge=1, le=100_000)]
    max_open_interest_lots: SizeLots


class ConfigureMarket(_Command, frozen=True, tag="ConfigureMarket"):
    """Take these market rules from now on. Open orders stay as they are."""

    command_id: Id
    config: MarketConfig


class SetMarketState(_Command, frozen=True, tag="SetMarketState"):
    """Move the market to another state.

    HALTED and CANCEL_ONLY keep the book; SETTLED is not reached by this command.
    """

    command_id: Id
    state: MarketState


class PlaceOrder(_Command, frozen=True, tag="PlaceOrder"):
    """Place an order whose hold is already committed in the trader's wallet.

    price_ticks      the limit; of a market order, the worst price the trader's hold was made for
    margin_units     margin the trader named for the whole order; 0 when ``leverage`` decides
    leverage         position notional per unit of margin, where ``margin_units`` is 0
    hold_units       what was moved from available to held for this order; the engine gives back
                     whatever does not become margin or fee
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
    reduce_only: bool
    self_trade_prevention: SelfTradePrevention


class CancelOrder(_Command, frozen=True, tag="CancelOrder"):
    command_id: Id
    order_id: Id
    account_id: Id
    reason: CancelReason = CancelReason.USER


class CancelAllOrders(_Command, frozen=True, tag="CancelAllOrders"):
    """Cancel every open order of the account in this market."""

    command_id: Id
    account_id: Id
    reason: CancelReason = CancelReason.USER


class UpdateIndexPrice(_Command, frozen=True, tag="UpdateIndexPrice"):
    """A new index price. Not kept in an outbox: the next one supersedes it."""

    index_price_ticks: PriceTicks


Command = (
    ConfigureMarket | SetMarketState | PlaceOrder | CancelOrder | CancelAllOrders | UpdateIndexPrice
)
