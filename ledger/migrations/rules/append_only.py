"""What is only ever added to.

Entries and accounts can't go away, and with its accounts a user or a market is held by their
foreign keys.
"""

from common.postgres.schema.append_only import only_add_to, refuse_changes

REFUSE_CHANGE = refuse_changes(
    "ledger_refuse_change",
    "the journal is",
    "journal_append_only",
    hint="Correct a wrong entry with another entry.",
)

APPEND_ONLY = "".join(
    only_add_to(f"ledger_{row.replace('_', '')}", f"{row}_append_only", "ledger_refuse_change")
    for row in (
        "posting",
        "journal_entry",
        "adjustment",
        "transfer",
        "transfer_rule",
        "withdrawal_step",
    )
)

FILES_APPEND_ONLY = "".join(
    only_add_to(f"ledger_{row}", f"{row}_append_only", "ledger_refuse_change")
    for row in ("archivefile", "archivestep", "archivedaccount", "archivedhold")
)

ACCOUNTS_UNCHANGED = """
CREATE FUNCTION ledger_refuse_account_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% on ledger_account: accounts stay as they were made', TG_OP
        USING ERRCODE = 'restrict_violation',
              CONSTRAINT = 'account_unchanged',
              TABLE = TG_TABLE_NAME;
END $$;

CREATE TRIGGER account_unchanged
    BEFORE UPDATE OR DELETE ON ledger_account
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_account_change();
"""
