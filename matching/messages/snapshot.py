"""A market's engine as it stood after one command: the contract between the engine, which takes
snapshots and starts from them, and whoever keeps or rebuilds them.

A frame is magic, SHA-256 of the body, body (MessagePack of `EngineSnapshot`), so that a damaged or
half-written one is told from a good one before anything is believed. A large body is compressed,
which its magic says: Redis answers nobody while it takes in a value and writes it to its log.

Fields with a default came later: a snapshot without them is one of an engine that didn't have them.
One with a field that this engine doesn't know is of a newer release that uses it. It is unusable
here, for an engine that started without would forget it. So a row never gets longer: what is new is
a list of its own, left out where it is empty.
"""

import hashlib
import zlib

import msgspec

from matching.messages.commands import MarketConfig, PlaceOrder
from matching.messages.vocabulary import MarketState, SelfTradePrevention

MAGIC = b"EXSNAP02"
MAGIC_COMPRESSED = b"EXSNAP03"  # the same, the body deflated; the checksum is of the body itself
COMPRESSED_FROM_BYTES = 262_144


class SnapshotUnusable(ValueError):
    """The bytes are no whole snapshot of this format, or describe an impossible state."""


class IdWindow(msgspec.Struct, array_like=True, frozen=True, forbid_unknown_fields=True):
    """Ids that took effect, oldest first, and the largest one forgotten."""

    floor: int
    ids: list[int]


class OrderRow(msgspec.Struct, array_like=True, frozen=True, forbid_unknown_fields=True):
    """A resting order."""

    order_id: int
    account_id: int
    is_long: bool
    price_ticks: int
    remaining_lots: int
    reserve_per_lot_units: int
    named_margin_per_lot_units: int
    leverage: int
    maker_fee_ppm: int
    taker_fee_ppm: int
    reduce_only: bool
    post_only: bool
    expires_ms: int
    filled_lots: int
    arrival: int
    self_trade_prevention: SelfTradePrevention = SelfTradePrevention.EXPIRE_MAKER


class WaitingRow(msgspec.Struct, array_like=True, frozen=True, forbid_unknown_fields=True):
    """A conditional order that waits for its price, or fired and waits for its hold; one that is
    attached and sleeps has no arrival: 0."""

    command: PlaceOrder
    arrival: int
    peak_ticks: int
    is_triggered: bool


class PositionRow(msgspec.Struct, array_like=True, frozen=True, forbid_unknown_fields=True):
    """An account that is not flat, or has a countdown."""

    account_id: int
    position_lots: int
    entry_cost_units: int
    margin_units: int
    countdown_due_ms: int
    countdown_protective: bool = False


class EngineSnapshot(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The state after sequence ``seq``, whose command was ``input_id``.

    positions   by account id
    orders      best bid to worst, then best ask to worst; at one price oldest first
    waiting     conditional orders, by arrival and id
    stuck       accounts the last liquidation pass left below maintenance, sorted
    pairs       (order, other) of pairs that last, sorted; left out where there are none
    icebergs    (order, visible lots) of resting orders that show a part, sorted; likewise
    basis       (ms, 2·(mid − index)) of the last 30 seconds
    """

    seq: int
    input_id: str
    clock_ms: int
    market_state: MarketState
    config: MarketConfig | None
    mark_price_ticks: int
    index_price_ticks: int
    last_price_ticks: int
    index_ms: int
    index_stale: bool
    breaker_armed: bool
    basis: list[tuple[int, int]]
    premium_sum_ppb: int
    premium_count: int
    funding_rate_ppb: int
    funding_carry: int
    next_funding_ms: int
    funding_since_ms: int = 0
    funding_is_split: bool = False
    funding_accrued_ppb: int = 0
    last_trade_id: int
    last_arrival: int
    fees_units: int
    insurance_units: int
    wallets_units: int
    recent_orders: IdWindow
    recent_commands: IdWindow
    positions: list[PositionRow]
    orders: list[OrderRow]
    waiting: list[WaitingRow]
    stuck: list[int]
    pairs: list[tuple[int, int]] | msgspec.UnsetType = msgspec.UNSET
    icebergs: list[tuple[int, int]] | msgspec.UnsetType = msgspec.UNSET


class SnapshotHead(msgspec.Struct, frozen=True):
    """Where a snapshot stands, for whoever needs none of its rows."""

    seq: int
    input_id: str


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(EngineSnapshot)
_head_decoder = msgspec.msgpack.Decoder(SnapshotHead)


def encode_body(snapshot: EngineSnapshot) -> bytes:
    """The same bytes for the same state, whatever library compresses them."""
    return _encoder.encode(snapshot)


def encode_snapshot(snapshot: EngineSnapshot) -> bytes:
    body = encode_body(snapshot)
    checksum = hashlib.sha256(body).digest()
    if len(body) < COMPRESSED_FROM_BYTES:
        return MAGIC + checksum + body
    return MAGIC_COMPRESSED + checksum + zlib.compress(body, level=1)


def decode_snapshot(frame: bytes) -> EngineSnapshot:
    """Raises SnapshotUnusable."""
    try:
        return _decoder.decode(_body_of(frame))
    except msgspec.DecodeError as error:
        raise SnapshotUnusable(str(error)) from error


def decode_head(frame: bytes) -> SnapshotHead:
    """Of a frame that is whole, without its rows: a tenth of the work. Raises SnapshotUnusable."""
    try:
        return _head_decoder.decode(_body_of(frame))
    except msgspec.DecodeError as error:
        raise SnapshotUnusable(str(error)) from error


def _body_of(frame: bytes) -> bytes:
    """Raises SnapshotUnusable for one that is not whole."""
    checksum_end = len(MAGIC) + hashlib.sha256().digest_size
    magic, body = frame[: len(MAGIC)], frame[checksum_end:]
    if magic not in (MAGIC, MAGIC_COMPRESSED):
        raise SnapshotUnusable("not a snapshot of a format this engine reads")
    if magic == MAGIC_COMPRESSED:
        try:
            body = zlib.decompress(body)
        except zlib.error as error:
            raise SnapshotUnusable(f"damaged or half written: {error}") from error
    if hashlib.sha256(body).digest() != frame[len(MAGIC) : checksum_end]:
        raise SnapshotUnusable("checksum does not match: damaged or half written")
    return body
