"""What is dangerous at the console asks for a fresh second factor; whatever is new must decide."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.http import HttpRequest
from django.test import Client
from django.urls import reverse

from accounts.models import GuessLock, User
from common.admin.record_urls import list_path
from console.doors.pages import PAGES
from console.doors.records import KINDS, all_records
from console.doors.roles import SUPERUSER, request_as
from console.factors.dangerous import (
    ASKING_ACTIONS,
    ASKING_FORMS,
    ASKING_PAGES,
    ASKING_RECORDS,
    FREE_ACTIONS,
    FREE_PAGES,
    FREE_RECORDS,
)
from tests.admin.conftest import module_world
from tests.admin.factories import make_user
from tests.builders.factors import App, make_app
from tests.console.test_doors import _arguments, _knock, world
from tests.trading.client import PASSWORD

__all__ = ["module_world", "world"]

WRITES = ("add", "change", "delete")
ASKS = "Show your second factor"


@pytest.fixture(autouse=True)
def _minutes(settings: Any) -> None:
    """As long as a factor is fresh where nobody says otherwise."""
    settings.FRESH_FACTOR_S = 300


@pytest.fixture
def boss(world: None) -> User:
    return User.objects.get(username="superuser-op")


@pytest.fixture
def app(boss: User) -> App:
    return make_app(boss)


@pytest.fixture
def client(boss: User, app: App) -> Client:
    """Whose factor was shown six minutes ago."""
    client = Client()
    client.force_login(boss)
    grow_stale(client)
    return client


def grow_stale(client: Client) -> None:
    session = client.session
    session["factor_shown_at"] = (datetime.now(UTC) - timedelta(minutes=6)).isoformat()
    session.save()


def _is_asked(response: Any) -> bool:
    return getattr(response, "template_name", None) == "console/factors/ask.html"


def _label(records: Any) -> str:
    return str(records.model._meta.label_lower)


def _can_be_written(records: Any, request: HttpRequest) -> bool:
    return any(records.lets(kind, "POST", request) for kind in WRITES)


# --- the tables are whole -------------------------------------------------------------------------


def test_whatever_writes_has_been_decided() -> None:
    request = request_as(SUPERUSER)
    pages = {page.name for page in PAGES if page.do is not None}
    assert pages == ASKING_PAGES | FREE_PAGES
    records = {_label(one) for one in all_records() if _can_be_written(one, request)}
    assert records == ASKING_RECORDS | FREE_RECORDS
    actions = {(_label(one), name) for one in all_records() for name in one.action_names()}
    assert actions == ASKING_ACTIONS | FREE_ACTIONS
    assert not ASKING_PAGES & FREE_PAGES
    assert not ASKING_RECORDS & FREE_RECORDS
    assert not ASKING_ACTIONS & FREE_ACTIONS


# --- every door -----------------------------------------------------------------------------------


def test_pages(client: Client) -> None:
    for page in PAGES:
        if page.do is None or page.name in ("login", "logout", "join"):
            continue
        url = reverse(f"admin:{page.name}", args=_arguments(page.name))
        response = _knock(client, "POST", url, {"anything": "typed"})
        assert _is_asked(response) is (page.name in ASKING_PAGES), page.name
        if page.see is not None:
            assert not _is_asked(_knock(client, "GET", url)), page.name


def test_forms_of_free_pages(client: Client) -> None:
    """What they propose, let go or hand out; what is posted there besides is free."""
    assert {page for page, _, _ in ASKING_FORMS} <= FREE_PAGES
    for page, field, value in ASKING_FORMS:
        url = reverse(f"admin:{page}", args=_arguments(page))
        asked = _knock(client, "POST", url, {field: value or "yes", "reason": "it is time"})
        assert _is_asked(asked), page
        if value:
            assert not _is_asked(_knock(client, "POST", url, {field: "cancel"})), page


def test_a_file_is_fetched_with_a_fresh_factor(client: Client) -> None:
    url = reverse("admin:export-file", args=_arguments("export-file"))
    leads = client.get(url)
    assert (leads.status_code, leads["Location"]) == (302, f"{reverse('admin:factor')}?next={url}")


def test_records(client: Client) -> None:
    for records in all_records():
        label = _label(records)
        key = records.model._default_manager.order_by("pk").values_list("pk", flat=True).first()
        for kind in KINDS:
            if kind == "changelist":
                continue
            name = label.replace(".", "_")
            url = reverse(f"admin:{name}_{kind}", args=[] if kind == "add" else [key])
            assert _is_asked(_knock(client, "POST", url)) is (label in ASKING_RECORDS), url
    url = reverse("admin:auth_user_password_change", args=[make_user().pk])
    assert _is_asked(_knock(client, "POST", url))


def test_actions(client: Client) -> None:
    for records in all_records():
        label = _label(records)
        key = records.model._default_manager.order_by("pk").values_list("pk", flat=True).first()
        for name in records.action_names():
            said = {"action": name, "_selected_action": key, "confirmed": "yes"}
            response = _knock(client, "POST", list_path(records.model), said)
            assert _is_asked(response) is ((label, name) in ASKING_ACTIONS), (label, name)
        if label in ASKING_RECORDS:
            said = {"action": "delete_selected", "_selected_action": key, "post": "yes"}
            assert _is_asked(_knock(client, "POST", list_path(records.model), said)), label


# --- what was typed goes on -----------------------------------------------------------------------


GROUP = {"name": "night shift", "permissions": []}


def test_what_was_posted_happens_once_the_factor_is_shown(
    boss: User, app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()  # pages are rendered here
    client = Client()
    client.force_login(boss)
    grow_stale(client)
    url = reverse("admin:auth_group_add")
    typed = {"name": 'night "shift" <b>', "permissions": ["1", "2"]}
    asked = client.post(url, typed)
    assert asked.status_code == 403
    page = asked.content.decode()
    assert ASKS in page
    assert "night &quot;shift&quot; &lt;b&gt;" in page
    assert page.count('name="permissions"') == 2
    assert "no-store" in asked["Cache-Control"]
    assert not Group.objects.filter(name__contains="shift").exists()
    wrong = client.post(url, {**typed, "second_factor_code": "000000"})
    assert wrong.status_code == 403
    assert "is wrong" in wrong.content.decode()
    assert "night &quot;shift&quot; &lt;b&gt;" in wrong.content.decode()
    assert not Group.objects.filter(name__contains="shift").exists()
    done = client.post(url, {**typed, "second_factor_code": app.code()})
    assert done.status_code == 302
    group = Group.objects.get(name__contains="shift")
    assert group.name == typed["name"]
    assert sorted(group.permissions.values_list("pk", flat=True)) == [1, 2]
    # and for some minutes nothing asks again
    assert client.post(url, GROUP).status_code == 302


def test_a_cookie_alone_does_nothing_dangerous(client: Client, boss: User) -> None:
    """Whoever stole it, and knows the password."""
    change = {"old_password": PASSWORD, "new_password1": "staple of my own"}
    change["new_password2"] = change["new_password1"]
    boss.set_password(PASSWORD)
    boss.save()
    client.force_login(boss)
    grow_stale(client)
    assert _is_asked(client.post(reverse("admin:password_change"), change))
    boss.refresh_from_db()
    assert boss.check_password(PASSWORD)
    for number in range(6):
        guess = {**change, "second_factor_code": f"{number:06}"}
        answer = client.post(reverse("admin:password_change"), guess)
    assert answer.status_code == 429
    assert GuessLock.objects.get(kind="second_factor").whose == str(boss.pk)


def test_whose_factor_was_taken_away_sets_one_up_first(client: Client, app: App) -> None:
    app.user.factors.all().delete()
    answer = client.post(reverse("admin:auth_group_add"), GROUP)
    assert answer["Location"] == "/admin/factor/enrol/"
    assert not Group.objects.filter(name="night shift").exists()


def test_in_the_demo_nobody_is_asked_who_has_none(client: Client, app: App, settings: Any) -> None:
    settings.DEMO = True
    assert _is_asked(client.post(reverse("admin:auth_group_add"), GROUP))
    app.user.factors.all().delete()
    assert client.post(reverse("admin:auth_group_add"), GROUP).status_code == 302
    assert Group.objects.filter(name="night shift").exists()
