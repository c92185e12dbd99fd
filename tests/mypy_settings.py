"""Settings for the type checker, which imports Django but starts no server."""

import os

os.environ.setdefault("DJANGO_SECRET_KEY", "for types only, no server is ever started")
os.environ.setdefault("DATABASE_URL", "postgres://localhost/none")
os.environ.setdefault("REDIS_URL", "redis://localhost/0")

from exchange_site.settings import *  # noqa: F403
