"""A session's rows and keys, kept as they are, to be put back in place of what is there."""

from dataclasses import dataclass

import redis
from django.contrib.contenttypes.models import ContentType
from django.db import connection, transaction


@dataclass(frozen=True)
class Kept:
    tables: dict[str, bytes]
    sequences: dict[str, int]  # of ids: the last one given
    keys: dict[bytes, tuple[int, bytes]]  # ms to live, value; streams with their groups


def keep(client: redis.Redis) -> Kept:
    tables = {}
    with connection.cursor() as cursor:
        for table in _tables():
            with cursor.copy(f"COPY (TABLE {table}) TO STDOUT (FORMAT BINARY)") as copy:
                tables[table] = b"".join(bytes(part) for part in copy)
        cursor.execute(
            "SELECT quote_ident(sequencename), last_value FROM pg_sequences"
            " WHERE schemaname = current_schema AND last_value IS NOT NULL"
        )
        sequences = dict(cursor.fetchall())
    keys = {}
    for key in client.scan_iter():
        if (value := client.dump(key)) is not None:  # else it has ended since
            keys[key] = (max(0, client.pttl(key)), value)
    return Kept(tables, sequences, keys)


def put_back(client: redis.Redis, kept: Kept) -> None:
    """Triggers and foreign keys need not be asked again."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        for table, rows in kept.tables.items():
            cursor.execute(f"DELETE FROM {table}")
            with cursor.copy(f"COPY {table} FROM STDIN (FORMAT BINARY)") as copy:
                copy.write(rows)
        for sequence, last_id in kept.sequences.items():
            cursor.execute("SELECT setval(%s, %s)", [sequence, last_id])
    client.flushdb()
    for key, (ttl_ms, value) in kept.keys.items():
        client.restore(key, ttl_ms, value)
    ContentType.objects.clear_cache()


def _tables() -> list[str]:
    tables = connection.introspection.django_table_names(only_existing=True, include_views=False)
    return sorted(connection.ops.quote_name(table) for table in tables)
