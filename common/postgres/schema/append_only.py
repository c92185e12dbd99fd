"""Rules of a database for what is only ever added to, as SQL of migrations.

TRUNCATE is left alone: it takes the table's owner, and test databases are emptied with it.
"""


def refuse_changes(function: str, rows: str, constraint: str, hint: str = "") -> str:
    """A function of triggers. ``rows`` is what a refusal calls them: "the journal is"."""
    told = f",\n              HINT = '{hint}'" if hint else ""
    return f"""
CREATE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% on %: {rows} append-only', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation',
              CONSTRAINT = '{constraint}',
              TABLE = TG_TABLE_NAME{told};
END $$;
"""


def only_add_to(table: str, trigger: str, function: str) -> str:
    """A trigger, so named, that has a function of `refuse_changes` refuse them."""
    return f"""
CREATE TRIGGER {trigger}
    BEFORE UPDATE OR DELETE ON {table}
    FOR EACH STATEMENT EXECUTE FUNCTION {function}();
"""
