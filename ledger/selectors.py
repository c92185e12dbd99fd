"""Reads of money. Each is one consistent look: one statement."""

from collections.abc import Collection, Iterable, Mapping
from functools import partial
from typing import Any, NamedTuple

from django.db import connection
from django.db.models import Q, QuerySet

from accounts.people.kept import KeptRows, register_rows
from common.postgres import keysets
from common.postgres.windows import Window
from ledger.archive.picking import may_have
from ledger.archive.reach import Reach
from ledger.archive.shadow import newest_of_entries_shown, newest_shown, oldest_shown
from ledger.models import Account, EntryKind, JournalEntry, LineKind, Posting
from matching.messages.limits import MAX_ID

# What a line of a user's ledger can be called; top-ups of a fund are nobody's.
LEDGER_KINDS = (*(kind for kind in EntryKind if kind is not EntryKind.INSURANCE_TOPUP), *LineKind)


class LedgerFilter(NamedTuple):
    """What of a user's ledger is asked for; empty for all of it."""

    kinds: Collection[str] = ()
    market_id: str | None = None
    order_id: int | None = None
    window: Window = Window(None, None)

    @property
    def is_open(self) -> bool:
        return self == LedgerFilter()

    def condition(self) -> Q:
        """Of postings. A line without a kind of its own is called as its entry is."""
        asked = self.window.within("entry__created_at")
        if self.kinds:
            asked &= Q(kind__in=self.kinds) | Q(kind=None, entry__kind__in=self.kinds)
        if self.market_id is not None:
            asked &= Q(entry__market_id=self.market_id)
        if self.order_id is not None:
            asked &= Q(entry__order_id=self.order_id)
        return asked


class LedgerPage(NamedTuple):
    """``looked_to``: the id down to which was looked, where that is not the end of the ledger."""

    postings: list[Posting]
    looked_to: int | None


def newest_postings_of_user(
    user_id: int, asked: LedgerFilter, limit: int, before: int | None
) -> LedgerPage:
    """What moved on the user's accounts, newest first, with entry and account; with ids below
    ``before`` only.

    Postings of an order are found by it. Others are looked for among the newest
    `keysets.LOOK_BACK_ROWS` only: there may be more further back. Where the table has too few, and
    files may have more, it is read anew beside what they have within a page's `Reach`.
    """
    accounts = {account.pk: account for account in Account.objects.filter(user_id=user_id)}
    page = _newest_postings(accounts, asked, limit, before)
    is_whole = len(page.postings) >= limit or page.looked_to is not None
    if is_whole or not may_have(accounts):
        return page
    reach = Reach[int]()
    if asked.order_id is not None:
        entries = JournalEntry.objects.filter(order_id=asked.order_id)
        entry_ids = list(entries.values_list("pk", flat=True))
        with newest_of_entries_shown(entry_ids, accounts, limit, before or MAX_ID, reach):
            return _newest_postings(accounts, asked, limit, before, reach.ended_at)
    count = limit if asked.is_open else keysets.LOOK_BACK_ROWS
    with newest_shown(list(accounts), count, before or MAX_ID, reach):
        return _newest_postings(accounts, asked, limit, before, reach.ended_at)


def _newest_postings(
    accounts: Mapping[int, Account],
    asked: LedgerFilter,
    limit: int,
    before: int | None,
    looked_to: int | None = None,
) -> LedgerPage:
    """``looked_to``: down to which all is known, where that is not the end."""
    if asked.order_id is not None:
        found = _between(Posting.objects.filter(account_id__in=accounts), looked_to, before)
        found = found.filter(asked.condition())
    else:
        of_each = [
            _between(Posting.objects.filter(account_id=account), looked_to, before)
            for account in accounts
        ]
        if asked.is_open:
            keys = keysets.newest_keys(of_each, limit)
        else:
            looked_to = keysets.key_after_in_runs(of_each, keysets.LOOK_BACK_ROWS) or looked_to
            keys = _asked_for(accounts, asked, limit, looked_to, before)
        found = Posting.objects.filter(pk__in=keys)
    postings = list(found.select_related("entry").order_by("-pk")[:limit])
    for posting in postings:
        posting.account = accounts[posting.account_id]
    return LedgerPage(postings, looked_to)


def _between(
    postings: QuerySet[Posting], oldest: int | None, before: int | None
) -> QuerySet[Posting]:
    postings = postings if oldest is None else postings.filter(pk__gte=oldest)
    return postings if before is None else postings.filter(pk__lt=before)


# Postings account by account, and each entry by its key, as OFFSET says: else Postgres would read
# the postings of all users, or all entries there are, once it takes those for more than a few.
_ASKED_FOR = """
WITH looked_at AS MATERIALIZED (
    SELECT p.* FROM unnest(%(accounts)s::bigint[]) account CROSS JOIN LATERAL (
            SELECT id, entry_id, kind FROM ledger_posting
             WHERE account_id = account AND id >= %(oldest)s AND id < %(before)s OFFSET 0) p
     ORDER BY p.id DESC)
SELECT p.id FROM looked_at p CROSS JOIN LATERAL (
        SELECT kind, market_id, created_at FROM ledger_journalentry
         WHERE id = p.entry_id OFFSET 0) e
 WHERE (%(kinds)s::text[] = '{}' OR COALESCE(p.kind, e.kind) = ANY(%(kinds)s::text[]))
   AND (%(market)s::text IS NULL OR e.market_id = %(market)s)
   AND (%(start)s::timestamptz IS NULL OR e.created_at >= %(start)s)
   AND (%(end)s::timestamptz IS NULL OR e.created_at < %(end)s)
 ORDER BY p.id DESC LIMIT %(limit)s
"""


def _asked_for(
    accounts: Collection[int],
    asked: LedgerFilter,
    limit: int,
    oldest: int | None,
    before: int | None,
) -> list[int]:
    """Ids, from ``oldest`` on and below ``before`` where there are such bounds."""
    values: dict[str, Any] = {
        "accounts": list(accounts),
        "oldest": oldest or 0,
        "before": before or MAX_ID,
        "kinds": [str(kind) for kind in asked.kinds],
        "market": asked.market_id,
        "start": asked.window.start,
        "end": asked.window.end,
        "limit": limit,
    }
    with connection.cursor() as cursor:
        cursor.execute(_ASKED_FOR, values)
        return [key for (key,) in cursor.fetchall()]


@register_rows
def _postings_of_user(user_id: int) -> Iterable[KeptRows]:
    """Account by account, as the index has them."""
    own = Account.objects.filter(user_id=user_id).order_by("pk")
    for account_id in own.values_list("pk", flat=True):
        postings = Posting.objects.filter(account=account_id)
        yield KeptRows(postings, partial(oldest_shown, [account_id]))
