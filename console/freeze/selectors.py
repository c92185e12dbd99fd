"""What is left of a frozen trader, and whether it is proven that nothing is."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone

from accounts.access.refusals import HEARD_EVERYWHERE_S
from accounts.access.sessions import open_sessions
from accounts.families.services import family_ids
from accounts.keys.services import keys_of_family
from accounts.models import Freeze, User
from accounts.people.names import with_names
from accounts.staff.sessions import staff_sessions_of
from common.admin import when
from markets.display import size
from trading.models import LIVE_STATUSES, Order, OutboxCommand, Position
from trading.selectors import positions_of_user

LIVE_SHOWN_MAX = 100


@dataclass(frozen=True)
class StillLive:
    """Of all accounts of the family.

    orders    the newest that live, each with the cancel it waits for
    heard_at  from when on no process takes anything of the trader; None where they aren't frozen
    keys      what they ask is refused meanwhile, and counts again once the freeze is lifted
    """

    user: User
    live: int
    orders: list[tuple[Order, int | None]]
    cancels: int
    sessions: int
    keys: int
    heard_at: datetime | None
    positions: list[tuple[Position, str]]

    @property
    def waits_for(self) -> list[str]:
        """Before nothing can be left of the trader, and nothing can come any more."""
        return list(self._waits_for())

    def _waits_for(self) -> Iterator[str]:
        if self.user.is_active:
            yield "the account, which is active again"
        if self.live:
            yield f"{self.live:,} live orders"
        if self.cancels:
            yield f"{self.cancels:,} cancels to be applied"
        if self.sessions:
            yield f"{self.sessions:,} open sessions"
        if self.heard_at is not None and timezone.now() < self.heard_at:
            yield f"every process to have heard of it, by {when(self.heard_at)} UTC"


def left_of(user: User, freeze: Freeze | None) -> StillLive:
    """``freeze``: the open one."""
    user.refresh_from_db(fields=["is_active"])
    accounts = family_ids(user.pk)
    live = Order.objects.filter(user__in=accounts, status__in=LIVE_STATUSES)
    waiting = {
        (account_id, market_id): command_id
        for account_id in accounts
        for market_id, command_id in waiting_cancels(account_id).values_list("market_id", "pk")
    }
    positions = [
        position
        for account_id in accounts
        for position in positions_of_user(account_id).select_related("market")
    ]
    heard = timedelta(seconds=HEARD_EVERYWHERE_S)
    return StillLive(
        user=user,
        live=live.count(),
        orders=[
            (order, waiting.get((order.user_id, order.market_id)))
            for order in live.order_by("-pk")[:LIVE_SHOWN_MAX]
        ],
        cancels=len(waiting),
        sessions=open_sessions(user.pk).count() + staff_sessions_of(user.pk).count(),
        keys=keys_of_family(user.pk).count(),
        heard_at=freeze.frozen_at + heard if freeze else None,
        positions=[(one, size(one.position_lots, one.market)) for one in positions],
    )


def reductions_of(freeze: Freeze | None) -> list[tuple[str, Order | None, str]]:
    """Of each market: the newest order to close the position, or why there is none."""
    outcomes: dict[str, Any] = freeze.reductions if freeze else {}
    ids = [one for one in outcomes.values() if isinstance(one, int)]
    orders = Order.objects.select_related("market").in_bulk(ids)
    places = sorted(outcomes)
    named = with_names([place.replace(" of ", " of account ") for place in places])
    return [
        _reduction(name, outcomes[place], orders) for place, name in zip(places, named, strict=True)
    ]


def _reduction(
    place: str, outcome: int | str, orders: dict[int, Order]
) -> tuple[str, Order | None, str]:
    order = orders.get(outcome) if isinstance(outcome, int) else None
    if order is None:
        return place, None, str(outcome)
    filled, whole = size(order.filled_lots, order.market), size(order.size_lots, order.market)
    return place, order, f"{order.status}, {filled} of {whole} filled"


def waiting_cancels(user_id: int) -> QuerySet[OutboxCommand]:
    """Of everything of the trader, protective orders too, and not answered yet."""
    return OutboxCommand.objects.filter(
        applied_seq__isnull=True,
        command_type="CancelAllOrders",
        payload__account_id=user_id,
        payload__protective=True,
    )
