"""Whether Postgres' WAL goes where it is archived. What can't go stays on the disk of the primary,
until that is full and Postgres ends."""

from django.db import connection
from django.utils import timezone

from console.health.words import seconds

# The archiver tries one file until it is there: a failure after the newest success is of now.
_FAILING = """
SELECT last_failed_wal, coalesce(last_archived_time, stats_reset, last_failed_time)
  FROM pg_stat_archiver
 WHERE current_setting('archive_mode') <> 'off'
   AND last_failed_time > coalesce(last_archived_time, '-infinity')
"""


def archiver_finding() -> str | None:
    """What is wrong; None where nothing is, or nothing is archived. Raises DatabaseError."""
    with connection.cursor() as cursor:
        cursor.execute(_FAILING)
        failing = cursor.fetchone()
    if failing is None:
        return None
    file, since = failing
    ago_ms = int((timezone.now() - since).total_seconds() * 1_000)
    return (
        f"has archived nothing for {seconds(max(0, ago_ms))}, {file} fails: its own log says why; "
        "until then WAL fills its disk"
    )
