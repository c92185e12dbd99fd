"""What is only ever added to.

Entries and accounts can't go away, and with its accounts a user or a market is held by their
foreign keys. TRUNCATE is left alone: it takes the table's owner, and test databases are emptied
with it.
"""

REFUSE_CHANGE = """
CREATE FUNCTION ledger_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% on %: the journal is append-only', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation',
              CONSTRAINT = 'journal_append_only',
              TABLE = TG_TABLE_NAME,
              HINT = 'Correct a wrong entry with another entry.';
END $$;
"""

APPEND_ONLY = "".join(
    f"""
CREATE TRIGGER {row}_append_only
    BEFORE UPDATE OR DELETE ON ledger_{row.replace("_", "")}
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_change();
"""
    for row in (
        "posting",
        "journal_entry",
        "adjustment",
        "transfer",
        "transfer_rule",
        "withdrawal_step",
    )
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
