"""A market opens when nothing is missing, or all the same; never without what it needs."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from announcements.models import Announcement
from common import redis_client as clients
from console.audit.models import AuditRow
from console.health import report, workers
from console.launch.checklist import checklist
from console.launch.models import MarketLaunch
from markets.models import Market, MarketStatus
from matching.messages.vocabulary import MarketState
from prices import reports
from tests.admin.factories import make_user
from tests.admin.running_market import run_market
from tests.patience import PATIENCE_S
from trading.models import OutboxCommand

ClientOf = Callable[[str], Client]

pytestmark = pytest.mark.django_db
URL = reverse("admin:launch-market", args=["BTC-PERP"])


@pytest.fixture(autouse=True)
def _fresh_probe() -> Iterator[None]:
    clients.probe_redis_client.cache_clear()
    yield
    clients.probe_redis_client.cache_clear()


@pytest.fixture
def closed(market: Market, redis_db: redis.Redis, monkeypatch: pytest.MonkeyPatch) -> Market:
    """Never opened, its engine, prices and worker well, for however long a test takes."""
    for beat in ("ENGINE_BEAT_WARN_MS", "ENGINE_BEAT_BAD_MS"):
        monkeypatch.setattr(report, beat, int(PATIENCE_S * 1_000))
    monkeypatch.setattr(workers, "BEAT_BAD_MS", int(PATIENCE_S * 1_000))
    monkeypatch.setattr(reports, "REPORT_LATE_MS", int(PATIENCE_S * 1_000))
    Market.objects.filter(pk=market.pk).update(index_stale_ms=int(PATIENCE_S * 1_000))
    MarketLaunch.objects.create(market=market, reference_price="2510")
    run_market(market, redis_db)
    now_ms = int(timezone.now().timestamp() * 1_000)
    MarketStatus.objects.filter(pk=market.pk).update(
        state=MarketState.PRE_OPEN, index_ms=now_ms, next_funding_ms=0
    )
    market.refresh_from_db()
    return market


def found(market: Market) -> dict[str, str]:
    return {line.what: line.word for line in checklist(market)}


def complete(market: Market) -> None:
    MarketStatus.objects.filter(pk=market.pk).update(insurance_units=10**12)
    Announcement.objects.create(
        text="BTC-PERP opens today.",
        level="info",
        shown_from=timezone.now(),
        made_by=make_user("town crier"),
    )


def ask(client: Client, **said: str) -> str:
    return client.post(URL, {"reason": "all is well"} | said, follow=True).content.decode()


def asked() -> list[OutboxCommand]:
    return list(OutboxCommand.objects.filter(command_type="SetMarketState"))


def test_each_line(closed: Market) -> None:
    lines = found(closed)
    assert lines == {
        "Engine": "ok",
        "Rules applied": "ok",
        "Price sources": "ok",
        "Index price": "ok",
        "Index beside the price it was made with": "ok",
        "Insurance fund": "missing",
        "Fees": "ok",
        "Alarms": "ok",
        "Approvals": "ok",
        "Announcement": "missing",
    }
    complete(closed)
    assert set(found(closed).values()) == {"ok"}


@pytest.mark.parametrize(
    ("wrong", "line", "word"),
    [
        ({"applied_config_version": 0}, "Rules applied", "needed"),
        ({"index_ms": 0}, "Index price", "needed"),
        ({"index_stale": True}, "Index price", "needed"),
        ({"index_price_ticks": 20_000}, "Index beside the price it was made with", "missing"),
        ({"index_price_ticks": 0}, "Index beside the price it was made with", "missing"),
    ],
)
def test_what_is_missing(closed: Market, wrong: dict[str, Any], line: str, word: str) -> None:
    MarketStatus.objects.filter(pk=closed.pk).update(**wrong)
    assert found(closed)[line] == word


def test_without_an_engine_or_sources(closed: Market, redis_db: redis.Redis) -> None:
    redis_db.flushdb()
    assert found(closed)["Engine"] == found(closed)["Price sources"] == "needed"


def test_it_opens_when_nothing_is_missing(closed: Market, risk: Client) -> None:
    complete(closed)
    assert "Asked the engine to open BTC-PERP" in ask(risk)
    (command,) = asked()
    assert command.payload["state"] == "ACTIVE"
    launch, row = MarketLaunch.objects.get(), AuditRow.objects.get(verb="open_market")
    assert (launch.missing, launch.reason) == ([], "all is well")
    assert launch.command_id == row.command_id == command.pk
    assert (row.words, row.reason) == ("asked for ACTIVE", "all is well")
    assert "has been opened already" in ask(risk)
    assert len(asked()) == 1


def test_what_can_be_gone_without_needs_to_be_said(closed: Market, risk: Client) -> None:
    page = ask(risk)
    assert "Not everything is there. Insurance fund: 12.50 USD" in page
    assert asked() == []
    ask(risk, all_the_same="on", reason=" ")
    assert asked() == []
    ask(risk, all_the_same="on")
    assert len(asked()) == 1
    assert len(MarketLaunch.objects.get().missing) == 2
    row = AuditRow.objects.get(verb="open_market")
    assert "without Announcement: none names BTC-PERP" in row.words


def test_what_is_needed_is_not_gone_without(
    closed: Market, risk: Client, redis_db: redis.Redis
) -> None:
    MarketStatus.objects.filter(pk=closed.pk).update(index_stale=True)
    page = ask(risk, all_the_same="on")
    assert "can&#x27;t open yet. Index price: stale" in page
    redis_db.flushdb()
    assert "Engine: no engine has been seen" in ask(risk, all_the_same="on")
    assert asked() == []


def test_who_may_open(closed: Market, client_of: ClientOf) -> None:
    viewer = client_of("viewer")
    page = viewer.get(URL).content.decode()
    assert "Insurance fund" in page
    assert "Open it" not in page
    assert viewer.post(URL, {"reason": "x", "all_the_same": "on"}).status_code == 403
    assert asked() == []


def test_one_that_is_open_and_one_that_is_not_there(market: Market, risk: Client) -> None:
    assert "data-settled" in risk.get(f"{URL}?part=body").content.decode()
    assert "has been opened already" in ask(risk)
    for name in ("NONE-PERP", "x" * 500, "%00"):
        url = URL.replace("BTC-PERP", name)
        assert risk.get(url).status_code in (400, 404)
        assert risk.post(url, {"reason": "x"}).status_code in (400, 404)
