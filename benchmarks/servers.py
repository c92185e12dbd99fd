"""PostgreSQL and Redis for a benchmark, as durable as in production, and Django set up on them.

Nothing is started for a server named by DATABASE_URL or REDIS_URL. On a Postgres that was there the
benchmark works in databases of its own, on a Redis in keys of markets of its own.
"""

import os
from functools import cache

import django

from tests.builders import servers


@cache
def start_servers() -> None:
    """Once per process; they end with it."""
    servers.start_servers("benchmarks", durable=True)
    os.environ.setdefault("API_KEY_SECRETS", "for benchmarks: fedcba9876543210fedcba9876543210")
    os.environ.setdefault("DJANGO_SECRET_KEY", "for benchmarks: 0123456789abcdef0123456789abcdef")
    os.environ.setdefault("HTTPS", "0")  # their clients speak plain HTTP
    os.environ.setdefault("LOG_LEVEL", "WARNING")
    os.environ.setdefault("LIMITS", "0")  # what is measured is the exchange, by few traders
    os.environ["DJANGO_SETTINGS_MODULE"] = "exchange_site.settings"
    django.setup()
