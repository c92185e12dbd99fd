"""What a file is made of: columns, rows in the order of their keys, and what must come of them."""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from django.db.models import Model, Sum

from common.postgres.windows import Window, key_since
from console.exports.models import ExportKind
from console.exports.months import Month
from ledger.archive.shadow import entries_shown
from ledger.models import (
    FLOW_INTERVALS_MS,
    USER_ACCOUNT_KINDS,
    AccountFlow,
    AccountKind,
    JournalEntry,
    Posting,
)
from markets.conversions import lots_text, ticks_text, to_ms, units_text
from markets.models import Market
from trading.archive.picking import ids_within, of_ids
from trading.archive.shown import fills_shown
from trading.models import Fill, TierDay

# Rows may be persisted so much later than another that happened after them.
LATE = timedelta(days=3)
PAGE_ROWS = 2_000
Row = Sequence[Any]


class DoesNotAddUp(Exception):
    """The text says what differs from what."""


class Keys(NamedTuple):
    """From ``low`` on and below ``high``."""

    low: int
    high: int


class Source(ABC):
    """Of a month. `rows` is used up once; then `check` says whether all were there."""

    columns: Sequence[str]
    model: type[Model]
    time_field: str

    def __init__(self, month: Month) -> None:
        self.month = month

    def keys(self) -> Keys:
        """Beyond which no row is of the month."""
        low = key_since(self.model, "id", self.time_field, self.month.start - LATE)
        high = key_since(self.model, "id", self.time_field, self.month.end + LATE)
        return Keys(low or 0, high or 0)

    def pages(self, keys: Keys) -> Iterator[tuple[int, list[Row]]]:
        """How far it has come, and the rows of the month on the way."""
        low = keys.low
        while low < keys.high:
            beyond = min(low + PAGE_ROWS, keys.high)
            yield beyond, list(self.rows(Keys(low, beyond)))
            low = beyond

    @abstractmethod
    def rows(self, keys: Keys) -> Iterator[Row]: ...

    @abstractmethod
    def check(self) -> None:
        """Raises DoesNotAddUp."""


class JournalSource(Source):
    """Every posting of the month's entries. The exchange's own accounts add up to their flows, and
    each entry to zero."""

    model = JournalEntry
    time_field = "created_at"
    columns = (
        "entry", "time", "kind", "market", "sequence", "order", "trade", "posting", "account",
        "account_kind", "user", "username", "amount", "purpose",
    )  # fmt: skip
    _fields = (
        "entry_id", "entry__created_at", "entry__kind", "entry__market_id", "entry__seq",
        "entry__order_id", "entry__trade_id", "id", "account_id", "account__kind",
        "account__user_id", "account__user__username", "amount_units", "kind",
    )  # fmt: skip

    def __init__(self, month: Month) -> None:
        super().__init__(month)
        self._sums: Counter[str] = Counter()

    def rows(self, keys: Keys) -> Iterator[Row]:
        postings = Posting.objects.filter(
            entry_id__gte=keys.low,
            entry_id__lt=keys.high,
            entry__created_at__gte=self.month.start,
            entry__created_at__lt=self.month.end,
        ).order_by("entry_id", "id")
        # As plain values, in the order of the columns: a month is millions of them.
        with entries_shown(range(keys.low, keys.high)):
            found = list(postings.values_list(*self._fields))
        for entry_id, at, *between, units, purpose in found:
            account_kind = between[7]
            self._sums[account_kind] += units
            yield entry_id, _time(at), *between, units_text(units), purpose

    def check(self) -> None:
        if total := sum(self._sums.values()):
            raise DoesNotAddUp(f"the postings sum to {units_text(total)}, not to zero")
        hour_ms = FLOW_INTERVALS_MS[-1]
        flows = AccountFlow.objects.filter(
            interval_ms=hour_ms,
            start_ms__gte=to_ms(self.month.start),
            start_ms__lt=to_ms(self.month.end),
        )
        kept = dict(
            flows.order_by().values_list("account_kind").annotate(units=Sum("amount_units"))
        )
        own = set(AccountKind) - set(USER_ACCOUNT_KINDS) - {AccountKind.CLEARING}
        for kind in sorted(own):
            written, flowed = self._sums[kind], int(kept.get(kind, 0))
            if written != flowed:
                raise DoesNotAddUp(
                    f"{kind}: the file has {units_text(written)}, the sums that are kept"
                    f" {units_text(flowed)}"
                )


class FillsSource(Source):
    """Each side of every trade. Fees add up to those of the days."""

    model = Fill
    time_field = "executed_at"
    columns = (
        "fill", "time", "market", "sequence", "trade", "role", "execution", "order", "user",
        "username", "side", "price", "size", "fee", "realized_pnl",
    )  # fmt: skip

    def __init__(self, month: Month) -> None:
        super().__init__(month)
        self._markets = Market.objects.in_bulk()
        self._fees: Counter[str] = Counter()

    def keys(self) -> Keys:
        with fills_shown(iter(())):  # no partition goes to a file between the two looks
            low, high = super().keys()
            in_files = ids_within(Window(self.month.start, self.month.end))
        return Keys(low, high) if in_files is None else Keys(in_files[0], max(high, in_files[1]))

    def rows(self, keys: Keys) -> Iterator[Row]:
        fills = Fill.objects.filter(
            id__gte=keys.low,
            id__lt=keys.high,
            executed_at__gte=self.month.start,
            executed_at__lt=self.month.end,
        )
        with fills_shown(of_ids(*keys)):
            found = list(fills.select_related("user").order_by("id"))
        for fill in found:
            market = self._markets[fill.market_id]
            self._fees[fill.market_id] += fill.fee_units
            yield (
                fill.pk, _time(fill.executed_at), fill.market_id, fill.seq, fill.trade_id,
                fill.role, fill.execution, fill.order_id, fill.user_id, fill.user.get_username(),
                fill.side, ticks_text(fill.price_ticks, market.tick_size),
                lots_text(fill.size_lots, market.lot_size), units_text(fill.fee_units),
                units_text(fill.realized_pnl_units),
            )  # fmt: skip

    def check(self) -> None:
        days = TierDay.objects.filter(
            market__in=list(self._markets),
            day__gte=self.month.start.date(),
            day__lt=self.month.end.date(),
        )
        kept = dict(days.order_by().values_list("market_id").annotate(units=Sum("fee_units")))
        for market_id in sorted(self._markets):
            written, by_day = self._fees[market_id], int(kept.get(market_id, 0))
            if written != by_day:
                raise DoesNotAddUp(
                    f"fees of {market_id}: the file has {units_text(written)}, the days"
                    f" {units_text(by_day)}"
                )


SOURCES: dict[ExportKind, type[Source]] = {
    ExportKind.JOURNAL: JournalSource,
    ExportKind.FILLS: FillsSource,
}


def _time(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
