"""What rows count for at custody is added as they come and change.

A function of each table says what its row counts for, in the order of the columns below. A row
that counts for the same as before adds nothing. Rows of these tables are never deleted.
"""

COLUMNS = "(network, float_units, credited_units, coming_units, sent_units)"
ADDS = """
CREATE FUNCTION custody_{name}_adds_float_parts() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO custody_floatpart {columns}
    SELECT network, sum(float_units), sum(credited_units), sum(coming_units), sum(sent_units)
      FROM (SELECT {counted}) AS counted {columns}
     GROUP BY network
    HAVING (sum(float_units), sum(credited_units), sum(coming_units), sum(sent_units))
           <> (0, 0, 0, 0);
    RETURN NULL;
END $$;

CREATE TRIGGER {name}_adds_float_parts AFTER {event} ON {table}
   FOR EACH ROW EXECUTE FUNCTION custody_{name}_adds_float_parts();
"""
MOVEMENT = "{row}.network, {row}.amount_units, 0, 0, 0"
DEPOSIT = """{row}.network, 0, {sign}CASE {row}.state WHEN 'credited' THEN {row}.amount_units ELSE 0 END,
                   {sign}CASE {row}.state WHEN 'seen' THEN {row}.amount_units ELSE 0 END, 0"""
WITHDRAWAL = """{row}.network, 0, 0, 0, {sign}CASE WHEN {row}.state IN ('sent', 'confirmed')
                                              THEN {row}.amount_units ELSE 0 END"""


def _adds(name: str, event: str, table: str, counted: str) -> str:
    return ADDS.format(name=name, event=event, table=table, columns=COLUMNS, counted=counted)


def _changing(name: str, table: str, counts: str) -> str:
    """Of a table whose rows change: what a row counts for now, less what it counted for."""
    new = counts.format(row="NEW", sign="")
    old = counts.format(row="OLD", sign="-")
    change = f"{new}\n             UNION ALL SELECT {old}"
    return _adds(f"{name}_insert", "INSERT", table, new) + _adds(
        f"{name}_update", "UPDATE", table, change
    )


FLOAT_PARTS = (
    _adds("movement", "INSERT", "custody_floatmovement", MOVEMENT.format(row="NEW"))
    + _changing("deposit", "custody_chaindeposit", DEPOSIT)
    + _changing("withdrawal", "ledger_withdrawal", WITHDRAWAL)
)
