"""Settings for the type checker, which imports Django but starts no server."""

import os

os.environ.setdefault("DJANGO_SECRET_KEY", "types-only")
os.environ.setdefault("DATABASE_URL", "postgres://localhost/none")
os.environ.setdefault("REDIS_URL", "redis://localhost/0")

from exchange_site.settings import *  # noqa: F403
