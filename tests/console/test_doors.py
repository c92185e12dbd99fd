"""Who may open and do what: the table in the documents is what the code says, and what is served.

Everybody knocks at every door of the admin. Pages are not rendered: what they show has tests of its
own, and rendering all of them for everybody would take minutes.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.contrib import admin
from django.contrib.admin.models import ADDITION, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.contrib.messages import get_messages
from django.core.management import CommandError, call_command
from django.db import transaction
from django.template.response import SimpleTemplateResponse
from django.test import Client
from django.urls import URLPattern, reverse
from django.utils import timezone

from accounts.models import Invitation, User
from common.admin.acts import Act, tell
from common.admin.record_urls import list_path
from console.doors.pages import PAGES
from console.doors.records import KINDS, PASSWORD, Records, all_records
from console.doors.roles import NO_GROUP, ROLES, SIGNED_OUT, TRADER, request_as
from console.doors.table import END, with_table
from console.jobs.models import JobState
from console.stress.models import StressKind, StressRun
from ledger.models import Withdrawal
from tests.admin.conftest import module_world, operator_name
from tests.admin.factories import make_user
from trading.models import Order

__all__ = ["module_world"]

DOCUMENT = Path(settings.BASE_DIR) / "docs/operating.md"
# Lead elsewhere, by rules of where they lead: an old address of a record, what no address is.
LEADS_ON = {None, "view_on_site"}
KNOCKING = ("GET", "POST")
ASKED = {"autocomplete": "?app_label=trading&model_name=userfeetier&field_name=user"}
by_role = pytest.mark.parametrize("role", ROLES)


def test_the_document_has_what_the_code_says() -> None:
    text = DOCUMENT.read_text()
    assert with_table(text) == text, "write it anew: make permissions"


def test_a_document_without_a_place_is_left_alone(folder: Path) -> None:
    document = folder / "other.md"
    for text in ("nothing", END):
        document.write_text(text)
        with pytest.raises(CommandError, match="no place"):
            call_command("showpermissions", into=document)
        assert document.read_text() == text
    with pytest.raises(CommandError):
        call_command("showpermissions", into=folder / "nowhere.md")


def _patterns(patterns: Any) -> Iterator[URLPattern]:
    for pattern in patterns:
        if isinstance(pattern, URLPattern):
            yield pattern
        else:
            yield from _patterns(pattern.url_patterns)


def test_every_url_of_the_admin_is_declared_once() -> None:
    served = {pattern.name for pattern in _patterns(admin.site.get_urls())} - LEADS_ON
    of_records = {f"{_model(records)}_{kind}" for records in all_records() for kind in KINDS}
    histories = {f"{_model(records)}_history" for records in all_records()}
    declared = [page.name for page in PAGES]
    assert len(declared) == len(set(declared))
    assert served == {*declared, *of_records, *histories, PASSWORD}


def _model(records: Records) -> str:
    return f"{records.model._meta.app_label}_{records.model._meta.model_name}"


# --- knocking -------------------------------------------------------------------------------------


@pytest.fixture
def world(module_world: None, db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows behind every address that has a key."""
    monkeypatch.setattr(SimpleTemplateResponse, "rendered_content", "")
    monkeypatch.setattr(admin.site, "each_context", lambda _: {})  # what stands around each page
    boss = User.objects.get(username="superuser-op")
    make_user(operator_name(NO_GROUP), is_staff=True)
    make_user(operator_name(TRADER))
    now = timezone.now()
    StressRun.objects.create(
        asked_by=boss,
        kind=StressKind.LADDER,
        moves_ppm=[-10_000],
        asked_at=now,
        beat_at=now,
        state=JobState.DONE,
    )
    Invitation.objects.create(
        username="dora",
        mail="dora@example.com",
        reason="x",
        inviter=boss,
        invited_at=now,
        expires_at=now,
    )
    tell(Act(verb="changed", operator=boss, obj=boss))
    LogEntry.objects.create(
        user=boss,
        content_type=ContentType.objects.get_for_model(User),
        object_id=str(boss.pk),
        action_flag=ADDITION,
    )


@pytest.fixture
def client(world: None, role: str, monkeypatch: pytest.MonkeyPatch) -> Client:
    """Of somebody who is signed in: what they may is read from Postgres once, not at each door."""
    if role != SIGNED_OUT:
        user = User.objects.get(username=operator_name(role))
        monkeypatch.setattr("django.contrib.auth.get_user", lambda _: user)
        monkeypatch.setattr("console.factors.door.shown_at", lambda _: datetime.now(UTC))
    return Client()


