"""Scheduled maintenance: markets that an announcement pauses while the exchange is worked on.

Each begins once: its row says when, in the transaction that pauses the markets and plans that they
resume. One that was missed altogether, until its work was to end, isn't made up for.
"""

from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from announcements.models import Announcement, AnnouncementLevel
from console.guards import each_alone
from console.stop.services import NewStop, change_states_as
from markets.models import Market
from matching.messages.vocabulary import MarketState

OPEN_STATES = (
    MarketState.ACTIVE,
    MarketState.POST_ONLY,
    MarketState.REDUCE_ONLY,
    MarketState.CANCEL_ONLY,
)


def begin_due() -> None:
    due = _due(timezone.now()).values_list("pk", flat=True)
    each_alone("maintenance_not_begun", due, _begin)


def _due(now: datetime) -> QuerySet[Announcement]:
    return Announcement.objects.filter(
        level=AnnouncementLevel.MAINTENANCE,
        stops_markets=True,
        begun_at__isnull=True,
        work_from__lte=now,
        work_until__gt=now,
    )


@transaction.atomic
def _begin(announcement_id: int) -> None:
    now = timezone.now()
    found = _due(now).select_for_update(of=("self",)).filter(pk=announcement_id).first()
    if found is None:
        return
    markets = list(Market.objects.filter(status__state__in=OPEN_STATES))
    if markets:
        asked = NewStop(
            MarketState.HALTED, f"maintenance: {found.text}", resume_at=found.work_until
        )
        change_states_as(found.made_by, markets, asked)
    found.begun_at = now
    found.save(update_fields=["begun_at"])
