"""Rows that recovery leaves behind, for the admin's pages."""

import itertools
from datetime import timedelta

from django.utils import timezone

from accounts.models import User
from markets.models import Market
from persistence.downloads.models import DailyFile, FileKind
from persistence.models import (
    EngineSnapshotArchive,
    FaultKind,
    FaultResolution,
    PersistenceFault,
    QuarantinedEntry,
    ReconcileRun,
)

_sequences = itertools.count(1)


def make_recovery_rows(market: Market, operator: User) -> None:
    """A resolved fault, the entry it was about, a snapshot, a run that found a difference."""
    seq, now = next(_sequences), timezone.now()
    PersistenceFault.objects.create(
        market=market,
        seq=seq,
        kind=FaultKind.POISON_ENTRY,
        reason="order 12 is unknown",
        payload=b'{"what": "\xff<b>"}',
        first_seen=now,
        last_seen=now,
        resolved_at=now,
        resolution=FaultResolution.QUARANTINED,
        resolved_by=operator,
    )
    QuarantinedEntry.objects.create(
        market=market,
        seq=seq,
        input_id=f"{seq}-0",
        reason="order 12 is unknown",
        payload=b'{"what": "\xff<b>"}',
        quarantined_by=operator,
    )
    EngineSnapshotArchive.objects.create(
        market=market,
        seq=seq,
        input_id=f"{seq}-0",
        frame=b"EXSNAP",
        sha256="0" * 64,
        archived_at=now,
    )
    DailyFile.objects.create(
        market=market, kind=FileKind.TRADES, day=now.date() - timedelta(days=seq), fault="disk <b>"
    )
    ReconcileRun.objects.create(
        started_at=now,
        finished_at=now,
        difference_count=1,
        differences=[["wallet", "", f"held of user {operator.pk}", "0", "1"]],
        compared=[{"market": market.pk, "seq": seq, "notCompared": ""}],
        figures={"wallets": 2},
    )
