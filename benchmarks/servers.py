"""PostgreSQL and Redis for a benchmark, as durable as in production, and Django set up on them.

Nothing is started for a server named by DATABASE_URL or REDIS_URL. On a Postgres that was there the
benchmark works in databases of its own, on a Redis in keys of markets of its own.
"""

import atexit
import os
import shutil
import tempfile
from functools import cache
from pathlib import Path

import django

from exchange_site.embedded import postgres, redis_server
from exchange_site.embedded.child import Child
from exchange_site.embedded.ports import free_port


@cache
def start_servers() -> None:
    """Once per process; they end with it."""
    folder = Path(tempfile.mkdtemp(prefix="exchange-benchmarks-"))
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
        database = postgres.prepare(folder / "postgres", port=free_port())
        children.append(Child(database, log=folder / "postgres.log", user=database.user))
        children[-1].wait_ready()
        database.make_database()
        os.environ["DATABASE_URL"] = database.url()
    if "REDIS_URL" not in os.environ:
        store = redis_server.prepare(folder / "redis", port=free_port())
        children.append(Child(store, log=folder / "redis.log"))
        children[-1].wait_ready()
        os.environ["REDIS_URL"] = store.url()
    os.environ.setdefault("DJANGO_SECRET_KEY", "for benchmarks: 0123456789abcdef0123456789abcdef")
    os.environ.setdefault("HTTPS", "0")  # their clients speak plain HTTP
    os.environ.setdefault("LOG_LEVEL", "WARNING")
    os.environ.setdefault("LIMITS", "0")  # what is measured is the exchange, by few traders
    os.environ["DJANGO_SETTINGS_MODULE"] = "exchange_site.settings"
    django.setup()
