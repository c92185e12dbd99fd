"""Money out, and files of the exchange."""

from datetime import date, datetime
from decimal import Decimal

from exchange_client.codec import Answer


class Withdrawal(Answer, frozen=True):
    """`status`: `held`, `waiting`, `approved`, `sending`, `sent`, and at the end `confirmed`,
    `failed`, `cancelled` or `refused`. `reference` is the network's name of the transfer."""

    id: int
    status: str
    amount: Decimal
    network: str
    address: str
    reference: str | None
    confirmations: int
    requested_at: datetime
    changed_at: datetime


class Withdrawals(Answer, frozen=True):
    withdrawals: list[Withdrawal]
    next_cursor: str | None


class WithdrawalAddress(Answer, frozen=True):
    """Withdrawals to it are taken from `usable_at` on."""

    id: int
    network: str
    address: str
    label: str
    added_at: datetime
    usable_at: datetime


class WithdrawalAddresses(Answer, frozen=True):
    addresses: list[WithdrawalAddress]


class DailyFile(Answer, frozen=True):
    """The trades or one-minute candles of a market and a day, as gzipped CSV."""

    market_id: str
    kind: str
    day: date
    path: str
    rows: int
    bytes: int
    sha256: str


class DailyFiles(Answer, frozen=True):
    downloads: list[DailyFile]
    next_cursor: str | None
