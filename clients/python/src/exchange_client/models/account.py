"""What is an account's: money, positions, what happened to them."""

from datetime import datetime
from decimal import Decimal

import msgspec

from exchange_client.codec import Answer
from exchange_client.models.orders import Order


class Equity(Answer, frozen=True):
    """`equity` is the sum of the other four."""

    available: Decimal
    locked: Decimal
    margin: Decimal
    unrealized_pnl: Decimal
    equity: Decimal


class Position(Answer, frozen=True):
    """`type` is the side; None, with a qty of 0, once it is closed."""

    id: int
    user_id: int
    market_id: str
    type: str | None
    qty: Decimal
    margin: Decimal
    average_price: Decimal | None
    mark_price: Decimal | None
    unrealized_pnl: Decimal | None
    realized_pnl: Decimal
    liquidation_price: Decimal | None
    leverage: Decimal | None
    margin_ratio: Decimal | None
    initial_margin: Decimal | None
    removable_margin: Decimal | None
    updated_at: datetime


class Positions(Answer, frozen=True):
    positions: list[Position]
    next_cursor: str | None


class Snapshot(Answer, frozen=True):
    """An account as it stood after the entries in `seq`, market by market: what the account channel
    tells from there on comes on top."""

    seq: dict[str, int]
    equity: Equity
    positions: list[Position]
    orders: list[Order]


class ClosedPosition(Answer, frozen=True):
    id: int
    market_id: str
    side: str
    ending: str
    qty: Decimal
    max_qty: Decimal
    entry_price: Decimal
    exit_price: Decimal
    realized_pnl: Decimal
    fee: Decimal
    liquidation_fee: Decimal
    insurance_cover: Decimal
    loss_share: Decimal
    funding: Decimal
    net_pnl: Decimal
    opened_at: datetime
    closed_at: datetime | None


class ClosedPositions(Answer, frozen=True):
    positions: list[ClosedPosition]
    next_cursor: str | None


class Fill(Answer, frozen=True):
    """`order_id` is None of a liquidation's or deleveraging's."""

    id: int
    trade_id: int
    market_id: str
    order_id: int | None
    client_order_id: str | None
    execution: str
    side: str
    role: str
    qty: Decimal
    price: Decimal
    fee: Decimal
    liquidation_fee: Decimal
    insurance_cover: Decimal
    loss_share: Decimal
    realized_pnl: Decimal
    executed_at: datetime


class Fills(Answer, frozen=True):
    fills: list[Fill]
    next_cursor: str | None


class FundingPayment(Answer, frozen=True):
    id: int
    market_id: str
    seq: int
    funding_time: datetime
    settled_at: datetime
    rate: Decimal
    mark_price: Decimal
    amount_per_lot: Decimal
    side: str
    qty: Decimal
    amount: Decimal
    from_profit: Decimal


class FundingPayments(Answer, frozen=True):
    payments: list[FundingPayment]
    next_cursor: str | None


class LedgerLine(Answer, frozen=True):
    id: int
    entry_id: int
    kind: str
    cause: str
    account: str
    amount: Decimal
    market_id: str | None
    order_id: int | None
    trade_id: int | None
    created_at: datetime


class Ledger(Answer, frozen=True):
    ledger: list[LedgerLine]
    next_cursor: str | None


class MarketFees(Answer, frozen=True):
    market_id: str
    maker_fee: Decimal
    taker_fee: Decimal


class NextTier(Answer, frozen=True):
    name: str
    from_volume: Decimal
    missing: Decimal
    maker_fee: Decimal
    taker_fee: Decimal


class Fees(Answer, frozen=True, kw_only=True):
    tier: str | None
    set_by: str
    volume_30d: Decimal = msgspec.field(name="volume30d")
    markets: list[MarketFees]
    next_tier: NextTier | None


class LeverageSet(Answer, frozen=True):
    message: str
    market_id: str
    leverage: int


class MarginSent(Answer, frozen=True):
    message: str
    market_id: str
    command_id: int


class Account(Answer, frozen=True):
    account_id: int
    name: str
    main: bool
    archived: bool
    opened_ms: int


class Accounts(Answer, frozen=True):
    accounts: list[Account]


class Party(Answer, frozen=True):
    account_id: int | None
    account: str | None
    username: str | None


class Transfer(Answer, frozen=True, kw_only=True):
    id: int
    amount: Decimal
    sender: Party = msgspec.field(name="from")
    recipient: Party = msgspec.field(name="to")
    at: datetime


class Transfers(Answer, frozen=True):
    transfers: list[Transfer]
    next_cursor: str | None


class Balance(Answer, frozen=True):
    id: int
    available: Decimal
    locked: Decimal


class Funded(Answer, frozen=True):
    """Of play money, or a request that an operator decides on."""

    message: str
    deposit_id: int
    status: str
    balance: Balance | None = None
