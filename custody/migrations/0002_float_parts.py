from django.db import migrations, models

# A function of each table says what its row counts for, in the order of the columns below. A row
# that counts for the same as before adds nothing. Rows of these tables are never deleted.
COLUMNS = "(network, float_units, credited_units, coming_units, sent_units)"
ADDS = """
CREATE FUNCTION custody_{name}_adds_float_parts() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO custody_floatpart {columns}
    SELECT network, sum(float_units), sum(credited_units), sum(coming_units), sum(sent_units)
      FROM (SELECT {new}{old}) AS counted {columns}
     GROUP BY network
    HAVING (sum(float_units), sum(credited_units), sum(coming_units), sum(sent_units))
           <> (0, 0, 0, 0);
    RETURN NULL;
END $$;

CREATE TRIGGER {name}_adds_float_parts AFTER {events} ON {table}
   FOR EACH ROW EXECUTE FUNCTION custody_{name}_adds_float_parts();
"""
REMOVED = """
DROP TRIGGER {name}_adds_float_parts ON {table};
DROP FUNCTION custody_{name}_adds_float_parts;
"""
DEPOSIT = """{row}.network, 0, {sign}CASE {row}.state WHEN 'credited' THEN {row}.amount_units ELSE 0 END,
                   {sign}CASE {row}.state WHEN 'seen' THEN {row}.amount_units ELSE 0 END, 0"""
WITHDRAWAL = """{row}.network, 0, 0, 0, {sign}CASE WHEN {row}.state IN ('sent', 'confirmed')
                                              THEN {row}.amount_units ELSE 0 END"""
MOVEMENT = "{row}.network, {row}.amount_units, 0, 0, 0"


def counting(name: str, table: str, counted: str) -> migrations.RunSQL:
    """Of a table whose rows change."""
    return migrations.RunSQL(
        "".join(
            ADDS.format(
                name=f"{name}_{event}",
                table=table,
                columns=COLUMNS,
                events=event,
                new=counted.format(row="NEW", sign=""),
                old=old,
            )
            for event, old in (
                ("insert", ""),
                ("update", "\n             UNION ALL SELECT " + counted.format(row="OLD", sign="-")),
            )
        ),
        "".join(
            REMOVED.format(name=f"{name}_{event}", table=table) for event in ("insert", "update")
        ),
    )


class Migration(migrations.Migration):

    dependencies = [
        ('custody', '0001_initial'),
    ]

    operations = [
        migrations.CreateModel(
            name='FloatPart',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('network', models.CharField(max_length=16)),
                ('float_units', models.BigIntegerField(db_default=0)),
                ('credited_units', models.BigIntegerField(db_default=0)),
                ('coming_units', models.BigIntegerField(db_default=0)),
                ('sent_units', models.BigIntegerField(db_default=0)),
            ],
            options={
                'default_permissions': (),
            },
        ),
        migrations.RunSQL(
            ADDS.format(
                name="movement", table="custody_floatmovement", columns=COLUMNS, events="INSERT",
                new=MOVEMENT.format(row="NEW"), old="",
            ),
            REMOVED.format(name="movement", table="custody_floatmovement"),
        ),
        counting("deposit", "custody_chaindeposit", DEPOSIT),
        counting("withdrawal", "ledger_withdrawal", WITHDRAWAL),
    ]
