"""A deposit names a journal entry that is there.

It stays, as entries are never taken away. A foreign key would say the same, and let no partition of
entries go for as long as a deposit names one of them.
"""

ENTRIES_OF_DEPOSITS = """
CREATE FUNCTION ledger_require_entry_of_deposit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM ledger_journalentry WHERE id = NEW.entry_id) THEN
        RAISE EXCEPTION 'deposit % names journal entry %, which is not there', NEW.id, NEW.entry_id
            USING ERRCODE = 'foreign_key_violation',
                  CONSTRAINT = 'deposit_entry_exists',
                  TABLE = TG_TABLE_NAME;
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER deposit_entry_exists
    AFTER INSERT OR UPDATE OF entry_id ON ledger_deposit
    FOR EACH ROW WHEN (NEW.entry_id IS NOT NULL)
    EXECUTE FUNCTION ledger_require_entry_of_deposit();
"""
