"""⑤ Entries, postings and wallets."""

from typing import NamedTuple

from common.postgres.columns import numbers, numbers_or_nulls, words, words_or_nulls
from ledger.holds import LOCK_WALLETS
from ledger.posting_rules import Owner
from persistence.projection.batch import Batch
from persistence.writing.pipeline import Cursor, RowsMissing, Statements

LOAD_ACCOUNTS = """
    SELECT kind, user_id, market_id, id FROM ledger_account WHERE user_id = ANY(%s::bigint[])
     UNION ALL
    SELECT kind, user_id, market_id, id FROM ledger_account WHERE market_id = %s
     UNION ALL
    SELECT kind, user_id, market_id, id FROM ledger_account
     WHERE user_id IS NULL AND market_id IS NULL
"""
RESERVE_ENTRY_IDS = """
    SELECT array_agg(nextval(sequence.name))
      FROM (SELECT pg_get_serial_sequence('ledger_journalentry', 'id')::regclass AS name
            OFFSET 0) AS sequence, generate_series(1, %s)
"""
INSERT_ENTRIES = """
    INSERT INTO ledger_journalentry (market_id, id, kind, seq, order_id, trade_id, created_at)
    SELECT %s, v.* FROM unnest(
        %s::bigint[], %s::text[], %s::bigint[], %s::bigint[], %s::bigint[], %s::timestamptz[]) AS v
"""
INSERT_POSTINGS = """
    INSERT INTO ledger_posting (entry_id, account_id, amount_units, kind)
    SELECT v.* FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[], %s::text[]) AS v
"""
ADD_TO_WALLETS = """
    UPDATE ledger_wallet w
       SET available_units = w.available_units + v.available, held_units = w.held_units + v.held
      FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[]) AS v(user_id, available, held)
     WHERE w.user_id = v.user_id
"""


class JournalKeys(NamedTuple):
    """Ids of the entries to be, and of the accounts they post to."""

    entry_ids: list[int]
    accounts: dict[tuple[str, Owner], int]


def load_keys(cursor: Cursor, batch: Batch) -> JournalKeys:
    if not batch.journal:
        return JournalKeys([], {})
    queries = Statements()
    queries.add(RESERVE_ENTRY_IDS, (len(batch.journal),))
    queries.add(LOAD_ACCOUNTS, (numbers(batch.wallets), batch.market_id))
    reserved, accounts = queries.execute(cursor)
    row = reserved.fetchone()
    assert row is not None  # noqa: S101  an aggregate always answers one row
    return JournalKeys(
        row[0],
        {
            (kind, market_id if user_id is None else user_id): account_id
            for kind, user_id, market_id, account_id in accounts
        },
    )


def insert_journal(statements: Statements, batch: Batch, keys: JournalKeys) -> None:
    journal = batch.journal
    if not journal:
        return
    entries = (
        numbers(keys.entry_ids),
        words(row.movement.kind for row in journal),
        numbers(row.seq for row in journal),
        numbers_or_nulls(row.movement.order_id for row in journal),
        numbers_or_nulls(row.movement.trade_id for row in journal),
        words(row.created_at for row in journal),
    )
    statements.add(INSERT_ENTRIES, (batch.market_id, *entries))
    entry_ids, account_ids, amounts, kinds = [], [], [], []
    for entry_id, row in zip(keys.entry_ids, journal, strict=True):
        for account_kind, owner, amount_units, line_kind in row.movement.lines:
            account_id = keys.accounts.get((account_kind, owner))
            if account_id is None:
                raise RowsMissing(f"{owner or 'the exchange'} has no {account_kind} account")
            entry_ids.append(entry_id)
            account_ids.append(account_id)
            amounts.append(amount_units)
            kinds.append(line_kind)
    columns = numbers(entry_ids), numbers(account_ids), numbers(amounts), words_or_nulls(kinds)
    statements.add(INSERT_POSTINGS, columns)


def add_to_wallets(statements: Statements, batch: Batch) -> None:
    changed = [
        (user_id, delta.available_units, delta.held_units)
        for user_id, delta in batch.wallets.items()
        if delta.available_units or delta.held_units
    ]
    if changed:
        user_ids, available, held = (numbers(column) for column in zip(*changed, strict=True))
        statements.add(LOCK_WALLETS, (user_ids,))
        wallets = (user_ids, available, held)
        statements.add(ADD_TO_WALLETS, wallets, expected=len(changed), what="wallets")
