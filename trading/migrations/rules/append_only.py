"""What is only ever added to: versions of a market's rules, and what moved money by rule."""

VERSIONS_APPEND_ONLY = """
CREATE FUNCTION trading_refuse_version_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% on %: versions of rules are append-only', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation',
              CONSTRAINT = 'market_version_append_only',
              TABLE = TG_TABLE_NAME;
END $$;

CREATE TRIGGER market_version_append_only
    BEFORE UPDATE OR DELETE ON trading_marketversion
    FOR EACH STATEMENT EXECUTE FUNCTION trading_refuse_version_change();
"""

APPEND_ONLY = "".join(
    f"""
CREATE TRIGGER {table}_append_only
    BEFORE UPDATE OR DELETE ON trading_{table}
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_change();
"""
    for table in ("tiermove", "referralrule", "referralpayment")
)
