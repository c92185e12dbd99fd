"""An operator's browser session: the table that keeps it opens none."""

from datetime import UTC, datetime

import pytest
from django.conf import settings
from django.test import Client

from accounts.models import StaffSession, User
from accounts.services import resume_user, suspend_user
from accounts.tasks import forget_old_sessions
from tests.builders.factors import enter

pytestmark = pytest.mark.django_db

PAGE = "/admin/password_change/"
SIGNED_IN, SENT_TO_SIGN_IN = 200, 302


@pytest.fixture
def operator() -> Client:
    user = User.objects.create_superuser("operator", password="correct horse battery")
    client = Client()
    client.force_login(user)
    return client


def with_key(key: str) -> Client:
    client = Client()
    client.cookies[settings.SESSION_COOKIE_NAME] = key
    return client


def test_the_cookie_opens_the_session_and_what_the_table_keeps_does_not(operator: Client) -> None:
    key = operator.cookies[settings.SESSION_COOKIE_NAME].value
    kept = StaffSession.objects.get()
    assert key not in (kept.session_key, kept.session_data)
    assert with_key(key).get(PAGE).status_code == SIGNED_IN
    assert with_key(kept.session_key).get(PAGE).status_code == SENT_TO_SIGN_IN


def test_signing_out_ends_it(operator: Client) -> None:
    key = operator.cookies[settings.SESSION_COOKIE_NAME].value
    operator.post("/admin/logout/")
    assert not StaffSession.objects.exists()
    assert with_key(key).get(PAGE).status_code == SENT_TO_SIGN_IN


def test_a_key_made_up_outside_never_becomes_a_session(operator: Client) -> None:
    made_up = "a" * 32
    client = with_key(made_up)
    enter(client, User.objects.get(username="operator"), "correct horse battery")
    assert client.cookies[settings.SESSION_COOKIE_NAME].value != made_up
    assert with_key(made_up).get(PAGE).status_code == SENT_TO_SIGN_IN


def test_an_expired_one_opens_nothing_and_is_forgotten(operator: Client) -> None:
    StaffSession.objects.update(expire_date=datetime.now(UTC))
    assert operator.get(PAGE).status_code == SENT_TO_SIGN_IN
    forget_old_sessions.apply()
    assert not StaffSession.objects.exists()


def test_who_is_suspended_finds_none_of_theirs_when_resumed(operator: Client) -> None:
    other = Client()
    other.force_login(User.objects.create_superuser("other", password="correct horse battery"))
    user = User.objects.get(username="operator")
    suspend_user(user)
    resume_user(user)
    assert operator.get(PAGE).status_code == SENT_TO_SIGN_IN
    assert other.get(PAGE).status_code == SIGNED_IN
