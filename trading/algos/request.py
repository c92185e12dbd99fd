"""An algo as its trader asks for it: nothing but its shape is known to be right."""

from msgspec import Struct

from matching.messages.vocabulary import Side, TimeInForce
from trading.algos.models import AlgoKind
from trading.orders.request import Number, OptionalNumber


class NewAlgo(Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """`SCALED`: `count` limit orders of the same size, at prices evenly from `fromPrice` to
    `toPrice`; `timeInForce` is GTC or GTX; `margin` is for all of it, or `leverage` decides.
    `TWAP`: a part of `qty` every `intervalS` seconds for `durationS`, as market orders with their
    `maxSlippage`, or immediate ones at `price` at worst."""

    kind: AlgoKind
    market_id: str
    side: Side
    qty: Number
    from_price: OptionalNumber = None
    to_price: OptionalNumber = None
    count: OptionalNumber = None
    margin: OptionalNumber = None
    time_in_force: TimeInForce | None = None
    duration_s: OptionalNumber = None
    interval_s: OptionalNumber = None
    price: OptionalNumber = None
    max_slippage: OptionalNumber = None
    leverage: OptionalNumber = None
    reduce_only: bool = False
    client_algo_id: str | None = None
