"""The timeline of an incident: who may see it, what it lists and in which order, and rubbish."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any

import pytest
import redis
from django.contrib.auth.models import Permission
from django.test import Client
from django.utils import timezone

from console.incident import selectors
from console.incident import stretch as stretch_module
from console.incident.bundles import export
from console.incident.kept import KeptOutput, moment_of
from console.incident.selectors import timeline
from console.incident.sources import events, wording
from console.incident.sources.lines import KINDS, TimelineKind, TimelineLine
from console.incident.stretch import Stretch, stretch_of_seqs, stretch_of_time
from ledger.models import AccountKind, EntryKind, JournalEntry
from markets.models import Market
from matching.messages.codec import encode_entry
from matching.messages.events import Event, MarketStateChanged, OrderAccepted, OutputEntry
from matching.messages.streams import ENTRY_FIELD, output_stream
from matching.messages.vocabulary import MarketState, Side, StateReason
from persistence.models import DeadLetter
from tests.admin.factories import make_market, make_order, make_user
from tests.admin.money_rows import NOW, account, post
from tests.builders.away import redis_away
from tests.ledger.prices import mark_price
from trading.models import Fill

ClientOf = Callable[[str], Client]
pytestmark = pytest.mark.django_db

URL = "/admin/incident/"
NOW_MS = int(NOW.timestamp() * 1_000)
AT = f"{NOW - timedelta(minutes=1):%Y-%m-%dT%H:%M:%S}"
EVERYTHING = frozenset(TimelineKind)
HALTED = MarketStateChanged(
    state=MarketState.HALTED, previous_state=MarketState.ACTIVE, reason=StateReason.OPERATOR
)


@pytest.fixture
def traded(everything: Market) -> Market:
    return everything


def publish(client: redis.Redis, seq: int, *events: Event, time_ms: int = NOW_MS) -> None:
    entry = OutputEntry(seq=seq, input_id="1-0", time_ms=time_ms, command_id=0, events=events)
    frame = encode_entry(entry)
    client.xadd(output_stream("BTC-PERP"), {ENTRY_FIELD: frame}, id=f"{seq}-0")


def accepted(order_id: int = 5) -> OrderAccepted:
    return OrderAccepted(
        order_id=order_id,
        account_id=3,
        side=Side.LONG,
        price_ticks=25_000,
        size_lots=500,
        released_units=0,
    )


def get(client: Client, query: str) -> str:
    response = client.get(f"{URL}?{query}")
    assert response.status_code == 200
    return unescape(response.content.decode())


@pytest.mark.parametrize("group", ["viewer", "support", "risk", "treasury", "superuser"])
def test_who_may(client_of: ClientOf, market: Market, group: str) -> None:
    client = client_of(group)
    assert client.get(URL).status_code == 200
    assert client.head(URL).status_code == 200
    assert f'href="{URL}"' in client.get("/admin/").content.decode()
    assert Client().get(URL).status_code == 302


@pytest.mark.parametrize("held", [(), ("view_outboxcommand",), ("view_journalentry",)])
def test_both_commands_and_the_journal_are_needed(market: Market, held: tuple[str, ...]) -> None:
    user = make_user("half", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=(*held, "view_market")))
    client = Client()
    client.force_login(user)
    assert client.get(URL).status_code == 403
    assert f'href="{URL}"' not in client.get("/admin/").content.decode()


def test_kinds_that_one_may_not_see_are_not_there(traded: Market) -> None:
    user = make_user("clerk", is_staff=True)
    may = ("view_outboxcommand", "view_journalentry")
    user.user_permissions.set(Permission.objects.filter(codename__in=may))
    client = Client()
    client.force_login(user)
    query = f"market=BTC-PERP&at={AT}"
    assert 'value="fill"' not in get(client, query)
    assert ">fill " not in get(client, query)
    assert "Select a valid choice" in get(client, f"{query}&kind=fill")


@pytest.mark.parametrize(
    "query",
    [
        "market=NO-PERP&at=2030-01-31T18:00",
        "market=BTC-PERP",
        "market=BTC-PERP&at=yesterday",
        "market=BTC-PERP&at=0001-01-01T00:00",
        "market=BTC-PERP&at=9999-12-31T23:59",
        "market=BTC-PERP&at=0001-01-01T00:00%2B14:00",
        "market=BTC-PERP&at=2030-01-31T18:00&minutes=0",
        "market=BTC-PERP&at=2030-01-31T18:00&minutes=99999999999999999999",
        "market=BTC-PERP&at=2030-01-31T18:00&minutes=x",
        "market=BTC-PERP&at=2030-01-31T18:00&from=1",
        "market=BTC-PERP&to=5",
        "market=BTC-PERP&from=9&to=5",
        "market=BTC-PERP&from=0",
        "market=BTC-PERP&from=-1&to=5",
        "market=BTC-PERP&from=9223372036854775808",
        f"market=BTC-PERP&from={'9' * 5_000}",
        "market=BTC-PERP&from=1&kind=nonsense",
        "market=BTC-PERP&from=1&after=1-2-3",
        "market=BTC-PERP&from=1&after=999999999999999999-0-0-0",
        "market=BTC-PERP&from=1&after=x-y-z-w",
    ],
)
def test_rubbish_is_answered_in_the_page(client_of: ClientOf, market: Market, query: str) -> None:
    page = get(client_of("viewer"), query)
    assert "<h2>BTC-PERP" not in page
    assert 'class="errornote"' in page or "text-red-" in page or "notice-bad" in page


@pytest.mark.parametrize(
    "query",
    [
        "market=BTC-PERP&at=2199-12-31T23:59&minutes=1440",
        "market=BTC-PERP&at=2000-01-01",
        "market=BTC-PERP&at=2030-01-31T18:00:00Z&zz=1",
        "market=BTC-PERP&from=9223372036854775807&to=9223372036854775807",
        "market=BTC-PERP&from=1&to=9223372036854775807",
    ],
)
def test_the_far_ends_are_empty_and_no_error(
    client_of: ClientOf, market: Market, query: str
) -> None:
    assert "<h2>BTC-PERP" in get(client_of("viewer"), query)


def test_nul_is_refused(client_of: ClientOf, market: Market) -> None:
    client = client_of("viewer")
    assert client.get(URL, {"market": "\0", "at": "\0", "after": "\0"}).status_code in (200, 400)


def test_every_kind_of_trace_is_there_in_order(
    client_of: ClientOf, traded: Market, redis_db: redis.Redis
) -> None:
    publish(redis_db, 7, accepted(), HALTED)
    publish(redis_db, 8, mark_price(25_000, 25_001))
    publish(redis_db, 9)
    redis_db.xadd(output_stream("BTC-PERP"), {ENTRY_FIELD: b"rubbish"}, id="10-0")
    DeadLetter.objects.update(recorded_at=NOW)
    stretch = stretch_of_time(traded, NOW - timedelta(minutes=1), timedelta(minutes=5))
    lines = timeline(stretch, EVERYTHING).lines
    kinds = {line.kind for line in lines}
    assert kinds >= {
        TimelineKind.ORDER,
        TimelineKind.EVENT,
        TimelineKind.STATE,
        TimelineKind.PRICE,
        TimelineKind.FILL,
        TimelineKind.LIQUIDATION,
        TimelineKind.FUNDING,
        TimelineKind.MONEY,
        TimelineKind.DEAD_LETTER,
    }
    places = [line.place for line in lines]
    assert places == sorted(set(places))
    in_market = JournalEntry.objects.filter(market=traded).count()
    assert sum(line.kind is TimelineKind.MONEY for line in lines) == in_market
    assert sum(line.kind is TimelineKind.FILL for line in lines) == Fill.objects.count()
    told = " ".join(str(line.words) for line in lines)
    assert "order accepted: order 5, account 3, side LONG, price 2,500.00 USD, size 0.5 BTC" in told
    assert "market state changed: state HALTED, previous state ACTIVE, reason OPERATOR" in told
    assert "nothing changed" in told
    assert "can’t be decoded" in told


def test_kinds_are_chosen_in_the_address(
    client_of: ClientOf, traded: Market, redis_db: redis.Redis
) -> None:
    publish(redis_db, 7, accepted(), HALTED, mark_price(25_000, 25_001))
    client = client_of("risk")
    query = f"market=BTC-PERP&at={AT}"
    usual = get(client, query)
    assert "market state changed" in usual
    assert "mark price changed" not in usual
    prices = get(client, f"{query}&kind=price")
    assert "mark price changed: mark price 2,500.00 USD" in prices
    assert "market state changed" not in prices
    assert re.search(r'value="price" checked', prices)
    assert not re.search(r'value="fill" checked', prices)


def test_commands_and_acts_say_by_whom(client_of: ClientOf, market: Market) -> None:
    client = client_of("risk")
    client.post("/admin/stop/", {"market": "BTC-PERP", "state": "HALTED", "reason": "printed 0"})
    make_market("ETH-PERP")
    client.post("/admin/stop/", {"market": "ETH-PERP", "state": "HALTED", "reason": "elsewhere"})
    at = f"{timezone.now() - timedelta(minutes=1):%Y-%m-%dT%H:%M}"
    page = get(client, f"market=BTC-PERP&at={at}")
    assert "set market state:" in page
    assert "state HALTED" in page
    assert "risk-op: stop" in page
    assert "because: printed 0" in page
    assert "elsewhere" not in page


def test_a_stretch_of_sequences(traded: Market, redis_db: redis.Redis) -> None:
    Fill.objects.update(executed_at=NOW + timedelta(seconds=1))  # no earlier than those before
    publish(redis_db, 6, accepted(1), time_ms=NOW_MS - 5_000)
    publish(redis_db, 7, accepted(2), time_ms=NOW_MS + 1_000)
    publish(redis_db, 8, accepted(3), time_ms=NOW_MS + 9_000)
    lines = timeline(stretch_of_seqs(traded, 7, 7), EVERYTHING).lines
    seqs = {line.seq for line in lines if line.place.seq}
    assert seqs == {7}
    assert TimelineKind.FILL in {line.kind for line in lines}
    assert "order 2" in "".join(str(line.words) for line in lines)


def test_what_the_stream_no_longer_keeps_is_said(
    client_of: ClientOf, traded: Market, redis_db: redis.Redis
) -> None:
    client = client_of("viewer")
    assert "Redis keeps no events" in get(client, "market=BTC-PERP&from=7&to=7")
    publish(redis_db, 9, accepted(), time_ms=NOW_MS + 10_000)
    for query in ("market=BTC-PERP&from=7&to=9", f"market=BTC-PERP&at={AT}"):
        page = get(client, query)
        assert "Events before sequence 9 are no longer kept" in page
        assert "taker LONG" in page  # the rows are there all the same
    assert "no longer kept" not in get(client, "market=BTC-PERP&from=9")


def test_a_full_page_says_so_and_leads_on_without_loss(
    monkeypatch: pytest.MonkeyPatch, client_of: ClientOf, traded: Market, redis_db: redis.Redis
) -> None:
    """Also through many lines of one moment and one sequence."""
    publish(redis_db, 7, *(accepted(number) for number in range(1, 30)))
    for _ in range(20):
        make_order(make_user(), traded)
    stretch = stretch_of_time(traded, NOW - timedelta(minutes=1), timedelta(minutes=5))
    whole = [line.place for line in timeline(stretch, EVERYTHING).lines]
    assert len(whole) > 60
    for lines_max in (1, 7, 500):
        monkeypatch.setattr(selectors, "LINES_MAX", lines_max)
        assert [line.place for line in walked(stretch)] == whole
    monkeypatch.setattr(selectors, "LINES_MAX", 7)
    client = client_of("viewer")
    page = get(client, f"market=BTC-PERP&at={AT}")
    assert "This is not all" in page
    found = re.search(r'<a href="(\?[^"]*after=[^"]*)">Go on', page)
    assert found is not None
    assert "<h2>BTC-PERP" in unescape(client.get(URL + found[1]).content.decode())


def walked(stretch: Stretch) -> list[TimelineLine]:
    found, after = [], None
    while True:
        page = timeline(stretch, EVERYTHING, after)
        found += page.lines
        after = page.go_on
        if after is None:
            return found


def test_a_long_span_is_cut_and_leads_on(client_of: ClientOf, traded: Market) -> None:
    client = client_of("viewer")
    at = f"{NOW - timedelta(minutes=90):%Y-%m-%dT%H:%M:%S}"
    page = get(client, f"market=BTC-PERP&at={at}&minutes=120")
    assert "at most 60 minutes" in page
    assert "taker LONG" not in page
    found = re.search(r'<a href="(\?[^"]*)">Go on', page)
    assert found is not None
    assert "taker LONG" in get(client, found[1][1:])


def test_sequences_are_found_by_time(redis_db: redis.Redis) -> None:
    for seq in range(3, 40):
        publish(redis_db, seq, time_ms=1_000 * (seq // 2))
    redis_db.xadd(output_stream("BTC-PERP"), {ENTRY_FIELD: b"rubbish"}, id="40-0")
    publish(redis_db, 41, time_ms=30_000)
    output = KeptOutput(redis_db, "BTC-PERP")
    for time_ms in range(0, 40_000, 250):
        naive = [k.seq for k in output.entries(0) if k.entry and k.at >= moment_of(time_ms)]
        found = output.seq_since(moment_of(time_ms))
        assert found in (naive[0], 40) if naive else found == 42


def test_of_an_entry_to_every_trader_some_postings_are_shown(
    traded: Market, django_assert_max_num_queries: Any
) -> None:
    users = [make_user() for _ in range(wording.POSTINGS_SHOWN_MAX + 3)]
    lines = {account(AccountKind.MARGIN, user): number for number, user in enumerate(users, 1)}
    lines[account(AccountKind.CLEARING, traded)] = -sum(lines.values())
    entry = post(EntryKind.FUNDING, lines, market=traded, seq=77)
    with django_assert_max_num_queries(6):  # four ask for files, however many entries there are
        (shown,) = wording.entries([entry], traded)
    assert str(shown.words).count('class="posting"') == wording.POSTINGS_SHOWN_MAX + 1
    assert "and more" in shown.words
    few = wording.entries(list(JournalEntry.objects.filter(kind=EntryKind.DEPOSIT)[:1]), traded)
    assert "and more" not in few[0].words


def test_every_kind_has_its_words() -> None:
    assert set(KINDS) == set(TimelineKind)
    assert datetime(2030, 1, 1, tzinfo=UTC) == moment_of(1_893_456_000_000)


def test_rows_are_listed_while_redis_is_away(
    client_of: ClientOf, everything: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    away = redis_away()
    for module in (stretch_module, events):
        monkeypatch.setattr(module, "request_redis_client", lambda: away)
    client = client_of("risk")
    for query in ("market=BTC-PERP&from=7&to=7", f"market=BTC-PERP&at={AT}"):
        page = get(client, query)
        assert "Redis doesn’t answer: there are no events" in page
        assert "hold" in page or "fill" in page
    monkeypatch.setattr(export, "redis_client", lambda: away)
    answer = client.post(
        f"{URL}?market=BTC-PERP&from=7", {"act": "export", "reason": "a look"}, follow=True
    )
    assert "Redis doesn’t answer: try again later" in unescape(answer.content.decode())
