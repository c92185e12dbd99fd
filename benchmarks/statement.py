"""Memory of a long statement: a million movements beside ten thousand.

Two traders have a month each, inserted in bulk under all triggers of the ledger: what is held and
given back again, two movements an entry. A real API streams the month as CSV to its trader and to
an operator, a job writes the month's journal to a file, and the API sends that, too.

    peak   of the API's process that grew most, or of the job's, while the many are read, beside its
           own while the few are: the kernel's high-water mark, set back before each

Nobody's memory may grow with the length. `make bench` has none of it: a million takes minutes.
"""

import http.client
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from benchmarks.intake import served_by
from benchmarks.report import Row, at_most, main, progress
from benchmarks.servers import start_servers

STAGE = "statement"
PROCESSES = 4  # of the API, which answer in turn
FEW, MANY, MANY_SHORT = 10_000, 1_000_000, 100_000
CEILING = 1.1  # of the peak with many, beside that with few
CHUNK_ENTRIES = 25_000
PART_BYTES = 65_536
_HOLDS = """
WITH entry AS (
    INSERT INTO ledger_journalentry (kind, created_at)
    SELECT CASE n %% 2 WHEN 0 THEN 'withdrawal_hold' ELSE 'withdrawal_back' END,
           %(start)s::timestamptz + n * %(apart)s::interval
      FROM generate_series(%(first)s, %(beyond)s - 1) n ORDER BY n
    RETURNING id, CASE kind WHEN 'withdrawal_hold' THEN 1 ELSE -1 END AS held
)
INSERT INTO ledger_posting (entry_id, account_id, amount_units)
SELECT entry.id, account.id, CASE account.kind WHEN 'held' THEN held ELSE -held END
  FROM entry, ledger_account account
 WHERE account.user_id = %(user)s AND account.kind IN ('available', 'held')
 ORDER BY entry.id, account.kind
"""


@dataclass(frozen=True)
class Told:
    """A trader's month, from ``start`` on and before ``end``."""

    user_id: int
    token: str
    movements: int
    start: datetime
    end: datetime


