"""Which constraint of Postgres refused."""

import psycopg
from django.db import IntegrityError


def constraint_of(error: IntegrityError) -> str | None:
    cause = error.__cause__
    return cause.diag.constraint_name if isinstance(cause, psycopg.Error) else None
