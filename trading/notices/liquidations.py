"""Liquidations, each told once."""

from collections.abc import Sequence

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from accounts.models import Person
from accounts.notices.kinds import NoticeKind
from accounts.notices.telling import listeners, tell_person
from markets import display
from markets.models import Market
from trading.models import Liquidation, LiquidationsTold

AT_ONCE_MAX = 2_000  # rows of a market and a run

_PLACE = ("seq", "ordinal")


def tell_of_liquidations() -> None:
    """Markets without news cost nothing of their own."""
    for market in Market.objects.filter(Exists(_untold()) | ~Exists(_told())).order_by("pk"):
        _tell_in(market)


def _told() -> QuerySet[LiquidationsTold]:
    return LiquidationsTold.objects.filter(pk=OuterRef("pk"))


def _untold() -> QuerySet[Liquidation]:
    """Of a market: rows behind the place up to which all was told."""
    return Liquidation.objects.filter(
        market=OuterRef("pk"), seq__gte=OuterRef("liquidationstold__seq")
    ).filter(
        Q(seq__gt=OuterRef("liquidationstold__seq"))
        | Q(ordinal__gt=OuterRef("liquidationstold__ordinal"))
    )


@transaction.atomic
def _tell_in(market: Market) -> None:
    rows = Liquidation.objects.filter(market=market)
    told = LiquidationsTold.objects.select_for_update(skip_locked=True).filter(pk=market.pk).first()
    if told is None:
        if not LiquidationsTold.objects.filter(pk=market.pk).exists():
            _begin(market)
        return
    later = Q(seq=told.seq, ordinal__gt=told.ordinal) | Q(seq__gt=told.seq)
    found = list(rows.filter(later, seq__gte=told.seq).order_by(*_PLACE)[:AT_ONCE_MAX])
    if not found:
        return
    of_user: dict[int, list[Liquidation]] = {}
    for row in found:
        of_user.setdefault(row.user_id, []).append(row)
    for user_id, person in listeners(of_user, NoticeKind.LIQUIDATION).items():
        _tell(person, market, of_user[user_id])
    told.seq, told.ordinal = found[-1].seq, found[-1].ordinal
    told.save(update_fields=list(_PLACE))


def _begin(market: Market) -> None:
    """What happened before is nobody's news."""
    newest = Liquidation.objects.filter(market=market).order_by("-seq", "-ordinal").first()
    seq, ordinal = (newest.seq, newest.ordinal) if newest else (0, 0)
    LiquidationsTold.objects.bulk_create(
        [LiquidationsTold(market=market, seq=seq, ordinal=ordinal)], ignore_conflicts=True
    )


def _tell(person: Person, market: Market, attempts: Sequence[Liquidation]) -> None:
    """One mail for attempts that follow each other: until it is closed there is one a mark."""
    first, last = attempts[0], attempts[-1]
    closed = sum(row.filled_lots + row.deleveraged_lots for row in attempts)
    tell_person(
        person,
        NoticeKind.LIQUIDATION,
        f"{market.pk}-{first.seq}-{first.ordinal}",
        market=market.pk,
        side="long" if first.position_lots > 0 else "short",
        closed=display.size(closed, market),
        mark=display.price(last.mark_price_ticks, market),
        left=display.size(abs(last.left_lots), market) if last.left_lots else "nothing",
        returned=display.money(sum(row.returned_units for row in attempts)),
    )
