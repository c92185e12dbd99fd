"""What a database is made of, whatever the order in which it was made: its columns may come in
another one."""

import psycopg

_SCHEMA = (
    """SELECT table_name, column_name, data_type, character_maximum_length, numeric_precision,
              numeric_scale, is_nullable, column_default, identity_generation, collation_name
         FROM information_schema.columns WHERE table_schema = 'public'""",
    """SELECT relname, relkind, relpersistence, reloptions FROM pg_class
        WHERE relnamespace = 'public'::regnamespace""",
    """SELECT conrelid::regclass, conname, convalidated, pg_get_constraintdef(oid)
         FROM pg_constraint WHERE connamespace = 'public'::regnamespace""",
    """SELECT indexrelid::regclass, indisvalid, pg_get_indexdef(indexrelid)
         FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid
        WHERE relnamespace = 'public'::regnamespace""",
    "SELECT tgenabled, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal",
    """SELECT regexp_replace(pg_get_functiondef(oid), '\\s+', ' ', 'g')
         FROM pg_proc WHERE pronamespace = 'public'::regnamespace""",
)


def schema_of(url: str) -> set[tuple[str, ...]]:
    with psycopg.connect(url) as connection:
        return {
            tuple(str(value) for value in row)
            for statement in _SCHEMA
            for row in connection.execute(statement).fetchall()
        }
