"""⑤ What stopped a market's persistence, kept for the operator, and the operator's two ways out.

Theory of operation. Persistence stops in front of an entry it can't apply, and tries again for as
long as it takes: what comes and goes heals by itself. The fault is a row until the cursor passes
it (`bulk.write` closes it with the rows it speaks of).

An event that contradicts the rows, for instance about an order that Postgres doesn't know (somebody
wrote a command straight into the input stream), is never skipped by itself: the engine has let an
order with no money behind it into the book, so its later entries can't be believed either.
Quarantine is the way out: the cursor moves over exactly that entry, and engines start over from the
rows, where the command never happened. What the engine said after it was not persisted; its
commands are in the input stream and are carried out again without it.

One case needs nobody's judgement: the command names an account that does not exist. No wallet gave
it money and no row promised it, so nobody can be owed what it did; the entry is quarantined at
once, by itself, and shown like the others. That an account exists is all that is looked at: a
forged command of a real one is the operator's to judge.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import redis
import structlog
from django.db import transaction
from django.utils import timezone

from accounts.models import User
from common.errors import DomainError, ErrorCode
from common.redis_client import redis_client
from matching.messages.codec import UndecodableMessage, decode_command, decode_entry
from matching.messages.streams import COMMAND_FIELD, ENTRY_FIELD, input_stream, output_stream
from persistence.models import (
    FaultKind,
    FaultResolution,
    MarketCursor,
    PersistenceFault,
    QuarantinedEntry,
)
from persistence.projection.batch import HistoryDiverged, PersistenceStopped, PoisonEntry
from persistence.reading import persist_market, report_fault
from persistence.recovery.starting_points import ensure_starting_point, make_starting_point

log = structlog.get_logger(__name__)


def handle_fault(fault: PersistenceStopped) -> None:
    """Mend what mends itself, and keep the rest for the operator."""
    report_fault(fault)
    if isinstance(fault, HistoryDiverged):
        ensure_starting_point(fault.market_id)
        return
    note_fault(fault)
    if isinstance(fault, PoisonEntry) and (stranger := _stranger_of(fault)):
        _set_aside(fault, stranger)


def _stranger_of(fault: PoisonEntry) -> int | None:
    """The account that the entry's command names and that nobody has; None if somebody has it, or
    that can't be told."""
    payload = _payload(fault.market_id, fault.seq)
    try:
        input_id = decode_entry(payload).input_id
        found: Any = redis_client().xrange(
            input_stream(fault.market_id), min=input_id, max=input_id
        )
        command = decode_command(found[0][1][COMMAND_FIELD])
    except (UndecodableMessage, IndexError, KeyError):
        return None
    account_id = getattr(command, "account_id", None)
    if account_id is None or User.objects.filter(pk=account_id).exists():
        return None
    return int(account_id)


def _set_aside(fault: PoisonEntry, stranger: int) -> None:
    opened = PersistenceFault.objects.filter(market_id=fault.market_id, resolved_at__isnull=True)
    note = opened.filter(seq=fault.seq).first()
    if note is None:
        return  # somebody got past it meanwhile
    quarantine_entry(note.pk, by_id=None)
    log.error(
        "stranger_set_aside", market=fault.market_id, seq=fault.seq, account=stranger, why=fault.why
    )


@transaction.atomic
def note_fault(fault: PersistenceStopped) -> None:
    """Open the market's fault, or see it again."""
    cursor = _locked_cursor(fault.market_id)
    if cursor.seq + 1 != fault.seq:
        return  # somebody got past it meanwhile
    now = timezone.now()
    same = {"seq": fault.seq, "kind": type(fault).__name__, "reason": fault.why.replace("\0", "�")}
    opened = PersistenceFault.objects.filter(market_id=fault.market_id, resolved_at__isnull=True)
    if opened.filter(**same).update(last_seen=now):
        return
    opened.update(resolved_at=now, resolution=FaultResolution.SUPERSEDED)
    PersistenceFault.objects.create(
        market_id=fault.market_id,
        payload=_payload(fault.market_id, fault.seq),
        first_seen=now,
        last_seen=now,
        **same,
    )


@contextmanager
def _redis_needed() -> Iterator[None]:
    try:
        yield
    except redis.RedisError as error:
        raise DomainError(
            ErrorCode.REDIS_UNAVAILABLE,
            "Redis does not answer. Nothing was done; try again.",
        ) from error


