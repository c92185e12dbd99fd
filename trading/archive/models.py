"""What traders, markets and orders have in files of fills. Only ever added: Postgres refuses to
change one."""

from datetime import datetime

from django.contrib.postgres.fields import ArrayField
from django.db import DEFAULT_DB_ALIAS, models
from django.db.models import Max, Min, QuerySet

from common.postgres.windows import Window
from ledger.archive.models import ArchiveFile


class ArchivedTrader(models.Model):
    """How many fills a trader has in a file, in which of its row groups they lie, and the time of
    the latest."""

    file = models.ForeignKey(ArchiveFile, models.PROTECT, related_name="traders")
    user_id = models.BigIntegerField()
    row_count = models.BigIntegerField()
    last_at = models.DateTimeField()
    groups = ArrayField(models.IntegerField())

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["user_id", "file"], name="archived_trader_once"),
        ]

    def __str__(self) -> str:
        return f"{self.row_count} fills of user {self.user_id}"


class ArchivedMarket(models.Model):
    """What a market has in a file: fills, their fees, between which trades and times they are, up
    to which sequence, and in which row groups they lie."""

    file = models.ForeignKey(ArchiveFile, models.PROTECT, related_name="markets", db_index=False)
    market = models.ForeignKey(
        "markets.Market", models.PROTECT, related_name="+", db_index=False, db_constraint=False
    )
    row_count = models.BigIntegerField()
    fee_units = models.DecimalField(max_digits=40, decimal_places=0)
    first_trade_id = models.BigIntegerField()
    last_trade_id = models.BigIntegerField()
    last_seq = models.BigIntegerField()
    first_at = models.DateTimeField()
    last_at = models.DateTimeField()
    groups = ArrayField(models.IntegerField())

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["market", "file"], name="archived_market_once"),
        ]

    def __str__(self) -> str:
        return f"{self.row_count} fills of {self.market_id}"


class ArchivedOrder(models.Model):
    """What fills in a file add up to of an order that had not ended by then: a run of
    reconciliation that looks at the order adds up all that was."""

    file = models.ForeignKey(ArchiveFile, models.PROTECT, related_name="orders", db_index=False)
    order_id = models.BigIntegerField("order")
    market = models.ForeignKey(
        "markets.Market", models.PROTECT, related_name="+", db_index=False, db_constraint=False
    )
    lots = models.BigIntegerField()
    tick_lots = models.DecimalField(max_digits=60, decimal_places=0)

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["order_id", "file"], name="archived_order_once"),
        ]

    def __str__(self) -> str:
        return f"{self.lots} lots filled of order {self.order_id}"


# As the primary knows it. Files count whose partition is there again, too: what is told of them is
# as true, and a read that saw the partition neither here nor there is taken up again.


def told_of_market(market_id: str) -> QuerySet[ArchivedMarket]:
    return ArchivedMarket.objects.using(DEFAULT_DB_ALIAS).filter(market=market_id)


def told_of_trader(user_id: int) -> QuerySet[ArchivedTrader]:
    return ArchivedTrader.objects.using(DEFAULT_DB_ALIAS).filter(user_id=user_id)


def told_within(window: Window, market_id: str | None = None) -> QuerySet[ArchivedMarket]:
    """Of the files that have fills of a market, or of any, which can be of a time."""
    told = ArchivedMarket.objects.using(DEFAULT_DB_ALIAS)
    told = told if market_id is None else told.filter(market=market_id)
    told = told if window.start is None else told.filter(last_at__gte=window.start)
    return told if window.end is None else told.filter(first_at__lt=window.end)


def files_end(user_id: int) -> int:
    """No file has a fill of a trader with this id or a higher one."""
    return told_of_trader(user_id).aggregate(end=Max("file__end_id"))["end"] or 0


def last_archived_at(user_id: int) -> datetime | None:
    """The time of the latest fill that a file has of a trader; None where none has any."""
    found: datetime | None = told_of_trader(user_id).aggregate(at=Max("last_at"))["at"]
    return found


def last_archived_trade(market_id: str) -> int:
    """0 where no file has any."""
    return told_of_market(market_id).aggregate(last=Max("last_trade_id"))["last"] or 0


def first_archived_at(market_id: str) -> datetime | None:
    """The time of a market's first trade, where a file has it."""
    found: datetime | None = told_of_market(market_id).aggregate(at=Min("first_at"))["at"]
    return found
