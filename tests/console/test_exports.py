"""A month of the books as a file: every row once, what it adds up to, who may have it."""

import csv
import gzip
import hashlib
import io
from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from accounts.models import User
from console.audit.models import AuditRow
from console.exports import services, writing
from console.exports.models import ExportKind, ExportPart, ExportRun
from console.exports.months import month_of, offered_months
from console.jobs import lives
from console.jobs.models import JobState
from console.tasks import drop_old_exports
from ledger import services as ledger
from ledger.models import AccountFlow, Posting
from ledger.posting_rules import deposit_movement
from markets.conversions import at_ms, lots_text, ticks_text, units_text
from persistence.reading import persist_market
from tests.admin.factories import make_user
from tests.ledger.prices import FIRST_TIME_MS
from tests.ledger.world import World
from trading.models import Fill

ClientOf = Callable[[str], Client]
URL = "/admin/exports/"
MONTH = at_ms(FIRST_TIME_MS).date().replace(day=1)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis_db")]


@pytest.fixture
def traded(session: World) -> World:
    """A session whose time is long ago, and a deposit of today."""
    session.publish()
    persist_market(session.market_id)
    ledger.deposit(session.alice.pk, 5_000_000, approved=True)
    return session


def asked(kind: ExportKind, month: date = MONTH) -> ExportRun:
    now = timezone.now()
    return ExportRun.objects.create(
        kind=kind,
        month=month,
        asked_by=make_user("asker"),
        reason="month end",
        asked_at=now,
        beat_at=now,
    )


def written(run: ExportRun) -> ExportRun:
    assert lives.claim(ExportRun, run.pk)
    writing.carry_out(run.pk)
    run.refresh_from_db()
    return run


def file_of(run: ExportRun) -> bytes:
    parts = ExportPart.objects.filter(run=run).order_by("number")
    return b"".join(bytes(part.data) for part in parts)


def lines_of(data: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(gzip.decompress(data).decode())))


def test_the_journal_of_a_month_is_every_posting_of_it(traded: World) -> None:
    run = written(asked(ExportKind.JOURNAL))
    assert (run.state, run.why, run.is_kept) == (JobState.DONE, "", True)
    data = file_of(run)
    assert (run.file_bytes, run.sha256) == (len(data), hashlib.sha256(data).hexdigest())
    lines = lines_of(data)
    month = month_of(MONTH, timezone.now())
    postings = Posting.objects.filter(
        entry__created_at__gte=month.start, entry__created_at__lt=month.end
    )
    assert 0 < postings.count() < Posting.objects.count()
    assert [int(line["posting"]) for line in lines] == list(
        postings.order_by("entry_id", "id").values_list("pk", flat=True)
    )
    sums: dict[str, int] = defaultdict(int)
    for line in lines:
        sums[line["entry"]] += round(float(line["amount"]) * 10**6)
    assert set(sums.values()) == {0}
    first = postings.order_by("entry_id", "id").select_related("account__user", "entry")[0]
    assert lines[0]["amount"] == units_text(first.amount_units)
    assert lines[0]["account_kind"] == first.account.kind
    assert run.rows == len(lines)


def test_fills_of_a_month(traded: World) -> None:
    run = written(asked(ExportKind.FILLS))
    assert run.state == JobState.DONE
    market = traded.market
    assert [
        (line["fill"], line["username"], line["price"], line["size"], line["fee"])
        for line in lines_of(file_of(run))
    ] == [
        (
            str(fill.pk),
            fill.user.get_username(),
            ticks_text(fill.price_ticks, market.tick_size),
            lots_text(fill.size_lots, market.lot_size),
            units_text(fill.fee_units),
        )
        for fill in Fill.objects.select_related("user").order_by("id")
    ]


def test_the_same_month_is_the_same_file(traded: World) -> None:
    first = written(asked(ExportKind.JOURNAL))
    again = ExportRun.objects.create(
        kind=first.kind,
        month=MONTH,
        asked_by=first.asked_by,
        reason="again",
        asked_at=timezone.now(),
        beat_at=timezone.now(),
    )
    assert written(again).sha256 == first.sha256


@pytest.mark.parametrize("kind", ExportKind)
def test_what_does_not_add_up_is_no_file(traded: World, kind: ExportKind) -> None:
    if kind is ExportKind.JOURNAL:
        flow = AccountFlow.objects.filter(interval_ms=3_600_000, account_kind="fees").first()
        assert flow is not None
        AccountFlow.objects.filter(pk=flow.pk).update(amount_units=flow.amount_units + 1)
    else:
        with connection.cursor() as cursor:
            cursor.execute("UPDATE trading_tierday SET fee_units = fee_units + 1")
    run = written(asked(kind))
    assert run.state == JobState.FAILED
    assert "It doesn’t add up: fees" in run.why
    assert not ExportPart.objects.exists()


