"""What the house says, to whom, and until when."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import redis
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from announcements.models import Announcement, AnnouncementLevel
from announcements.selectors import SHOWN_MAX
from common.admin.record_urls import list_url, url_of
from tests.admin.conftest import client_of, operator
from tests.admin.factories import make_user
from tests.feeds.conftest import Feeds
from tests.trading.client import Api

__all__ = ["client_of", "operator"]

ClientOf = Callable[[str], Client]
HOUR = timedelta(hours=1)


@pytest.fixture
def house(db: None, redis_db: redis.Redis) -> User:
    return make_user("house", is_staff=True)


def announce(
    by: User, text: str, level: AnnouncementLevel = AnnouncementLevel.INFO, **fields: Any
) -> Announcement:
    terms = {"shown_from": timezone.now() - HOUR, **fields}
    return Announcement.objects.create(made_by=by, text=text, level=level, **terms)


def maintenance(by: User, text: str, **fields: Any) -> Announcement:
    now = timezone.now()
    work = {"work_from": now + HOUR, "work_until": now + 2 * HOUR}
    return announce(by, text, AnnouncementLevel.MAINTENANCE, **work, **fields)


def said() -> list[str]:
    answer = Api().get("/announcements")
    assert answer.status == 200
    return [one["text"] for one in answer.body["announcements"]]


def test_everyone_reads_what_is_said_now_the_gravest_first(house: User) -> None:
    now = timezone.now()
    announce(house, "old", shown_until=now - timedelta(seconds=1))
    announce(house, "to come", shown_from=now + HOUR)
    announce(house, "a new market")
    announce(house, "funding is late", AnnouncementLevel.WARNING, shown_until=now + HOUR)
    work = maintenance(house, "an upgrade")
    assert said() == ["an upgrade", "funding is late", "a new market"]
    (first, *_, last) = Api().get("/announcements").body["announcements"]
    assert set(first) == {"id", "level", "text", "from", "until", "maintenance"}
    assert (first["id"], first["level"], first["until"]) == (work.pk, "maintenance", None)
    assert set(first["maintenance"]) == {"from", "until"}
    assert last["maintenance"] is None


def test_what_is_grave_is_said_whatever_else_is(house: User) -> None:
    maintenance(house, "an upgrade")
    for number in range(SHOWN_MAX + 5):
        announce(house, f"news {number}")
    assert len(said()) == SHOWN_MAX
    assert said()[:2] == ["an upgrade", f"news {SHOWN_MAX + 4}"]


@pytest.mark.django_db(transaction=True)
def test_the_feeds_say_it_and_what_changes(feeds: Feeds) -> None:
    house = make_user("house", is_staff=True)
    ear = feeds.connect()
    assert ear.ask(op="subscribe", channels=["announcements"])["op"] == "subscribed"
    assert ear.hear()["announcements"] == []
    one = announce(house, "a new market")
    heard = ear.hear()
    assert (heard["channel"], heard["type"]) == ("announcements", "announcements")
    assert [said["text"] for said in heard["announcements"]] == ["a new market"]
    late = feeds.connect()
    late.ask(op="subscribe", channels=["announcements"])
    assert late.hear()["announcements"][0]["id"] == one.pk
    assert late.ask(op="unsubscribe", channels=["announcements"])["op"] == "unsubscribed"
    Announcement.objects.all().delete()
    assert ear.hear()["announcements"] == []


@pytest.mark.parametrize(
    ("constraint", "level", "fields"),
    [
        ("announcement_ends_after_it_begins", AnnouncementLevel.INFO, {"shown_until": -2}),
        ("announcement_of_maintenance_says_when", AnnouncementLevel.MAINTENANCE, {}),
        ("announcement_of_maintenance_says_when", AnnouncementLevel.MAINTENANCE, {"work_from": 1}),
        (
            "announcement_of_maintenance_says_when",
            AnnouncementLevel.MAINTENANCE,
            {"work_from": 2, "work_until": 1},
        ),
        (
            "announcement_of_maintenance_says_when",
            AnnouncementLevel.INFO,
            {"work_from": 1, "work_until": 2},
        ),
    ],
)
def test_times_that_cannot_be(
    house: User, constraint: str, level: AnnouncementLevel, fields: dict[str, int]
) -> None:
    times = {name: timezone.now() + hours * HOUR for name, hours in fields.items()}
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        announce(house, "x", level, **times)


# --- the console ----------------------------------------------------------------------------------

ADD = reverse("admin:announcements_announcement_add")
FORM = {
    "text": "a <b>new</b> market",
    "level": "info",
    "shown_from_0": "2020-01-31",
    "shown_from_1": "18:00",
    "shown_until_0": "",
    "shown_until_1": "",
    "work_from_0": "",
    "work_from_1": "",
    "work_until_0": "",
    "work_until_1": "",
}


def test_operators_announce_and_take_back(client_of: ClientOf, house: User) -> None:
    client = client_of("support")
    for wrong in ({"text": ""}, {"level": "loud"}, {"shown_from_0": "x"}, {"level": "maintenance"}):
        client.post(ADD, FORM | wrong)
    assert not Announcement.objects.exists()
    client.post(ADD, FORM)
    (one,) = Announcement.objects.all()
    assert one.made_by.username == "support-op"
    assert said() == ["a <b>new</b> market"]
    page = client.get(reverse("admin:status")).content.decode()
    assert "a &lt;b&gt;new&lt;/b&gt; market" in page
    changed = FORM | {"text": "another", "level": "warning"}
    client.post(url_of(Announcement, one.pk), changed)
    assert said() == ["another"]
    action = {"action": "take_back", "_selected_action": one.pk, "confirmed": "yes"}
    client.post(list_url(Announcement, ""), action)
    assert said() == []
    client.post(list_url(Announcement, ""), action)  # which it is already
    one.refresh_from_db()
    assert one.shown_until is not None


@pytest.mark.parametrize("group", ["viewer", "treasury"])
def test_others_only_read(client_of: ClientOf, house: User, group: str) -> None:
    client = client_of(group)
    one = announce(house, "a new market")
    assert client.post(ADD, FORM).status_code == 403
    assert client.post(url_of(Announcement, one.pk), FORM).status_code == 403
    assert client.get(url_of(Announcement, one.pk)).status_code == 200
    assert "a new market" in client.get(reverse("admin:index")).content.decode()


def test_strangers_see_nothing_on_the_way_in(house: User) -> None:
    announce(house, "a new market")
    assert "a new market" not in Client().get(reverse("admin:login")).content.decode()
