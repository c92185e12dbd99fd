"""The chain: how a row is numbered and hashed, appended, and found to be as it was written.

The hash of a row is the SHA-256, in lower-case hex, of the ASCII bytes of a JSON array without
spaces (letters beyond ASCII as ``\\uXXXX``), of:

    "audit-1", previous_hash, id, acted_at, operator, operator_name, address, session, object_kind,
    object_key, object_words, verb, words, reason, market, sequence, command_id

in this order. Numbers are JSON numbers, what is missing is null, ``acted_at`` is in whole
microseconds since 1970-01-01 UTC, ``operator`` the user's id, ``address`` as Python's `ipaddress`
writes it: Postgres writes some of IPv6 otherwise.
Numbers begin at 1 without gaps; the first row's previous_hash is 64 zeros.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

from django.db import DataError, connection, transaction

from console.audit.models import GENESIS, AuditHead, AuditRow

ENCODING = "audit-1"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_CHUNK = 1_000


def hash_of(row: AuditRow) -> str:
    fields = [
        ENCODING,
        row.previous_hash,
        row.pk,
        (row.acted_at - _EPOCH) // timedelta(microseconds=1),
        row.operator_id,
        row.operator_name,
        _address(row.address),
        row.session,
        row.object_kind,
        row.object_key,
        row.object_words,
        row.verb,
        row.words,
        row.reason,
        row.market,
        row.sequence,
        row.command_id,
    ]
    encoded = json.dumps(fields, ensure_ascii=True, separators=(",", ":")).encode()
    return hashlib.sha256(encoded).hexdigest()


def _address(kept: str | None) -> str | None:
    """What is no address was never ours, and is hashed as it is."""
    try:
        return str(ip_address(kept)) if kept is not None else None
    except ValueError:
        return kept


@transaction.atomic
def append(row: AuditRow) -> AuditRow:
    """Gives it number and hashes, and writes it with the transaction that is open. Until that ends
    the head is held: others' rows come after."""
    head = _lock_head()
    row.pk, row.previous_hash = head.rows + 1, head.hash
    row.hash = hash_of(row)
    row.save(force_insert=True)
    AuditHead.objects.filter(pk=head.pk).update(rows=row.pk, hash=row.hash)
    return row


def current_head() -> AuditHead:
    return AuditHead.objects.filter(pk=1).first() or AuditHead(rows=0, hash=GENESIS)


def _lock_head() -> AuditHead:
    head = AuditHead.objects.select_for_update().filter(pk=1).first()
    if head is None:
        empty = AuditHead(pk=1, rows=0, hash=GENESIS)
        AuditHead.objects.bulk_create([empty], ignore_conflicts=True)
        head = AuditHead.objects.select_for_update().get(pk=1)
    return head


@dataclass(frozen=True)
class Noted:
    """A head as it was logged; ``number`` None where only its hash was kept."""

    hash: str
    number: int | None = None


@dataclass(frozen=True)
class Finding:
    """``broken``: what is wrong with the first row that isn't as it was written; empty if none."""

    rows: int
    head: str
    broken: str = ""


def verify(noted: Noted | None = None) -> Finding:
    """Walks the chain in one snapshot, in memory that doesn't grow with it."""
    is_outermost = not connection.in_atomic_block
    with transaction.atomic():
        if is_outermost:
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        head = current_head()
        number, before = 0, GENESIS
        is_noted = noted is None or _is(noted, 0, GENESIS)
        for key, row in _rows():
            number += 1
            if wrong := _wrong(key, row, number, before):
                return Finding(number - 1, before, wrong)
            before = row.hash if row else before
            is_noted = is_noted or (noted is not None and _is(noted, number, before))
    if (number, before) != (head.rows, head.hash):
        wrong = f"row {number + 1}: missing; the head is row {head.rows} of hash {head.hash}"
        if head.rows <= number:
            wrong = f"row {head.rows}: not the newest, or not of the hash that the head names"
        return Finding(number, before, wrong)
    if noted and not is_noted:
        return Finding(number, before, _lost(noted, number))
    return Finding(number, before)


def _is(noted: Noted, number: int, digest: str) -> bool:
    return noted.hash == digest and noted.number in (None, number)


def _lost(noted: Noted, rows: int) -> str:
    if noted.number is None:
        return f"none of {rows} rows has the hash that was noted as the head"
    if noted.number > rows:
        return f"row {noted.number}: missing; it was noted as the head"
    return f"row {noted.number}: its hash is not the one that was noted"


def _wrong(key: int, row: AuditRow | None, number: int, before: str) -> str:
    if key != number:
        return f"row {number}: missing; row {key} is in its place"
    if row is None:
        return f"row {number}: has a value that no row is written with"
    if row.previous_hash != before:
        return f"row {number}: does not follow the row before it"
    if row.hash != hash_of(row):
        return f"row {number}: its fields are not those that were hashed"
    return ""


def _rows() -> Iterator[tuple[int, AuditRow | None]]:
    """Keys and rows. No row where one can't be read, as one of an infinite time."""
    after: int | None = None
    while chunk := _chunk(after):
        yield from chunk
        after = chunk[-1][0]


def _chunk(after: int | None) -> list[tuple[int, AuditRow | None]]:
    rows = AuditRow.objects.order_by("pk")
    rows = rows if after is None else rows.filter(pk__gt=after)
    try:
        return [(row.pk, row) for row in rows[:_CHUNK]]
    except DataError:
        return [(key, _readable(key)) for key in rows.values_list("pk", flat=True)[:_CHUNK]]


def _readable(key: int) -> AuditRow | None:
    try:
        return AuditRow.objects.get(pk=key)
    except DataError:
        return None
