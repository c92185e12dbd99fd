"""Algos: orders that the exchange sends piece by piece, also while nobody is connected."""

from datetime import datetime
from decimal import Decimal
from typing import Any, Literal, Self

import msgspec

from exchange_client.codec import Answer, Asked
from exchange_client.models.orders import new_id
from exchange_client.models.words import Side, TimeInForce

AlgoKind = Literal["SCALED", "TWAP"]


class NewAlgo(Asked, frozen=True):
    """One to start, once: whoever sends the same one again is answered with the first. Made with
    `scaled` or `twap`; `leverage` or, of a scaled one, `margin` for all of it."""

    kind: AlgoKind
    market_id: str
    side: Side
    qty: Decimal
    from_price: Decimal | None = None
    to_price: Decimal | None = None
    count: int | None = None
    margin: Decimal | None = None
    time_in_force: TimeInForce | None = None
    duration_s: int | None = None
    interval_s: int | None = None
    price: Decimal | None = None
    max_slippage: Decimal | None = None
    leverage: int | None = None
    reduce_only: bool = False
    client_algo_id: str = msgspec.field(default_factory=new_id)

    @classmethod
    def scaled(
        cls,
        market_id: str,
        side: Side,
        qty: Decimal,
        from_price: Decimal,
        to_price: Decimal,
        count: int,
        **terms: Any,
    ) -> Self:
        """So many limit orders at prices evenly between both. Other terms are fields of this
        struct, by their names here."""
        return cls(
            kind="SCALED",
            market_id=market_id,
            side=side,
            qty=qty,
            from_price=from_price,
            to_price=to_price,
            count=count,
            **terms,
        )

    @classmethod
    def twap(
        cls,
        market_id: str,
        side: Side,
        qty: Decimal,
        duration_s: int,
        interval_s: int,
        **terms: Any,
    ) -> Self:
        """A part every so many seconds, at the market or at `price` at worst."""
        return cls(
            kind="TWAP",
            market_id=market_id,
            side=side,
            qty=qty,
            duration_s=duration_s,
            interval_s=interval_s,
            **terms,
        )


class AlgoSlice(Answer, frozen=True):
    """`order_id` None: it was refused, with `code` and `message`."""

    number: int
    qty: Decimal
    order_id: int | None
    status: str
    filled_qty: Decimal
    code: str | None
    message: str | None
    sent_at: datetime


class Algo(Answer, frozen=True):
    """`type` is the side. `slices` are the newest 100, the last one first; a list of algos is
    without them."""

    id: int
    user_id: int
    market_id: str
    client_algo_id: str | None
    kind: str
    state: str
    reason: str | None
    message: str | None
    type: str
    qty: Decimal
    filled_qty: Decimal
    average_price: Decimal | None
    from_price: Decimal | None
    to_price: Decimal | None
    price: Decimal | None
    max_slippage: Decimal | None
    margin: Decimal | None
    leverage: int | None
    time_in_force: str
    reduce_only: bool
    interval_s: int | None
    slice_count: int
    slices_sent: int
    open_slices: int
    next_at: datetime | None
    created_at: datetime
    updated_at: datetime
    ended_at: datetime | None
    slices: list[AlgoSlice] = []

    @property
    def is_live(self) -> bool:
        return self.state in ("running", "paused")


class Algos(Answer, frozen=True):
    algos: list[Algo]
    next_cursor: str | None
