"""What waits for an operator, oldest first: each line leads to its rows."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from approvals.models import Proposal, ProposalStatus
from common.admin.record_urls import list_url
from custody.models import CustodyCase
from ledger.models import Deposit, DepositStatus
from ledger.withdrawals.selectors import undecided
from ledger.withdrawals.stops import open_stops
from persistence.models import PersistenceFault
from trading.models import InsuranceTopUp, TopUpStatus

COUNTED_MAX = 1_000


@dataclass(frozen=True)
class Waiting:
    """``count`` stops at COUNTED_MAX."""

    what: str
    count: int
    oldest_at: datetime
    url: str

    @property
    def count_text(self) -> str:
        return f"{COUNTED_MAX:,} or more" if self.count >= COUNTED_MAX else f"{self.count:,}"


def waiting_for(request: HttpRequest) -> list[Waiting]:
    """Of what the operator may see."""
    user = request.user
    found: list[Waiting | None] = []
    if user.has_perm("approvals.view_proposal"):
        url = list_url(Proposal, f"status__exact={ProposalStatus.WAITING}")
        proposals = Proposal.objects.filter(
            status=ProposalStatus.WAITING, expires_at__gt=timezone.now()
        )
        found.append(_waiting("Proposals to decide", proposals, "proposed_at", url))
    if user.has_perm("ledger.view_deposit"):
        asked = Deposit.objects.filter(status=DepositStatus.REQUESTED)
        url = list_url(Deposit, f"status__exact={DepositStatus.REQUESTED}")
        found.append(_waiting("Deposits to approve", asked, "requested_at", url))
    if user.has_perm("ledger.view_withdrawal"):
        url = reverse("admin:withdrawals")
        found.append(_waiting("Withdrawals to decide", undecided(), "requested_at", url))
        stops = open_stops()
        found.append(_waiting("Sending is stopped", stops, "opened_at", url))
    if user.has_perm("custody.view_custodycase"):
        cases = CustodyCase.objects.filter(resolved_at=None)
        url = reverse("admin:custody")
        found.append(_waiting("Cases of custody", cases, "opened_at", url))
    if user.has_perm("trading.view_insurancetopup"):
        top_ups = InsuranceTopUp.objects.filter(status=TopUpStatus.REQUESTED)
        url = list_url(InsuranceTopUp, f"status__exact={TopUpStatus.REQUESTED}")
        found.append(_waiting("Insurance top-ups to decide", top_ups, "requested_at", url))
    if user.has_perm("persistence.view_persistencefault"):
        faults = PersistenceFault.objects.filter(resolved_at__isnull=True)
        url = list_url(PersistenceFault, "")
        found.append(_waiting("Persistence stopped", faults, "first_seen", url))
    return [one for one in found if one is not None]


def _waiting(what: str, rows: QuerySet[Any], moment: str, url: str) -> Waiting | None:
    moments = list(rows.order_by("pk").values_list(moment, flat=True)[:COUNTED_MAX])
    return Waiting(what, len(moments), moments[0], url) if moments else None