def test_pages_and_parts_of_any_size_make_the_same_file(
    traded: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = written(asked(ExportKind.JOURNAL))
    monkeypatch.setattr("console.exports.sources.PAGE_ROWS", 3)
    monkeypatch.setattr(writing, "PART_BYTES", 100)
    ExportRun.objects.filter(pk=whole.pk).update(state=JobState.WAITING)
    again = written(whole)
    assert ExportPart.objects.filter(run=again).count() > 1
    assert gzip.decompress(file_of(again)).count(b"\n") == again.rows + 1
    monkeypatch.setattr(writing, "FILE_BYTES_MAX", 150)
    ExportRun.objects.filter(pk=whole.pk).update(state=JobState.WAITING)
    assert "a file has at most" in written(whole).why


def test_one_that_is_cancelled_leaves_nothing(traded: World) -> None:
    run = asked(ExportKind.JOURNAL)
    lives.claim(ExportRun, run.pk)

    def cancel() -> None:
        lives.tell(ExportRun, run.pk, state=JobState.CANCELLED)

    writing.carry_out(run.pk, cancel)
    run.refresh_from_db()
    assert (run.state, run.is_kept) == (JobState.CANCELLED, False)
    assert not ExportPart.objects.exists()


def test_a_name_is_no_formula(traded: World) -> None:
    User.objects.filter(pk=traded.alice.pk).update(username="=HYPERLINK(1)")
    lines = lines_of(file_of(written(asked(ExportKind.FILLS))))
    names = {line["username"] for line in lines}
    assert "'=HYPERLINK(1)" in names
    assert "=HYPERLINK(1)" not in names


def test_a_row_persisted_late_is_in_its_own_month(traded: World) -> None:
    """Its key is behind those of the next month."""
    month = month_of(MONTH, timezone.now())
    movement = deposit_movement(traded.alice.pk, 1_000_000)
    ledger.post(movement, month.end + timedelta(days=2))
    late = ledger.post(movement, month.end - timedelta(milliseconds=1))
    ledger.post(movement, month.end)
    run = written(asked(ExportKind.JOURNAL))
    assert run.why == ""
    assert lines_of(file_of(run))[-1]["entry"] == str(late.pk)


# --- the page -------------------------------------------------------------------------------------


ASKED = {"kind": "journal", "reason": "month end"}


def this_month() -> str:
    return f"{timezone.now():%Y-%m}"


@pytest.mark.parametrize("group", ["viewer", "support", "risk", "treasury", "superuser"])
def test_who_may(client_of: ClientOf, group: str) -> None:
    client, may = client_of(group), group in ("treasury", "superuser")
    assert client.get(URL).status_code == (200 if may else 403)
    assert client.put(URL).status_code == (405 if may else 403)
    said = ASKED | {"month": this_month()}
    assert client.post(URL, said).status_code == (302 if may else 403)
    assert ExportRun.objects.count() == int(may)
    run = ExportRun.objects.first() or asked(ExportKind.FILLS)
    assert client.get(f"{URL}{run.pk}/").status_code == (302 if may else 403)
    assert client.post(URL, {"cancel": str(run.pk)}).status_code == (302 if may else 403)
    assert client.get(f"{URL}999999/").status_code == (404 if may else 403)
    assert client.post(f"{URL}{run.pk}/").status_code in (403, 405)
    assert (f'href="{URL}"' in client.get("/admin/").content.decode()) == may


def test_from_the_page_to_the_file(traded: World, client_of: ClientOf) -> None:
    client = client_of("treasury")
    client.post(URL, ASKED | {"month": this_month()})
    run = ExportRun.objects.get()
    assert "waiting" in client.get(f"{URL}?part=body").content.decode()
    assert (
        "Another run is under way"
        in client.post(URL, ASKED | {"month": this_month()}).content.decode()
    )
    ExportRun.objects.filter(pk=run.pk).update(month=MONTH)
    run = written(run)
    answer = client.get(f"{URL}{run.pk}/")
    assert answer["Content-Type"] == "application/gzip"
    assert answer["Content-Disposition"] == (
        f'attachment; filename="journal-{MONTH:%Y-%m}-{run.pk}.csv.gz"'
    )
    assert hashlib.sha256(answer.getvalue()).hexdigest() == run.sha256
    words = [row.words for row in AuditRow.objects.filter(verb="exported").order_by("pk")]
    assert words[0].startswith("asked for the journal of")
    assert run.sha256 in words[1]
    ExportRun.objects.filter(pk=run.pk).update(
        ended_at=timezone.now() - services.KEPT_FOR - timedelta(seconds=1)
    )
    drop_old_exports()
    assert not ExportPart.objects.exists()
    page = client.get(f"{URL}{run.pk}/", follow=True).content.decode()
    assert "no longer kept" in page


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        ({"month": "2020-01"}, "Select a valid choice"),
        ({"month": "x"}, "Select a valid choice"),
        ({"kind": "users"}, "Select a valid choice"),
        ({"reason": ""}, "required"),
        ({"reason": "x" * 501}, "at most 500 characters"),
    ],
)
def test_rubbish(client_of: ClientOf, said: dict[str, str], answer: str) -> None:
    client = client_of("treasury")
    response = client.post(URL, ASKED | {"month": this_month()} | said)
    assert answer in response.content.decode()
    assert not ExportRun.objects.exists()
    for number in ("x", "9" * 30, "-1", ""):
        assert client.post(URL, {"cancel": number}).status_code == 404


def test_months_are_of_utc_and_end_with_yesterday() -> None:
    now = datetime(2026, 3, 1, 5, tzinfo=UTC)
    newest, before, *_, oldest = offered_months(now)
    assert (newest.start, newest.end, newest.is_whole) == (
        datetime(2026, 3, 1, tzinfo=UTC),
        datetime(2026, 3, 1, tzinfo=UTC),
        False,
    )
    assert (before.start, before.end, before.is_whole) == (
        datetime(2026, 2, 1, tzinfo=UTC),
        datetime(2026, 3, 1, tzinfo=UTC),
        True,
    )
    assert oldest.first_day == date(2024, 3, 1)
    assert month_of(date(2026, 3, 9), now + timedelta(days=8)).end.day == 9
