"""What ends a command of ``manage.py``: a line that says what is wrong, and an exit code.

Commands refuse what they know in words of their own (CommandError). What any of them may meet is
told here, once: settings that are wrong, what a service refuses because another command was
faster, a Postgres or Redis that is away, refuses us or has no tables yet, a file or a disk, Ctrl-C.
Any other error is a bug of ours, and shows where. With ``--traceback`` all of them do.
"""

import sys
from collections.abc import Sequence

import redis
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured, ValidationError
from django.core.management import execute_from_command_line
from django.db.utils import Error as PostgresError

from common.errors import DomainError

STOPPED = 130  # as a shell says of what Ctrl-C ended
_MET = (
    *(ImproperlyConfigured, DomainError, ValidationError),
    *(PostgresError, redis.RedisError, OSError),
)
_NO_SUCH_TABLE_OR_COLUMN = ("42P01", "42703")


def run(arguments: Sequence[str]) -> None:
    """Raises SystemExit."""
    try:
        if "shell" in arguments[1:2] and settings.CELERY_BROKER_URL:
            import exchange_site.celery  # noqa: F401  tasks from there go where those of pages go
        execute_from_command_line(list(arguments))
    except KeyboardInterrupt:
        sys.stderr.write("stopped\n")
        sys.exit(STOPPED)
    except _MET as error:
        if "--traceback" in arguments:
            raise
        sys.exit(f"error: {in_a_line(error)}")


def in_a_line(error: Exception) -> str:
    if isinstance(error, ValidationError):
        return " ".join(error.messages)
    first_line = str(error).strip().partition("\n")[0] or type(error).__name__
    if isinstance(error, PostgresError):
        state = getattr(error.__cause__, "sqlstate", None)
        is_old = state in _NO_SUCH_TABLE_OR_COLUMN
        return f"Postgres: {first_line}{': run manage.py migrate first' if is_old else ''}"
    if isinstance(error, redis.RedisError):
        return f"Redis: {first_line}"
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return first_line
