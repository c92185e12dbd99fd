"""A database that this release has migrated, and whose orders are not in partitions: what an older
release runs on; and one that nobody has migrated."""

from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

from django.core.management import call_command
from django.db import connection
from psycopg.sql import SQL, Identifier

from exchange_site.management.commands import migrate
from tests.builders.servers import on_server

NAME = "another"


@contextmanager
def plain_orders() -> Iterator[None]:
    with another_database():
        with patch.object(migrate, "partition_orders_of"):
            call_command("migrate", verbosity=0)
        yield


@contextmanager
def another_database() -> Iterator[None]:
    """An empty one. Django's connection, and processes that are started, are on it meanwhile."""
    tests, name = connection.settings_dict["NAME"], f"{connection.settings_dict['NAME']}_{NAME}"
    _on_server("CREATE DATABASE {}", name)
    try:
        _use(name)
        yield
    finally:
        _use(tests)
        _on_server("DROP DATABASE {} WITH (FORCE)", name)


def _use(name: str) -> None:
    connection.close()
    connection.settings_dict["NAME"] = name


def _on_server(statement: str, name: str) -> None:
    with on_server() as server:
        server.execute(SQL(statement).format(Identifier(name)))
