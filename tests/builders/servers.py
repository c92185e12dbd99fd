"""The servers that tests and benchmarks run against: one PostgreSQL and one Redis, until the
process ends.

Nothing is started for a server named by DATABASE_URL or REDIS_URL; what is started is named there
for this process and its children.
"""

import atexit
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import psycopg
from django.db import connection

from exchange_site.embedded import postgres, redis_server
from exchange_site.embedded.child import Child
from exchange_site.embedded.ports import free_port


def start_servers(purpose: str = "tests", *, durable: bool = False) -> None:
    """In the process that others inherit their environment from.

    Durable ones keep what was committed, as in production, and have the exchange's own database;
    the others are quicker, and Django makes a test database on them.
    """
    folder = Path(tempfile.mkdtemp(prefix=f"exchange-{purpose}-"))
    folder.chmod(0o755)
    children: list[Child] = []

    @atexit.register
    def stop() -> None:
        for child in children:
            child.stop()
        shutil.rmtree(folder, ignore_errors=True)

    (folder / "static").mkdir()
    os.environ["EXCHANGE_DATA"] = str(folder)
    if "DATABASE_URL" not in os.environ:
        database = postgres.prepare(folder / "postgres", port=free_port(), durable=durable)
        children.append(Child(database, log=folder / "postgres.log", user=database.user))
        children[-1].wait_ready()
        if durable:
            database.make_database()
        os.environ["DATABASE_URL"] = database.url()
    if "REDIS_URL" not in os.environ:
        store = redis_server.prepare(folder / "redis", port=free_port(), durable=durable)
        children.append(Child(store, log=folder / "redis.log"))
        children[-1].wait_ready()
        os.environ["REDIS_URL"] = store.url()


def on_server() -> psycopg.Connection[Any]:
    """To none of the databases that Django uses: they can be made and dropped from there."""
    of_server = connection.settings_dict
    return psycopg.connect(
        host=of_server["HOST"],
        port=of_server["PORT"],
        user=of_server["USER"],
        password=of_server["PASSWORD"],
        dbname="postgres",
        autocommit=True,
    )