@_redis_needed()
def retry_fault(fault_id: int, by_id: int) -> None:
    """Persist the market again, now. Raises DomainError where it still can't be."""
    fault = _open_fault(fault_id)
    try:
        persist_market(fault.market_id)
    except PersistenceStopped as stopped:
        handle_fault(stopped)
        raise _conflict(ErrorCode.STILL_STOPPED, str(stopped)) from stopped
    PersistenceFault.objects.filter(
        pk=fault_id, resolution=FaultResolution.PERSISTED, resolved_by__isnull=True
    ).update(resolved_by=by_id)


@_redis_needed()
@transaction.atomic
def quarantine_entry(fault_id: int, by_id: int | None) -> QuarantinedEntry:
    """By an operator, or by itself. Move the cursor over the one entry in front of which the market
    stopped, keep the entry, and give engines a starting point where it never happened."""
    fault = _open_fault(fault_id)
    cursor = _locked_cursor(fault.market_id)
    _require_quarantinable(fault, cursor)
    payload = _payload(fault.market_id, fault.seq)
    if bytes(fault.payload) != payload:
        raise _conflict(
            ErrorCode.FAULT_CHANGED,
            f"Sequence {fault.seq} of {fault.market_id} is no longer what this fault was about.",
        )
    entry = QuarantinedEntry(
        market_id=fault.market_id,
        seq=fault.seq,
        input_id="",
        reason=fault.reason,
        payload=payload,
        quarantined_by_id=by_id,
    )
    _move_over(cursor, entry)
    fault.resolved_at = timezone.now()
    fault.resolution = FaultResolution.QUARANTINED
    fault.resolved_by_id = by_id
    fault.save(update_fields=["resolved_at", "resolution", "resolved_by"])
    # Last: Redis can't be rolled back.
    make_starting_point(fault.market_id, f"sequence {fault.seq} was quarantined")
    return entry


def _require_quarantinable(fault: PersistenceFault, cursor: MarketCursor) -> None:
    if fault.kind != FaultKind.POISON_ENTRY:
        raise _conflict(
            ErrorCode.NOTHING_TO_QUARANTINE,
            "There is no entry to quarantine: run `manage.py rebuildengine --market"
            f" {fault.market_id} --force`, and the engine says again what is missing.",
        )
    if cursor.seq + 1 != fault.seq:
        raise _conflict(
            ErrorCode.FAULT_CHANGED,
            f"{fault.market_id} is persisted to {cursor.seq}, not stopped before {fault.seq}.",
        )


def _move_over(cursor: MarketCursor, entry: QuarantinedEntry) -> None:
    """Of an unreadable entry nobody knows the command: that stays ahead, to be carried out."""
    try:
        told = decode_entry(bytes(entry.payload))
    except UndecodableMessage:
        told = None
    if told is not None and told.seq == entry.seq:
        entry.input_id = cursor.input_id = told.input_id
        cursor.entry_time_ms = max(cursor.entry_time_ms, told.time_ms)
    cursor.seq = entry.seq
    cursor.applied_at = timezone.now()
    cursor.save()
    entry.save()


def _open_fault(fault_id: int) -> PersistenceFault:
    fault = PersistenceFault.objects.filter(pk=fault_id).first()
    if fault is None or fault.resolved_at is not None:
        raise _conflict(ErrorCode.FAULT_RESOLVED, "This fault is resolved already.")
    return fault


def _conflict(code: ErrorCode, message: str) -> DomainError:
    return DomainError(code, message)


def _locked_cursor(market_id: str) -> MarketCursor:
    """Waits for whoever is persisting the market."""
    return MarketCursor.objects.select_for_update(no_key=True).get(pk=market_id)


def _payload(market_id: str, seq: int) -> bytes:
    """What is published under the sequence; empty for nothing, as in a gap."""
    client: redis.Redis = redis_client()
    found: Any = client.xrange(output_stream(market_id), min=f"{seq}-0", max=f"{seq}-0")
    if not found:
        return b""
    fields = found[0][1]
    payload: bytes = fields[ENTRY_FIELD] if ENTRY_FIELD in fields else repr(fields).encode()
    return payload
