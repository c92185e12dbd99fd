"""Custody's news: kept once per number, however it came and how often, and worked off in order.

Storing is quick and asks nobody, so a webhook is answered at once. What a number said first counts;
if it says something else later, that is a case.
"""

from collections.abc import Sequence
from datetime import timedelta

import msgspec
import structlog
from django.db import transaction
from django.utils import timezone

from common.errors import DomainError, ErrorCode
from common.postgres.outages import is_outage
from custody.cases import open_case
from custody.deposits import follow_deposit
from custody.interface import News, NewsKind, NewsState
from custody.models import CaseKind, CustodyNews, PollCursor
from custody.networks import Network, networks
from ledger.withdrawals.handing import Impossible, Report, SendOutcome, report

WAITING_MAX = 10_000  # of one custody: more is refused, and polled later
APPLIED_AT_ONCE_MAX = 2_000
POLLED_AT_ONCE = 200
POLLS_MAX = 20
KEPT_FOR = timedelta(days=90)

log = structlog.get_logger(__name__)


def take_in(network: str, news: Sequence[News]) -> None:
    """Raises DomainError where too much waits."""
    waiting = CustodyNews.objects.filter(network=network, applied_at=None)
    if waiting[WAITING_MAX : WAITING_MAX + 1].exists():
        message = "Too much news waits to be worked off: send it again later."
        raise DomainError(ErrorCode.BUSY, message)
    bodies = {one.seq: msgspec.to_builtins(one) for one in news}
    CustodyNews.objects.bulk_create(
        (CustodyNews(network=network, seq=seq, body=body) for seq, body in bodies.items()),
        ignore_conflicts=True,
    )
    kept = CustodyNews.objects.filter(network=network, seq__in=bodies)
    for seq, body in kept.values_list("seq", "body"):
        if body != bodies[seq]:
            words = f"number {seq} says something else than it said first"
            open_case(network, CaseKind.CONTRADICTION, str(seq), words, bodies[seq])


def poll(network: Network) -> int:
    """What webhooks lost. Answers up to which number is known now. Raises CustodyAway."""
    cursor, _ = PollCursor.objects.get_or_create(network=network.name)
    for _ in range(POLLS_MAX):
        asked_after = cursor.seq
        found = [
            n for n in network.custody.news(asked_after, POLLED_AT_ONCE) if n.seq > asked_after
        ]
        if not found:
            break
        take_in(network.name, found)
        cursor.seq = max(one.seq for one in found)
        PollCursor.objects.filter(pk=network.name, seq__lt=cursor.seq).update(seq=cursor.seq)
    return cursor.seq


def apply_waiting() -> None:
    """Each in a transaction of its own; one that fails is logged, and waits."""
    known = networks()
    waiting = CustodyNews.objects.filter(network__in=list(known), applied_at=None)
    for pk in waiting.order_by("network", "seq").values_list("pk", flat=True)[:APPLIED_AT_ONCE_MAX]:
        try:
            _apply_once(pk, known)
        except Exception as error:
            if is_outage(error):
                raise
            log.exception("custody_news_not_applied", news=pk)


@transaction.atomic
def _apply_once(pk: int, known: dict[str, Network]) -> None:
    rows = CustodyNews.objects.select_for_update(skip_locked=True)
    row = rows.filter(pk=pk, applied_at=None).first()
    if row is None:
        return
    news = msgspec.convert(row.body, News)
    follow(known[row.network], news)
    row.applied_at = timezone.now()
    row.save(update_fields=["applied_at"])


def follow(network: Network, news: News) -> None:
    """Takes what it is about as far as it leads."""
    if news.kind is NewsKind.DEPOSIT:
        follow_deposit(network.name, network.confirmations, news)
        return
    try:
        report(report_of(news))
    except Impossible as error:
        said = msgspec.to_builtins(news)
        open_case(network.name, CaseKind.PAYOUT, news.id, f"said of {error}", said)


_OUTCOMES = {
    NewsState.TAKEN: SendOutcome.TAKEN,
    NewsState.SENT: SendOutcome.SENT,
    NewsState.CONFIRMED: SendOutcome.CONFIRMED,
    NewsState.FAILED: SendOutcome.FAILED,
}


def report_of(news: News) -> Report:
    return Report(
        send_id=news.id,
        outcome=_OUTCOMES[news.state],
        amount_units=news.amount_units,
        address=news.address,
        reference=news.reference,
        confirmations=news.confirmations,
        words=news.words,
    )


def forget_old() -> None:
    old = CustodyNews.objects.filter(applied_at__lt=timezone.now() - KEPT_FOR)
    keys = list(old.order_by("applied_at").values_list("pk", flat=True)[:10_000])
    CustodyNews.objects.filter(pk__in=keys).delete()
