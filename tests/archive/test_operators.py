"""What operators see of old money is what they saw, or the page says where the rest is."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client

from accounts.people.export import export_part
from common.admin.record_urls import list_url, url_of
from common.postgres.partitions import Partition
from console.exports.models import ExportKind
from console.exports.months import Month
from console.exports.sources import SOURCES
from console.incident.sources import wording
from console.money.balances import trial_balance
from console.money.explained import explain_wallet
from console.why.chain import margin_delta
from ledger.models import Account, AccountKind, JournalEntry, Posting, Wallet
from tests.admin.conftest import make_operator
from tests.archive.told import traders
from trading.models import Fill, Order

pytestmark = pytest.mark.django_db(transaction=True)
# What is another at each look, and says nothing of money.
_PASSING = re.compile(rb'nonce="[^"]*"|csrfmiddlewaretoken" value="[^"]*"|csrfToken[^,]*,')


@pytest.fixture
def operator(parts: list[Partition]) -> Client:
    """Signs in once the session is there: what is put back has no operators."""
    client = Client()
    client.force_login(make_operator("superuser"))
    return client


def body(client: Client, path: str) -> bytes:
    answer = client.get(path)
    assert answer.status_code == 200, (path, answer.status_code)
    return _PASSING.sub(b"", answer.content)


def paths() -> list[str]:
    """Of the first and the last of what is in each partition, and of whom it belongs to."""
    posted = Posting.objects.order_by("pk")
    first, last = posted[3], posted[len(posted) - 3]
    orders, fills = Order.objects.order_by("pk"), Fill.objects.order_by("pk")
    return [
        *(url_of(Posting, posting.pk) for posting in (first, last)),
        *(url_of(JournalEntry, posting.entry_id) for posting in (first, last)),
        *(url_of(Order, pk) for pk in orders.values_list("pk", flat=True)[:4]),
        *(url_of(Fill, pk) for pk in fills.values_list("pk", flat=True)[:4]),
        *(url_of(Wallet, user.pk) for user in traders()),
        url_of(Account, Account.objects.get(kind=AccountKind.FEES).pk),
        list_url(JournalEntry, ""),
        list_url(JournalEntry, "kind__exact=deposit"),
    ]


def figures() -> dict[str, Any]:
    """Of functions that pages are made of."""
    at = JournalEntry.objects.latest("pk").created_at
    month = Month(at - timedelta(days=1), at + timedelta(days=1), is_whole=True)
    source = SOURCES[ExportKind.JOURNAL](month)
    exported = [row for _, rows in source.pages(source.keys()) for row in rows]
    source.check()
    moments = [entry.created_at for entry in JournalEntry.objects.order_by("pk")[::40]]
    fills = list(Fill.objects.order_by("pk")[:20])
    entries = list(JournalEntry.objects.order_by("pk")[:60])
    return {
        "exported": exported,
        "balances": [trial_balance(at + timedelta(microseconds=1)) for at in moments],
        "explained": [explain_wallet(user.pk) for user in traders()],
        "margins": [str(margin_delta(fill)) for fill in fills],
        "lines": [str(line) for line in wording.entries(entries, fills[0].market)],
        "kept": [_kept(user.pk) for user in traders()],
    }


def _kept(user_id: int) -> list[Any]:
    rows, cursor = [], None
    while True:
        part = export_part(user_id, cursor, 50)
        rows += [
            row
            for stretch in part.stretches
            if stretch.table == "ledger.Posting"
            for row in stretch.rows
        ]
        cursor = part.next_cursor
        if cursor is None:
            return rows


def test_pages_and_figures_are_the_same(operator: Client, parts: list[Partition]) -> None:
    before, told = {path: body(operator, path) for path in paths()}, figures()
    call_command("archivepartitions", keep=1)
    assert figures() == told
    for path, shown in before.items():
        assert body(operator, path) == shown, path


def test_the_list_of_postings_says_where_older_ones_are(
    operator: Client, parts: list[Partition]
) -> None:
    assert b"lie in files" not in body(operator, list_url(Posting, ""))
    call_command("archivepartitions", keep=1)
    assert (
        f"Postings before {parts[2].end:,} lie in files"
        in body(operator, list_url(Posting, "")).decode()
    )