def run(short: bool) -> list[Row]:
    start_servers()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    newer = datetime.now(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    bounds = [newer]
    while len(bounds) < 3:  # older months have the smaller ids
        bounds.insert(0, (bounds[0] - timedelta(days=1)).replace(day=1))
    few = make_month(FEW, bounds[0], bounds[1])
    many = make_month(MANY_SHORT if short else MANY, bounds[1], bounds[2])
    with served_by() as (port, pid):
        operator = Operator(port)
        rows = _streamed(pid, "statement to its trader", few, many, partial(read_statement, port))
        rows += _streamed(pid, "statement to an operator", few, many, operator.read_statement)
        written = [operator.export(of) for of in (few, many)]
        rows += _rows("month's journal, written", many, [{0: kb} for _, kb in written])
        runs = {of: run_id for of, (run_id, _) in zip((few, many), written, strict=True)}
        rows += _streamed(
            pid, "month's journal, fetched", few, many, lambda of: operator.fetch(runs[of])
        )
    return rows


def _streamed(
    pid: int, figure: str, few: Told, many: Told, read: Callable[[Told], None]
) -> list[Row]:
    progress(STAGE, figure)

    def read_few() -> None:
        for _ in range(PROCESSES):
            read(few)

    read_few()  # what is loaded once is loaded
    return _rows(
        figure, many, [_peaks_while(pid, read_few), _peaks_while(pid, partial(read, many))]
    )


def _rows(figure: str, many: Told, peaks_kb: list[dict[int, int]]) -> list[Row]:
    of_few, of_many = peaks_kb
    grown = max(of_few, key=lambda pid: of_many.get(pid, 0) / of_few[pid])
    was, became = of_few[grown], of_many[grown]
    told = f"{figure}: peak at {many.movements:,}"
    return [
        at_most(STAGE, f"{told}, of that at {FEW:,}", became / was, "times", CEILING),
        Row(STAGE, told, became / 1_000, "MB", was / 1_000),
    ]


# --- what is read ---------------------------------------------------------------------------------


def make_month(movements: int, start: datetime, end: datetime) -> Told:
    from django.db import connection

    from accounts.models import User
    from benchmarks.tokens import token_of
    from ledger.services import deposit

    progress(STAGE, f"{movements:,} movements")
    user = User.objects.create(username=f"long{movements}-{os.getpid()}", date_joined=start)
    deposit(user.pk, 1_000_000, approved=True)
    entries = movements // 2
    values: dict[str, Any] = {
        "user": user.pk,
        "start": start,
        "apart": (end - start) / (entries + 1),
    }
    for first in range(0, entries, CHUNK_ENTRIES):
        beyond = min(first + CHUNK_ENTRIES, entries)
        with connection.cursor() as cursor:
            cursor.execute(_HOLDS, values | {"first": first, "beyond": beyond})
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE ledger_posting, ledger_journalentry")
    return Told(user.pk, token_of(user), movements, start, end)


def check(told: Told, tail: bytes) -> None:
    """It is a whole statement's."""
    expected = f"complete,,,,,,,,,,{told.movements},".encode()
    assert tail.strip().splitlines()[-1] == expected, tail[-300:]


# --- who reads it ---------------------------------------------------------------------------------


def read_statement(port: int, told: Told) -> None:
    window = {
        name: round(at.timestamp() * 1_000) for name, at in (("from", told.start), ("to", told.end))
    }
    path = f"/user/statement?{urlencode({'format': 'csv', **window})}"
    check(told, tail_of(port, "GET", path, {"Authorization": f"Bearer {told.token}"}))


def tail_of(port: int, method: str, path: str, headers: dict[str, str], body: str = "") -> bytes:
    """The last bytes of an answer that is read as it comes."""
    server = http.client.HTTPConnection("127.0.0.1", port)
    server.request(method, path, body, headers)
    answer = server.getresponse()
    assert answer.status == 200, (path, answer.status, answer.read(2_000), answer.headers)
    tail = b""
    while part := answer.read(PART_BYTES):
        tail = (tail + part)[-PART_BYTES:]
    server.close()
    return tail


class Operator:
    """Signed in, on the pages that make files."""

    def __init__(self, port: int) -> None:
        from django.conf import settings
        from django.http import HttpRequest
        from django.middleware.csrf import _get_new_csrf_string
        from django.test import Client

        from accounts.models import User
        from console.factors.door import mark_shown

        self._port = port
        self._boss, _ = User.objects.get_or_create(
            username="boss", is_staff=True, is_superuser=True
        )
        client = Client()
        client.force_login(self._boss)
        request = HttpRequest()  # as after the second step of a sign-in
        request.session = client.session
        mark_shown(request)
        request.session.save()
        secret = _get_new_csrf_string()
        cookies = {
            settings.SESSION_COOKIE_NAME: request.session.session_key,
            settings.CSRF_COOKIE_NAME: secret,
        }
        self._headers = {
            "Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items()),
            "X-CSRFToken": secret,
            "Content-Type": "application/x-www-form-urlencoded",
        }

    def read_statement(self, told: Told) -> None:
        said = {
            "account": told.user_id,
            "first_day": f"{told.start:%Y-%m-%d}",
            "last_day": f"{told.end - timedelta(days=1):%Y-%m-%d}",
            "reason": "a benchmark",
        }
        path = f"/admin/family/{told.user_id}/statement/"
        check(told, tail_of(self._port, "POST", path, self._headers, urlencode(said)))

    def export(self, told: Told) -> tuple[int, int]:
        """The run that wrote the journal of the month, and the peak of its process in kB."""
        from console.exports.models import ExportKind, ExportRun

        now = datetime.now(UTC)
        run = ExportRun.objects.create(
            kind=ExportKind.JOURNAL,
            month=told.start.date(),
            reason="a benchmark",
            asked_by=self._boss,
            asked_at=now,
            beat_at=now,
        )
        progress(STAGE, f"the journal of {run.month:%Y-%m}")
        command = [sys.executable, "manage.py", "runjob", "exportrun", str(run.pk)]
        job = subprocess.Popen(command)
        _, _, used = os.wait4(job.pid, 0)
        run.refresh_from_db()
        assert run.state == "done", run.why
        assert run.rows >= told.movements
        return run.pk, used.ru_maxrss

    def fetch(self, run_id: int) -> None:
        tail_of(self._port, "GET", f"/admin/exports/{run_id}/", self._headers)


# --- memory ---------------------------------------------------------------------------------------


def _peaks_while(pid: int, do: Callable[[], None]) -> dict[int, int]:
    """kB, of the process and of each that it started."""
    for one in _with_children(pid):
        Path(f"/proc/{one}/clear_refs").write_text("5")
    do()
    return {one: _high_water_kb(one) for one in _with_children(pid)}


def _with_children(pid: int) -> list[int]:
    found = [pid]
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            found += _with_children(int(child))
    return found


def _high_water_kb(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))


if __name__ == "__main__":
    main(run, STAGE)
