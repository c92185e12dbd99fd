"""A withdrawal goes its way, and what was asked for stays as it was asked."""

# What may follow what, as `ledger.models.withdrawal_states` has it; a test compares the two.
STEPS = """
    ('held', 'approved'), ('held', 'cancelled'), ('held', 'refused'),
    ('waiting', 'approved'), ('waiting', 'cancelled'), ('waiting', 'refused'),
    ('approved', 'held'), ('approved', 'waiting'), ('approved', 'refused'), ('approved', 'sending'),
    ('sending', 'sent'), ('sending', 'confirmed'), ('sending', 'failed'),
    ('sent', 'confirmed'), ('sent', 'failed')
"""

WITHDRAWAL_STEPS = f"""
CREATE FUNCTION ledger_require_withdrawal_step() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    wrong text;
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.state NOT IN ('held', 'waiting', 'approved') THEN
            wrong := 'a withdrawal does not begin as ' || NEW.state;
        END IF;
    ELSIF (OLD.user_id, OLD.amount_units, OLD.network, OLD.address, OLD.idempotency_key,
           OLD.send_id, OLD.hold_entry_id, OLD.requested_at)
          IS DISTINCT FROM
          (NEW.user_id, NEW.amount_units, NEW.network, NEW.address, NEW.idempotency_key,
           NEW.send_id, NEW.hold_entry_id, NEW.requested_at) THEN
        wrong := 'what was asked for stays as it was asked';
    ELSIF NEW.needed < OLD.needed THEN
        wrong := 'it never takes fewer operators than it took';
    ELSIF OLD.end_entry_id IS NOT NULL THEN
        wrong := 'withdrawal ' || OLD.id || ' has ended';
    ELSIF OLD.state <> NEW.state AND (OLD.state, NEW.state) NOT IN ({STEPS}) THEN
        wrong := 'no step leads from ' || OLD.state || ' to ' || NEW.state;
    END IF;
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION '%', wrong USING ERRCODE = 'check_violation',
            CONSTRAINT = 'withdrawal_goes_its_way', TABLE = TG_TABLE_NAME;
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER withdrawal_goes_its_way
    BEFORE INSERT OR UPDATE ON ledger_withdrawal
    FOR EACH ROW EXECUTE FUNCTION ledger_require_withdrawal_step();

CREATE TRIGGER withdrawal_stays
    BEFORE DELETE ON ledger_withdrawal
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_change();
"""
