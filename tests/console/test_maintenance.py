"""Markets that pause while the exchange is worked on, and resume by themselves."""

from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from announcements.models import Announcement, AnnouncementLevel
from console.audit.models import AuditRow
from console.stop.models import MarketStop
from console.tasks import look_after_stops
from markets.models import Market, MarketStatus
from matching.messages.vocabulary import MarketState
from tests.admin.factories import make_market, make_user
from trading.models import OutboxCommand

HOUR = timedelta(hours=1)


@pytest.fixture
def markets(db: None) -> list[Market]:
    found = [make_market(name) for name in ("BTC-PERP", "ETH-PERP", "NEW-PERP", "HALT-PERP")]
    states = ("ACTIVE", "POST_ONLY", "PRE_OPEN", "HALTED")
    for market, state in zip(found, states, strict=True):
        MarketStatus.objects.filter(pk=market.pk).update(state=state)
    return found


def plan(begins: timedelta, ends: timedelta, **more: Any) -> Announcement:
    now = timezone.now()
    terms = {
        "text": "an upgrade",
        "level": AnnouncementLevel.MAINTENANCE,
        "stops_markets": True,
        **more,
    }
    times = {"shown_from": now - HOUR, "work_from": now + begins, "work_until": now + ends}
    return Announcement.objects.create(made_by=make_user(is_staff=True), **(times | terms))


def test_open_markets_pause_once_and_are_to_resume_as_they_were(markets: list[Market]) -> None:
    work = plan(-HOUR, HOUR)
    for _ in range(2):
        look_after_stops()
    stops = {stop.market_id: stop for stop in MarketStop.objects.all()}
    assert set(stops) == {"BTC-PERP", "ETH-PERP"}
    assert {stop.state for stop in stops.values()} == {MarketState.HALTED}
    assert (stops["BTC-PERP"].resumes_to, stops["ETH-PERP"].resumes_to) == ("ACTIVE", "POST_ONLY")
    assert {stop.resume_at for stop in stops.values()} == {work.work_until}
    commands = OutboxCommand.objects.filter(command_type="SetMarketState")
    assert {command.payload["state"] for command in commands} == {"HALTED"}
    assert commands.count() == 2
    row = AuditRow.objects.filter(verb="stop").latest("pk")
    assert (row.operator, row.reason) == (work.made_by, "maintenance: an upgrade")
    work.refresh_from_db()
    assert work.begun_at is not None


@pytest.mark.parametrize(
    ("begins", "ends", "more"),
    [
        (HOUR, 2 * HOUR, {}),  # to come
        (-2 * HOUR, -HOUR, {}),  # missed
        (-HOUR, HOUR, {"stops_markets": False}),
    ],
)
def test_what_pauses_nothing(
    markets: list[Market], begins: timedelta, ends: timedelta, more: dict[str, Any]
) -> None:
    plan(begins, ends, **more)
    look_after_stops()
    assert not MarketStop.objects.exists()


def test_nobody_pauses_markets_for_weeks(db: None) -> None:
    with pytest.raises(ValidationError, match="at most 7 days"):
        plan(HOUR, timedelta(days=9)).full_clean()
