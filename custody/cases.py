"""What custody says that can't be: kept for an operator, and nothing goes by itself meanwhile."""

from typing import Any

import structlog
from django.contrib.auth.models import AbstractUser
from django.db import transaction
from django.utils import timezone

from common.errors import DomainError, ErrorCode
from common.reasons import REASON_MAX, reason_of
from custody.interface import ID_MAX
from custody.models import CaseKind, CustodyCase
from ledger.models import StopCause
from ledger.withdrawals.stops import close_stop, open_stop

OPEN_MAX = 200  # a custody that floods us with nonsense fills the log, and no table

log = structlog.get_logger(__name__)


@transaction.atomic
def open_case(network: str, kind: CaseKind, subject: str, words: str, said: Any = None) -> None:
    """Once per subject while it is open."""
    open_cases = CustodyCase.objects.filter(resolved_at=None)
    if open_cases.filter(network=network, kind=kind, subject=subject[:ID_MAX]).exists():
        return
    log.error("custody_case", network=network, kind=kind.value, subject=subject, words=words)
    open_stop(StopCause.CASE, f"custody of {network}: {words}")
    if open_cases[OPEN_MAX : OPEN_MAX + 1].exists():
        return
    case = CustodyCase(
        network=network,
        kind=kind,
        subject=subject[:ID_MAX],
        words=words[:REASON_MAX],
        said=said or {},
    )
    CustodyCase.objects.bulk_create([case], ignore_conflicts=True)


@transaction.atomic
def resolve_case(case_id: int, reason: str, by: AbstractUser) -> CustodyCase:
    """With the last of them the stop ends. Raises DomainError for one that is resolved, or none."""
    case = CustodyCase.objects.select_for_update(no_key=True).filter(pk=case_id).first()
    if case is None:
        raise DomainError(ErrorCode.NOT_FOUND, "There is no such case.")
    if case.resolved_at is not None:
        raise DomainError(ErrorCode.INVALID_TRANSITION, f"Case {case_id} is resolved already.")
    case.resolved_at, case.resolved_by_id = timezone.now(), by.pk
    case.resolution = reason_of(reason)
    case.save()
    if not CustodyCase.objects.filter(resolved_at=None).exists():
        close_stop(StopCause.CASE, "all cases are resolved")
    return case