def _knock(client: Client, method: str, url: str, data: Any = None) -> Any:
    """Whatever it does is undone, and what was said before is not said again."""
    client.cookies.pop("messages", None)
    with transaction.atomic():
        response = getattr(client, method.lower())(url, data or {})
        transaction.set_rollback(True)
    assert response.status_code < 500, (method, url)
    return response


def _is_let_in(response: Any) -> bool:
    if response.status_code in (HTTPStatus.FORBIDDEN, HTTPStatus.METHOD_NOT_ALLOWED):
        return False
    return not (response.status_code == HTTPStatus.FOUND and "/login/" in response["Location"])


def _arguments(name: str) -> list[Any]:
    order = Order.objects.earliest("pk")
    arguments: dict[str, list[Any]] = {
        "app_list": ["trading"],
        "freeze": [order.user_id],
        "withdrawal": [Withdrawal.objects.latest("pk").pk],
        "see-as": [order.user_id],
        "see-as-page": [order.user_id],
        "see-as-read": [order.user_id, "user/equity"],
        "person-export": [order.user_id],
        "family": [order.user_id],
        "family-statement": [order.user_id],
        "risk-trader": [order.user_id],
        "why": ["order", order.pk],
        "stress-run": [StressRun.objects.latest("pk").pk],
        "operator": [User.objects.get(username=operator_name(NO_GROUP)).pk],
        "invitation-link": [Invitation.objects.latest("pk").pk],
        "invitation-withdraw": [Invitation.objects.latest("pk").pk],
        "join": ["a" * 43],
        "unlock": ["a" * 43],
        "hindsight-run": [1],
        "export-file": [1],
        "alert": [1],
        "launch-market": [order.market_id],
        "market-versions": [order.market_id],
    }
    return arguments.get(name, [])


@by_role
def test_pages(client: Client, role: str) -> None:
    request = request_as(role)
    for page in PAGES:
        url = reverse(f"admin:{page.name}", args=_arguments(page.name)) + ASKED.get(page.name, "")
        lets = {"GET": page.lets_see(request), "POST": page.lets_do(request)}
        if page.is_read_by_post:
            lets["POST"] = lets["GET"]
        if page.name == "logout":  # by GET it asks for POST, or leads to the first page
            del lets["GET"]
        for method, expected in lets.items():
            response = _knock(client, method, url)
            assert _is_let_in(response) is expected, (page.name, method)
            if response.status_code == HTTPStatus.OK and not page.is_public:
                assert "no-store" in response["Cache-Control"], (page.name, method)


@by_role
def test_records(client: Client, role: str) -> None:
    request = request_as(role)
    for records in all_records():
        key = records.model._default_manager.order_by("pk").values_list("pk", flat=True).first()
        assert key is not None, records.name
        for kind in KINDS:
            args = [key] if kind in ("change", "delete") else []
            url = reverse(f"admin:{_model(records)}_{kind}", args=args)
            for method in KNOCKING:
                expected = records.lets(kind, method, request)
                assert _is_let_in(_knock(client, method, url)) is expected, (url, method)
        url = f"{list_path(records.model)}{key}/history/"
        sees = records.lets("change", "GET", request)
        assert _is_let_in(_knock(client, "GET", url)) is sees, url
        assert not _is_let_in(_knock(client, "POST", url)), url
    trader = make_user()
    url = reverse(f"admin:{PASSWORD}", args=[trader.pk])
    for method in KNOCKING:
        expected = Records(User).lets("change", "POST", request)
        assert _is_let_in(_knock(client, method, url)) is expected, (url, method)


@by_role
def test_actions(client: Client, role: str) -> None:
    request = request_as(role)
    for records in all_records():
        key = records.model._default_manager.order_by("pk").values_list("pk", flat=True).first()
        offered = records.actions(request)
        for name in records.action_names():
            said = {"action": name, "_selected_action": key}
            response = _knock(client, "POST", list_path(records.model), said)
            assert _is_taken(response) is (name in offered), (records.name, name)


def _is_taken(response: Any) -> bool:
    """Asked about, or done. Else the list is there again, or it says that nothing was chosen."""
    if not _is_let_in(response) or "cl" in (getattr(response, "context_data", None) or {}):
        return False
    told = [str(message) for message in get_messages(response.wsgi_request)]
    return "No action selected." not in told
